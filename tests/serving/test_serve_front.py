"""The front by itself: what it holds while requests are parsed, and models' names."""

import asyncio
import threading
import time
import types

import pytest

pytest.importorskip("ray.serve")
from ray.serve import Deployment

from fused_ocr.serving import application, front
from fused_ocr.serving.limits import Limits
from fused_ocr.serving.routes import RequestError, target_of


def test_large_bodies_are_parsed_one_at_a_time(monkeypatch):
    inside, most = [], []

    def parse(body, _):
        inside.append(threading.get_ident())
        most.append(len(inside))
        time.sleep(0.05)
        inside.pop()
        raise RequestError(400, f"{len(body)} bytes", "row")

    async def stream():
        yield b"x" * (front._LARGE + 1)

    async def together():
        one = front.Front({"m": None}, Limits(), 1)
        target = target_of("POST", "/v1/models/m:predict")
        request = types.SimpleNamespace(headers={}, stream=stream)
        asked = [one._predict(request, target) for _ in range(4)]
        return await asyncio.gather(*asked, return_exceptions=True)

    monkeypatch.setattr(front, "parse_predict", parse)
    answers = asyncio.run(together())
    assert [type(one) for one in answers] == [RequestError] * 4
    assert most == [1, 1, 1, 1]


def test_a_model_may_have_any_name(monkeypatch):
    names = ("limits", "self", "names")
    found = [types.SimpleNamespace(name=name) for name in names]
    monkeypatch.setattr(application, "find_models", lambda *_: (found, []))
    monkeypatch.setattr(application, "deployment", lambda one, *_, **__: one.name)
    bound = []
    monkeypatch.setattr(
        Deployment, "bind", lambda _, *given, **more: bound.append((given, more))
    )
    application.build({"model": "any"})
    ((given, more),) = bound
    made = application.Http(*given, **more)
    handles = {name: one._handle for name, one in made._front._models.items()}
    assert handles == {name: name for name in names}


def test_a_photo_that_cannot_be_read_fails_without_those_read_with_it():
    class Model:
        def read(self, photos):
            if "bad" in photos:
                raise ValueError("no such luck")
            return [{"text": photo} for photo in photos]

    old, new = Model(), Model()
    batch = [(new, "a"), (old, "b"), (new, "bad"), (new, "c")]
    first, second, bad, last = application._read_all(batch)
    assert (first, second, last) == (
        ({"text": "a"}, 1), ({"text": "b"}, 1), ({"text": "c"}, 1)
    )  # fmt: skip
    assert str(bad) == "ValueError: no such luck"
    found = application._read_all([batch[0], batch[1], batch[3]])
    assert [size for _, size in found] == [2, 1, 0]  # two together, and one
