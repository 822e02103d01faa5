"""What the server counts, in Prometheus's format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fused_ocr.extras import needed

if TYPE_CHECKING:
    from fused_ocr.serving.application import Answer

__all__ = ["Metrics"]

_SECONDS = (0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 60.0)
_PHOTOS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counters of one server, in a registry of their own."""

    def __init__(self) -> None:
        with needed("The server", "serve"):
            import prometheus_client as prometheus
        self._registry = prometheus.CollectorRegistry()
        counter, gauge, histogram = (
            prometheus.Counter,
            prometheus.Gauge,
            prometheus.Histogram,
        )
        own = {"registry": self._registry, "namespace": "fused_ocr"}
        self._requests = counter("requests", "Answered", ["model", "status"], **own)
        self._errors = counter("errors", "By reason", ["model", "reason"], **own)
        self._photos = counter("photos", "Read, or not", ["model", "result"], **own)
        self._readings = counter("readings", "Texts in photos", ["model"], **own)
        self._waiting = gauge("photos_inside", "Waiting or read", ["model"], **own)
        self._version = gauge("version", "That is served", ["model"], **own)
        self._latency = histogram(
            "request_seconds", "Of a predict", ["model"], buckets=_SECONDS, **own
        )
        self._batches = histogram(
            "batch_photos", "Read at once", ["model"], buckets=_PHOTOS, **own
        )

    def request(self, model: str, status: int, seconds: float) -> None:
        """A request was answered; `model` is empty for one that is not served."""
        self._requests.labels(model, str(status)).inc()
        if status == 200:
            self._latency.labels(model).observe(seconds)

    def error(self, model: str, reason: str) -> None:
        """Something was refused, or failed."""
        self._errors.labels(model, reason).inc()

    def answer(self, model: str, answer: Answer) -> None:
        """Photos were read."""
        for result in answer.results or ():
            good = not isinstance(result, str)
            self._photos.labels(model, "read" if good else "bad").inc()
            if not isinstance(result, str):
                self._readings.labels(model).inc(int(result["count"]))
        for size in answer.batches:
            self._batches.labels(model).observe(size)
        self._version.labels(model).set(answer.version)

    def waiting(self, model: str, photos: int) -> None:
        """So many photos are inside."""
        self._waiting.labels(model).set(photos)

    def text(self) -> tuple[bytes, str]:
        """All of it, and its media type."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return generate_latest(self._registry), CONTENT_TYPE_LATEST
