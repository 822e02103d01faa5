"""Every public thing says what it is for; layers say their shapes."""

import dataclasses
import importlib
import inspect
import types

import keras
import pytest
from test_public_api import NAMES, source
from test_registration import ours

from fused_ocr.config import Config


def public():
    """(name, object) of all public classes and functions, and their public methods."""
    for name in NAMES:
        module = importlib.import_module(name)
        for one in module.__all__:
            value = getattr(module, one)
            # In Python 3.10 an alias such as Callable[..., Any] is a class.
            if isinstance(value, types.GenericAlias):
                continue
            if not inspect.isclass(value) and not inspect.isfunction(value):
                continue
            yield f"{name}.{one}", value
            if inspect.isclass(value):
                for method, function in vars(value).items():
                    if not method.startswith("_") and inspect.isfunction(function):
                        yield f"{name}.{one}.{method}", function


PUBLIC = dict(public())


@pytest.mark.parametrize("name", NAMES)
def test_modules_have_a_sentence(name):
    doc = importlib.import_module(name).__doc__
    assert doc
    assert doc.strip().splitlines()[0].endswith((".", ",", ":")) or "\n" in doc.strip()


@pytest.mark.parametrize("name", PUBLIC)
def test_public_things_have_a_sentence(name):
    assert vars(PUBLIC[name]).get("__doc__") or PUBLIC[name].__doc__, name


@pytest.mark.parametrize("layer", ours(), ids=lambda cls: cls.__name__)
def test_layers_say_their_shapes(layer):
    doc = inspect.getdoc(layer)
    if not issubclass(layer, keras.layers.Layer):
        return
    for part in ("Args:", "Input shape:", "Output shape:"):
        assert part in doc, part
    assert "float32" in doc.split("Output shape:")[1]
    assert doc.index("Args:") < doc.index("Input shape:") < doc.index("Output shape:")
    # Every argument of the constructor is explained.
    for name, parameter in inspect.signature(layer.__init__).parameters.items():
        if name != "self" and parameter.kind is not parameter.VAR_KEYWORD:
            assert f"{name}:" in doc, name


def configs(parent=Config):
    for child in parent.__subclasses__():
        yield child
        yield from configs(child)


@pytest.mark.parametrize("cls", sorted(configs(), key=lambda c: c.__name__))
def test_fields_of_configurations_have_the_sentence_underneath(cls):
    if not cls.__module__.startswith("fused_ocr"):
        return
    lines = source(cls.__module__).splitlines()
    start = next(
        i for i, line in enumerate(lines) if line.startswith(f"class {cls.__name__}(")
    )
    for field in dataclasses.fields(cls):
        at = next(
            i
            for i in range(start, len(lines))
            if lines[i].startswith(f"    {field.name}:")
        )
        assert lines[at + 1].strip().startswith('"""'), field.name
