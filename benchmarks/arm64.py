"""`.tflite` files on an arm64 processor, emulated, against the same files here.

    python benchmarks/arm64.py [--model digits ...] [--quantize none ...] [--photos ...]

LiteRT of the same version reads the same photos twice: here, and as its arm64 wheel
under Debian's arm64 Python in QEMU's user-mode emulation. Everything is unpacked to one
folder, nothing is installed; the folder is made once (130 MB to load, 220 MB on disk)
and used again. It needs Debian or one of its children, with apt-get and dpkg-deb.
Emulation takes some 20 seconds a photo; times say nothing about phones.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import importlib.metadata
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from PIL import Image

ROOT = Path(__file__).parent.parent
PHOTOS = ROOT / "examples" / "photos"
MODELS = ("digits", "plates", "numbers")

SOURCES = """\
deb [arch=arm64,amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \
http://deb.debian.org/debian bookworm main
"""

PYTHON = ("3.11", "python3.11")
"""What the wheels are for, and Debian's package of it."""

PROCESSOR = "cortex-a76"
"""A phone's: half floats and dot products of bytes, no SVE."""

CPUINFO = """\
processor\t: 0
BogoMIPS\t: 50.00
Features\t: fp asimd aes pmull sha1 sha2 crc32 atomics fphp asimdhp asimdrdm lrcpc \
dcpop asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0b
CPU revision\t: 1

"""
"""XNNPACK looks for ARM's fields in /proc/cpuinfo; at an x86 one it crashes."""

READ = """
import json, os, platform, sys
sys.path[:0] = sys.argv[1:3]
import fused_ocr
assert platform.machine() == "aarch64", platform.machine()
reader = fused_ocr.load(sys.argv[3], threads=1)
for photo in sys.argv[4:]:
    print(json.dumps(reader.predict(photo).to_dict()), flush=True)
"""


@click.command()
@click.option(
    "--model",
    "models",
    multiple=True,
    default=MODELS,
    help="Shipped name, .keras file, or .tflite file, which is taken as it is.",
)
@click.option(
    "--quantize",
    "kinds",
    multiple=True,
    type=click.Choice(["none", "float16", "dynamic", "int8"]),
    default=["none"],
)
@click.option("--photos", multiple=True, help="Files or folders; else the samples.")
@click.option("--size", type=int, nargs=2, default=(720, 1280), show_default=True)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / "runs" / "arm64",
    help="Where everything is unpacked.",
)
def main(
    models: tuple[str, ...],
    kinds: tuple[str, ...],
    photos: tuple[str, ...],
    size: tuple[int, int],
    folder: Path,
) -> None:
    """Print the table; exit status 1 if anything differs."""
    from fused_ocr.cli_runs import quiet
    from fused_ocr.errors import FusedOcrError

    python = emulated_python(folder)
    print("| | photos | read alike | readings | a box, px | a score |")
    print("|---|---|---|---|---|---|", flush=True)
    missed = False
    for model in models:
        with tempfile.TemporaryDirectory() as made:
            for kind in kinds if not model.endswith(".tflite") else ("",):
                try:
                    with quiet():
                        files = _photos(model, photos, Path(made))
                        path = _exported(model, kind, size, files, Path(made))
                        here = _here(path, files)
                except FusedOcrError as error:
                    raise click.ClickException(str(error)) from error
                there = _there(python, folder, path, files)
                row, misses = _compared(files, here, there)
                for miss in misses:
                    print(f"{model} {kind}: {miss}", file=sys.stderr)
                missed |= bool(misses)
                print(f"| `{Path(model).stem}` {kind} | {row} |", flush=True)
    sys.exit(missed)


def _compared(files: Sequence[str], here: list, there: list) -> tuple[str, list[str]]:
    """The cells of a row, and what differs."""
    from fused_ocr.export.check_photos import CheckPhoto
    from fused_ocr.export.parity import BOX_TOLERANCE, compare

    shown = [CheckPhoto.from_file(Path(file)) for file in files]
    report = compare(shown, here, there)
    apart = [
        float(np.abs(a.scores - b.scores).max(initial=0.0))
        for a, b in zip(here, there, strict=True)
        if a.texts == b.texts
    ]
    cells = (
        report.photos,
        report.photos - len(report.differing),
        report.readings,
        f"{report.largest_shift:.4f} (at most {BOX_TOLERANCE})",
        f"{max(apart, default=0.0):.1e}",
    )
    return " | ".join(map(str, cells)), list(report.misses)


def emulated_python(folder: Path) -> list[str]:
    """A command that is an arm64 Python with LiteRT, unpacked if it is not there.

    Args:
        folder: where it is unpacked.

    Raises:
        click.ClickException: a program is missing, or nothing could be loaded.
    """
    qemu = folder / "qemu" / "usr" / "bin" / "qemu-aarch64-static"
    system = folder / "system"
    versions = [
        f"{name}=={importlib.metadata.version(name)}"
        for name in ("ai-edge-litert", "numpy", "pillow")
    ]
    ready = folder / "ready"
    if not ready.is_file() or ready.read_text() != "\n".join(versions):
        for name in ("apt-get", "dpkg-deb"):
            if shutil.which(name) is None:
                raise click.ClickException(f"{name} is not there: this needs Debian.")
        for name in ("qemu", "system", "packages"):
            shutil.rmtree(folder / name, ignore_errors=True)
        _debian(folder, system, [PYTHON[1], "libstdc++6"], "arm64")
        here = _run(["dpkg", "--print-architecture"]).strip()
        _debian(folder, folder / "qemu", ["qemu-user-static"], here)
        for other in qemu.parent.iterdir():
            if other != qemu:
                other.unlink()  # 60 other processors
        # The emulator looks for files in the system's folder first.
        (system / "proc").mkdir(exist_ok=True)
        (system / "proc" / "cpuinfo").write_text(CPUINFO)
        platforms = ("manylinux_2_28", "manylinux_2_27", "manylinux2014")
        _run(
            [
                *(sys.executable, "-m", "pip", "install", "-q", "--no-compile"),
                *("--target", str(folder / "packages"), "--only-binary=:all:"),
                *("--python-version", PYTHON[0], "--implementation", "cp"),
                *(f"--platform={name}_aarch64" for name in platforms),
                *versions,
            ]
        )
        ready.write_text("\n".join(versions))
    python = system / "usr" / "bin" / PYTHON[1]
    command = [str(qemu), "-cpu", PROCESSOR, "-L", str(system), str(python), "-I"]
    if _run([*command, "-c", "import platform; print(platform.machine())"]) != (
        "aarch64\n"
    ):
        raise click.ClickException(f"{python} is no arm64 Python.")
    return command


def _debian(folder: Path, out: Path, packages: Sequence[str], processor: str) -> None:
    """Unpack packages and what they depend on; apt's own state is not touched."""
    state = folder / "apt" / processor
    for name in ("lists/partial", "archives/partial", "etc/sources.list.d"):
        (state / name).mkdir(parents=True, exist_ok=True)
    (state / "status").write_text("")
    (state / "etc" / "sources.list").write_text(SOURCES)
    options = {
        "APT::Architecture": processor,
        "APT::Architectures::": processor,
        "APT::Sandbox::User": "",
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::Cache": state,
        "Dir::Etc": state / "etc",
        "Dir::Etc::sourcelist": state / "etc" / "sources.list",
        "Dir::Etc::sourceparts": state / "etc" / "sources.list.d",
    }
    apt = ["apt-get", "-qq", "-y"]
    apt += [f"-o{name}={value}" for name, value in options.items()]
    _run([*apt, "update"])
    _run([*apt, "install", "--no-install-recommends", "--download-only", *packages])
    out.mkdir(parents=True)
    for file in sorted((state / "archives").glob("*.deb")):
        _run(["dpkg-deb", "-x", str(file), str(out)])
    shutil.rmtree(folder / "apt")


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise click.ClickException(
            f"{Path(command[0]).name} failed: {said[-1] if said else done.returncode}"
        )
    return done.stdout


def _photos(model: str, photos: tuple[str, ...], folder: Path) -> list[str]:
    """Paths of what is read: the given photos or the samples, and drawn pictures."""
    from fused_ocr.alphabet import DIGITS
    from fused_ocr.cli_photos import photo_files
    from fused_ocr.export.check_photos import drawn_photos

    samples = PHOTOS / model if (PHOTOS / model).is_dir() else PHOTOS
    files = [os.path.abspath(path) for path in photo_files(photos or (str(samples),))]
    for i, photo in enumerate(drawn_photos(DIGITS)):
        files.append(str(folder / f"drawn_{i}.png"))
        Image.fromarray(photo.image).save(files[-1])
    return files


def _exported(
    model: str, kind: str, size: tuple[int, int], files: Sequence[str], folder: Path
) -> Path:
    from fused_ocr.artefact import find_artefact
    from fused_ocr.export.check_photos import CheckPhoto
    from fused_ocr.export.tflite import convert
    from fused_ocr.fusion import describe
    from fused_ocr.runtimes import load_keras_model
    from fused_ocr.tflite_file import with_files

    if not kind:
        return find_artefact(model)
    loaded = load_keras_model(find_artefact(model))
    shown = [CheckPhoto.from_file(Path(file)) for file in files]
    path = folder / f"{Path(model).stem}-{kind}.tflite"
    network = convert(loaded, size, kind, shown)
    path.write_bytes(with_files(network, describe(loaded), ""))
    return path


def _here(path: Path, files: Sequence[str]) -> list:
    import fused_ocr

    reader = fused_ocr.load(path, threads=1)
    return [reader.predict(file) for file in files]


def _there(
    python: Sequence[str], folder: Path, path: Path, files: Sequence[str]
) -> list:
    from fused_ocr.result import Readings

    where = [str((folder / "packages").absolute()), str(ROOT)]
    found = _run([*python, "-c", READ, *where, str(path.absolute()), *files])
    return [Readings.from_dict(json.loads(line)) for line in found.splitlines()]


if __name__ == "__main__":
    main()
