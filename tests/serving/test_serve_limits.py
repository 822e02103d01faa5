"""What waits is bounded, and who is turned away learns when to come back."""

import pytest

from fused_ocr.serving import limits
from fused_ocr.serving.application import deployment
from fused_ocr.serving.limits import Gate, Limits
from fused_ocr.serving.versions import ServedModel


def test_the_gate():
    gate = Gate(4)
    assert gate.enter(3) and not gate.enter(2) and gate.enter(1)
    assert not gate.enter(1)
    gate.leave(3)
    assert gate.enter(2) and gate.inside == 3


def test_a_large_request_is_read_alone():
    gate = Gate(4)
    assert gate.enter(9) and not gate.enter(1)
    gate.leave(9)
    assert gate.enter(1) and not gate.enter(9)


def test_when_to_come_back(monkeypatch):
    now = [100.0]
    clock = type("Time", (), {"monotonic": staticmethod(lambda: now[0])})
    monkeypatch.setattr(limits, "time", clock)
    gate = Gate(40)
    gate.enter(40)
    for _ in range(20):
        now[0] += 1.0  # a photo takes a second
        gate.leave(1)
    # About nine tenths of the way from 0.1 s a photo to 1; half of 20 photos.
    assert 8 <= gate.retry_after <= 10
    gate.leave(20)
    assert gate.retry_after == 1
    gate.enter(1000)
    assert gate.retry_after == 30


def test_bytes_are_bounded():
    assert Limits(max_body=1000).max_held == 8000


def test_replicas_take_all_that_the_front_lets_in(tmp_path):
    pytest.importorskip("ray.serve")
    model = ServedModel("squares", str(tmp_path), 1)
    app = deployment(model, Limits(queue=50), replicas=2, threads=1)
    # Beyond this, Ray Serve would try again after pauses, in which replicas idle.
    assert app._bound_deployment.max_ongoing_requests >= 50
