"""Builds the page into a folder that any web server can hand out.

    python examples/web/build.py [--models digits,plates,numbers]

Needs npm and the extra `export`. What comes of it, `examples/web/dist`, has everything
inside: the page, LiteRT.js, the models, a few sample photos.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

import fused_ocr
from fused_ocr.artefact import is_tflite, shipped_models
from fused_ocr.images import read_image

sys.path.insert(0, str(Path(__file__).parent))
from icon import icon

HERE = Path(__file__).parent
PHOTOS = HERE.parent / "photos"
PACKAGES = HERE / "node_modules" / "@litertjs"

WASM = (
    "litert_wasm_internal",
    "litert_wasm_compat_internal",
    "litert_wasm_jspi_internal",
)
"""With relaxed SIMD, without, for WebGPU; the threaded one needs special headers."""

SAMPLES = 4
"""Photos of each model that the page offers."""


@click.command()
@click.option(
    "--models",
    default=",".join(shipped_models()),
    show_default=True,
    help="Shipped names, .keras files, or .tflite files that are exported already.",
)
@click.option(
    "--input-size",
    default="1280x1280",
    show_default=True,
    help="Of the frame: square, since phones take photos upright and across.",
)
@click.option(
    "--quantize",
    default="none",
    show_default=True,
    help="See `fused-ocr export tflite`. float16 is half to download and, in "
    "LiteRT.js, several times slower.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=HERE / "dist", show_default=True
)
def main(models: str, input_size: str, quantize: str, out: Path) -> None:
    """Build the page into OUT."""
    npm = shutil.which("npm")
    if npm is None:
        raise click.ClickException("npm is not there: install Node.js 20 or newer.")
    if not (PACKAGES / "core").is_dir():
        _run([npm, "ci", "--omit=dev", "--no-fund", "--no-audit"])
    # What is served stays whole until the new one is.
    new = out.with_name(f".{out.name}-new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(HERE / "page", new)
    for size in (192, 512):
        icon(size).save(new / f"icon-{size}.png", optimize=True)
    _copy_litert(new / "litert")
    listed = [_model(name, new, input_size, quantize) for name in models.split(",")]
    (new / "models.json").write_text(json.dumps(listed, indent=1), "utf-8")
    _list_files(new)
    shutil.rmtree(out, ignore_errors=True)
    new.rename(out)
    click.echo(f"{out} is ready. See it: python -m http.server -d {out}")


def _copy_litert(folder: Path) -> None:
    wasm = folder / "wasm"
    wasm.mkdir(parents=True)
    for name in WASM:
        for suffix in (".js", ".wasm"):
            shutil.copy(PACKAGES / "core" / "wasm" / f"{name}{suffix}", wasm)
    shutil.copy(
        PACKAGES / "wasm-utils" / "dist" / "bundle.js", folder / "wasm-utils.js"
    )
    # Browsers do not find packages by name, and workers have no import maps.
    text = (PACKAGES / "core" / "dist" / "index.js").read_text("utf-8")
    name = '"@litertjs/wasm-utils"'
    if text.count(name) != 1:
        raise click.ClickException(
            f"@litertjs/core mentions {name} {text.count(name)} times instead of once: "
            "this version of it is not known. Take the one in package-lock.json."
        )
    text = text.replace(name, '"./wasm-utils.js"')
    text = text.replace("//# sourceMappingURL=index.js.map", "")
    (folder / "litert.js").write_text(text, "utf-8")


def _model(model: str, out: Path, input_size: str, quantize: str) -> dict[str, Any]:
    """Put a model and its sample photos into the folder; what `models.json` says."""
    name = Path(model).stem
    path = out / f"{name}.tflite"
    if is_tflite(Path(model)):
        shutil.copy(model, path)
    else:
        program = "from fused_ocr.cli import main; main()"
        command = [sys.executable, "-c", program, "export", "tflite", model]
        sizes = ["--input-size", input_size, "--quantize", quantize]
        photos = PHOTOS / name
        shown = ["--photos", str(photos)] if photos.is_dir() else []
        _run([*command, str(path), *sizes, *shown])
    reader, samples = fused_ocr.load(path), []
    (out / "samples").mkdir(exist_ok=True)
    for photo in sorted((PHOTOS / name).glob("*.jpg"))[:SAMPLES]:
        file = f"samples/{name}-{photo.name}"
        shutil.copy(photo, out / file)
        # A browser whose graphics processor reads otherwise does not use it.
        samples.append({"file": file, "texts": reader.predict(read_image(photo)).texts})
    return {
        "name": name,
        "title": name.capitalize(),
        "file": path.name,
        "bytes": path.stat().st_size,
        "webgpu": _has_fixed_shapes(path),
        "samples": samples,
    }


def _has_fixed_shapes(path: Path) -> bool:
    """Whether WebGPU may take it: not where shapes follow what is found."""
    from ai_edge_litert.interpreter import Interpreter

    tensors = Interpreter(str(path), num_threads=1).get_tensor_details()
    return all(min(one["shape_signature"], default=1) >= 0 for one in tensors)


def _list_files(folder: Path) -> None:
    """Tell the service worker what there is."""
    hashes = {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes())
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != "sw.js"
    }
    short = {name: value.hexdigest()[:12] for name, value in hashes.items()}
    worker = folder / "sw.js"
    text, slot = worker.read_text("utf-8"), "{}; /* build.py */"
    if text.count(slot) != 1:
        raise click.ClickException(f"{worker.name} has no place for the list of files.")
    worker.write_text(text.replace(slot, f"{json.dumps(short, indent=2)};"), "utf-8")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=HERE, check=False)
    if done.returncode:
        raise click.ClickException(f"`{' '.join(command)}` failed.")


if __name__ == "__main__":
    main()
