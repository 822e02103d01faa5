"""The fused model: joined right, saved and loaded equal, wrong parts refused."""

import dataclasses
import json
import pathlib

import keras
import numpy as np
import pytest
import stand_ins
import tensorflow as tf

from fused_ocr.alphabet import DIGITS
from fused_ocr.config import (
    AnchorConfig,
    AssemblyConfig,
    CropConfig,
    DetectorConfig,
    FusionConfig,
    RecognizerConfig,
    SelectionConfig,
)
from fused_ocr.cropping import CropResize
from fused_ocr.errors import ArtefactDamagedError, ConfigError
from fused_ocr.finding import up_to_boxes
from fused_ocr.folding import fold_batch_normalization
from fused_ocr.fusion import (
    ARTICLE,
    describe,
    frozen_flow,
    fuse,
    parts_of,
    quick_flow,
)
from fused_ocr.letterbox import Letterbox
from fused_ocr.reader import Reader
from fused_ocr.recognition.recognizer import build_recognizer
from fused_ocr.rectification import RectifyQuads
from fused_ocr.refinement import RefineCorners

NAMES = json.loads(
    (pathlib.Path(__file__).parent / "golden" / "names.json").read_text("utf-8")
)


@pytest.fixture(scope="module")
def model():
    return stand_ins.reader_model()


@pytest.fixture(scope="module")
def multiflow():
    return stand_ins.reader_model(flow="multiflow")


def outputs(model, *inputs):
    return {name: value.numpy() for name, value in model(*inputs).items()}


def assert_equal(one, other, *, atol=0.0):
    assert set(one) == set(other)
    for name in one:
        np.testing.assert_allclose(one[name], other[name], atol=atol, err_msg=name)


@pytest.mark.parametrize("photo", [(1, 1), (33, 71), (64, 96), (20000, 1)])
def test_a_dark_photo_has_no_readings(model, photo):
    found = outputs(model, np.zeros((1, *photo, 3), np.uint8))
    assert found["count"].tolist() == [0]
    assert (found["codes"] == -1).all() and (found["label"] == -1).all()
    assert not found["box"].any() and not found["score"].any()


def test_the_photos_own_pixels():
    # One bright square at (50, 70) of a photo with two photo pixels a frame pixel: the
    # cell of P3 whose centre is at frame (28, 36) sees only it, and its anchor of 12
    # frame pixels is 24 photo pixels around (56, 72).
    photo = np.zeros((128, 192, 3), np.uint8)
    photo[48:64, 64:80] = 255
    found = outputs(stand_ins.reader_model(), photo[None])
    assert found["count"] == 1
    np.testing.assert_allclose(found["box"][0, 0], (44, 60, 68, 84), atol=1e-3)
    np.testing.assert_array_equal(found["box"][0, 0], found["char_boxes"][0, 0, 0])
    assert found["label"][0, 0] == 0


def test_layer_and_output_names(model, multiflow):
    for one, name in ((model, "folded"), (multiflow, "multiflow")):
        assert one.name == "fused_ocr"
        assert [layer.name for layer in one.layers] == NAMES[f"fused_{name}_layers"]
        assert [tensor.name for tensor in one.inputs] == NAMES["inputs"]
        assert sorted(one.output) == NAMES["outputs"]
    assert (
        sorted(quick_flow(model)(stand_ins.squares(65, 97)[None])) == NAMES["outputs"]
    )


def test_shapes_and_types(model):
    found = outputs(model, np.stack([stand_ins.squares(65, 97)] * 2))
    for name, value in found.items():
        declared = model.output[name]
        assert declared.dtype == value.dtype, name
        assert (None, *declared.shape[1:]) == (None, *value.shape[1:]), name
    assert found["count"].shape == (2,)


@pytest.mark.parametrize("photo", [(65, 97), (131, 87), (64, 96)])
def test_folded_is_multiflow(model, multiflow, photo):
    # Another architecture in the stand-in, so both flows are built from one recogniser.
    detector, recognizer = stand_ins.detector(), stand_ins.recognizer()
    folded = fuse(detector, recognizer, stand_ins.FUSION)
    copied = fuse(detector, recognizer, stand_ins.FUSION.replace(flow="multiflow"))
    image = stand_ins.squares(*photo)[None]
    found = outputs(folded, image)
    assert found["count"] > 0
    assert_equal(found, outputs(copied, image), atol=1e-5)


def test_a_batch_is_each_photo_alone(model):
    photos = np.stack(
        [
            stand_ins.squares(65, 97),
            np.zeros((65, 97, 3), np.uint8),
            stand_ins.squares(65, 97, ((0.1, 0.1),), seed=3),
        ]
    )
    together = outputs(model, photos)
    assert together["count"].tolist()[1] == 0 and together["count"][0] > 0
    for i, photo in enumerate(photos):
        alone = outputs(model, photo[None])
        assert_equal(
            {n: v[i] for n, v in together.items()},
            {n: v[0] for n, v in alone.items()},
            atol=1e-5,
        )


@pytest.mark.parametrize("flow", ["folded", "multiflow"])
def test_a_padded_batch_is_the_unpadded_photos(flow):
    model = stand_ins.reader_model(flow=flow)
    padded = quick_flow(model)
    sizes = [(65, 97), (131, 87), (40, 40), (1, 1)]
    photos = [stand_ins.squares(*size, seed=i) for i, size in enumerate(sizes)]
    images = np.full((len(sizes), 131, 97, 3), 255, np.uint8)  # bright, to be ignored
    for place, photo in zip(images, photos, strict=True):
        place[: photo.shape[0], : photo.shape[1]] = photo
    together = outputs(padded, images, np.array(sizes, np.int32))
    assert (together["count"][:3] > 0).all()
    for i, photo in enumerate(photos):
        alone = outputs(model, photo[None])
        assert_equal(
            {n: v[i] for n, v in together.items()},
            {n: v[0] for n, v in alone.items()},
            atol=1e-5,
        )


def test_sizes_that_cannot_be_are_the_nearest_that_can(model):
    padded = quick_flow(model)
    images = np.stack([stand_ins.squares(65, 97, seed=i) for i in range(3)])
    said = outputs(padded, images, np.array([(200, 300), (0, 50), (-5, 98)], np.int32))
    meant = outputs(padded, images, np.array([(65, 97), (1, 50), (1, 97)], np.int32))
    assert_equal(said, meant, atol=0)
    assert said["count"][0] > 0


@pytest.mark.parametrize("shape", [(3, 65, 97), (1, 131, 87)])
def test_the_quick_flow_finds_what_the_model_does(model, shape):
    batch, *size = shape
    photos = np.stack([stand_ins.squares(*size, seed=i) for i in range(batch)])
    found = outputs(model, photos)
    assert (found["count"] > 0).all()
    assert_equal(found, outputs(quick_flow(model), photos), atol=1e-4)


@pytest.mark.parametrize("flow", ["folded", "multiflow"])
def test_saved_and_loaded_without_custom_objects(flow, tmp_path):
    model = stand_ins.reader_model(flow=flow)
    model.save(tmp_path / "reader.keras")
    loaded = keras.saving.load_model(tmp_path / "reader.keras")
    assert describe(loaded) == describe(model)
    image = stand_ins.squares(131, 97)[None]
    found = outputs(model, image)
    assert found["count"] > 0
    assert_equal(found, outputs(loaded, image))
    assert_equal(
        outputs(quick_flow(model), image, np.array([[65, 87]], np.int32)),
        outputs(quick_flow(loaded), image, np.array([[65, 87]], np.int32)),
    )


def test_describe():
    config = FusionConfig(
        frame_yx=(96, 64),
        flow="multiflow",
        selection=SelectionConfig(
            score_threshold=0.3, iou_threshold=0.2, candidates=30, max_detections=3
        ),
        crop=CropConfig(
            size_yx=(12, 10), square=False, grow=1.1, antialias=False, binarize=True
        ),
        assembly=AssemblyConfig(slots=5, max_gap=0.5, min_overlap=0.4, max_ratio=2.0),
    )
    # What there is no refiner for is not told.
    model = fuse(
        stand_ins.detector(("digit", "letter")), stand_ins.recognizer("AB7"), config
    )
    told = describe(model)
    assert config.refinements == 2
    assert told.fusion == config.replace(refinements=0)
    assert told.alphabet == "AB7" and told.labels == ("digit", "letter")
    assert told.format_version == 1


def test_the_default_takes_the_crop_from_the_recogniser():
    model = fuse(stand_ins.detector(), stand_ins.recognizer(size_yx=(9, 8)))
    assert describe(model).fusion == FusionConfig(
        crop=CropConfig(size_yx=(9, 8)), refinements=0
    )


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            stand_ins.FUSION.replace(crop=CropConfig(size_yx=(10, 12))),
            r"reads crops of \(12, 10\), .* makes \(10, 12\)\. Set crop\.size_yx",
        ),
        (
            stand_ins.FUSION.replace(frame_yx=(64, 80)),
            r"frame_yx must be multiples of 32.*Received: \(64, 80\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        fuse(stand_ins.detector(), stand_ins.recognizer(), config)


def test_wrong_models_are_refused():
    detector, recognizer = stand_ins.detector(), stand_ins.recognizer()
    with pytest.raises(ArtefactDamagedError, match="'recognizer' is not a detector"):
        fuse(recognizer, detector)
    with pytest.raises(ArtefactDamagedError, match="'detector' is not a recogniser"):
        fuse(detector, detector)
    for function in (describe, parts_of, quick_flow):
        with pytest.raises(
            ArtefactDamagedError, match="'detector' is not a fused reader"
        ):
            function(detector)


# --- strings ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strings():
    """A recogniser of strings whose answers are random, and never empty."""
    keras.utils.set_random_seed(2)
    model = build_recognizer(
        RecognizerConfig(arch="convctc", size_yx=(16, 32), slots=4, width=4)
    )
    kernel, bias = model.get_layer("frames").get_weights()
    bias[-1] = -9.0
    model.get_layer("frames").set_weights([kernel * 9, bias])
    return model


STRINGS = stand_ins.FUSION.replace(crop=CropConfig(size_yx=(16, 32), grow=1.1))


def test_crops_that_are_turned_need_corners(strings):
    config = STRINGS.replace(crop=STRINGS.crop.replace(turn=2.0))
    with pytest.raises(ConfigError, match=r"crop.turn=2.0.*needs corners"):
        fuse(stand_ins.detector(("plate",)), strings, config)


@pytest.mark.parametrize("flow", ["folded", "multiflow"])
def test_each_region_is_one_reading(strings, flow, tmp_path):
    model = fuse(stand_ins.detector(("plate",)), strings, STRINGS.replace(flow=flow))
    photos = np.stack([stand_ins.squares(131, 97), np.zeros((131, 97, 3), np.uint8)])
    found = outputs(model, photos)
    parts = parts_of(model)
    frames, geometry = parts.letterbox(photos)
    boxes = parts.select(*parts.detector(frames).values(), geometry)
    read = strings(parts.crop(photos, boxes["boxes"], boxes["count"])[0]).numpy()
    count = int(boxes["count"][0])
    assert found["count"].tolist() == [count, 0] and count > 1
    assert found["codes"].shape[-1] == 4 == describe(model).fusion.assembly.slots
    expected = {
        tuple(boxes["boxes"][0, n].numpy().tolist()): "".join(
            DIGITS[i] for i in read[n].argmax(-1) if i < 10
        )
        for n in range(count)
    }
    for row in range(count):
        text = "".join(chr(c) for c in found["codes"][0, row] if c >= 0)
        assert expected.pop(tuple(found["box"][0, row].tolist())) == text
    model.save(tmp_path / "reader.keras")
    loaded = keras.saving.load_model(tmp_path / "reader.keras")
    assert describe(loaded) == describe(model)
    assert_equal(found, outputs(loaded, photos))


TURNED = (-1.0, 0.5, 0.0, 0.25, 1.0, -0.5, 0.5, 0.0)


def test_regions_are_cut_along_their_corners(strings, tmp_path):
    finder = stand_ins.detector(("plate",), corners=TURNED)
    model = fuse(finder, strings, STRINGS)
    assert isinstance(parts_of(model).crop, RectifyQuads)
    photos = np.stack([stand_ins.squares(131, 97), np.zeros((131, 97, 3), np.uint8)])
    found = outputs(model, photos)
    frames, geometry = parts_of(model).letterbox(photos)
    anchors = parts_of(model).detector(frames)
    boxes = parts_of(model).select(
        anchors["boxes"], anchors["scores"], geometry, anchors["corners"]
    )
    count = int(boxes["count"][0])
    assert count > 1 and found["count"].tolist() == [count, 0]
    crops = RectifyQuads(STRINGS.crop)(photos, boxes["quads"], boxes["count"])
    read = strings(crops[0]).numpy()
    by_box = {tuple(b): n for n, b in enumerate(boxes["boxes"][0].numpy().tolist())}
    for row in range(count):
        n = by_box[tuple(found["box"][0, row].tolist())]
        np.testing.assert_array_equal(found["quad"][0, row], boxes["quads"][0, n])
        expected = "".join(DIGITS[i] for i in read[n].argmax(-1) if i < 10)
        assert "".join(chr(c) for c in found["codes"][0, row] if c >= 0) == expected
    assert not found["quad"][1].any()
    model.save(tmp_path / "reader.keras")
    assert_equal(
        found, outputs(keras.saving.load_model(tmp_path / "reader.keras"), photos)
    )
    for name, value in frozen_flow(model)(tf.constant(photos)).items():
        np.testing.assert_allclose(value, found[name], atol=1e-4)
    # Or along the boxes, if one asks for it; the corners are told all the same.
    boxed = fuse(
        finder, strings, STRINGS.replace(crop=STRINGS.crop.replace(rectify=False))
    )
    assert isinstance(parts_of(boxed).crop, CropResize)
    np.testing.assert_array_equal(outputs(boxed, photos)["quad"], found["quad"])


@pytest.mark.parametrize(
    ("corners", "flow"), [(None, "folded"), (TURNED, "folded"), (TURNED, "multiflow")]
)
def test_regions_are_cut_along_refined_corners(strings, corners, flow, tmp_path):
    finder, refiner = (
        stand_ins.detector(("plate",), corners=corners),
        stand_ins.refiner(),
    )
    config = STRINGS.replace(flow=flow, refinements=3)
    model = fuse(finder, strings, config, refiner=refiner)
    photos = np.stack([stand_ins.squares(131, 97), np.zeros((131, 97, 3), np.uint8)])
    found = outputs(model, photos)
    # The same step by step, with the models that were given.
    frames, geometry = parts_of(model).letterbox(photos)
    anchors = finder(frames)
    first = parts_of(model).select(
        anchors["boxes"], anchors["scores"], geometry, anchors.get("corners")
    )
    count = int(first["count"][0])
    assert count > 1 and found["count"].tolist() == [count, 0]
    places = first["boxes"] if corners is None else first["quads"]
    boxes, quads = RefineCorners(refiner, 3)(photos, places, first["count"])
    read = strings(RectifyQuads(STRINGS.crop)(photos, quads, first["count"])[0]).numpy()
    left = set(range(count))
    for row in range(count):
        n = min(left, key=lambda n: np.abs(quads[0, n] - found["quad"][0, row]).max())
        left.remove(n)
        np.testing.assert_allclose(found["quad"][0, row], quads[0, n], atol=0.01)
        np.testing.assert_allclose(found["box"][0, row], boxes[0, n], atol=0.01)
        expected = "".join(DIGITS[i] for i in read[n].argmax(-1) if i < 10)
        assert "".join(chr(c) for c in found["codes"][0, row] if c >= 0) == expected
    assert not found["quad"][1].any() and not found["box"][1].any()
    # Carried whole.
    assert describe(model).fusion.refinements == 3
    model.save(tmp_path / "reader.keras")
    loaded = keras.saving.load_model(tmp_path / "reader.keras")
    assert describe(loaded) == describe(model)
    assert_equal(found, outputs(loaded, photos))
    for name, value in frozen_flow(model)(tf.constant(photos)).items():
        np.testing.assert_allclose(value, found[name], atol=0.01, err_msg=name)


def test_refined_corners_of_padded_photos(strings):
    model = fuse(
        stand_ins.detector(("plate",)), strings, STRINGS, refiner=stand_ins.refiner()
    )
    assert describe(model).fusion.refinements == 2
    # Regions at the border, so that the padding would be seen around them.
    photo = stand_ins.squares(65, 97, ((0.75, 0.2), (0.75, 0.8)))
    padded = np.full((1, 131, 120, 3), 255, np.uint8)
    padded[0, :65, :97] = photo
    sizes = np.array([[65, 97]], np.int32)
    alone = outputs(model, photo[None])
    assert alone["count"] > 0
    for found in (
        outputs(quick_flow(model), padded, sizes),
        frozen_flow(model)(tf.constant(padded), tf.constant(sizes)),
    ):
        for name, value in found.items():
            np.testing.assert_allclose(value, alone[name], atol=0.01, err_msg=name)


def test_refined_corners_are_told_where_boxes_are_cut(strings):
    config = STRINGS.replace(crop=STRINGS.crop.replace(rectify=False))
    finder, photos = stand_ins.detector(("plate",)), stand_ins.squares(131, 97)[None]
    model = fuse(finder, strings, config, refiner=stand_ins.refiner())
    assert isinstance(parts_of(model).crop, CropResize)
    found = outputs(model, photos)
    along = outputs(fuse(finder, strings, STRINGS, refiner=stand_ins.refiner()), photos)
    for name in ("box", "quad"):
        np.testing.assert_array_equal(found[name], along[name])


def test_refiners_that_do_not_fit_are_refused(strings):
    finder = stand_ins.detector()
    with pytest.raises(ConfigError, match=r"refiner is for regions.*single characters"):
        fuse(
            finder,
            stand_ins.recognizer(),
            stand_ins.FUSION,
            refiner=stand_ins.refiner(),
        )
    with pytest.raises(ArtefactDamagedError, match="'detector' is not a refiner"):
        fuse(finder, strings, STRINGS, refiner=finder)
    never = STRINGS.replace(refinements=0)
    with pytest.raises(ConfigError, match=r"Received: refinements=0 and a refiner"):
        fuse(finder, strings, never, refiner=stand_ins.refiner())
    assert describe(fuse(finder, strings, never)).fusion.refinements == 0


@pytest.mark.parametrize("corners", [None, TURNED])
def test_boxes_alone_are_refined(corners):
    finder = stand_ins.detector(("plate",), corners=corners)
    refine = RefineCorners(stand_ins.refiner(), 2)
    letterbox = Letterbox(stand_ins.FUSION.frame_yx)
    alone = (finder, letterbox, stand_ins.FUSION.selection)
    photos = stand_ins.squares(131, 97)[None]
    first, found = (up_to_boxes(*alone, more)(photos) for more in (None, refine))
    count = first["count"]
    assert int(count[0]) > 1 and found["count"] == count
    np.testing.assert_array_equal(found["scores"], first["scores"])
    places = first["boxes"] if corners is None else first["quads"]
    boxes, quads = refine(photos, places, count)
    np.testing.assert_allclose(found["boxes"], boxes, atol=0.01)
    np.testing.assert_allclose(found["quads"], quads, atol=0.01)
    assert np.abs(found["boxes"] - first["boxes"]).max() > 1


def test_a_reader_tells_kind_and_readability():
    keras.utils.set_random_seed(3)
    reader = build_recognizer(
        RecognizerConfig(
            arch="convctc", size_yx=(16, 32), slots=4, width=4, readable=True,
            kinds=("bib", "plate"),
        ),
        CropConfig(size_yx=(16, 32), grow=1.2),
    )  # fmt: skip
    config = STRINGS.replace(crop=CropConfig(size_yx=(16, 32), grow=1.2))
    model = fuse(stand_ins.detector(("region",)), reader, config)
    assert describe(model).labels == ("bib", "plate")
    photos = np.stack([stand_ins.squares(131, 97)])
    head = reader.get_layer("readable")
    for bias, sure in ((30.0, True), (-30.0, False)):
        head.set_weights([head.get_weights()[0] * 0, np.array([bias])])
        kinds = reader.get_layer("kinds")
        kinds.set_weights([kinds.get_weights()[0] * 0, np.array([0.0, 9.0 * bias])])
        readings = Reader(
            fuse(stand_ins.detector(("region",)), reader, config)
        ).predict(photos[0])
        assert len(readings) > 0
        for reading in readings:
            assert reading.readable is sure
            assert reading.label == ("plate" if sure else "bib")
            assert sure or (reading.text == "" and reading.score < 1e-6)


# --- the article ----------------------------------------------------------------------


def test_the_articles_numbers():
    assert ARTICLE.flow == "multiflow" and ARTICLE.selection.max_detections == 4
    assert ARTICLE.crop == CropConfig(
        size_yx=(28, 28), square=False, grow=1.0, antialias=False, binarize=True
    )


def check_article(detector):
    recognizer = build_recognizer(RecognizerConfig(arch="dense"))
    model = fuse(detector, recognizer, ARTICLE)
    photo = stand_ins.squares(270, 331)
    found = outputs(model, photo[None])
    assert found["codes"].shape == (1, 4, ARTICLE.assembly.slots)
    # Four inputs and four outputs, four copies of one recogniser.
    flows = model.get_layer("multiflow")
    assert len(flows.inputs) == len(flows.outputs) == 4
    weights = recognizer.count_params()
    assert flows.count_params() == 4 * weights
    found_by = fold_batch_normalization(detector).count_params()
    assert model.count_params() == found_by + 4 * weights
    assert describe(model).alphabet == DIGITS
    return found


def test_article():
    found = check_article(stand_ins.detector())
    assert found["count"] > 0


@pytest.mark.slow
def test_article_with_its_own_detector():
    from fused_ocr.detection.retinanet import add_decoding, build_retinanet

    config = DetectorConfig(backbone="ResNet50", pyramid_channels=8, head_channels=8)
    check_article(add_decoding(build_retinanet(config), config))


def test_a_real_detector_reads():
    from fused_ocr.detection.retinanet import add_decoding, build_retinanet

    config = DetectorConfig(
        alpha=0.35,
        pyramid_channels=8,
        head_channels=8,
        head_depth=1,
        anchors=AnchorConfig(levels=(3, 4, 5), sizes=(14.0, 28.0, 56.0)),
    )
    detector = add_decoding(build_retinanet(config), config)
    loose = dataclasses.replace(stand_ins.FUSION.selection, score_threshold=0.0)
    model = fuse(
        detector, stand_ins.recognizer(), stand_ins.FUSION.replace(selection=loose)
    )
    # Untrained, every anchor scores about 0.01: a threshold of 0 takes the best five.
    found = outputs(model, stand_ins.squares(131, 97)[None])
    assert (found["codes"] >= 0).sum() == 5
    assert (found["box"][0, : int(found["count"][0]), 2] <= 131).all()
