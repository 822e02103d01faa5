"""Attention along a string, against its definition and for what it is there."""

import keras
import numpy as np
import pytest
from layer_checks import check_layer

from fused_ocr.errors import ConfigError
from fused_ocr.recognition.attention import StringAttention


def layer(heads=2, pool=2, shape=(6, 8), seed=0):
    """A layer with weights that are not zero anywhere."""
    made = StringAttention(heads, pool)
    made.build((None, *shape))
    rng = np.random.default_rng(seed)
    made.set_weights([rng.normal(0, 0.5, w.shape) for w in made.get_weights()])
    return made


def by_definition(made, frames):
    """Section 3.2 of the paper, a head and a frame at a time."""
    norm, dense = made._norm, {}
    for name in ("query", "key", "value", "hidden", "added"):
        kernel, bias = getattr(made, f"_{name}").get_weights()
        dense[name] = lambda x, kernel=kernel, bias=bias: x @ kernel + bias
    scale, offset = norm.get_weights()
    mean, spread = frames.mean(-1, keepdims=True), frames.var(-1, keepdims=True)
    seen = (frames - mean) / np.sqrt(spread + norm.epsilon) * scale + offset
    placed = seen + np.array(made._places)
    few = placed.reshape(-1, made.pool, frames.shape[-1]).mean(1)
    few_seen = seen.reshape(-1, made.pool, frames.shape[-1]).mean(1)
    query, key, value = (
        dense["query"](placed),
        dense["key"](few),
        dense["value"](few_seen),
    )
    each, found = frames.shape[-1] // made.heads, np.zeros_like(frames)
    for head in range(made.heads):
        part = slice(head * each, (head + 1) * each)
        for t in range(len(frames)):
            odds = np.exp(key[:, part] @ query[t, part] / np.sqrt(each))
            found[t, part] = odds / odds.sum() @ value[:, part]
    hidden = np.maximum(dense["hidden"](np.concatenate([seen, found], -1)), 0)
    return frames + dense["added"](hidden)


@pytest.mark.parametrize(("heads", "pool"), [(1, 1), (2, 2), (4, 3), (8, 6)])
def test_equals_the_definition(heads, pool):
    made = layer(heads, pool)
    frames = np.random.default_rng(1).normal(0, 2, (3, 6, 8)).astype(np.float32)
    expected = [by_definition(made, one) for one in frames]
    np.testing.assert_allclose(made(frames), expected, rtol=1e-4, atol=1e-4)


def test_it_sees_the_other_end_and_the_places():
    made = layer(shape=(40, 8))
    frames = np.random.default_rng(2).normal(0, 1, (1, 40, 8)).astype(np.float32)
    other = frames.copy()
    other[:, -1] *= -3
    assert np.abs(made(frames) - made(other))[0, 0].max() > 1e-4
    turned = made(frames[:, ::-1]).numpy()[:, ::-1]
    assert np.abs(turned - made(frames)).max() > 1e-3


def test_at_first_it_changes_nothing():
    frames = np.random.default_rng(3).normal(0, 1, (2, 6, 8)).astype(np.float32)
    np.testing.assert_array_equal(StringAttention()(frames), frames)


def test_in_half_precision_it_is_the_same():
    made, frames = layer(), np.random.default_rng(4).normal(0, 1, (2, 6, 8))
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = StringAttention(2, 2)
        found = half(frames.astype(np.float32))
        half.set_weights(made.get_weights())
        found = half(frames.astype(np.float32))
    finally:
        keras.config.set_dtype_policy("float32")
    assert found.dtype == "bfloat16"
    exact = made(frames.astype(np.float32)).numpy()
    assert np.abs(found.numpy().astype(np.float32) - exact).mean() < 0.05


def test_layer():
    rng = np.random.default_rng(5)
    cases = [(rng.random((n, 12, 8), np.float32),) for n in (1, 3)]
    check_layer(StringAttention, {"heads": 2, "pool": 3}, cases)


@pytest.mark.parametrize(
    ("arguments", "shape", "message"),
    [
        ({"heads": 0}, (6, 8), "`heads` must be at least 1. Received: 0"),
        ({"pool": 0}, (6, 8), "`pool` must be at least 1"),
        ({"heads": 3}, (6, 8), "8 features cannot be parted into 3"),
        ({"pool": 4}, (6, 8), "6 frames cannot be parted into 4"),
    ],
)
def test_what_does_not_divide_is_refused(arguments, shape, message):
    with pytest.raises(ConfigError, match=message):
        StringAttention(**arguments).build((None, *shape))
