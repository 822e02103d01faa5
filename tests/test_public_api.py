"""What is public is what the modules' `__all__` say, and nothing else."""

import ast
import importlib
import pathlib
import pkgutil

import pytest

import fused_ocr

ROOT = pathlib.Path(__file__).parent.parent
PACKAGES = ("fused_ocr", "fused_ocr.training", "fused_ocr.export")


def names():
    for package in PACKAGES:
        found = importlib.import_module(package)
        for one in pkgutil.walk_packages(found.__path__, f"{package}."):
            if not one.ispkg and not one.name.rsplit(".", 1)[-1].startswith("_"):
                yield one.name


NAMES = sorted(set(names()))


def source(name):
    return pathlib.Path(importlib.util.find_spec(name).origin).read_text("utf-8")


NOT_EXPORTED = {
    # A protocol that only says what a tensor is, to the type checker.
    "fused_ocr.images": {"Tensor"},
}


def order(name):
    """Constants, classes, functions, each by the alphabet: ruff's rule RUF022."""
    return (not name.isupper(), not name[:1].isupper(), name)


def test_the_library():
    assert fused_ocr.__all__ == sorted(fused_ocr.__all__)
    assert dir(fused_ocr) == fused_ocr.__all__
    for name in fused_ocr.__all__:
        assert getattr(fused_ocr, name) is not None
    with pytest.raises(AttributeError, match="'fused_ocr' has no attribute 'utils'"):
        fused_ocr.utils  # noqa: B018


def test_what_the_type_checker_sees_is_what_there_is():
    tree = ast.parse(source("fused_ocr"))
    seen = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == fused_ocr._HOMES
    assert {*seen, "__version__"} == set(fused_ocr.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_modules_say_what_is_public(name):
    module = importlib.import_module(name)
    public = getattr(module, "__all__", None)
    assert public is not None
    assert public == sorted(public, key=order) and len(set(public)) == len(public)
    for one in public:
        assert hasattr(module, one), one
    # Every public class and function defined there is in it.
    defined = [
        node.name
        for node in ast.parse(source(name)).body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and not node.name.startswith("_")
        # Commands are public on the command line.
        and not (name.startswith("fused_ocr.cli") and node.decorator_list)
    ]
    assert set(defined) - set(public) <= NOT_EXPORTED.get(name, set())


@pytest.mark.parametrize("name", NAMES)
def test_no_module_takes_the_private_things_of_another(name):
    for node in ast.walk(ast.parse(source(name))):
        if isinstance(node, ast.ImportFrom) and (
            node.level or (node.module or "").startswith("fused_ocr")
        ):
            private = [
                alias.name
                for alias in node.names
                if alias.name.startswith("_") and not alias.name.startswith("__")
            ]
            assert private == [], (node.module, private)
