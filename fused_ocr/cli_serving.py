"""The command that serves readings over HTTP."""

from __future__ import annotations

from typing import Any

import click

from fused_ocr.errors import ConfigError

__all__ = ["COMMANDS"]


@click.command()
@click.argument("model")
@click.option("--name", help="Of the model in the routes; else that of MODEL.")
@click.option("--host", default="127.0.0.1", help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8501, help="0 for any.")
@click.option(
    "--replicas",
    type=click.IntRange(1),
    help="Reading processes; else one for each processor, at most 4.",
)
@click.option(
    "--threads", type=click.IntRange(1), help="Of each; else all, shared out."
)
@click.option(
    "--max-body", type=click.IntRange(1000), default=32_000_000, help="Bytes a request."
)
@click.option(
    "--max-photos",
    "--max-batch",
    type=click.IntRange(1),
    default=64,
    help="Photos a request.",
)
@click.option(
    "--max-pixels", type=click.IntRange(1), default=25_000_000, help="Per photo."
)
@click.option(
    "--queue",
    type=click.IntRange(1),
    default=64,
    help="Photos that may wait; more are answered 503.",
)
@click.option("--batch-size", type=click.IntRange(1), default=4, help="Read at once.")
@click.option(
    "--batch-wait",
    type=click.FloatRange(0, 10),
    default=0.0,
    help="Seconds to wait for a batch to fill.",
)
@click.option(
    "--timeout", type=click.FloatRange(1), default=60.0, help="Of an answer, seconds."
)
@click.option(
    "--receive-timeout",
    type=click.FloatRange(0.1),
    default=30.0,
    help="Until a request is in, seconds.",
)
def serve(model: str, **options: Any) -> None:  # fmt: skip
    """Serve MODEL over HTTP, on TF Serving's REST routes, with a page to try it at /.

    MODEL is a shipped name, a .keras or .tflite file, a SavedModel, or a folder that
    `fused-ocr export serving` writes: of one model's versions, whose newest is served
    and whose new ones are loaded without a break, or of several models.
    """
    from fused_ocr.extras import needed
    from fused_ocr.serving.limits import Limits
    from fused_ocr.serving.versions import find_models

    with needed("The server", "serve"):
        import orjson  # noqa: F401
        import prometheus_client  # noqa: F401
        import ray.serve  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    from fused_ocr.serving.running import Place, serve

    models, warnings = find_models(model, options.pop("name"))
    for warning in warnings:
        click.echo(f"Warning: {warning}", err=True)
    place = Place(
        host=options.pop("host"),
        port=options.pop("port"),
        **Place.shared_out(options.pop("replicas"), options.pop("threads")),
    )
    if len(models) * place.replicas > 64:
        raise ConfigError(
            f"{len(models)} models of {place.replicas} replicas are "
            f"{len(models) * place.replicas} processes; at most 64 are started."
        )
    names = ", ".join(one.name for one in models)
    serve(
        models,
        Limits(**options),
        place,
        ready=lambda url: click.echo(f"Serving {names} at {url}"),
    )


COMMANDS = (serve,)
"""The commands, for `fused_ocr.cli`."""
