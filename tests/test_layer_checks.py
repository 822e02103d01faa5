"""The harness itself: it passes a right layer and finds every fault it is there for."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from layer_checks import check_layer


class Scale(keras.layers.Layer):
    """A right layer: x * by + add, doubled along the width."""

    def __init__(self, by=1.0, add=0.0, **kwargs):
        super().__init__(**kwargs)
        self.by, self.add = by, add

    def call(self, x):
        return keras.ops.concatenate([x * self.by + self.add] * 2, axis=2)

    def compute_output_shape(self, shape):
        return (shape[0], shape[1], 2 * shape[2])

    def get_config(self):
        return {**super().get_config(), "by": self.by, "add": self.add}


class MissingKey(Scale):
    def get_config(self):
        return {k: v for k, v in super().get_config().items() if k != "add"}


class WrongAttribute(Scale):
    def get_config(self):
        return {**super().get_config(), "add": self.by}


class ForgetsAnArgument(Scale):
    def __init__(self, by=1.0, add=0.0, **kwargs):
        super().__init__(by, 0.0, **kwargs)


class HeightForWidth(Scale):
    def compute_output_shape(self, shape):
        return (shape[0], shape[1], 2 * shape[1])


class WrongType(Scale):
    def compute_output_spec(self, x):
        return keras.KerasTensor(self.compute_output_shape(x.shape), dtype="int32")


class OtherInAGraph(Scale):
    def call(self, x):
        return super().call(x) + (0.0 if tf.executing_eagerly() else 1.0)


class ChangesItsInput(Scale):
    def call(self, x):
        CASES[0][0][0, 0, 0] += 1
        return super().call(x)


def cases():
    return [(np.ones((2, 4, 4), np.float32),), (np.ones((2, 3, 5), np.float32),)]


CASES = cases()
ARGUMENTS = {"by": 2.0, "add": 3.0}


def test_a_right_layer():
    check_layer(Scale, ARGUMENTS, cases())


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (MissingKey, "add"),
        (WrongAttribute, "add"),
        (ForgetsAnArgument, "add"),
        (HeightForWidth, "6"),
        (WrongType, "int32"),
        (OtherInAGraph, "Not equal to tolerance"),
        (ChangesItsInput, "not equal"),
    ],
)
def test_faults_are_found(layer, message):
    CASES[:] = cases()
    with pytest.raises((AssertionError, KeyError), match=message):
        check_layer(layer, ARGUMENTS, CASES)


@pytest.mark.parametrize("arguments", [{"by": 2.0}, {"by": 1.0, "add": 3.0}])
def test_every_argument_is_needed_and_none_may_be_the_default(arguments):
    with pytest.raises(AssertionError, match=r"every argument|by is its default"):
        check_layer(Scale, arguments, cases())
