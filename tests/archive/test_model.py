"""The model of an archive is its bytes."""

import pytest

from fused_ocr.archive import model as archive_model
from fused_ocr.archive.model import ArchiveModel
from fused_ocr.errors import ArchiveError, ArtefactNotFoundError


@pytest.fixture
def saved(tmp_path, monkeypatch):
    # Nothing here is loaded, so it need not be a model.
    monkeypatch.setattr(archive_model, "check_version", lambda path: True)
    monkeypatch.setattr(archive_model, "load", lambda name, threads: name)
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"1")
    return folder


def test_a_copy_is_the_same_model(saved, tmp_path, monkeypatch):
    first = ArchiveModel.of(saved)
    saved.rename(tmp_path / "copy")
    monkeypatch.chdir(tmp_path)
    copy = ArchiveModel.of("copy")
    assert first.digest == copy.digest
    assert copy.name == str(tmp_path / "copy")  # workers are in other folders
    assert copy.load() == copy.name
    (tmp_path / "copy" / "variables").write_bytes(b"2")
    assert ArchiveModel.of("copy").digest != first.digest
    with pytest.raises(ArchiveError, match="other bytes on another node"):
        copy.load()


def test_shipped_models_are_found_by_name_everywhere():
    model = ArchiveModel.of("digits")
    assert (model.name, model.lite, model.memory) == ("digits", False, 1_500_000_000)
    with pytest.raises(ArtefactNotFoundError, match="No model 'nothing'"):
        ArchiveModel.of("nothing")
