"""MNIST through tensorflow-datasets, as arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fused_ocr.errors import ConfigError

from .dependencies import needed_for

__all__ = ["load_mnist"]


def load_mnist(
    split: str, data_dir: str | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """All pictures of a split.

    Args:
        split: `train` (60,000) or `test` (10,000).
        data_dir: where tensorflow-datasets keeps its data; None for its default. What
            is not there is downloaded.

    Returns:
        images uint8 (N, 28, 28), white on black, and labels int64 (N,), 0..9.

    Raises:
        MissingDependencyError: tensorflow-datasets is not installed.
        ConfigError: another split, or the data is neither there nor to be had.
    """
    if split not in ("train", "test"):
        raise ConfigError(f"MNIST has 'train' and 'test'. Received: {split!r}.")
    with needed_for("MNIST"):
        import tensorflow_datasets as tfds
    try:
        builder = tfds.builder("mnist", data_dir=data_dir)
        builder.download_and_prepare()
        whole = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
    except Exception as error:  # tensorflow-datasets raises whatever its source raised
        raise ConfigError(
            f"MNIST could not be had from {data_dir or 'the default folder'}: {error}. "
            "Connect to the internet once, give --data-dir a folder that "
            "tensorflow-datasets has prepared, or do without it: --mnist 0, or for a "
            "detector of your annotations --synthetic-part 0."
        ) from error
    return np.asarray(whole["image"])[..., 0], np.asarray(whole["label"], np.int64)
