"""Connections of clients that must send a request's head in time."""

from __future__ import annotations

import asyncio
from typing import Any

from fused_ocr.extras import needed

__all__ = ["patient_protocol"]

_REASON = b'{"error":"The head of the request did not come in time."}'

_LATE = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(_REASON), _REASON)
)


def patient_protocol(seconds: float) -> Any:
    """Uvicorn's protocol, which closes connections whose next request takes longer.

    uvicorn by itself waits for ever for the rest of a head, and for the rest of a body
    that has been answered already.

    Args:
        seconds: from the first byte of a head to its last, or from an answer to the
            end of what was sent with it.
    """
    with needed("The server", "serve"):
        from uvicorn.protocols.http.h11_impl import H11Protocol

    class Patient(H11Protocol):
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

        def _watch(self) -> None:
            if self.cycle is not None and not self.cycle.response_complete:
                self._stop()
            elif self._timer is None:
                self._timer = self.loop.call_later(seconds, self._late)

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _late(self) -> None:
            if self.cycle is None and not self.transport.is_closing():
                self.transport.write(_LATE)
            self.transport.close()

    return Patient
