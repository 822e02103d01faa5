"""Requests go to replicas together, and apart when one of them may have killed."""

import asyncio
import types

import pytest

pytest.importorskip("ray.serve")
from ray.exceptions import OutOfMemoryError, RayActorError

from fused_ocr.serving.asking import Replicas
from fused_ocr.serving.limits import Limits
from fused_ocr.serving.routes import RequestError


class Deployment:
    """Answers requests by their first photo.

    A `bad` one fails, a `deadly` one ends all calls at the time, by `death`; one that
    is deadly `once` ends those of the first time.
    """

    def __init__(self, death=RayActorError):
        self.calls, self.inside, self.death = [], [], death
        self.predict = types.SimpleNamespace(remote=self.answer)

    async def answer(self, asked):
        photos = [photos[0] for photos, _ in asked]
        once = sum(b"once" in call for call in self.calls) == 0
        self.calls.append(photos)
        self.inside.append(photos)
        await asyncio.sleep(0.01)
        together = [photo for call in self.inside for photo in call]
        await asyncio.sleep(0.01)
        self.inside.remove(photos)
        if b"deadly" in together or (b"once" in photos and once):
            raise self.death
        if b"late" in photos:
            await asyncio.sleep(60)
        return [
            ValueError("no such luck") if photo == b"bad" else f"read {photo.decode()}"
            for photo in photos
        ]


def ask(deployment, *photos, **limits):
    deaths = []

    async def run():
        limit = Limits(batch_size=4, **limits)
        replicas = Replicas(deployment, limit, 1, lambda: deaths.append(1))
        asked = (replicas.predict(((photo.encode(),), None)) for photo in photos)
        return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(run()), len(deaths)


def test_what_waits_goes_in_one_call():
    deployment = Deployment()
    photos = list("abcdefg")
    assert ask(deployment, *photos) == ([f"read {photo}" for photo in photos], 0)
    assert deployment.calls == [[b"a", b"b", b"c", b"d"], [b"e", b"f", b"g"]]


def test_large_photos_go_with_fewer_others():
    deployment = Deployment()
    ask(deployment, "a", "b" * 2_500_000, "c" * 1_500_000, "d", "e" * 9_000_000, "f")
    counts = [[len(photo) for photo in call] for call in deployment.calls]
    assert counts == [[1, 2_500_000], [1_500_000, 1], [9_000_000], [1]]


def test_a_request_that_fails_fails_alone():
    deployment = Deployment()
    found, deaths = ask(deployment, "a", "bad", "c", "d")
    assert [found[0], *found[2:]] == ["read a", "read c", "read d"]
    assert isinstance(found[1], RequestError) and found[1].status == 500
    assert "no such luck" in str(found[1])
    assert len(deployment.calls) == 1 and deaths == 0


@pytest.mark.parametrize("death", [RayActorError, OutOfMemoryError("too much")])
def test_what_died_together_is_asked_again_one_by_one(death):
    deployment = Deployment(death)
    found, deaths = ask(deployment, "once", "b", "c")
    assert found == ["read once", "read b", "read c"] and deaths == 3
    assert sorted(deployment.calls[1:]) == [[b"b"], [b"c"], [b"once"]]


def test_a_photo_that_kills_kills_no_others_and_not_for_ever():
    deployment = Deployment()
    found, deaths = ask(deployment, "deadly", "b", "c")
    assert found[1:] == ["read b", "read c"]
    assert found[0].status == 500 and "Reading failed" in str(found[0])
    assert sum(b"deadly" in call for call in deployment.calls) == 5
    assert deaths == 4 + 1 + 1  # the last of the first one is its end


def test_a_replica_that_hangs_is_not_waited_for():
    deployment = Deployment()
    found, _ = ask(deployment, "late", "b", timeout=1.0)
    assert [one.status for one in found] == [504, 504]

    async def run():
        replicas = Replicas(deployment, Limits(timeout=1.0), 1, lambda: None)
        with pytest.raises(RequestError, match="no answer in"):
            await replicas.predict(((b"late",), None))
        # The call that hangs ends, too, and the next one is sent.
        return await replicas.predict(((b"c",), None))

    assert asyncio.run(run()) == "read c"
