"""Examples come in the order of their indices, wherever they are made."""

import itertools
import os

import pytest

from fused_ocr.training.feed import ordered


def square(index):
    return index * index


def slow_at_first(index):
    # The first ones take longest, so that those after them are ready earlier.
    sum(range(max(0, 40 - index) * 20_000))
    return index


def process(index):
    return os.getpid()


def fails_at_five(index):
    if index == 5:
        raise ValueError(f"no example {index}")
    return index


def take(count, *args, **options):
    stream = ordered(*args, **options)
    found = list(itertools.islice(stream, count))
    stream.close()
    return found


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("start", [0, 7])
def test_order_and_start(workers, start):
    found = take(12, square, start=start, workers=workers)
    assert found == [i * i for i in range(start, start + 12)]


def test_what_is_ready_early_waits():
    assert take(50, slow_at_first, workers=2) == list(range(50))


@pytest.mark.parametrize("ahead", [1, 3])
def test_ahead(ahead):
    assert take(8, square, workers=1, ahead=ahead) == [i * i for i in range(8)]


def test_where_they_are_made():
    assert set(take(3, process, workers=0)) == {os.getpid()}
    others = set(take(3, process, workers=1))
    assert len(others) == 1 and os.getpid() not in others


def test_nothing_is_made_before_it_is_asked_for():
    made = []
    stream = ordered(made.append, workers=0)
    assert made == []
    next(stream)
    assert made == [0]
    stream.close()


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_comes_in_its_place(workers):
    stream = ordered(fails_at_five, workers=workers)
    assert [next(stream) for _ in range(5)] == list(range(5))
    with pytest.raises(ValueError, match="no example 5"):
        next(stream)
