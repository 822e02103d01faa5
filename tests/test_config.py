"""Configurations go to JSON and back, and refuse what is unknown or out of range."""

import dataclasses
import json

import pytest
from layer_checks import ASSEMBLY

from fused_ocr.config import (
    AnchorConfig,
    AssemblyConfig,
    Config,
    CropConfig,
    DetectorConfig,
    FusionConfig,
    RecognizerConfig,
    RefinerConfig,
    SelectionConfig,
)
from fused_ocr.errors import ConfigError

ANCHORS = AnchorConfig(
    levels=(3, 4, 5), sizes=(9.0, 25.0, 60.5), ratios=(0.4, 1.3), scales=(0.7, 1.9)
)
SELECTION = SelectionConfig(
    score_threshold=0.3,
    iou_threshold=0.2,
    nested_threshold=0.9,
    candidates=30,
    max_detections=7,
)
CROP = CropConfig(
    size_yx=(12, 10), square=False, stretch=1.2, grow=1.1, rectify=False, turn=2.0,
    antialias=False, binarize=True,
)  # fmt: skip
# Not one field of these is its default.
OTHERS = [
    ANCHORS,
    SELECTION,
    CROP,
    ASSEMBLY,
    DetectorConfig(
        backbone="ResNet50",
        alpha=0.5,
        pyramid_channels=8,
        head_channels=16,
        head_depth=1,
        labels=("digit", "letter"),
        anchors=ANCHORS,
        corners=True,
    ),
    RecognizerConfig(
        arch="crnn",
        alphabet="AB7é",
        size_yx=(16, 50),
        width=5,
        slots=6,
        rows=2,
        readable=True,
        kinds=("plate", "bib"),
    ),
    RefinerConfig(size_yx=(32, 40), grow=1.2, width=5),
    FusionConfig(
        frame_yx=(64, 96),
        max_enlargement=3.5,
        octaves=2,
        flow="multiflow",
        selection=SELECTION,
        refinements=3,
        crop=CROP,
        assembly=ASSEMBLY,
    ),
]
CLASSES = [type(config) for config in OTHERS]


def subclasses(parent):
    for child in parent.__subclasses__():
        yield child
        yield from subclasses(child)


def test_all_configurations_are_tested():
    ours = {c for c in subclasses(Config) if c.__module__ == "fused_ocr.config"}
    assert ours == set(CLASSES)


@pytest.mark.parametrize("config", OTHERS, ids=lambda c: type(c).__name__)
def test_no_field_is_its_default(config):
    for field in dataclasses.fields(config):
        assert getattr(config, field.name) != field.default, field.name


@pytest.mark.parametrize(
    "config", [*OTHERS, *(c() for c in CLASSES)], ids=lambda c: type(c).__name__
)
def test_json_and_back(config):
    values = json.loads(config.to_json())
    assert values == config.to_dict()
    again = type(config).from_json(config.to_json())
    assert again == config and hash(again) == hash(config)
    for field in dataclasses.fields(config):
        one, other = getattr(again, field.name), getattr(config, field.name)
        assert one == other and type(one) is type(other), field.name
    # Every field is written, so that a later default does not change a saved model.
    assert set(values) == {field.name for field in dataclasses.fields(config)}


def test_text_beyond_ascii_stays_readable():
    assert "é" in RecognizerConfig(alphabet="é").to_json()


@pytest.mark.parametrize("cls", CLASSES)
def test_missing_keys_are_the_defaults(cls):
    assert cls.from_dict({}) == cls() == cls.from_json("{}")


def test_whole_numbers_become_floats():
    config = CropConfig.from_dict({"grow": 2})
    assert config.grow == 2.0 and isinstance(config.grow, float)
    assert DetectorConfig.from_dict({"alpha": 1}).alpha == 1.0
    assert DetectorConfig.from_dict({"alpha": None}).alpha is None


@pytest.mark.parametrize(
    ("cls", "values", "message"),
    [
        (
            CropConfig,
            {"sise_yx": 1},
            r"CropConfig has no field 'sise_yx'\. Did you mean 'size_yx'\?",
        ),
        (
            CropConfig,
            {"qqqq": 1},
            r"no field 'qqqq'\. Known fields: antialias, binarize",
        ),
        (
            FusionConfig,
            {"crop": {"squared": True}},
            r"CropConfig has no field 'squared'.*'square'",
        ),
        (DetectorConfig, {"anchor": {}}, "Did you mean 'anchors'"),
        (
            FusionConfig,
            {"crop": 3},
            "CropConfig is made from a dictionary. Received: 3",
        ),
        (CropConfig, [1], r"made from a dictionary. Received: \[1\]"),
    ],
)
def test_unknown_keys_are_refused(cls, values, message):
    with pytest.raises(ConfigError, match=message):
        cls.from_dict(values)


@pytest.mark.parametrize("text", ["", "{", "nonsense", "[1]", "3"])
def test_other_texts_are_refused(text):
    with pytest.raises(
        ConfigError, match=r"Not a JSON configuration|from a dictionary"
    ):
        CropConfig.from_json(text)


RANGES = [
    (AnchorConfig, "levels", (3, 4), "3, 4, 5 and whatever follows"),
    (AnchorConfig, "levels", (4, 5, 6, 7), "3, 4, 5 and whatever follows"),
    (AnchorConfig, "levels", (3, 4, 5, 7), "without a gap"),
    (AnchorConfig, "levels", (), "3, 4, 5"),
    (
        AnchorConfig,
        "sizes",
        (14.0, 28.0, 56.0),
        "one positive size for each of the levels",
    ),
    (AnchorConfig, "sizes", (14.0, 28.0, 56.0, 0.0), "one positive size"),
    (AnchorConfig, "sizes", (), "one positive size"),
    (AnchorConfig, "ratios", (), "needs positive numbers"),
    (AnchorConfig, "ratios", (1.0, 0.0), "needs positive numbers"),
    (AnchorConfig, "scales", (), "needs positive numbers"),
    (AnchorConfig, "scales", (-1.0,), "needs positive numbers"),
    (DetectorConfig, "alpha", 0.0, r"in 0\.\.2"),
    (DetectorConfig, "alpha", 2.1, r"in 0\.\.2"),
    (DetectorConfig, "pyramid_channels", 0, "at least 1"),
    (DetectorConfig, "head_channels", 0, "at least 1"),
    (DetectorConfig, "head_depth", -1, "not be negative"),
    (DetectorConfig, "labels", (), "at least one name"),
    (DetectorConfig, "labels", ("a", "a"), "each one once"),
    (SelectionConfig, "score_threshold", -0.1, r"in 0\.\.1"),
    (SelectionConfig, "score_threshold", 1.1, r"in 0\.\.1"),
    (SelectionConfig, "iou_threshold", -0.1, r"in 0\.\.1"),
    (SelectionConfig, "iou_threshold", 1.1, r"in 0\.\.1"),
    (SelectionConfig, "nested_threshold", -0.1, r"in 0\.\.1"),
    (SelectionConfig, "nested_threshold", 1.1, r"in 0\.\.1"),
    (FusionConfig, "max_enlargement", 0.0, "positive"),
    (FusionConfig, "octaves", 0, "1 to 8"),
    (CropConfig, "stretch", 0.5, "at least 1"),
    (CropConfig, "turn", 0.9, "at least 1"),
    (SelectionConfig, "max_detections", 0, "at least 1"),
    (SelectionConfig, "candidates", 63, r"at least max_detections \(64\)"),
    (CropConfig, "size_yx", (0, 28), "two sides of at least 1"),
    (CropConfig, "size_yx", (28,), "two sides"),
    (CropConfig, "size_yx", (28, 28, 1), "two sides"),
    (CropConfig, "grow", 0.0, "positive"),
    (
        RecognizerConfig,
        "arch",
        "lstm",
        "one of cnn, dense, convctc, crnn, goodfellow, places",
    ),
    (RecognizerConfig, "size_yx", (7, 28), "two sides of at least 8"),
    (RecognizerConfig, "size_yx", (28,), "two sides"),
    (RecognizerConfig, "width", 0, "at least 1"),
    (RecognizerConfig, "slots", 2, "must be 1 for 'cnn'"),
    (RefinerConfig, "size_yx", (48,), "two multiples of 8"),
    (RefinerConfig, "size_yx", (48, 100), "two multiples of 8"),
    (RefinerConfig, "size_yx", (8, 96), "at least 16"),
    (RefinerConfig, "grow", 0.9, "at least 1"),
    (RefinerConfig, "width", 0, "at least 1"),
    (AssemblyConfig, "slots", 0, "at least 1"),
    (AssemblyConfig, "max_gap", -0.1, "not be negative"),
    (AssemblyConfig, "min_overlap", -0.1, r"in 0\.\.1"),
    (AssemblyConfig, "min_overlap", 1.1, r"in 0\.\.1"),
    (AssemblyConfig, "max_ratio", 0.9, "at least 1"),
    (FusionConfig, "frame_yx", (384,), "two sides"),
    (FusionConfig, "frame_yx", (31, 384), "at least 32"),
    (FusionConfig, "flow", "parallel", "'folded' or 'multiflow'"),
    (FusionConfig, "refinements", -1, "not be negative"),
]


@pytest.mark.parametrize(("cls", "field", "value", "rule"), RANGES)
def test_ranges(cls, field, value, rule):
    message = rf"{cls.__name__}\.{field} .*{rule}"
    for make in (
        lambda: cls(**{field: value}),
        lambda: cls().replace(**{field: value}),
        lambda: cls.from_dict({field: json.loads(json.dumps(value))}),
    ):
        with pytest.raises(ConfigError, match=message) as caught:
            make()
        assert f"Received: {value!r}" in str(caught.value)


@pytest.mark.parametrize("alphabet", ["", "00", "0\n"])
def test_alphabets_are_checked(alphabet):
    with pytest.raises(ConfigError, match="An alphabet needs at least one character"):
        RecognizerConfig(alphabet=alphabet)


def test_slots_of_strings_fit_the_width():
    # 50 pixels are 24 frames: twelve equal characters and the blanks between them.
    wide = RecognizerConfig(arch="crnn", size_yx=(16, 50), slots=12)
    assert wide.reads_strings and not RecognizerConfig().reads_strings
    for slots in (0, 13):
        with pytest.raises(ConfigError, match=r"slots must be in 1\.\.12"):
            wide.replace(slots=slots)
    assert wide.replace(rows=2, slots=24).rows == 2
    with pytest.raises(ConfigError, match="two sides of at least 16"):
        wide.replace(size_yx=(15, 50))


# Values of a wrong type, as a hand-written JSON file has them.
@pytest.mark.parametrize(
    ("cls", "values"),
    [
        (CropConfig, {"size_yx": 28}),
        (CropConfig, {"size_yx": ["28", "28"]}),
        (CropConfig, {"grow": "1.3"}),
        (CropConfig, {"grow": None}),
        (SelectionConfig, {"max_detections": "64"}),
        (SelectionConfig, {"score_threshold": [0.4]}),
        (AnchorConfig, {"levels": 3}),
        (AnchorConfig, {"sizes": ["a", "b", "c", "d"]}),
        (DetectorConfig, {"labels": 5}),
        (RecognizerConfig, {"alphabet": 123}),
        (FusionConfig, {"frame_yx": None}),
    ],
)
def test_wrong_types_are_refused(cls, values):
    with pytest.raises(ConfigError, match=next(iter(values))):
        cls.from_dict(values)


def test_derived_values():
    assert AnchorConfig().strides == (8, 16, 32, 64)
    assert AnchorConfig().count == 9 and ANCHORS.count == 4


@pytest.mark.parametrize("config", OTHERS, ids=lambda c: type(c).__name__)
def test_frozen_and_by_keyword(config):
    field = dataclasses.fields(config)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError, match=field):
        setattr(config, field, None)
    with pytest.raises(TypeError, match="positional argument"):
        type(config)(None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arch": "cnn", "rows": 2}, "rows must be at least 1, and more only for"),
        ({"arch": "goodfellow", "slots": 5, "rows": 2}, "rows must be"),
        ({"arch": "crnn", "slots": 2, "rows": 0}, "rows must be"),
        ({"arch": "cnn", "readable": True}, "readable is for recognisers of strings"),
        ({"arch": "dense", "kinds": ("a", "b")}, "kinds is for recognisers of strings"),
        ({"arch": "crnn", "slots": 2, "kinds": ("a",)}, "at least two names"),
        ({"arch": "crnn", "slots": 2, "kinds": ("a", "a")}, "each one once"),
    ],
)
def test_heads_and_rows_of_strings(changes, message):
    with pytest.raises(ConfigError, match=message):
        RecognizerConfig(size_yx=(28, 28), **changes)
