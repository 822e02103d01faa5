"""The tree of errors is the one that is drawn."""

import inspect
import pickle

import pytest

from fused_ocr import errors


def drawn():
    """The drawing as {name: parent}; indentation is four characters a level."""
    parents, path = {}, []
    for line in errors.__doc__.splitlines():
        name = line.lstrip(" │├└─")
        if not name.endswith("Error") or " " in name:
            continue
        level = (len(line) - len(name)) // 4
        path = [*path[: level - 1], name]
        parents[name] = path[-2] if len(path) > 1 else None
    return parents


def test_the_drawing_is_the_tree():
    def tree(parent):
        for child in parent.__subclasses__():
            if child.__module__ == errors.__name__:
                yield child.__name__, parent.__name__
                yield from tree(child)

    real = {"FusedOcrError": None, **dict(tree(errors.FusedOcrError))}
    assert drawn() == real
    assert sorted(real) == errors.__all__


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_has_a_sentence(name):
    assert inspect.getdoc(getattr(errors, name)).endswith((".", "do."))


def test_an_image_error_names_its_source():
    assert str(errors.ImageError("empty")) == "image: empty"
    error = errors.ImageDecodeError("truncated", "a.jpg")
    assert str(error) == "a.jpg: truncated" and error.source == "a.jpg"


@pytest.mark.parametrize("name", errors.__all__)
def test_errors_cross_processes(name):
    kind = getattr(errors, name)
    arguments = (
        ("empty", "a.jpg") if issubclass(kind, errors.ImageError) else ("empty",)
    )
    error = kind(*arguments)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind and str(again) == str(error)
    assert getattr(again, "source", None) == getattr(error, "source", None)


def test_python_knows_some_of_them():
    # A caller who catches what Python raises in such cases catches ours.
    assert issubclass(errors.ConfigError, ValueError)
    assert issubclass(errors.MissingDependencyError, ImportError)
