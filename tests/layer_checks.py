"""One check for every custom layer: a true configuration, and outputs as declared."""

import copy
import inspect
import json

import keras
import numpy as np
import tensorflow as tf

from fused_ocr.config import AssemblyConfig

ASSEMBLY = AssemblyConfig(
    slots=5,
    max_gap=0.5,
    min_overlap=0.4,
    max_ratio=2.0,
    min_readable=0.3,
    min_score=0.01,
    min_line_score=0.02,
)
"""Not one field is its default, and random inputs are still read."""

TOLERANCE = 1e-5
"""Between eager and graph: the compiler may order sums otherwise."""


def check_layer(layer_class, arguments, cases, *, tolerance=TOLERANCE):
    """Check one layer class.

    Args:
        layer_class: the class.
        arguments: a value for every argument of the constructor, none its default.
        cases: a list of what the layer is called with, each a tuple of positional
            inputs, arrays or lists of arrays; of different sizes: square, H != W, odd.
        tolerance: between eager and graph.
    """
    _need_all_arguments(layer_class, arguments)
    for case in cases:
        untouched = copy.deepcopy(case)
        layer = layer_class(**arguments, name="checked")
        outputs = _numpy(layer(*case))
        keras.tree.map_structure(np.testing.assert_array_equal, case, untouched)
        _compare_rebuilt(layer, arguments, case, outputs)
        _compare_declared(layer_class(**arguments), case, outputs)
        traced = _numpy(tf.function(lambda *x, run=layer: run(*x))(*_tensors(case)))
        keras.tree.map_structure(
            lambda one, other: np.testing.assert_allclose(one, other, atol=tolerance),
            outputs,
            traced,
        )


def _need_all_arguments(layer_class, arguments):
    parameters = inspect.signature(layer_class.__init__).parameters
    own = {
        name: parameter.default
        for name, parameter in parameters.items()
        if name != "self" and parameter.kind is not parameter.VAR_KEYWORD
    }
    assert set(arguments) == set(own), "a value for every argument"
    for name, default in own.items():
        assert _plain(arguments[name]) != _plain(default), f"{name} is its default"
        _need_no_defaults(arguments[name], name)


def _need_no_defaults(value, name):
    """A configuration given as an argument has no field at its default either."""
    if hasattr(value, "to_dict"):
        given, default = value.to_dict(), type(value)().to_dict()
        for field in given:
            assert given[field] != default[field], f"{name}.{field} is its default"


def _compare_rebuilt(layer, arguments, case, outputs):
    """From real JSON: the same arguments one by one, and the same outputs."""
    config = json.loads(json.dumps(layer.get_config()))
    rebuilt = type(layer).from_config(copy.deepcopy(config))
    assert rebuilt.name == layer.name
    for one in (config, json.loads(json.dumps(rebuilt.get_config()))):
        for name, value in arguments.items():
            assert one[name] == _plain(value), name
    rebuilt(*case)  # builds it
    rebuilt.set_weights(layer.get_weights())
    keras.tree.map_structure(
        np.testing.assert_array_equal, outputs, _numpy(rebuilt(*case))
    )


def _compare_declared(layer, case, outputs):
    """What a symbolic call declares, batch unknown, is what came."""
    symbols = keras.tree.map_structure(
        lambda x: keras.Input(x.shape[1:], dtype=x.dtype.name), case
    )
    declared = layer(*symbols)
    keras.tree.assert_same_structure(declared, outputs)
    for symbol, value in zip(
        keras.tree.flatten(declared), keras.tree.flatten(outputs), strict=True
    ):
        assert symbol.dtype == value.dtype.name, symbol
        assert tuple(symbol.shape) == (None, *value.shape[1:]), symbol


def _plain(value):
    """As it stands in a JSON configuration."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if hasattr(value, "get_config"):
        value = keras.saving.serialize_keras_object(value)
    return value if value is inspect.Parameter.empty else json.loads(json.dumps(value))


def _numpy(outputs):
    return keras.tree.map_structure(lambda x: x.numpy(), outputs)


def _tensors(case):
    return keras.tree.map_structure(tf.constant, case)
