"""The files that TF Serving is started with, beside the models: each number with why.

What is there already stays as it is: a model is added to `models.config`, and the batch
sizes of `batching.config` hold for every model of that folder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from fused_ocr.errors import ArtefactError, ConfigError
from fused_ocr.files import write_atomically

__all__ = ["BATCH_SIZES", "allowed_batch_sizes", "server_files", "write_server_files"]

BATCH_SIZES = (1, 2, 3, 4)
"""How many photos run together, if nobody says otherwise."""

_MODEL = """\
  config {{
    name: "{name}"
    # Inside the container, which sees this folder as /models.
    base_path: "/models/{name}"
    model_platform: "tensorflow"
    # The newest version alone. It is loaded and warmed up beside the one before, which
    # answers until then: a change takes the memory of two. To go back to version 1,
    # write specific {{ versions: 1 }} here; the file is read again every minute.
    model_version_policy {{ latest {{ num_versions: 1 }} }}
  }}
"""

_MODELS = """\
# For tensorflow_model_server --model_config_file; see docker-compose.yml.
model_config_list {{
{model}}}
"""

_BATCHING = """\
# For tensorflow_model_server --enable_batching --batching_parameters_file; see
# docker-compose.yml. It holds for every model of the server. Measurements are those of
# benchmarks/serving.py --batches: shipped models, examples/photos, two shared cores.
#
# What it is for on a processor is the queue: a server without it starts on everything
# at once and slows down without end. Pixels (serving_default, serving_padded) of other
# sizes than those beside them are refused: send files, or leave batching off.

# The most photos that run together, and that a request may have; a larger request is
# refused. More gain nothing on a processor: one by one it read 9 to 20 photos a second,
# in fours 8 to 12. On a GPU try 16 or 32.
max_batch_size {{ value: {largest} }}

# Do not wait for others to fill a batch, since a fuller one is no faster. What has
# queued up meanwhile still goes together. On a GPU try 2000.
batch_timeout_micros {{ value: 0 }}

# Batches that may wait. Full, this queue is {seconds:.0f} s of work at 10 photos
# a second, which clients with a timeout of 10 s still get; more cores take less. What
# comes then is answered UNAVAILABLE (503) at once, and clients come back later.
max_enqueued_batches {{ value: {enqueued} }}

# Batches at work at a time: the cores of the server, so that one is decoded, on one
# core, while others are read, on all. On two cores 1, 2 and 4 read about as many photos
# a second.
num_batch_threads {{ value: {cores} }}

# Batches are filled up to one of these with copies of a photo, which take as long as
# photos: so every size there is. Each is warmed up by requests in assets.extra of the
# versions; exports into this folder take the sizes from here.
{sizes}
"""

_COMPOSE = """\
# docker compose up --detach
#
# REST on port 8501, gRPC on port 8500, of this machine alone: TF Serving knows no
# passwords, so what is reachable from elsewhere belongs behind a proxy that does.
services:
  tf-serving:
    image: tensorflow/serving:2.21.0
    command:
      - --model_config_file=/models/models.config
      - --model_config_file_poll_wait_seconds=60
      - --enable_batching=true
      - --batching_parameters_file=/models/batching.config
      - --rest_api_timeout_in_ms=30000
    ports:
      - "127.0.0.1:8501:8501"
      - "127.0.0.1:8500:8500"
    volumes:
      # The folder, not its files: a new version appears in it by rename.
      - .:/models:ro
    restart: unless-stopped
    healthcheck:
      # The image has no curl.
      test:
        - CMD
        - bash
        - -c
        - >-
          exec 3<>/dev/tcp/127.0.0.1/8501 &&
          printf 'GET /v1/models/{name} HTTP/1.0\\r\\n\\r\\n' >&3 &&
          grep -q AVAILABLE <&3
      interval: 10s
      timeout: 5s
      start_period: 60s
"""

_ENQUEUED_PHOTOS = 64
"""The queue's length for any batch size, photos."""


def allowed_batch_sizes(
    folder: Path, wanted: Sequence[int] | None = None
) -> tuple[int, ...]:
    """The batch sizes that a folder's `batching.config` allows, or will allow.

    Args:
        folder: with the models.
        wanted: what a new `batching.config` is to allow; `BATCH_SIZES` if None.

    Raises:
        ConfigError: `wanted` are no batch sizes, or not those of the file there.
    """
    if wanted is not None and (
        not wanted or min(wanted) < 1 or list(wanted) != sorted(set(wanted))
    ):
        raise ConfigError(
            f"Batch sizes are 1 or more and ascend, such as 1,2,4. Received: "
            f"{','.join(map(str, wanted))}."
        )
    found = _sizes_in(folder / "batching.config")
    if found and wanted and found != tuple(wanted):
        raise ConfigError(
            f"{folder / 'batching.config'} allows batches of "
            f"{','.join(map(str, found))}, and holds for every model there. Received: "
            f"{','.join(map(str, wanted))}. Leave --batch-sizes out, or remove the "
            "file so that it is written anew."
        )
    return found or tuple(wanted or BATCH_SIZES)


def server_files(
    folder: Path, name: str, sizes: Sequence[int], cores: int
) -> dict[Path, str]:
    """What is to be written so that a server of `folder` serves model `name`.

    Args:
        folder: with the models.
        name: of the model, a folder in it.
        sizes: see `allowed_batch_sizes`.
        cores: of the server.

    Returns:
        Texts by path; of files that need no change, none.

    Raises:
        ArtefactError: there is a `models.config` that cannot be understood.
    """
    enqueued = max(1, _ENQUEUED_PHOTOS // max(sizes))
    made = {
        "batching.config": _BATCHING.format(
            largest=max(sizes),
            enqueued=enqueued,
            seconds=enqueued * max(sizes) / 10,
            cores=cores,
            sizes="\n".join(f"allowed_batch_sizes: {size}" for size in sizes),
        ),
        "docker-compose.yml": _COMPOSE.format(name=name),
    }
    texts = {
        folder / file: text
        for file, text in made.items()
        if not (folder / file).exists()
    }
    models = folder / "models.config"
    if not models.exists():
        texts[models] = _MODELS.format(model=_MODEL.format(name=name))
    elif name not in _names(models.read_text("utf-8"), models):
        texts[models] = _with_model(models, name)
    return texts


def write_server_files(texts: dict[Path, str]) -> None:
    """Write each file whole or not at all.

    Raises:
        OSError: one cannot be written.
    """
    for path, text in texts.items():
        write_atomically(path, text.encode())


def _sizes_in(path: Path) -> tuple[int, ...]:
    if not path.exists():
        return ()
    text = re.sub(r"#.*", "", path.read_text("utf-8"))
    fields = re.findall(r"allowed_batch_sizes\s*:\s*(\[[^]]*\]|\d+)", text)
    return tuple(int(size) for field in fields for size in re.findall(r"\d+", field))


def _with_model(models: Path, name: str) -> str:
    """The file with one more model at the end of its list."""
    text = models.read_text("utf-8")
    end = text.rfind("}")
    model = _MODEL.format(name=name)
    longer = f"{text[:end]}{model}{text[end:]}"
    before = _names(text, models)
    try:
        after = _names(longer, models)
    except ArtefactError:
        after = []
    if end < 0 or after != [*before, name]:
        raise ArtefactError(
            f"{models} has no list of models that another could be added to. Add this "
            f"to it yourself:\n{model}"
        )
    return longer


def _names(text: str, path: Path) -> list[str]:
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    try:
        parsed = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except text_format.ParseError as error:
        raise ArtefactError(
            f"{path} is no configuration of TF Serving's models: {error}. Mend or "
            "remove it."
        ) from error
    return [one.name for one in parsed.model_config_list.config]
