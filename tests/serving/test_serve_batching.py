"""What waits while a batch is read becomes the next one."""

import asyncio
import threading

import pytest

from fused_ocr.serving.batching import Batching


class Held:
    """Doubles numbers; its first call waits until it may go on."""

    def __init__(self):
        self.go, self.batches = threading.Event(), []

    def __call__(self, items):
        self.batches.append(items)
        if len(self.batches) == 1:
            assert self.go.wait(60)
        return [2 * item for item in items]

    async def begun(self):
        while not self.batches:
            await asyncio.sleep(0.001)


def test_what_gathers_is_read_together():
    async def run():
        held = Held()
        doubled = Batching(held, 4)
        asked = [asyncio.create_task(doubled(0))]
        await held.begun()
        asked += [asyncio.create_task(doubled(i)) for i in range(1, 10)]
        await asyncio.sleep(0)  # they are in line
        held.go.set()
        assert await asyncio.gather(*asked) == list(range(0, 20, 2))
        assert held.batches == [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9]]
        assert await doubled(10) == 20  # and it goes on

    asyncio.run(run())


def test_nobody_reads_what_was_cancelled():
    async def run():
        held = Held()
        doubled = Batching(held, 2)
        asked = [asyncio.create_task(doubled(0))]
        await held.begun()
        asked += [asyncio.create_task(doubled(i)) for i in range(1, 6)]
        await asyncio.sleep(0)
        for i in (0, 2, 4, 5):  # the first is being read
            asked[i].cancel()
        await asyncio.sleep(0)
        assert sorted(doubled._waiting.values()) == [1, 3]  # the others are let go
        held.go.set()
        assert [await asked[1], await asked[3]] == [2, 6]
        assert held.batches == [[0], [1, 3]]
        assert await doubled(7) == 14

    asyncio.run(run())


def test_an_error_is_that_of_its_batch():
    def inverse(items):
        return [1 / item for item in items]

    async def run():
        asked = Batching(inverse, 2)
        found = await asyncio.gather(
            *(asked(i) for i in (1, 0, 2, 4)), return_exceptions=True
        )
        assert [type(one) for one in found[:2]] == [ZeroDivisionError] * 2
        assert found[2:] == [0.5, 0.25]

    asyncio.run(run())


def test_a_missing_result_is_an_error():
    async def run():
        with pytest.raises(ValueError, match="shorter"):
            await Batching(lambda items: items[1:], 2)(1)

    asyncio.run(run())


def test_it_waits_for_a_whole_batch():
    held = Held()
    held.go.set()

    async def run():
        doubled = Batching(held, 2, 60.0)
        first = asyncio.create_task(doubled(0))
        await asyncio.sleep(0.02)
        assert not held.batches
        assert await asyncio.gather(first, doubled(1)) == [0, 2]
        assert held.batches == [[0, 1]]

    asyncio.run(run())


def test_it_does_not_wait_for_ever():
    async def run():
        doubled = Batching(lambda items: [2 * item for item in items], 2, 0.05)
        start = asyncio.get_running_loop().time()
        assert await doubled(1) == 2
        assert asyncio.get_running_loop().time() - start >= 0.05

    asyncio.run(run())
