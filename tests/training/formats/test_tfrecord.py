"""TFRecords: written and read again, read as others write them, and damaged ones."""

import gzip
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from source_files import findings, records, save_photo

from fused_ocr.errors import AnnotationError
from fused_ocr.training.annotations import AnnotatedPhoto
from fused_ocr.training.formats.tfrecord import read_tfrecord
from fused_ocr.training.formats.tfrecord_writing import write_tfrecord


def encoded(kind="JPEG", size=(40, 20)):
    data = io.BytesIO()
    Image.new("RGB", size, (1, 2, 3)).save(data, kind)
    return data.getvalue()


def example(**changes):
    """As the Object Detection API's scripts write them: no text, no corners."""
    features = {
        "image/encoded": [encoded()],
        "image/filename": [b"a.jpg"],
        "image/height": [20],
        "image/width": [40],
        "image/object/bbox/xmin": [0.25],
        "image/object/bbox/xmax": [0.5],
        "image/object/bbox/ymin": [0.1],
        "image/object/bbox/ymax": [0.9],
        "image/object/class/text": [b"plate"],
        "image/object/class/label": [1],
        **{key.replace("__", "/"): value for key, value in changes.items()},
    }
    made = {}
    for name, values in features.items():
        if values is None:
            continue
        if not values or isinstance(values[0], bytes):
            made[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        elif isinstance(values[0], int):
            made[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        else:
            made[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
    message = tf.train.Example(features=tf.train.Features(feature=made))
    return message.SerializeToString()


def write(path, *examples):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for one in examples:
            writer.write(one)
    return path


def read(source, folder):
    return list(read_tfrecord(source, folder / "photos"))


def test_what_is_written_is_read_again(tmp_path):
    nan = np.full((4, 2), np.nan)
    quad = np.array([[5, 10], [8, 40], [20, 39], [17, -2]])
    photos = [
        AnnotatedPhoto(
            save_photo(tmp_path / "in" / "a.jpg"),
            np.array([[5, 0, 20, 40], [1, 2, 60, 100]], np.float32),
            np.array([1, 0]),
            ("Ü7", ""),
            np.array([quad, nan], np.float32),
            np.array([True, False]),
        ),
        AnnotatedPhoto(
            save_photo(tmp_path / "in" / "b.png"),
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.int64),
            (),
        ),
    ]
    path = tmp_path / "photos.tfrecord"
    write_tfrecord(path, photos, ("car", "plate"))
    one, two = read(path, tmp_path)
    assert (one.names, two.names) == (("a.jpg",), ("b.png",))
    assert one.near == tmp_path / "photos"
    copy = one.near / "a.jpg"
    assert copy.read_bytes() == (tmp_path / "in" / "a.jpg").read_bytes()
    assert (one.size_yx, one.relative, one.place) == (
        (61, 101),
        True,
        f"{path}, record 1",
    )
    first, second = one.regions
    assert (first.label, first.text, first.readable) == ("plate", "Ü7", True)
    assert (second.label, second.text, second.readable) == ("car", "", False)
    np.testing.assert_allclose(first.points_yx * (61, 101), quad, atol=1e-4)
    assert first.ordered
    box = [[1, 2], [60, 100]]
    np.testing.assert_allclose(second.points_yx * (61, 101), box, atol=1e-4)
    assert not second.ordered
    assert two.regions == ()


def test_the_api_can_parse_what_is_written(tmp_path):
    empty = AnnotatedPhoto(
        save_photo(tmp_path / "a.jpg"),
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.int64),
        (),
    )
    path = tmp_path / "photos.tfrecord"
    write_tfrecord(path, [empty], ("plate",))
    (data,) = tf.data.TFRecordDataset(str(path))
    parsed = tf.io.parse_single_example(
        data,
        {
            "image/encoded": tf.io.FixedLenFeature([], tf.string),
            "image/source_id": tf.io.FixedLenFeature([], tf.string),
            "image/object/bbox/xmin": tf.io.VarLenFeature(tf.float32),
            "image/object/class/label": tf.io.VarLenFeature(tf.int64),
        },
    )
    assert parsed["image/object/bbox/xmin"].shape == (0,)
    assert tf.io.decode_image(parsed["image/encoded"]).shape == (61, 101, 3)


@pytest.mark.parametrize(
    ("name", "orientation"),
    [("a.jpg", 6), ("a.png", 3), ("a.bmp", None), ("a.webp", 8)],
)
def test_photos_that_tensorflow_would_read_otherwise_are_encoded_anew(
    tmp_path, name, orientation
):
    photo = AnnotatedPhoto(
        save_photo(tmp_path / name, 101, 61, orientation),
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.int64),
        (),
    )
    path = tmp_path / "photos.tfrecord"
    write_tfrecord(path, [photo], ("plate",))
    (data,) = tf.data.TFRecordDataset(str(path))
    features = tf.train.Example.FromString(data.numpy()).features.feature
    decoded = tf.io.decode_image(features["image/encoded"].bytes_list.value[0])
    turned = orientation in (6, 8)
    assert decoded.shape == ((101, 61, 3) if turned else (61, 101, 3))
    assert list(features["image/height"].int64_list.value) == [decoded.shape[0]]
    assert features["image/format"].bytes_list.value[0] == (
        b"jpeg" if name == "a.jpg" else b"png"
    )


def test_a_failed_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "photos.tfrecord"
    path.write_bytes(b"old")
    gone = AnnotatedPhoto(
        tmp_path / "gone.jpg", np.zeros((0, 4), np.float32), np.zeros(0, np.int64), ()
    )
    with pytest.raises(OSError, match=r"gone\.jpg"):
        write_tfrecord(path, [gone], ("plate",))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_records_of_others(tmp_path):
    path = write(
        tmp_path / "train.record",
        example(),
        example(image__object__class__text=None),
        example(
            image__filename=None, image__height=None, image__encoded=[encoded("PNG")]
        ),
        example(
            **{f"image__object__bbox__{edge}": None for edge in ("xmin", "xmax")},
            **{f"image__object__bbox__{edge}": None for edge in ("ymin", "ymax")},
            image__object__class__text=None,
            image__object__class__label=None,
        ),
    )
    one, two, three, four = read(path, tmp_path)
    assert one.regions[0].points_yx == pytest.approx(
        np.array([[0.1, 0.25], [0.9, 0.5]])
    )
    assert [r.regions[0].label for r in (one, two, three)] == ["plate", "1", "plate"]
    assert (one.names, two.names) == (("a.jpg",), ("a-2.jpg",))
    assert (three.names, three.size_yx) == (("photo.png",), None)
    assert four.regions == ()


@pytest.mark.parametrize(
    "name", [b"../../up.jpg", b"C:\\x\\up.jpg", b"up.gif", b"up", b"..up.jpg"]
)
def test_names_stay_in_the_folder_and_fit_what_is_in_the_file(tmp_path, name):
    path = write(tmp_path / "a.tfrecord", example(image__filename=[name]))
    (record,) = read(path, tmp_path)
    assert record.names == ("up.jpg",)
    assert [p.name for p in (tmp_path / "photos").iterdir()] == ["up.jpg"]


def test_shards_of_a_folder(tmp_path):
    for i in (1, 0):
        write(tmp_path / f"train.record-0000{i}-of-00002", example())
    (tmp_path / "label_map.pbtxt").write_text("item {}")
    places = [record.place for record in read(tmp_path, tmp_path)]
    assert [place.split("/")[-1] for place in places] == [
        f"train.record-0000{i}-of-00002, record 1" for i in (0, 1)
    ]


def test_no_file(tmp_path):
    with pytest.raises(AnnotationError, match=r"ends in \.tfrecord or"):
        read(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"image__encoded": None}, "image/encoded must be one string of bytes"),
        ({"image__encoded": [7]}, "image/encoded must be one string of bytes"),
        ({"image__encoded": [b"no image"]}, "image/encoded is no image"),
        ({"image__object__bbox__xmax": [0.5, 0.6]}, "'xmax': 2"),
        ({"image__object__text": [b"1", b"2"]}, "'text': 2"),
        ({"image__object__quad": [0.1] * 7}, "'quad': 7"),
        (
            {"image__object__quad": [0.1] * 7 + [float("nan")]},
            "quad 0 must be a number",
        ),
        ({"image__object__quad": [b"0.1"] * 8}, "quad 0 must be a number"),
        ({"image__object__text": [b"\xff"]}, "text 0 must be a string in UTF-8"),
        ({"image__object__class__text": [3]}, "class/text 0 must be a string"),
        ({"image__object__bbox__ymin": [float("nan")]}, "ymin 0 must be a number"),
    ],
)
def test_a_record_without_sense_is_named_and_the_others_read(tmp_path, changes, reason):
    path = write(tmp_path / "a.tfrecord", example(), example(**changes), example())
    found = read(path, tmp_path)
    (finding,) = findings(found)
    assert (finding.kind, finding.place) == ("malformed", f"{path}, record 2")
    assert reason in finding.reason
    assert [record.place for record in records(found)] == [
        f"{path}, record 1",
        f"{path}, record 3",
    ]


def damaged(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_damaged_record_is_skipped(tmp_path):
    one = example()
    path = write(tmp_path / "a.tfrecord", one, one, b"\x08nothing", one)
    damaged(path, len(one) + 16 + 12 + 5)  # the fifth byte of the second record
    found = read(path, tmp_path)
    second, third = findings(found)
    assert second.place == f"{path}, record 2"
    assert second.reason == f"its {len(one)} bytes are damaged; skipped"
    assert third.place == f"{path}, record 3"
    assert "not a tf.train.Example" in third.reason
    assert [record.place[-8:] for record in records(found)] == ["record 1", "record 4"]


def test_behind_a_damaged_length_nothing_can_be_read(tmp_path):
    one = example()
    path = write(tmp_path / "a.tfrecord", one, one, one)
    damaged(path, len(one) + 16)
    found = read(path, tmp_path)
    (finding,) = findings(found)
    assert finding.place == f"{path}, record 2"
    assert "the rest of the file cannot be read" in finding.reason
    assert len(records(found)) == 1


def test_a_file_that_is_cut_off(tmp_path):
    path = write(tmp_path / "a.tfrecord", example(), example())
    path.write_bytes(path.read_bytes()[:-10])
    found = read(path, tmp_path)
    assert "cut off" in findings(found)[0].reason
    assert len(records(found)) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(b"x" * 50, mtime=0), "compressed by gzip"),
        (b"short", "or this is no TFRecord"),
        (b"a text that is no TFRecord", "or this is no TFRecord"),
    ],
)
def test_other_files_are_named(tmp_path, content, reason):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(content)
    (finding,) = read(path, tmp_path)
    assert finding.place == f"{path}, record 1"
    assert reason in finding.reason
