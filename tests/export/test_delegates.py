"""What delegates take of small networks whose operators are known."""

import numpy as np
import tensorflow as tf

from fused_ocr.export.delegates import of_open_shape, taken_by_xnnpack
from fused_ocr.export.operators import operators


def network_of(function, *specs):
    concrete = tf.function(function, input_signature=specs).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    return converter.convert()


def test_floats_are_taken_and_strings_of_integers_are_not():
    kernel = tf.constant(np.ones((3, 3, 1, 2), np.float32))

    def both(x):
        x = tf.nn.conv2d(x, kernel, 1, "SAME")  # CONV_2D
        x = tf.nn.max_pool2d(x, 2, 2, "SAME")  # MAX_POOL_2D
        return tf.argmax(x[0, 0], -1)  # what cuts the slice out, and ARG_MAX

    network = network_of(both, tf.TensorSpec((1, 8, 8, 1)))
    assert operators(network)["ARG_MAX"] == operators(network)["CONV_2D"] == 1
    taken = taken_by_xnnpack(network).total()
    assert 2 <= taken < operators(network).total()
    assert of_open_shape(network).total() == 0

    whole = tf.TensorSpec((2, 2), tf.int32)
    assert taken_by_xnnpack(network_of(lambda a: a // 3 + a, whole)).total() == 0


def test_what_depends_on_what_is_found_is_open():
    def found(x):
        places = tf.where(x > 0)[:, 0]  # as many as there are
        return tf.gather(x, places) * 2.0, x + 1.0

    network = network_of(found, tf.TensorSpec((5,)))
    # GREATER and ADD are of five values each; WHERE and what follows are not.
    every = operators(network)
    assert of_open_shape(network).total() == every.total() - 2
