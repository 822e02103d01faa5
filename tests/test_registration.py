"""Everything that Keras may have to rebuild is registered under this library's name."""

import importlib
import pkgutil

import keras
import pytest

import fused_ocr

PACKAGES = ("fused_ocr", "fused_ocr.training", "fused_ocr.export")


def modules():
    for package in PACKAGES:
        for found in pkgutil.walk_packages(
            importlib.import_module(package).__path__, f"{package}."
        ):
            yield importlib.import_module(found.name)


def subclasses(parent):
    for child in parent.__subclasses__():
        yield child
        yield from subclasses(child)


def ours():
    """Layers, losses, metrics defined in our modules."""
    names = {module.__name__ for module in modules()}
    found = {
        cls
        for parent in (keras.layers.Layer, keras.losses.Loss, keras.metrics.Metric)
        for cls in subclasses(parent)
        if cls.__module__ in names
        and not (issubclass(cls, keras.layers.Layer) and "call" not in vars(cls))
    }
    return sorted(found, key=lambda cls: cls.__name__)


def test_all_modules_are_walked():
    names = {module.__name__ for module in modules()}
    assert {
        "fused_ocr.cropping",
        "fused_ocr.detection.anchors",
        "fused_ocr.recognition.flows",
        "fused_ocr.training.runs",
    } <= names


def test_the_layers_are_those_we_know():
    assert [cls.__name__ for cls in ours()] == [
        "AssembleCharacters",
        "AssembleRegions",
        "BackboneInput",
        "CharacterHead",
        "CollapseFrames",
        "ContrastNormalization",
        "CornerHead",
        "CropResize",
        "CutAs",
        "DecodeBoxes",
        "DecodeCorners",
        "FoldedFlow",
        "FoldedNormalization",
        "JoinPlaces",
        "KindHead",
        "LengthVote",
        "Letterbox",
        "LocallyConnected",
        "Maxout",
        "Octaves",
        "PartPlaces",
        "PlacesHead",
        "RectifyQuads",
        "RefineCorners",
        "SelectDetections",
        "SubtractLocalMean",
    ]


@pytest.mark.parametrize("cls", ours(), ids=lambda cls: cls.__name__)
def test_registered(cls):
    name = keras.saving.get_registered_name(cls)
    assert name == f"fused_ocr>{cls.__name__}"
    assert keras.saving.get_registered_object(name) is cls


def test_the_version_of_the_package_is_known():
    assert fused_ocr.__version__
