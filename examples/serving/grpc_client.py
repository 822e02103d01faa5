"""Send photos to TF Serving over gRPC and print what is read in them.

    pip install 'fused-ocr[serving]'          # tensorflow-serving-api and what it needs
    python examples/serving/grpc_client.py plates a.jpg b.jpg --server host:8500

A line of JSON for each photo; exit status 1 if one could not be read.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # the messages are TensorFlow's

import grpc
import tensorflow as tf
from sending import Ask, Busy, Refused, arguments, run
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

BUSY = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}
WANTED = ("text", "score", "box", "count", "error")


def main() -> None:
    """Read the command line, send, print."""
    options = arguments(str(__doc__), "localhost:8500").parse_args()
    # gRPC takes messages of 4 MB, if nothing else is said; a photo may have more.
    unlimited = [
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
    ]
    with grpc.insecure_channel(options.server, unlimited) as channel:
        sys.exit(run(options, ask_over(channel, options)))


def ask_over(channel: grpc.Channel, options) -> Ask:
    """Asks `Predict` of a model."""
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def ask(files: list[bytes]) -> list[dict]:
        # No output_filter: TF Serving batches only requests for all of a signature.
        request = predict_pb2.PredictRequest()
        request.model_spec.name = options.model
        request.model_spec.signature_name = "serving_bytes"
        if options.version is not None:
            request.model_spec.version.value = options.version
        request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(files))
        try:
            answer = stub.Predict(request, timeout=options.timeout)
        except grpc.RpcError as error:
            why = f"{error.code().name}, {error.details()}"
            if error.code() in BUSY:
                raise Busy(f"{options.server}: {why}") from error
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                raise Refused(why) from error
            raise RuntimeError(f"{options.server}: {why}") from error
        found = {key: tf.make_ndarray(answer.outputs[key]) for key in WANTED}
        return [
            {
                "text": [text.decode() for text in found["text"][i]],
                "score": found["score"][i].tolist(),
                "box": found["box"][i].tolist(),
                "count": found["count"][i],
                "error": found["error"][i].decode(),
            }
            for i in range(len(found["count"]))
        ]

    return ask


if __name__ == "__main__":
    main()
