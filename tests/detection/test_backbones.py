"""Features of the backbones: strides, input scaling, weights, and what is refused."""

import keras
import numpy as np
import pytest
from layer_checks import check_layer

from fused_ocr.detection.backbones import BackboneInput, backbone_features
from fused_ocr.errors import ArtefactError, ConfigError


def features(name="MobileNetV2", **options):
    frames = keras.Input((None, None, 3), name="frames")
    return frames, backbone_features(frames, name, **options)


@pytest.mark.parametrize("frame", [(64, 64), (64, 96), (128, 32)])
def test_strides(frame):
    frames, levels = features(alpha=0.35)
    found = keras.Model(frames, levels)(np.zeros((2, *frame, 3), np.float32))
    assert list(levels) == ["C3", "C4", "C5"]
    for name, stride in {"C3": 8, "C4": 16, "C5": 32}.items():
        assert found[name].shape[:3] == (2, frame[0] // stride, frame[1] // stride)


# Channels of the last layers at strides 8, 16, 32. MobileNetV2, table 2 of its paper:
# the expansions (x6) of the first block of the next stage, and the 320 of the last
# bottleneck. ResNet50: table 1 of its paper.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "channels"),
    [("MobileNetV2", (192, 576, 320)), ("ResNet50", (512, 1024, 2048))],
)
def test_channels(name, channels):
    _, levels = features(name)
    assert tuple(level.shape[-1] for level in levels.values()) == channels


@pytest.mark.parametrize(
    "name", ["MobileNetV9", "resnet50", "mobilenet_v2", "__name__", ""]
)
def test_unknown_backbones_are_refused(name):
    with pytest.raises(ConfigError, match=rf"No backbone '{name}'.*Known:.*ResNet50"):
        features(name)


def test_alpha_where_there_is_none_is_refused():
    with pytest.raises(
        ConfigError, match=r"ResNet50 does not take alpha=0\.5: leave it out"
    ):
        features("ResNet50", alpha=0.5)


# Keras warns before it gives up.
@pytest.mark.filterwarnings("ignore:Skipping nested container:UserWarning")
@pytest.mark.parametrize("damage", ["missing", "text", "other"])
def test_weights_that_do_not_fit_are_refused(damage, tmp_path):
    path = tmp_path / "backbone.weights.h5"
    if damage == "text":
        path.write_text("weights")
    elif damage == "other":
        inputs = keras.Input((3,))
        keras.Model(inputs, keras.layers.Dense(2)(inputs)).save_weights(path)
    with pytest.raises(
        ArtefactError, match=r"(?s)backbone\.weights\.h5.*include_top=False"
    ):
        features(alpha=0.35, weights=path)


def test_weights_are_loaded_and_batch_normalisation_frozen(tmp_path):
    keras.utils.set_random_seed(5)
    source = keras.applications.MobileNetV2(
        input_shape=(None, None, 3), alpha=0.35, include_top=False, weights=None
    )
    path = tmp_path / "backbone.weights.h5"
    source.save_weights(path)
    frames, levels = features(alpha=0.35, weights=path)
    trunk = keras.Model(frames, levels).get_layer("backbone")
    normal = [x for x in trunk.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert normal and not any(layer.trainable for layer in normal)
    kernels = [x for x in trunk.layers if isinstance(x, keras.layers.Conv2D)]
    assert all(layer.trainable for layer in kernels)
    for layer in (*normal, *kernels):
        for one, other in zip(
            layer.get_weights(), source.get_layer(layer.name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one, other)

    frames, levels = features(alpha=0.35)
    trunk = keras.Model(frames, levels).get_layer("backbone")
    assert all(layer.trainable for layer in trunk.layers)


# The first pixel (0, 127.5, 255) by hand. caffe: BGR minus (103.939, 116.779, 123.68);
# torch: minus 255 * (0.485, 0.456, 0.406), by 255 * (0.229, 0.224, 0.225).
@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("tf", (-1, 0, 1)),
        ("caffe", (255 - 103.939, 127.5 - 116.779, -123.68)),
        (
            "torch",
            (-123.675 / 58.395, (127.5 - 116.28) / 57.12, (255 - 103.53) / 57.375),
        ),
        ("none", (0, 127.5, 255)),
    ],
)
def test_input_scaling(mode, expected):
    frames = np.array([0, 127.5, 255], np.float32).reshape(1, 1, 1, 3)
    np.testing.assert_allclose(
        BackboneInput(mode)(frames)[0, 0, 0], expected, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("MobileNetV2", "tf"),
        ("ResNet50", "caffe"),
        ("ResNet50V2", "tf"),
        ("VGG16", "caffe"),
        ("DenseNet121", "torch"),
        ("EfficientNetB0", "none"),
        ("EfficientNetV2B0", "none"),
        ("MobileNetV3Small", "none"),
        ("Xception", "tf"),
    ],
)
def test_input_scaling_is_that_of_the_weights(name, mode):
    from fused_ocr.detection.backbones import _input_mode

    assert _input_mode(name) == mode
    # Keras's own function for the same network, on one pixel.
    package = {
        "MobileNetV2": "mobilenet_v2",
        "ResNet50": "resnet",
        "ResNet50V2": "resnet_v2",
        "VGG16": "vgg16",
        "DenseNet121": "densenet",
        "EfficientNetB0": "efficientnet",
        "EfficientNetV2B0": "efficientnet_v2",
        "MobileNetV3Small": "mobilenet_v3",
        "Xception": "xception",
    }[name]
    pixel = np.array([10, 120, 250], np.float32).reshape(1, 1, 1, 3)
    theirs = getattr(keras.applications, package).preprocess_input(pixel.copy())
    np.testing.assert_allclose(BackboneInput(mode)(pixel), theirs, atol=1e-4)


def test_layer():
    rng = np.random.default_rng(0)
    cases = [
        (rng.uniform(0, 255, (2, *size, 3)).astype(np.float32),)
        for size in [(32, 32), (31, 45), (45, 31)]
    ]
    for mode in ("caffe", "torch", "none"):
        check_layer(BackboneInput, {"mode": mode}, cases)
    with pytest.raises(ConfigError, match=r"mode must be.*Received: 'rgb'"):
        BackboneInput("rgb")
