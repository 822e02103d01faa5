"""What waits while a batch is read becomes the next one."""

import asyncio
import contextvars

import pytest

from fused_ocr.serving.batching import Batching


class Held:
    """Doubles numbers; its first calls wait until they may go on."""

    def __init__(self, held=1):
        self.go, self.held, self.batches = asyncio.Event(), held, []

    async def __call__(self, items):
        self.batches.append(items)
        if len(self.batches) <= self.held:
            await asyncio.wait_for(self.go.wait(), 60)
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
    async def inverse(items):
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
    async def rest(items):
        return items[1:]

    async def run():
        with pytest.raises(ValueError, match="shorter"):
            await Batching(rest, 2)(1)

    asyncio.run(run())


def test_it_waits_for_a_whole_batch():
    async def run():
        held = Held(0)
        doubled = Batching(held, 2, 60.0)
        first = asyncio.create_task(doubled(0))
        await asyncio.sleep(0.02)
        assert not held.batches
        assert await asyncio.gather(first, doubled(1)) == [0, 2]
        assert held.batches == [[0, 1]]

    asyncio.run(run())


def test_it_does_not_wait_for_ever():
    async def run():
        doubled = Batching(Held(0), 2, 0.05)
        start = asyncio.get_running_loop().time()
        assert await doubled(1) == 2
        assert asyncio.get_running_loop().time() - start >= 0.05

    asyncio.run(run())


def test_whole_batches_are_sent_ahead():
    async def run():
        held = Held(9)
        doubled = Batching(held, 3, calls=2, patience=60.0)
        asked = []
        for i in range(16):
            asked.append(asyncio.create_task(doubled(i)))
            for _ in range(3):
                await asyncio.sleep(0)
        # Two calls of what came first, two when three waited, and no more.
        assert held.batches == [[0], [1], [2, 3, 4], [5, 6, 7]]
        held.go.set()
        assert await asyncio.gather(*asked) == list(range(0, 32, 2))
        assert held.batches[4:] == [[8, 9, 10], [11, 12, 13], [14, 15]]

    asyncio.run(run())


def test_what_has_waited_long_is_sent_ahead():
    async def run():
        held = Held(9)
        doubled = Batching(held, 3, patience=0.05)
        first = asyncio.create_task(doubled(0))
        await held.begun()
        start = asyncio.get_running_loop().time()
        asked = [asyncio.create_task(doubled(i)) for i in (1, 2)]
        while len(held.batches) < 2:
            await asyncio.sleep(0.001)
        assert asyncio.get_running_loop().time() - start >= 0.05
        assert held.batches == [[0], [1, 2]]
        held.go.set()
        assert await asyncio.gather(first, *asked) == [0, 2, 4]
        assert not doubled._late and not doubled._running

    asyncio.run(run())


def test_a_call_that_is_cancelled_is_an_error_and_the_next_one_is_made():
    async def run():
        held = Held()

        async def cancelled_once(items):
            found = await held(items)
            if len(held.batches) == 1:  # as Ray does, if what began it is gone
                raise asyncio.CancelledError
            return found

        doubled = Batching(cancelled_once, 2)
        asked = [asyncio.create_task(doubled(0))]
        await held.begun()
        asked += [asyncio.create_task(doubled(i)) for i in (1, 2)]
        await asyncio.sleep(0)
        held.go.set()
        found = await asyncio.wait_for(
            asyncio.gather(*asked, return_exceptions=True), 60
        )
        assert isinstance(found[0], RuntimeError) and found[1:] == [2, 4]

    asyncio.run(run())


def test_calls_are_not_of_the_context_of_who_asked_first():
    who = contextvars.ContextVar("who", default="nobody")

    async def named(items):
        return [who.get() for _ in items]

    async def run():
        who.set("the first")
        assert await Batching(named, 2)(0) == "nobody"

    asyncio.run(run())


def test_items_have_sizes():
    async def run():
        held = Held()
        doubled = Batching(held, 4, size_of=lambda item: item)
        asked = [asyncio.create_task(doubled(1))]
        await held.begun()
        asked += [asyncio.create_task(doubled(i)) for i in (3, 1, 2, 9, 1, 3)]
        await asyncio.sleep(0)
        held.go.set()
        assert await asyncio.gather(*asked) == [2, 6, 2, 4, 18, 2, 6]
        assert held.batches == [[1], [3, 1], [2], [9], [1, 3]]  # a 9 is never refused

    asyncio.run(run())
