"""Small models with known answers, that stand in for trained ones.

The detector finds what is bright: an anchor's score is the mean brightness, 0..1, of
the pyramid cell it sits on. So a white square on black is found where it is, with a
margin that no rounding can cross, and photos are drawn with `squares`.
"""

import keras
import numpy as np

from fused_ocr.config import (
    AnchorConfig,
    AssemblyConfig,
    CropConfig,
    FusionConfig,
    RecognizerConfig,
    RefinerConfig,
    SelectionConfig,
)
from fused_ocr.detection.anchors import DecodeBoxes, DecodeCorners
from fused_ocr.fusion import fuse
from fused_ocr.recognition.recognizer import build_recognizer
from fused_ocr.refinement import build_refiner

ANCHORS = AnchorConfig(
    levels=(3, 4, 5), sizes=(12.0, 24.0, 48.0), ratios=(1.0,), scales=(1.0,)
)

FUSION = FusionConfig(
    frame_yx=(64, 96),
    selection=SelectionConfig(max_detections=5, candidates=60, score_threshold=0.55),
    crop=CropConfig(size_yx=(12, 10)),
    assembly=AssemblyConfig(slots=3),
)


def detector(labels=("character",), anchors=ANCHORS, corners=None):
    """Finds what is bright.

    With `corners`, eight numbers, every corner is shifted by so much from its anchor's.
    """
    frames = keras.Input((None, None, 3), name="frames")
    mean = keras.layers.Conv2D(
        1,
        1,
        use_bias=False,
        kernel_initializer=keras.initializers.Constant(1 / (3 * 255)),
        name="brightness",
    )(frames)
    cells = [
        keras.layers.Reshape((-1, 1), name=f"cells_{stride}")(
            keras.layers.AveragePooling2D(stride, name=f"mean_{stride}")(mean)
        )
        for stride in anchors.strides
    ]
    scores = keras.layers.Concatenate(axis=1, name="together")(cells)
    regression = keras.layers.Dense(4, kernel_initializer="zeros", name="regression")(
        scores
    )
    scores = keras.layers.Dense(
        len(labels), kernel_initializer="ones", use_bias=False, name="classification"
    )(scores)
    outputs = {
        "boxes": DecodeBoxes(anchors, labels, name="boxes")([regression, frames]),
        "scores": scores,
    }
    if corners is not None:
        shifts = keras.layers.Dense(
            8,
            kernel_initializer="zeros",
            bias_initializer=keras.initializers.Constant(corners),
            name="corners",
        )(scores)
        decode = DecodeCorners(anchors, name="decoded_corners")
        outputs["corners"] = decode([shifts, frames])
    return keras.Model(frames, outputs, name="detector")


def recognizer(alphabet="0123456789", size_yx=(12, 10), arch="cnn", seed=0):
    """Random weights, strong enough that no answer hangs on the last bit; no blanks."""
    keras.utils.set_random_seed(seed)
    model = build_recognizer(
        RecognizerConfig(arch=arch, alphabet=alphabet, size_yx=size_yx, width=4)
    )
    head = model.get_layer("characters")
    kernel, bias = head.get_weights()
    # Centred on the answers to some noise, so that the answers differ.
    noise = (
        np.random.default_rng(seed).uniform(0, 1, (8, *size_yx, 1)).astype("float32")
    )
    noise[:, : size_yx[0] // 2] *= np.linspace(0, 1, 8)[:, None, None, None]
    features = keras.Model(model.input, head.input)(noise).numpy()
    kernel *= 4 / (features @ kernel).std(0).max()
    bias = -(features @ kernel).mean(0)
    bias[-1] = -30.0
    head.set_weights([kernel, bias])
    return model


def refiner(size_yx=(16, 32), seed=0):
    """Random weights; the corners move by a tenth or so with what is seen."""
    keras.utils.set_random_seed(seed)
    model = build_refiner(RefinerConfig(size_yx=size_yx, grow=1.4, width=2))
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # Something to fold into the convolution in front.
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights(
                [
                    gamma * rng.uniform(0.7, 1.3, gamma.shape),
                    beta + rng.normal(0, 0.2, beta.shape),
                    mean + rng.normal(0, 0.2, mean.shape),
                    variance * rng.uniform(0.5, 1.5, variance.shape),
                ]
            )
    head = model.get_layer("corners")
    kernel, bias = head.get_weights()
    noise = rng.uniform(0, 1, (8, *size_yx, 1)).astype("float32")
    features = keras.Model(model.input, head.input)(noise).numpy()
    kernel *= 0.1 / (features @ kernel).std(0)
    head.set_weights([kernel, bias - (features @ kernel).mean(0)])
    return model


def reader_model(config=FUSION, **changes):
    """A fused model of both."""
    arch = "dense" if config.flow == "multiflow" else "cnn"
    return fuse(
        detector(),
        recognizer(size_yx=config.crop.size_yx, arch=arch),
        config.replace(**changes),
    )


def squares(height, width, corners=((0.25, 0.17), (0.25, 0.5), (0.62, 0.33)), seed=0):
    """A dark photo with a bright square for each corner, in parts of the height, width.

    The squares are a quarter of the frame's height and textured, no two alike.
    """
    rng = np.random.default_rng(seed)
    photo = rng.integers(0, 40, (height, width, 3), np.uint8)
    side = max(1, round(min(height, width * 64 / 96) / 4))
    for i, (y, x) in enumerate(corners):
        top, left = round(y * height), round(x * width)
        area = photo[top : top + side, left : left + side]
        area[:] = rng.integers(225 - 10 * i, 250 - 10 * i, area.shape, np.uint8)
        # A dark bar: upright, lying, across.
        third = max(1, side // 3)
        bar = (
            (slice(None), slice(third)),
            (slice(third), slice(None)),
            (slice(third, 2 * third), slice(third, None)),
        )[i % 3]
        area[bar] -= np.uint8(110)
    return photo
