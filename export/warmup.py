"""Warm-up requests beside a SavedModel, which TF Serving replays while it loads one.

Without them the first requests pay for what TensorFlow does late: optimising the graph
of each signature, choosing kernels for each batch size, growing its memory.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import Image

from fused_ocr.artefact import EXTRA
from fused_ocr.errors import CheckFailedError, MissingDependencyError

from .check_photos import CheckPhoto

__all__ = [
    "WARMUP_FILE",
    "open_session",
    "replay",
    "require_serving_api",
    "write_warmup",
]

WARMUP_FILE = f"{EXTRA}/tf_serving_warmup_requests"
"""Where TF Serving looks for them, in the folder of a version."""

Run = Callable[[str, dict[str, npt.NDArray[Any]]], dict[str, npt.NDArray[Any]]]
"""Signature and inputs by name to outputs by name."""


def require_serving_api() -> None:
    """Raise `MissingDependencyError` if TF Serving's messages are not installed."""
    try:
        import tensorflow_serving.apis  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "Warm-up requests are messages of TF Serving, and tensorflow-serving-api "
            "is not installed. Install it: pip install 'fused-ocr[serving]'."
        ) from error


def write_warmup(
    saved: Path, name: str, photos: Sequence[CheckPhoto], batch_sizes: Sequence[int]
) -> int:
    """Write one request for each signature and batch size.

    Args:
        saved: folder of a SavedModel of `export_saved_model`.
        name: of the model in requests.
        photos: what is sent, in turn; at least one.
        batch_sizes: photos in a request.

    Returns:
        How many requests were written.

    Raises:
        MissingDependencyError: tensorflow-serving-api is not installed.
    """
    require_serving_api()
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    file = saved / WARMUP_FILE
    file.parent.mkdir(exist_ok=True)
    written = 0
    with tf.io.TFRecordWriter(str(file)) as writer:
        for size in batch_sizes:
            for signature, inputs in _requests(photos, size).items():
                request = predict_pb2.PredictRequest()
                request.model_spec.name = name
                request.model_spec.signature_name = signature
                for key, value in inputs.items():
                    request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
                log = prediction_log_pb2.PredictionLog()
                log.predict_log.request.CopyFrom(request)
                writer.write(log.SerializeToString())
                written += 1
    return written


def replay(saved: Path, run: Run | None = None) -> int:
    """Send the warm-up requests of a SavedModel, as TF Serving does at load.

    Args:
        saved: its folder.
        run: from `open_session`; else one is opened.

    Returns:
        How many requests were answered.

    Raises:
        CheckFailedError: one is not answered: TF Serving would not load this version.
        MissingDependencyError: tensorflow-serving-api is not installed.
    """
    require_serving_api()
    from tensorflow_serving.apis import prediction_log_pb2

    run = run or open_session(saved)
    answered = 0
    records = tf.data.TFRecordDataset(str(saved / WARMUP_FILE))
    for record in records.as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record)
        request = request.predict_log.request
        inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
        try:
            run(request.model_spec.signature_name, inputs)
        except (KeyError, tf.errors.OpError) as error:
            raise CheckFailedError(
                f"Warm-up request {answered + 1} to "
                f"{request.model_spec.signature_name!r} is not answered ({error}); TF "
                "Serving would not load this version, so it was not published."
            ) from error
        answered += 1
    return answered


def open_session(saved: Path) -> Run:
    """Load a SavedModel as TF Serving does: into a session, without Python functions.

    Args:
        saved: its folder.
    """
    session = tf.compat.v1.Session(graph=tf.Graph())
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")  # it recommends functions of Python instead
    try:
        with session.graph.as_default():
            loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(saved))
    finally:
        logger.setLevel(level)
    signatures = loaded.signature_def

    def run(
        signature: str, inputs: dict[str, npt.NDArray[Any]]
    ) -> dict[str, npt.NDArray[Any]]:
        wanted = signatures[signature]
        feeds = {wanted.inputs[key].name: value for key, value in inputs.items()}
        fetches = {key: one.name for key, one in wanted.outputs.items()}
        found: dict[str, npt.NDArray[Any]] = session.run(fetches, feeds)
        return found

    return run


def _requests(
    photos: Sequence[CheckPhoto], size: int
) -> dict[str, dict[str, npt.NDArray[Any]]]:
    """Inputs of each signature for a batch of so many."""
    batch = list(itertools.islice(itertools.cycle(photos), size))
    files = np.array([_jpeg(photo.image) for photo in batch], object)
    # Pixels are not compressed; the detector sees every photo in a frame of one size,
    # so that the smallest warms up as much as the largest.
    small = min((photo.image for photo in photos), key=np.size)
    images = np.repeat(small[None], size, 0)
    sizes = np.full((size, 2), small.shape[:2], np.int32)
    return {
        "serving_bytes": {"image_bytes": files},
        "serving_default": {"images": images},
        "serving_padded": {"images": images, "sizes": sizes},
    }


def _jpeg(image: npt.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
