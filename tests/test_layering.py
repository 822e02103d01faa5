"""Imports go one way, files stay short, light modules light: DESIGN, section 3."""

import ast
import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
FOLDERS = ("fused_ocr", "training", "export")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
LIGHT = (
    "alphabet",
    "artefact",
    "boxes",
    "config",
    "config_base",
    "drawing",
    "errors",
    "images",
    "result",
    "spelling",
)
HEAVY = {"tensorflow", "keras", "h5py", "keras_retinanet", "tensorflow_datasets"}
SEVERAL = {"utils", "util", "helpers", "helper", "common", "misc"}
STAGES = ("detection", "recognition", "cropping")


def relative(path):
    return path.relative_to(ROOT).as_posix()


def package_of(path):
    """The dotted package that a file's relative imports start from."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[:-1] if parts[0] == "fused_ocr" else ("fused_ocr", *parts[:-1])
    return ".".join(parts)


def imports(path, *, lazy):
    """Dotted names that a file imports; with `lazy` those inside functions, too."""

    def within(node):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) and not lazy:
                continue
            # What only the type checker sees is no import.
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from (alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    above = package_of(path).split(".")
                    above = above[: len(above) - child.level + 1]
                    base = ".".join([*above, *([base] if base else [])])
                yield base
                yield from (f"{base}.{alias.name}" for alias in child.names)
            else:
                yield from within(child)

    return set(within(ast.parse(path.read_text("utf-8"))))


def under(names, prefix):
    return sorted(n for n in names if n == prefix or n.startswith(f"{prefix}."))


def test_the_walk_finds_what_is_there():
    names = {relative(path) for path in FILES}
    assert {
        "fused_ocr/fusion.py",
        "fused_ocr/detection/anchors.py",
        "training/runs.py",
        "fused_ocr/recognition/flows.py",
    } <= names
    found = imports(ROOT / "fused_ocr" / "fusion.py", lazy=False)
    assert "fused_ocr.detection.retinanet.decoding_of" in found
    found = imports(ROOT / "training" / "targets.py", lazy=True)
    assert "keras_retinanet.utils.anchors" in found
    found = imports(ROOT / "training" / "examples.py", lazy=False)
    assert "fused_ocr.training.scenes" in found


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_files_are_short_and_named_after_one_thing(path):
    assert len(path.read_text("utf-8").splitlines()) <= 400
    assert path.stem.strip("_") not in SEVERAL
    assert not SEVERAL & set(path.relative_to(ROOT).parts)


def test_every_package_is_installed():
    setup = (ROOT / "setup.py").read_text("utf-8")
    for path in FILES:
        assert f'"{package_of(path)}",' in setup, path


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_directions(path):
    parts = path.relative_to(ROOT).parts
    everything, at_once = imports(path, lazy=True), imports(path, lazy=False)
    others = [f"fused_ocr.{name}" for name in ("training", "export")]
    if parts[0] == "fused_ocr":
        # The command line alone knows training and export, and only when it needs them.
        may = parts[1].startswith("cli")
        for other in others:
            assert not under(at_once if may else everything, other)
    else:
        assert not under(everything, others[parts[0] == "training"])
        assert not under(everything, "fused_ocr.cli")


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_stages_do_not_know_each_other(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] != "fused_ocr" or parts[1] not in STAGES:
        return
    for stage in set(STAGES) - {parts[1]}:
        assert not under(imports(path, lazy=True), f"fused_ocr.{stage}")


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_siblings_are_imported_relatively(path):
    # So that training/ reads the same as fused_ocr.training and as training.
    parts = path.relative_to(ROOT).parts
    if parts[0] == "fused_ocr":
        return
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and not node.level:
            assert not (node.module or "").startswith(f"fused_ocr.{parts[0]}")


@pytest.mark.parametrize("name", LIGHT)
def test_light_modules_import_nothing_heavy(name):
    found = imports(ROOT / "fused_ocr" / f"{name}.py", lazy=False)
    assert not HEAVY & {one.split(".")[0] for one in found}


REPORT = """
import json, logging, os, sys, warnings

before = {
    "filters": list(map(repr, warnings.filters)),
    "show": warnings.showwarning is warnings._showwarning_orig,
    "handlers": len(logging.root.handlers),
    "level": logging.root.level,
    "environment": dict(os.environ),
}
for name in sys.argv[1:]:
    __import__(name)
after = {
    "filters": list(map(repr, warnings.filters)),
    "show": warnings.showwarning is warnings._showwarning_orig,
    "handlers": len(logging.root.handlers),
    "level": logging.root.level,
    "environment": dict(os.environ),
}
print(json.dumps({"modules": sorted(sys.modules), "same": before == after,
                  "before": before, "after": after}))
"""


def imported(*names):
    done = subprocess.run(
        [sys.executable, "-c", REPORT, *names],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=dict(os.environ),
    )
    return json.loads(done.stdout)


def test_importing_the_library_costs_nothing():
    report = imported("fused_ocr")
    tops = {name.split(".")[0] for name in report["modules"]}
    assert not tops & (HEAVY | {"numpy", "PIL", "click", "rich"})
    assert report["same"], (report["before"], report["after"])


def test_light_modules_need_no_tensorflow():
    report = imported(*(f"fused_ocr.{name}" for name in LIGHT))
    tops = {name.split(".")[0] for name in report["modules"]}
    assert not tops & HEAVY
    # numpy adds filters of its own; nothing else may.
    ours = set(report["after"]["filters"]) - set(report["before"]["filters"])
    assert all("numpy" in one for one in ours), ours
    assert report["before"]["handlers"] == report["after"]["handlers"]
    assert report["before"]["environment"] == report["after"]["environment"]
