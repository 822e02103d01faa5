"""Folded or copied, the crops are read as the recogniser alone reads them."""

import keras
import numpy as np
import pytest
import stand_ins
import tensorflow as tf
from layer_checks import check_layer

from fused_ocr.config import RecognizerConfig
from fused_ocr.errors import ConfigError
from fused_ocr.recognition.flows import FoldedFlow, build_multiflow
from fused_ocr.recognition.recognizer import build_recognizer

SIZE = (12, 10)


def crops(batch, slots, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 1, (batch, slots, *SIZE, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def recognizer():
    return stand_ins.recognizer(size_yx=SIZE)


@pytest.mark.parametrize(
    "counts", [[0], [1], [3], [0, 0], [3, 0], [1, 2], [2, 3, 1], [9]]
)
def test_folded_and_multiflow_are_the_recogniser(recognizer, counts):
    values = crops(len(counts), 3)
    folded = FoldedFlow(recognizer)(values, np.array(counts, np.int32)).numpy()
    copied = build_multiflow(recognizer, 3)([values[:, i] for i in range(3)])
    assert folded.shape == (len(counts), 3, 1, 11)
    for b, count in enumerate(counts):
        alone = recognizer(values[b]).numpy()
        np.testing.assert_allclose(folded[b, :count], alone[:count], atol=1e-5)
        assert not folded[b, count:].any()
        for i in range(3):
            np.testing.assert_allclose(copied[i][b], alone[i], atol=1e-5)


def test_folded_reads_no_more_than_the_fullest_photo():
    rows = []

    class Counting(keras.layers.Layer):
        def call(self, x):
            rows.append(x.shape[0])
            return keras.ops.mean(x, (1, 2))

    inputs = keras.Input((*SIZE, 1))
    model = keras.Model(inputs, keras.layers.Reshape((1, 1))(Counting()(inputs)))
    rows.clear()
    FoldedFlow(model)(crops(2, 5), np.array([1, 3], np.int32))
    assert rows == [2 * 3]


def test_several_outputs_are_folded_alike():
    model = build_recognizer(
        RecognizerConfig(
            arch="convctc", size_yx=(16, 24), slots=3, width=2, readable=True
        )
    )
    values = np.random.default_rng(0).random((2, 3, 16, 24, 1), np.float32)
    layer = FoldedFlow(model)
    folded = layer(values, np.array([2, 0], np.int32))
    alone = model(values[0])
    assert set(folded) == set(alone) == {"characters", "readable"}
    for name, value in folded.items():
        np.testing.assert_allclose(value[0, :2], alone[name][:2], atol=1e-5)
        assert not value[0, 2:].numpy().any() and not value[1].numpy().any()
        assert layer.compute_output_spec(values)[name].shape == value.shape
    with pytest.raises(ConfigError, match="one output"):
        build_multiflow(model, 2)


@pytest.mark.parametrize("flows", [1, 2, 4])
def test_multiflow_has_n_inputs_and_n_outputs(recognizer, flows):
    model = build_multiflow(recognizer, flows)
    assert model.name == "multiflow"
    assert len(model.inputs) == len(model.outputs) == flows
    assert [tensor.name for tensor in model.inputs] == [
        f"crop_{i}" for i in range(flows)
    ]
    assert model.count_params() == flows * recognizer.count_params()


def test_multiflow_copies_the_weights(recognizer):
    model = build_multiflow(recognizer, 2)
    own = {id(weight) for weight in recognizer.weights}
    assert own.isdisjoint(id(weight) for weight in model.weights)
    first, second = model.get_layer("recognizer_0"), model.get_layer("recognizer_1")
    assert {id(w) for w in first.weights}.isdisjoint(id(w) for w in second.weights)
    before = recognizer.get_weights()
    first.set_weights([np.zeros_like(w) for w in first.get_weights()])
    for now, then, other in zip(
        recognizer.get_weights(), before, second.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(now, then)
        np.testing.assert_array_equal(other, then)


def test_folded_shares_the_weights(recognizer):
    layer = FoldedFlow(recognizer)
    assert all(a is b for a, b in zip(layer.weights, recognizer.weights, strict=True))


@pytest.mark.parametrize("flows", [0, -1])
def test_no_flows(recognizer, flows):
    with pytest.raises(ConfigError, match=f"at least one flow. Received: {flows}"):
        build_multiflow(recognizer, flows)


def test_layer(recognizer):
    cases = [
        (crops(batch, slots), np.array(counts, np.int32))
        for batch, slots, counts in [(1, 1, [1]), (2, 3, [3, 0]), (3, 5, [0, 0, 0])]
    ]
    check_layer(FoldedFlow, {"recognizer": recognizer}, cases)


@pytest.mark.tflite
def test_converts_with_builtins_only(recognizer, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    layer = FoldedFlow(recognizer)
    inputs = [keras.Input((3, *SIZE, 1)), keras.Input((), dtype="int32")]
    model = keras.Model(inputs, layer(*inputs))
    # Not from a concrete function: that leaves the variables without values, silently.
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serving_default",
        lambda crops, count: {"read": model([crops, count])},
        input_signature=[
            tf.TensorSpec((1, 3, *SIZE, 1), tf.float32, "crops"),
            tf.TensorSpec((1,), tf.int32, "count"),
        ],
    )
    archive.write_out(tmp_path / "flow", verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "flow"))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = Interpreter(model_content=converter.convert(), num_threads=1)
    run = interpreter.get_signature_runner()
    values = crops(1, 3)
    # Without a crop as well: an empty batch is what LiteRT's convolutions refuse.
    for count in (np.array([c], np.int32) for c in (0, 2, 3, 0)):
        found = run(crops=values, count=count)["read"]
        np.testing.assert_allclose(found, layer(values, count), atol=1e-5)
