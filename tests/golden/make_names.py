"""Writes names.json: the names that are a contract. See README.md."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import stand_ins

from fused_ocr.config import DetectorConfig
from fused_ocr.detection.retinanet import add_decoding, build_retinanet


def main():
    folded, multiflow = (
        stand_ins.reader_model(),
        stand_ins.reader_model(flow="multiflow"),
    )
    config = DetectorConfig(alpha=0.35, pyramid_channels=8, head_channels=8)
    retinanet = build_retinanet(config)
    names = {
        "inputs": [tensor.name for tensor in folded.inputs],
        "outputs": sorted(folded.output),
        "fused_folded_layers": [layer.name for layer in folded.layers],
        "fused_multiflow_layers": [layer.name for layer in multiflow.layers],
        "retinanet_layers": sorted(layer.name for layer in retinanet.layers),
        "retinanet_outputs": retinanet.output_names,
        "detector_outputs": sorted(add_decoding(retinanet, config).output),
    }
    path = pathlib.Path(__file__).with_name("names.json")
    path.write_text(json.dumps(names, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
