"""Shares of batches: together they are the whole, in its order."""

import itertools
import json

import numpy as np
import pytest

from fused_ocr.errors import ConfigError
from fused_ocr.training.shares import OwnExamples, Share, joined, rows_of


@pytest.mark.parametrize(("count", "parts"), [(8, 2), (7, 3), (3, 3), (513, 2)])
def test_rows_of_all_parts_are_all_rows(count, parts):
    rows = [list(range(count))[rows_of(count, i, parts)] for i in range(parts)]
    assert list(itertools.chain(*rows)) == list(range(count))
    assert {len(one) for one in rows} <= {count // parts, count // parts + 1}


def test_own_examples_are_those_of_the_whole_batches():
    # Batches of six for three workers: 0 1 | 2 3 | 4 5, then 6 7 | 8 9 | 10 11.
    makers = [OwnExamples(str, 6, Share(i, 3)) for i in range(3)]
    made = [[make(i) for i in range(4)] for make in makers]
    assert made == [["0", "1", "6", "7"], ["2", "3", "8", "9"], ["4", "5", "10", "11"]]
    assert [OwnExamples(str, 6, Share())(i) for i in range(8)] == [*"01234567"]


def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(ConfigError, match="3 workers cannot share batches of 8"):
        Share(0, 3).of(8)


def batch(start, count):
    x = np.arange(start, start + count)
    return x, {"text": 10 * x}


def test_small_batches_go_to_those_before():
    kept = joined([batch(0, 4), batch(4, 4), batch(8, 1)], 2)
    assert [x.tolist() for x, _ in kept] == [[0, 1, 2, 3], [4, 5, 6, 7, 8]]
    assert kept[1][1]["text"].tolist() == [40, 50, 60, 70, 80]
    kept = joined([batch(0, 1), batch(1, 1), batch(2, 2)], 2)
    assert [x.tolist() for x, _ in kept] == [[0, 1], [2, 3]]
    whole = [batch(0, 2), batch(2, 2)]
    assert [a is b for a, b in zip(joined(whole, 2), whole, strict=True)] == [True] * 2


@pytest.mark.parametrize("batches", [[], [batch(0, 1), batch(1, 1)]])
def test_too_few_to_share_are_refused(batches):
    with pytest.raises(
        ConfigError, match=f"cannot validate on {len(batches)} examples"
    ):
        joined(batches, 3)


def test_the_share_of_a_strategy(monkeypatch):
    assert Share.under("none") == Share.under("mirrored") == Share(0, 1)
    task = {"type": "worker", "index": 1}
    config = {"cluster": {"worker": ["a:1", "b:1"]}, "task": task}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert Share.under("multiworker") == Share(1, 2)
    assert Share.under("none") == Share(0, 1)
