"""What a client may ask for, and how much may wait: everything here is bounded."""

from __future__ import annotations

import dataclasses
import math
import time

__all__ = ["Gate", "Limits"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of a server, with defaults that are safe on a small machine.

    Attributes:
        max_body: of a request, bytes. Base64 makes a file 4/3 as large.
        max_photos: of a request.
        max_pixels: of a photo; decoded, a pixel takes three bytes.
        queue: photos that may wait or be read for a model; more are answered 503.
        batch_size: photos that the model reads at once.
        batch_wait: for others to fill such a batch, seconds.
        timeout: until a request that was taken has its answer, seconds.
        receive_timeout: until a request has arrived whole, seconds.
    """

    max_body: int = 32_000_000
    max_photos: int = 64
    max_pixels: int = 25_000_000
    queue: int = 64
    batch_size: int = 4
    batch_wait: float = 0.0
    timeout: float = 60.0
    receive_timeout: float = 30.0

    @property
    def max_held(self) -> int:
        """Of all requests together while they arrive and wait, bytes."""
        return 8 * self.max_body


class Gate:
    """Counts what waits, and turns away what is too much.

    Args:
        photos: that may be in at once.

    Attributes:
        inside: photos that are in.
    """

    def __init__(self, photos: int) -> None:
        self.photos = photos
        self.inside = 0
        self._pace = 0.1  # seconds a photo
        self._last = time.monotonic()

    def enter(self, count: int) -> bool:
        """Let so many photos in, together; False if there is no room.

        A request of more photos than there is ever room for is let in alone.
        """
        if self.inside and self.inside + count > self.photos:
            return False
        if not self.inside:
            self._last = time.monotonic()
        self.inside += count
        return True

    def leave(self, count: int) -> None:
        """So many photos are done."""
        now = time.monotonic()
        self._pace += 0.1 * ((now - self._last) / max(1, count) - self._pace)
        self._last = now
        self.inside -= count

    @property
    def retry_after(self) -> int:
        """When there may be room again, whole seconds, 1 to 30."""
        return min(30, max(1, math.ceil(self.inside * self._pace / 2)))
