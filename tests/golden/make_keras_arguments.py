"""Writes keras_arguments.json: what the oldest Keras that we allow takes.

Run it with that version: `pip install keras==3.12.0`.
"""

import collections
import inspect
import json
import pathlib

import keras

from fused_ocr.artefact import find_artefact, shipped_models
from fused_ocr.config import RecognizerConfig, RefinerConfig
from fused_ocr.recognition.recognizer import build_recognizer
from fused_ocr.refinement import build_refiner
from fused_ocr.runtimes import load_keras_model

OWN = ("keras.layers", "keras.initializers")


def arguments(config, found):
    """Adds the arguments of each of Keras's own classes in a configuration."""
    rows = config.values() if isinstance(config, dict) else config
    if isinstance(config, dict) and config.get("module") in OWN:
        name = config["class_name"]
        made = getattr(getattr(keras, config["module"].split(".")[1]), name)
        found[name] |= {*config["config"], *inspect.signature(made).parameters}
    for row in rows:
        if isinstance(row, (dict, list)):
            arguments(row, found)
    return found


if __name__ == "__main__":
    strings = [
        RecognizerConfig(arch=arch, size_yx=(32, 160), slots=5, width=4, readable=True)
        for arch in ("convctc", "crnn", "goodfellow", "places")
    ]
    characters = [RecognizerConfig(arch=arch) for arch in ("cnn", "dense")]
    models = [
        *(load_keras_model(find_artefact(name)) for name in shipped_models()),
        *map(build_recognizer, [*characters, *strings]),
        build_refiner(RefinerConfig()),
    ]
    known = collections.defaultdict(set)
    for model in models:
        arguments(json.loads(model.to_json()), known)
    written = {"keras": keras.__version__, "arguments": known}
    pathlib.Path(__file__).with_name("keras_arguments.json").write_text(
        json.dumps(written, indent=1, sort_keys=True, default=sorted) + "\n"
    )
