"""Pixels that are turned into floats by XNNPACK are the same floats."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from fused_ocr.export.delegates import taken_by_xnnpack
from fused_ocr.export.input_pixels import dequantized
from fused_ocr.export.operators import operators

PIXELS = np.random.default_rng(3).integers(0, 256, (1, 6, 5, 3), np.uint8)


def network_of(function, dtype):
    images = tf.TensorSpec(PIXELS.shape, dtype, name="images")
    concrete = tf.function(function, input_signature=[images])
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [concrete.get_concrete_function()], tf.Module()
    )
    return converter.convert()


def two_uses(images):
    """Floats of the frame, and pixels of it that stay integers until they are used."""
    some = tf.gather(tf.reshape(images, (-1, 3)), [0, 7, 29])
    return {
        "frame": tf.cast(images, tf.float32) * 0.5,
        "some": tf.cast(some, tf.float32) / 255.0,
    }


def test_the_same_floats_and_one_operator_more_for_xnnpack():
    before = network_of(two_uses, tf.uint8)
    after = dequantized(before)
    assert operators(after) - operators(before) == {"DEQUANTIZE": 1}
    assert operators(before) - operators(after) == {"CAST": 1}
    assert taken_by_xnnpack(after).total() == taken_by_xnnpack(before).total() + 1
    run = Interpreter(model_content=after).get_signature_runner()
    (told,) = run.get_input_details().values()
    assert told["dtype"] == np.uint8 and told["quantization"] == (1.0, 0)
    found = run(images=PIXELS)
    np.testing.assert_array_equal(found["frame"], PIXELS.astype(np.float32) * 0.5)
    some = PIXELS.reshape(-1, 3)[[0, 7, 29]].astype(np.float32) / np.float32(255)
    np.testing.assert_allclose(found["some"], some, rtol=1e-6)


@pytest.mark.parametrize(
    ("function", "dtype"),
    [
        (lambda images: images * 2.0, tf.float32),
        (lambda images: tf.cast(images, tf.int32) * 2, tf.uint8),
    ],
)
def test_a_network_without_such_floats_is_left_alone(function, dtype):
    network = network_of(function, dtype)
    assert dequantized(network) is network
