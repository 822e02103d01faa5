"""Artefacts say what they are, and whatever is wrong with one is said in one error."""

import io
import json
import zipfile

import pytest

from fused_ocr.artefact import (
    CARD,
    DESCRIPTION,
    EXTRA,
    FORMAT_VERSION,
    Description,
    check_version,
    find_artefact,
    read_card,
    read_description,
    shipped_models,
    write_card,
)
from fused_ocr.config import AssemblyConfig, CropConfig, FusionConfig
from fused_ocr.errors import (
    ArtefactDamagedError,
    ArtefactError,
    ArtefactNotFoundError,
    ArtefactVersionError,
    ConfigError,
)

FUSED = {"layers": [{"name": "crop"}, {"config": {"format_version": FORMAT_VERSION}}]}
DESCRIBED = Description(
    alphabet="0123456789",
    labels=("digit", "letter"),
    fusion=FusionConfig(
        frame_yx=(64, 96),
        flow="multiflow",
        crop=CropConfig(size_yx=(12, 10)),
        assembly=AssemblyConfig(slots=5),
    ),
)


def archive(config=FUSED, *, compression=zipfile.ZIP_STORED, **members):
    """The bytes of a zip archive like a `.keras` file."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression) as made:
        if config is not None:
            text = config if isinstance(config, str) else json.dumps(config)
            made.writestr("config.json", text)
        for name, value in {"metadata.json": "{}", **members}.items():
            made.writestr(name, value)
    return data.getvalue()


@pytest.fixture
def saved(tmp_path):
    """A folder like a SavedModel."""
    folder = tmp_path / "saved"
    (folder / EXTRA).mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / EXTRA / DESCRIPTION).write_text(DESCRIBED.to_json(), "utf-8")
    return folder


# --- finding --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", "digitss", "no/such/reader.keras", "digits.keras"]
)
def test_what_is_not_there(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if name == "":
        # The empty path is the folder one is in.
        with pytest.raises(ArtefactDamagedError, match="is no SavedModel"):
            find_artefact(name)
        return
    with pytest.raises(
        ArtefactNotFoundError,
        match=f"No model '{name}'.*shipped model.*nor an existing path",
    ):
        find_artefact(name)


def test_shipped_models_are_found():
    names = shipped_models()
    assert names == sorted(names)
    for name in names:
        path = find_artefact(name)
        assert path.name == f"{name}.keras" and path.is_file()
        check_version(path)


def test_what_is_there(tmp_path, saved):
    path = tmp_path / "reader.keras"
    path.write_bytes(archive())
    assert find_artefact(path) == find_artefact(str(path)) == path
    assert find_artefact(saved) == saved
    check_version(path)
    check_version(saved)


@pytest.mark.parametrize("data", [b"", b"no archive", archive()[:-30]])
def test_files_that_are_no_archive(tmp_path, data):
    path = tmp_path / "reader.keras"
    path.write_bytes(data)
    with pytest.raises(
        ArtefactDamagedError, match=r"reader\.keras' is no \.keras file"
    ):
        find_artefact(path)


def test_a_damaged_file_is_called_what_it_should_be(tmp_path):
    (tmp_path / "a.tflite").write_bytes(b"no network")
    with pytest.raises(ArtefactDamagedError, match=r"is no \.tflite file"):
        find_artefact(tmp_path / "a.tflite")


def test_folders_that_are_no_saved_model(tmp_path):
    with pytest.raises(
        ArtefactDamagedError, match=r"no SavedModel: it has no saved_model\.pb"
    ):
        find_artefact(tmp_path)


# --- versions -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, r"no whole \.keras file.*config\.json"),
        ("", "is no JSON"),
        ("{", "is no JSON"),
        ("[1]", "is a list, not an object"),
        ({}, "is not a fused reader: it does not say its format version"),
        ({"layers": [{"format_version": "1"}]}, "is not a fused reader"),
        ({"format_version": None}, "is not a fused reader"),
    ],
)
def test_archives_of_something_else(tmp_path, config, message):
    path = tmp_path / "reader.keras"
    path.write_bytes(archive(config))
    with pytest.raises(ArtefactDamagedError, match=message):
        check_version(path)


@pytest.mark.parametrize("version", [FORMAT_VERSION + 1, 99])
def test_newer_versions_are_refused(tmp_path, saved, version):
    path = tmp_path / "reader.keras"
    path.write_bytes(archive({"layers": [FUSED, [{"format_version": version}]]}))
    values = {**DESCRIBED.to_dict(), "format_version": version, "unheard_of": 1}
    (saved / EXTRA / DESCRIPTION).write_text(json.dumps(values))
    for one in (path, saved):
        with pytest.raises(
            ArtefactVersionError,
            match=f"version {version}; .*up to {FORMAT_VERSION}. Upgrade fused-ocr",
        ):
            check_version(one)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_any_damaged_byte_is_an_artefact_error_or_none(tmp_path, compression):
    path = tmp_path / "reader.keras"
    whole = archive(compression=compression)
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0x55]) + whole[i + 1 :])
        try:
            check_version(find_artefact(path))
        except ArtefactError as error:
            assert "reader.keras" in str(error)


# --- what a SavedModel says -----------------------------------------------------------


def test_description_of_a_saved_model(saved):
    assert read_description(saved) == DESCRIBED
    assert Description.from_json(DESCRIBED.to_json()) == DESCRIBED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"has no assets\.extra/fused_ocr\.json"),
        ("", "is no JSON"),
        ("[]", "is a list"),
        ("{}", r"fused_ocr\.json in .* is damaged"),
        (json.dumps({**DESCRIBED.to_dict(), "alphabett": "x"}), "no field 'alphabett'"),
        (json.dumps({**DESCRIBED.to_dict(), "fusion": {"flow": "x"}}), "flow must be"),
        (json.dumps({**DESCRIBED.to_dict(), "fusion": 7}), "made from a dictionary"),
    ],
)
def test_damaged_descriptions(saved, text, message):
    file = saved / EXTRA / DESCRIPTION
    file.unlink() if text is None else file.write_text(text)
    with pytest.raises(ArtefactDamagedError, match=message):
        read_description(saved)


def test_unknown_fields_of_a_description_are_named():
    with pytest.raises(ConfigError, match=r"'labls'\. Did you mean 'labels'"):
        Description.from_dict({"labls": []})


# --- cards ----------------------------------------------------------------------------


def test_no_card(tmp_path, saved):
    path = tmp_path / "reader.keras"
    path.write_bytes(archive())
    assert read_card(path) == "" and read_card(saved) == ""
    assert read_card(tmp_path / "missing.keras") == ""


def test_card_of_a_saved_model(saved):
    (saved / EXTRA / CARD).write_text("# Zähler\n", "utf-8")
    assert read_card(saved) == "# Zähler\n"


def test_card_of_an_archive(tmp_path):
    path = tmp_path / "reader.keras"
    whole = archive(**{"weights.h5": b"\x00\x01weights"})
    for card in ("# Digits 数字\n", "another", ""):
        path.write_bytes(whole := write_card(whole, card))
        assert read_card(path) == card
        with zipfile.ZipFile(path) as read:
            names = read.namelist()
            assert names.count(CARD) == bool(card)  # replaced, not added
            assert read.read("weights.h5") == b"\x00\x01weights"
            assert json.loads(read.read("config.json")) == FUSED
    assert sorted(names) == ["config.json", "metadata.json", "weights.h5"]
