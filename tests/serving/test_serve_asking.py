"""Requests go to replicas together, and apart when one of them may be to blame."""

import asyncio
import types

import pytest

pytest.importorskip("ray.serve")
from ray.exceptions import RayActorError

from fused_ocr.serving.asking import Replicas
from fused_ocr.serving.limits import Limits
from fused_ocr.serving.routes import RequestError


class Deployment:
    """Answers requests by their first photo; `bad` ones end the whole call.

    A photo `once` ends the first call it is in.
    """

    def __init__(self, error):
        self.error, self.calls = error, []
        self.predict = types.SimpleNamespace(remote=self.answer)

    async def answer(self, asked):
        photos = [photos[0] for photos, _ in asked]
        known = [photo for call in self.calls for photo in call]
        self.calls.append(photos)
        await asyncio.sleep(0.01)
        if "bad" in photos or ("once" in photos and "once" not in known):
            raise self.error
        if "late" in photos:
            await asyncio.sleep(60)
        return [f"read {photo}" for photo in photos]


def ask(deployment, *photos, **limits):
    deaths = []

    async def run():
        limit = Limits(batch_size=4, **limits)
        replicas = Replicas(deployment, limit, 1, lambda: deaths.append(1))
        asked = (replicas.predict(((photo,), None)) for photo in photos)
        return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(run()), len(deaths)


def test_what_waits_goes_in_one_call():
    deployment = Deployment(None)
    photos = list("abcdefg")
    assert ask(deployment, *photos) == ([f"read {photo}" for photo in photos], 0)
    assert deployment.calls == [["a", "b", "c", "d"], ["e", "f", "g"]]


def test_a_request_that_fails_fails_alone():
    deployment = Deployment(ValueError("no such luck"))
    found, deaths = ask(deployment, "a", "bad", "c", "d")
    assert [found[0], *found[2:]] == ["read a", "read c", "read d"]
    assert isinstance(found[1], RequestError) and found[1].status == 500
    assert "no such luck" in str(found[1]) and deaths == 0


def test_a_replica_that_dies_is_asked_again_by_each():
    deployment = Deployment(RayActorError())
    found, deaths = ask(deployment, "once", "b", "c")
    assert found == ["read once", "read b", "read c"] and deaths == 3
    assert sorted(deployment.calls[-3:]) == [["b"], ["c"], ["once"]]


def test_a_photo_that_kills_does_not_kill_for_ever():
    deployment = Deployment(RayActorError())
    found, deaths = ask(deployment, "bad", "b")
    assert found[1] == "read b"
    assert found[0].status == 500 and "Reading failed" in str(found[0])
    assert sum("bad" in call for call in deployment.calls) == 5
    assert deaths == 5  # four of these, and once of the other request


def test_what_hangs_holds_no_others_for_ever():
    deployment = Deployment(None)
    found, _ = ask(deployment, "late", "b", timeout=0.2)
    assert [one.status for one in found] == [504, 504]

    async def run():
        replicas = Replicas(deployment, Limits(timeout=0.2), 1, lambda: None)
        with pytest.raises(RequestError, match="no answer in"):
            await replicas.predict((("late",), None))
        # The call that hangs ends, too, and the next one is sent.
        return await replicas.predict((("c",), None))

    assert asyncio.run(run()) == "read c"
