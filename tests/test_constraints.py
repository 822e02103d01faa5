"""`constraints.txt` has a version of all we ask for, for every Python, and for this one
of all that comes with it."""

import importlib.metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LINES = (Path(__file__).parent.parent / "constraints.txt").read_text().splitlines()
FIXED = [Requirement(line) for line in LINES if line and not line.startswith("#")]
UNPINNED = {"fused-ocr", "pip", "setuptools"}


def versions(name, **environment):
    """The versions that are fixed for a package, which should be one."""
    return [
        next(iter(one.specifier)).version
        for one in FIXED
        if canonicalize_name(one.name) == canonicalize_name(name)
        and (one.marker is None or one.marker.evaluate(environment))
    ]


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_what_we_ask_for_has_one_version_that_suits(python):
    for line in importlib.metadata.requires("fused-ocr"):
        asked = Requirement(line)
        if asked.name in UNPINNED:  # an extra of extras
            continue
        found = versions(asked.name, python_version=python)
        assert len(found) == 1, (asked.name, found)
        assert asked.specifier.contains(found[0]), (line, found)


def test_what_that_asks_for_is_fixed_too():
    seen, left = set(), [("fused-ocr", "dev")]
    while left:
        name, extra = left.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for line in importlib.metadata.requires(name) or ():
            asked = Requirement(line)
            if asked.marker is None or asked.marker.evaluate({"extra": extra}):
                left += [(asked.name, each) for each in {"", *asked.extras}]
    missing = {n for n, _ in seen if n not in UNPINNED and not versions(n)}
    assert len(seen) > 50
    assert not missing
