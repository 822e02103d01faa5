"""MNIST's digits in a row: five places of 28 pixels, filled from the left."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from .augmentation import Augmentation, centre_crops
from .patches import CROP, Pool

__all__ = ["PLACES", "MnistStrings"]

PLACES = 5
"""Places of a sequence; it has one digit to as many."""

Batch = tuple[npt.NDArray[np.float32], dict[str, npt.NDArray[np.int32]]]


class MnistStrings:
    """Batches of sequences, each decided by its number alone.

    Args:
        pool: of single digits, as `mnist_pool` gives it.
        batch_size: sequences a batch.
        seed: another seed, other sequences.
        augmentation: moves every digit; None leaves it as it is.

    A batch is crops float32 (b, 28, 140, 1) in 0..1, white on black, and a dictionary:
    ``text``, indices int32 (b, 5), the blank (10) behind the last digit.
    """

    def __init__(
        self,
        pool: Pool,
        batch_size: int,
        seed: int,
        augmentation: Augmentation | None = None,
    ) -> None:
        self.pool = pool
        self.batch_size = batch_size
        self.seed = seed
        self._change = None if augmentation is None else tf.function(augmentation)

    def __call__(self, first: int) -> Iterator[Batch]:
        """The batches from a given one on."""
        yield from map(self._batch, itertools.count(first))

    def _batch(self, number: int) -> Batch:
        rng = np.random.default_rng([self.seed, number])
        picks = rng.integers(len(self.pool.labels), size=(self.batch_size, PLACES))
        lengths = rng.integers(1, PLACES + 1, self.batch_size)
        used = np.arange(PLACES) < lengths[:, None]  # (b, 5)
        patches = self.pool.patches[picks.reshape(-1)]
        if self._change is None:
            digits = centre_crops(patches)
        else:
            key = tf.constant([self.seed, 2 * number], tf.int32)
            plain = np.zeros(len(patches), bool)
            digits = self._change(patches, plain, key).numpy()
        digits = digits.reshape(self.batch_size, PLACES, CROP, CROP)
        rows = (digits * used[..., None, None]).transpose(0, 2, 1, 3)
        codes = np.where(used, self.pool.labels[picks], 10).astype(np.int32)
        return rows.reshape(self.batch_size, CROP, PLACES * CROP, 1), {"text": codes}
