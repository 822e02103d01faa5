"""Frozen functions give what the model gives, and no longer follow its weights."""

import keras
import numpy as np
import pytest
import stand_ins
import tensorflow as tf

from fused_ocr.freezing import frozen
from fused_ocr.fusion import frozen_flow, fuse
from fused_ocr.runtimes import KerasRuntime


def test_structure_values_and_no_variables():
    layer = keras.layers.Dense(2, use_bias=False)
    layer.build((None, 3))
    layer.set_weights([np.array([[1, 0], [0, 1], [1, 1]], np.float32)])

    def function(x, y):
        return {"z": layer(x), "a": [y + 1, x[:, 0]]}

    signature = [tf.TensorSpec((None, 3), tf.float32), tf.TensorSpec((), tf.int32)]
    constant = frozen(function, signature)
    for _ in range(2):
        found = constant(np.array([[1, 2, 3]], np.float32), np.int32(4))
        assert list(found) == ["z", "a"]
        np.testing.assert_array_equal(found["z"], [[4, 5]])  # 1 + 3, 2 + 3
        assert int(found["a"][0]) == 5 and found["a"][1].numpy().tolist() == [1]
        layer.set_weights([np.zeros((3, 2), np.float32)])  # and it does not follow
    traced = tf.function(constant, input_signature=signature).get_concrete_function()
    assert not traced.variables and not traced.captured_inputs


@pytest.mark.parametrize("flow", ["folded", "multiflow"])
def test_a_frozen_reader_reads_the_same(flow):
    model = fuse(
        stand_ins.detector(),
        stand_ins.recognizer(),
        stand_ins.FUSION.replace(flow=flow),
    )
    read = frozen_flow(model)
    photos = np.stack([stand_ins.squares(65, 97), stand_ins.squares(65, 97, seed=4)])
    whole = np.array([[65, 97]] * 2, np.int32)
    smaller = np.array([[65, 97], [44, 60]], np.int32)
    truth = model(photos)
    assert truth["count"].numpy().any()
    for found in (read(photos), read(photos, whole)):
        assert set(found) == set(truth)
        for name, value in truth.items():
            np.testing.assert_allclose(found[name], value, atol=1e-4, err_msg=name)
    photos[1, 44:] = photos[1, :, 60:] = 0
    mixed = read(photos, smaller)
    for i, (height, width) in enumerate(smaller):
        alone = read(photos[i : i + 1, :height, :width])
        for name, value in alone.items():
            np.testing.assert_allclose(mixed[name][i], value[0], atol=1e-3)


def test_a_runtime_that_lasts_reads_the_same():
    model = fuse(stand_ins.detector(), stand_ins.recognizer(), stand_ins.FUSION)
    short, lasting = (KerasRuntime(model, lasting=one) for one in (False, True))
    photos = stand_ins.squares(65, 97)[None]
    sizes = np.array([[44, 60]], np.int32)
    for arguments in ((photos,), (photos, sizes)):
        truth, found = short.run(*arguments), lasting.run(*arguments)
        assert truth["count"].any()
        for name, value in truth.items():
            np.testing.assert_allclose(found[name], value, atol=1e-3, err_msg=name)
    for layer in model.layers:  # they are constants there
        layer.set_weights([0 * one for one in layer.get_weights()])
    assert lasting.run(photos)["count"].any() and not short.run(photos)["count"].any()
