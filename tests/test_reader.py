"""The reader: what loads, what is refused, and every form of one photo or many."""

import copy
import io
import itertools
import json
import os
import pathlib
import pickle
import signal
import warnings
import zipfile

import keras
import numpy as np
import pytest
import stand_ins
from PIL import Image

from fused_ocr import load
from fused_ocr.artefact import find_artefact
from fused_ocr.errors import (
    ArtefactDamagedError,
    ArtefactError,
    ArtefactNotFoundError,
    ArtefactVersionError,
    ConfigError,
    ImageDecodeError,
    ImageError,
    ImageFormatError,
    ImageTooLargeError,
)
from fused_ocr.reader import Reader, _batches
from fused_ocr.result import Readings
from fused_ocr.saving import save_model

SIZES = [(65, 97), (131, 87), (40, 40), (64, 96), (200, 33)]


@pytest.fixture(scope="module")
def model():
    return stand_ins.reader_model()


@pytest.fixture(scope="module")
def reader(model):
    return Reader(model)


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory):
    """The bytes of a saved reader."""
    path = tmp_path_factory.mktemp("whole") / "reader.keras"
    save_model(model, path, card="# Stand-in\n")
    return path.read_bytes()


@pytest.fixture(scope="module")
def photos():
    return [stand_ins.squares(*size, seed=i) for i, size in enumerate(SIZES)]


def same(one, other):
    """Readings of the same photo: the texts, and the boxes to 1e-3."""
    assert one.texts == other.texts
    np.testing.assert_allclose(one.boxes, other.boxes, atol=1e-3)
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)
    for a, b in zip(one, other, strict=True):
        assert a.label == b.label and len(a.characters) == len(b.characters)


# --- nothing --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source", [[], (), iter([]), np.zeros((0, 33, 71, 3), np.uint8)]
)
def test_no_photos(reader, source):
    assert reader.predict(source) == []


def test_a_photo_without_characters(reader):
    found = reader.predict(np.zeros((33, 71, 3), np.uint8))
    assert isinstance(found, Readings) and len(found) == 0 and found.texts == []


# --- what loads -----------------------------------------------------------------------


def test_load(whole, reader, photos, tmp_path):
    path = tmp_path / "reader.keras"
    path.write_bytes(whole)
    for name in (path, str(path)):
        loaded = load(name)
        assert loaded.description == reader.description
        assert loaded.card == "# Stand-in\n"
        same(loaded.predict(photos[0]), reader.predict(photos[0]))
    assert repr(loaded) == "Reader(alphabet='0123456789', labels=['character'])"


def test_a_model_in_memory_has_no_card(reader):
    assert reader.card == ""


def test_what_is_not_there():
    with pytest.raises(ArtefactNotFoundError, match="No model 'no such reader'"):
        load("no such reader")


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.999])
def test_truncated_files(whole, tmp_path, part):
    path = tmp_path / "reader.keras"
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(ArtefactDamagedError, match=r"reader\.keras"):
        load(path)


def changed(whole, **members):
    """The archive with some members replaced by what functions make of them."""
    data = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(data, "w") as new:
        for entry in old.infolist():
            change = members.get(entry.filename.replace(".", "_"), lambda value: value)
            value = change(old.read(entry))
            if value is not None:
                new.writestr(entry.filename, value)
    return data.getvalue()


def newer(config):
    text = config.decode()
    assert '"format_version": 1' in text
    return text.replace('"format_version": 1', '"format_version": 2').encode()


def without_assembly(config):
    return config.replace(b"AssembleCharacters", b"AssembleNothings")


@pytest.mark.parametrize(
    ("members", "error", "message"),
    [
        ({"config_json": newer}, ArtefactVersionError, "format version 2.*Upgrade"),
        ({"config_json": lambda _: None}, ArtefactDamagedError, "no whole .keras file"),
        ({"config_json": lambda _: b"{"}, ArtefactDamagedError, "is no JSON"),
        (
            {"config_json": lambda _: b'{"format_version": 1}'},
            ArtefactDamagedError,
            "does not load",
        ),
        ({"config_json": without_assembly}, ArtefactDamagedError, "does not load"),
        (
            {"model_weights_h5": lambda _: b"no weights"},
            ArtefactDamagedError,
            "does not load",
        ),
        (
            {"model_weights_h5": lambda data: data[: len(data) // 2]},
            ArtefactDamagedError,
            "does not load",
        ),
        ({"model_weights_h5": lambda _: None}, ArtefactDamagedError, "does not load"),
    ],
)
def test_changed_files(whole, tmp_path, members, error, message):
    path = tmp_path / "reader.keras"
    path.write_bytes(changed(whole, **members))
    with pytest.raises(error, match=message):
        load(path)


def test_a_file_of_another_keras(whole, tmp_path):
    path = tmp_path / "reader.keras"

    def written(version, **more):
        text = json.dumps({"keras_version": version}).encode()
        path.write_bytes(changed(whole, metadata_json=lambda _: text, **more))

    written("9.8.7", config_json=without_assembly)
    with pytest.raises(ArtefactDamagedError, match=r"Keras 9\.8\.7 wrote it"):
        load(path)
    for version in ("3.0.0", "new", None):
        written(version, config_json=without_assembly)
        with pytest.raises(ArtefactDamagedError) as failed:
            load(path)
        assert "wrote it" not in str(failed.value)
    written("9.8.7")
    assert load(path).description.alphabet  # what loads is not asked


@pytest.mark.parametrize("make", [stand_ins.detector, stand_ins.recognizer])
def test_other_models_of_ours(make, tmp_path):
    path = tmp_path / "part.keras"
    make().save(path)
    with pytest.raises(ArtefactDamagedError, match="is not a fused reader"):
        load(path)


def test_a_foreign_model(tmp_path):
    inputs = keras.Input((4,))
    path = tmp_path / "foreign.keras"
    keras.Model(inputs, keras.layers.Dense(2)(inputs)).save(path)
    with pytest.raises(
        ArtefactDamagedError, match=r"foreign\.keras is not a fused reader"
    ):
        load(path)


def test_a_folder_that_is_no_saved_model(tmp_path):
    with pytest.raises(ArtefactDamagedError, match="is no SavedModel"):
        load(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    with pytest.raises(
        ArtefactDamagedError, match=r"has no assets\.extra/fused_ocr\.json"
    ):
        load(tmp_path)


def test_a_damaged_saved_model(tmp_path, reader):
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "assets.extra").mkdir()
    described = json.dumps(reader.description.to_dict())
    (tmp_path / "assets.extra" / "fused_ocr.json").write_text(described)
    with pytest.raises(ArtefactDamagedError, match="does not load"):
        load(tmp_path)


def test_a_model_that_is_no_reader():
    with pytest.raises(ArtefactDamagedError, match="'detector' is not a fused reader"):
        Reader(stand_ins.detector())


# --- what a photo may be --------------------------------------------------------------


def forms(folder, photo):
    image = Image.fromarray(photo)
    path = folder / "photo.png"
    image.save(path)
    return {
        "path": path,
        "text path": str(path),
        "bytes": path.read_bytes(),
        "file": io.BytesIO(path.read_bytes()),
        "pillow": image,
        "array": photo,
        "floats": photo / np.float32(255),
        "tensor": keras.ops.convert_to_tensor(photo),
    }


def test_every_form_of_one_photo(reader, photos, tmp_path):
    expected = reader.predict(photos[1])
    assert expected.texts
    for name, source in forms(tmp_path, photos[1]).items():
        found = reader.predict(source)
        assert isinstance(found, Readings), name
        same(found, expected)
        assert found.size_yx == photos[1].shape[:2]
    # The same in a list, all at once.
    many = reader.predict(list(forms(tmp_path, photos[1]).values()), batch_size=3)
    assert len(many) == 8
    for found in many:
        same(found, expected)


def test_an_array_of_four_dimensions_is_many_photos(reader):
    stack = np.stack([stand_ins.squares(65, 97, seed=i) for i in range(3)])
    for source in (stack, keras.ops.convert_to_tensor(stack)):
        found = reader.predict(source)
        assert len(found) == 3
        for readings, photo in zip(found, stack, strict=True):
            same(readings, reader.predict(photo))


@pytest.mark.parametrize("batch_size", [1, 2, 3, 8])
def test_mixed_sizes_are_one_by_one(reader, photos, batch_size):
    together = reader.predict(photos, batch_size=batch_size)
    assert len(together) == len(photos)
    for readings, photo in zip(together, photos, strict=True):
        same(readings, reader.predict(photo))
        assert readings.size_yx == photo.shape[:2]  # the order is kept


def test_results_are_what_the_model_says(reader, model, photos):
    outputs = {name: value.numpy()[0] for name, value in model(photos[1][None]).items()}
    found = reader.predict(photos[1])
    assert len(found) == outputs["count"]
    for r, reading in enumerate(found):
        codes = outputs["codes"][r]
        assert reading.text == "".join(chr(c) for c in codes if c >= 0)
        assert reading.score == pytest.approx(float(outputs["score"][r]), abs=1e-5)
        np.testing.assert_allclose(reading.box, outputs["box"][r], atol=1e-3)
        assert reading.label == "character"
        for s, character in enumerate(reading.characters):
            assert character.text == chr(codes[s])
            np.testing.assert_allclose(
                character.box, outputs["char_boxes"][r, s], atol=1e-3
            )
            assert [text for text, _ in character.alternatives] == [
                chr(c) for c in outputs["alt_codes"][r, s]
            ]


def test_generators_are_read_as_they_come(reader):
    taken = []

    def camera():
        for i in range(100):
            taken.append(i)
            yield stand_ins.squares(65, 97, seed=i)

    stream = reader.stream(camera(), batch_size=2)
    assert taken == []
    first = list(itertools.islice(stream, 3))
    # A few batches, and what is decoded meanwhile: not all hundred.
    assert len(first) == 3 and len(taken) <= 16
    same(first[2], reader.predict(stand_ins.squares(65, 97, seed=2)))
    assert len(reader.predict(itertools.islice(camera(), 5))) == 5


def test_one_photo_is_a_stream_of_one(reader, tmp_path):
    Image.fromarray(stand_ins.squares(65, 97)).save(tmp_path / "a.png")
    path = str(tmp_path / "a.png")
    (read,) = reader.stream(path)
    same(read, reader.predict(path))
    with pytest.raises(ConfigError, match="batch_size"):
        reader.stream(path, batch_size=0)  # at once, not when the first is asked for


# --- what cannot be read --------------------------------------------------------------


def bad(folder):
    (folder / "broken.jpg").write_bytes(b"no photo")
    return {
        str(folder / "broken.jpg"): ImageDecodeError,
        str(folder / "missing.jpg"): ImageDecodeError,
        b"": ImageDecodeError,
        3.5: ImageFormatError,
    }


def test_a_bad_photo_raises(reader, photos, tmp_path):
    for source, error in bad(tmp_path).items():
        with pytest.raises(error, match=r"broken|missing|decod|image"):
            reader.predict([photos[0], source])
    with pytest.raises(ImageTooLargeError, match="pixels"):
        reader.predict(photos[0], max_pixels=100)


def test_photos_before_a_bad_one_are_streamed(reader, photos):
    found = reader.stream([*photos[:3], b"", photos[0]], batch_size=8)
    for photo in photos[:3]:
        same(next(found), reader.predict(photo))
    with pytest.raises(ImageError, match="image 3"):
        next(found)

    def failing():
        yield from photos[:3]
        raise OSError("no more")

    found = reader.stream(failing(), batch_size=8)
    for photo in photos[:3]:
        same(next(found), reader.predict(photo))
    with pytest.raises(OSError, match="no more"):
        next(found)


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_a_bad_photo_is_returned_in_its_place(reader, photos, tmp_path, batch_size):
    sources, kinds = [], []
    for (source, error), photo in zip(bad(tmp_path).items(), photos, strict=False):
        sources += [source, photo]
        kinds += [error, Readings]
    found = reader.predict(sources, on_error="return", batch_size=batch_size)
    assert [type(one) for one in found] == kinds
    for one, source in zip(found, sources, strict=True):
        if isinstance(one, Readings):
            same(one, reader.predict(source))
        else:
            assert isinstance(one, ImageError) and one.source


def test_only_bad_photos(reader, tmp_path):
    found = reader.predict(list(bad(tmp_path)), on_error="return")
    assert [type(one) for one in found] == list(bad(tmp_path).values())


def test_one_bad_photo_alone(reader):
    assert isinstance(reader.predict(b"", on_error="return"), ImageDecodeError)
    with pytest.raises(ImageDecodeError, match="image"):
        reader.predict(b"")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number, at least 1.*: 0"),
        ({"batch_size": 2.5}, r"batch_size must be a whole .* Received: 2\.5"),
        ({"batch_size": "8"}, "batch_size must be a whole .* Received: '8'"),
        ({"max_pixels": None}, "max_pixels must be a whole .* Received: None"),
        (
            {"on_error": "skip"},
            "on_error must be 'raise' or 'return'. Received: 'skip'",
        ),
    ],
)
def test_bad_options(reader, photos, options, message):
    for source in (photos[0], photos, []):
        with pytest.raises(ConfigError, match=message):
            reader.predict(source, **options)


def test_errors_name_the_photo(reader, photos, tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"no photo")
    with pytest.raises(ImageDecodeError, match=r"broken\.jpg"):
        reader.predict([photos[0], pathlib.Path(path)])
    found = reader.predict([photos[0], b""], on_error="return")
    assert "1" in found[1].source  # its place in the list


# --- batches --------------------------------------------------------------------------


def shapes(batches):
    return [[photo[2].shape[:2] for photo in batch] for batch in batches]


def photo_of(*size):
    return (0, "photo", np.broadcast_to(np.uint8(0), (*size, 3)))


@pytest.mark.parametrize(
    ("sizes", "batch_size", "expected"),
    [
        ([], 8, []),
        ([(5, 7)], 8, [[(5, 7)]]),
        ([(5, 7)] * 5, 2, [[(5, 7)] * 2, [(5, 7)] * 2, [(5, 7)]]),
        # A photo of more than twice the first one's pixels begins a batch.
        ([(10, 10), (10, 20), (10, 21)], 8, [[(10, 10), (10, 20)], [(10, 21)]]),
        # 12 megapixels each: 3 are 36 million, 4 would be 48.
        ([(3000, 4000)] * 4, 8, [[(3000, 4000)] * 3, [(3000, 4000)]]),
        # One alone is never cut.
        ([(9000, 9000)], 8, [[(9000, 9000)]]),
    ],
)
def test_batches(sizes, batch_size, expected):
    assert shapes(_batches([photo_of(*s) for s in sizes], batch_size)) == expected


def test_a_small_photo_of_few_digits():
    photos = pathlib.Path(__file__).parents[1] / "examples" / "photos" / "digits"
    with Image.open(photos / "scattered.jpg") as photo:
        two = photo.convert("RGB").crop((6, 158, 112, 240))
    # Enlarged until they filled the frame, the smaller ones were not found.
    small = [two.resize((106 // k, 82 // k)) for k in (1, 2, 3)]
    assert [one.texts for one in load("digits").predict(small)] == [["86"]] * 3


# --- other processes ------------------------------------------------------------------


def test_a_loaded_reader_goes_to_other_processes(whole, tmp_path, monkeypatch, photos):
    (tmp_path / "reader.keras").write_bytes(whole)
    monkeypatch.chdir(tmp_path)
    reader = load("reader.keras")
    sent = pickle.dumps(reader)
    assert len(sent) < 1000
    monkeypatch.chdir("/")
    same(pickle.loads(sent).predict(photos[0]), reader.predict(photos[0]))
    assert b"weights" not in pickle.dumps(load("digits"))


def test_another_process_loads_a_reader_once(tmp_path):
    whole = find_artefact("digits").read_bytes()
    (tmp_path / "reader.keras").write_bytes(whole)
    sent = pickle.dumps(load(tmp_path / "reader.keras"))
    once = pickle.loads(sent)
    assert pickle.loads(sent) is once
    (tmp_path / "newer.keras").write_bytes(whole)
    (tmp_path / "newer.keras").replace(tmp_path / "reader.keras")
    assert pickle.loads(sent) is not once


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no such system call")
@pytest.mark.parametrize("use", ["read", "load", "sent"])
def test_a_fork_is_told_that_tensorflow_does_not_run_in_it(reader, photos, use):
    sent = pickle.dumps(load("digits"))
    uses = {
        "read": lambda: reader.predict(photos[0]),
        "load": lambda: load("digits"),
        "sent": lambda: pickle.loads(sent).predict(photos[0]),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads that a fork has not
        child = os.fork()
    if not child:
        try:
            signal.alarm(60)  # else it would wait for them for ever
            uses[use]()
        except ArtefactError as error:
            os._exit(42 if "fork" in str(error) else 1)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42


def test_a_reader_that_cannot_be_loaded_says_so_when_it_is_used(tmp_path, photos):
    (tmp_path / "reader.keras").write_bytes(find_artefact("digits").read_bytes())
    sent = pickle.dumps(load(tmp_path / "reader.keras"))
    (tmp_path / "reader.keras").unlink()
    # A worker would end, unheard, if this raised.
    there = pickle.loads(sent)
    assert "reader.keras" in repr(there)
    for use in (there.predict, there.explain, lambda one: list(there.stream([one]))):
        with pytest.raises(ArtefactNotFoundError, match=r"reader\.keras"):
            use(photos[0])


def test_a_copy_of_a_reader_is_the_reader(reader):
    assert copy.copy(reader) is reader and copy.deepcopy([reader])[0] is reader


def test_a_reader_of_a_model_in_memory_stays(reader):
    with pytest.raises(TypeError, match="save_model"):
        pickle.dumps(reader)
