"""The manifests are YAML, and name what is there. They were not run."""

import dataclasses
import importlib
from pathlib import Path

import pytest
import yaml

from fused_ocr.artefact import shipped_models
from fused_ocr.serving.limits import Limits

FOLDER = Path(__file__).parents[2] / "examples" / "serving" / "kubernetes"


@pytest.mark.parametrize("name", ["kserve", "rayservice"])
def test_every_number_has_a_reason(name):
    text = (FOLDER / f"{name}.yaml").read_text("utf-8")
    lines = text.splitlines()
    for i, line in enumerate(lines):
        if line.strip().startswith(("cpu:", "memory: ", "maxReplicas: ", "queue:")):
            near = "\n".join(lines[max(0, i - 3) : i + 1])
            assert "#" in near or "limits:" in near or "minReplicas" in near, line


def test_kserve():
    said = yaml.safe_load((FOLDER / "kserve.yaml").read_text("utf-8"))
    assert said["kind"] == "InferenceService"
    model = said["spec"]["predictor"]["model"]
    name = said["metadata"]["name"]
    assert model["storageUri"].endswith(f"/{name}")
    for probe in ("readinessProbe", "startupProbe"):
        assert model[probe]["httpGet"]["path"] == f"/v1/models/{name}"


def test_rayservice():
    said = yaml.safe_load((FOLDER / "rayservice.yaml").read_text("utf-8"))
    assert said["kind"] == "RayService"
    config = yaml.safe_load(said["spec"]["serveConfigV2"])
    (application,) = config["applications"]
    module, function = application["import_path"].split(":")
    assert callable(getattr(importlib.import_module(module), function))
    arguments = application["args"]
    assert arguments["model"] in shipped_models()
    known = {field.name for field in dataclasses.fields(Limits)}
    assert set(arguments) <= known | {"model", "name", "replicas", "threads"}
    assert config["http_options"]["request_timeout_s"] > arguments["timeout"]
    pods = said["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["template"]["spec"]
    assert pods["terminationGracePeriodSeconds"] > arguments["timeout"]
    (container,) = pods["containers"]
    port = config["http_options"]["port"]
    assert container["ports"][0]["containerPort"] == port
    assert container["readinessProbe"]["httpGet"]["port"] == port
