"""Running what a traced function becomes in TFLite, by builtin operators alone."""

import tensorflow as tf


def converted(function, owner):
    """The signature runner of a function in TFLite.

    Args:
        function: a `tf.function` with an input signature, to a dictionary of tensors.
        owner: what keeps its variables alive.
    """
    from ai_edge_litert.interpreter import Interpreter

    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], owner
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = Interpreter(model_content=converter.convert(), num_threads=1)
    return interpreter.get_signature_runner()
