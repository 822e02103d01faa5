"""What TF Serving is started with: it parses, and what people wrote stays."""

import pytest
import yaml
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)
from tensorflow_serving.config import model_server_config_pb2

from fused_ocr.errors import ArtefactError, ConfigError
from fused_ocr.export.server_files import (
    BATCH_SIZES,
    allowed_batch_sizes,
    server_files,
    write_server_files,
)


def models(text):
    return text_format.Parse(
        text, model_server_config_pb2.ModelServerConfig()
    ).model_config_list.config


def batching(text):
    """Parsed as TF Serving's BatchingParameters, whose message no package brings."""
    file = descriptor_pb2.FileDescriptorProto(
        name="batching.proto", syntax="proto3", package="test",
        dependency=["google/protobuf/wrappers.proto"],
    )  # fmt: skip
    message = file.message_type.add(name="BatchingParameters")
    fields = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches",
              "num_batch_threads")  # fmt: skip
    for number, name in enumerate(fields, 1):
        message.field.add(
            name=name, number=number, type="TYPE_MESSAGE", label="LABEL_OPTIONAL",
            type_name=".google.protobuf.Int64Value",
        )  # fmt: skip
    message.field.add(
        name="allowed_batch_sizes", number=6, type="TYPE_INT64", label="LABEL_REPEATED"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    kind = message_factory.GetMessageClass(
        pool.FindMessageTypeByName("test.BatchingParameters")
    )
    return text_format.Parse(text, kind())


def written(folder, name="plates", sizes=BATCH_SIZES, cores=3):
    write_server_files(server_files(folder, name, sizes, cores))
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_new_folder(tmp_path):
    texts = written(tmp_path)
    assert set(texts) == {"models.config", "batching.config", "docker-compose.yml"}
    (model,) = models(texts["models.config"])
    assert (model.name, model.base_path) == ("plates", "/models/plates")
    assert model.model_platform == "tensorflow"
    assert model.model_version_policy.latest.num_versions == 1
    numbers = batching(texts["batching.config"])
    # TF Serving refuses to start unless the last allowed size is the largest batch.
    assert list(numbers.allowed_batch_sizes) == [1, 2, 3, 4]
    assert numbers.max_batch_size.value == 4
    assert numbers.num_batch_threads.value == 3
    assert numbers.max_enqueued_batches.value == 16
    assert numbers.HasField("batch_timeout_micros")
    service = yaml.safe_load(texts["docker-compose.yml"])["services"]["tf-serving"]
    assert service["image"].startswith("tensorflow/serving:2.")
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["volumes"] == [".:/models:ro"]
    for file in ("models.config", "batching.config"):
        assert any(option.endswith(f"=/models/{file}") for option in service["command"])


def test_one_batch_may_be_larger_than_the_queue(tmp_path):
    numbers = batching(written(tmp_path, sizes=(1, 128))["batching.config"])
    assert numbers.max_enqueued_batches.value == 1


def test_more_models_and_edited_files(tmp_path):
    written(tmp_path)
    for name in ("batching.config", "docker-compose.yml"):
        (tmp_path / name).write_text(f"# mine: {name}")
    config = tmp_path / "models.config"
    config.write_text(config.read_text().replace("latest {", "# mine\n latest {"))
    texts = written(tmp_path, "digits")
    assert [one.name for one in models(texts["models.config"])] == ["plates", "digits"]
    assert "# mine" in texts["models.config"]
    assert texts["batching.config"] == "# mine: batching.config"
    assert texts["docker-compose.yml"] == "# mine: docker-compose.yml"
    assert server_files(tmp_path, "plates", (1,), 1) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model_config_list {", "no configuration of TF Serving's models"),
        ("", "no list of models .* Add this"),
        ("model_config_list { } # the end }", "no list of models .* Add this"),
        ("custom_model_config { }", "no list of models .* Add this"),
    ],
)
def test_a_list_that_cannot_be_added_to(tmp_path, text, said):
    (tmp_path / "models.config").write_text(text)
    with pytest.raises(ArtefactError, match=f"(?s){said}"):
        written(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["models.config"]


def test_batch_sizes_are_those_of_the_folder(tmp_path):
    assert allowed_batch_sizes(tmp_path) == BATCH_SIZES
    assert allowed_batch_sizes(tmp_path, (1, 8)) == (1, 8)
    written(tmp_path, sizes=(1, 8))
    assert allowed_batch_sizes(tmp_path) == (1, 8)
    assert allowed_batch_sizes(tmp_path, (1, 8)) == (1, 8)
    with pytest.raises(ConfigError, match=r"allows batches of 1,8, .* Received: 1,4"):
        allowed_batch_sizes(tmp_path, (1, 4))
    (tmp_path / "batching.config").write_text(
        "# allowed_batch_sizes: 5\nallowed_batch_sizes: [2, 6]"
    )
    assert allowed_batch_sizes(tmp_path) == (2, 6)


@pytest.mark.parametrize("sizes", [(), (0,), (2, 1), (1, 1), (-1, 4)])
def test_batch_sizes_that_cannot_be(tmp_path, sizes):
    with pytest.raises(ConfigError, match="1 or more and ascend"):
        allowed_batch_sizes(tmp_path, sizes)
