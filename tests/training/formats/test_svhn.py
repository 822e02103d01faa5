"""SVHN: the structure of its .mat file, made small; and tensorflow-datasets' digits."""

import sys
import types

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from source_files import findings, points, records, save_photo

from fused_ocr.cli import main
from fused_ocr.errors import AnnotationError, ConfigError, MissingDependencyError
from fused_ocr.training.formats.svhn import read_svhn, read_svhn_cropped

KEYS = ("height", "left", "top", "width", "label")


def write_mat(path, photos):
    """MATLAB's form: references to names, and to groups of numbers or references."""
    with h5py.File(path, "w") as file:
        refs = file.create_group("#refs#")
        names, boxes = [], []
        for i, (name, digits) in enumerate(photos):
            codes = np.array([[ord(c)] for c in name], np.uint16)
            names.append(refs.create_dataset(f"n{i}", data=codes).ref)
            group = refs.create_group(f"b{i}")
            for key in KEYS:
                values = [digit[key] for digit in digits]
                if len(values) == 1:  # a number lies there itself
                    group[key] = np.array([values], np.float64)
                    continue
                cells = [
                    refs.create_dataset(
                        f"{key}{i}_{j}", data=np.array([[v]], float)
                    ).ref
                    for j, v in enumerate(values)
                ]
                group.create_dataset(
                    key,
                    data=np.array(cells, h5py.ref_dtype)[:, None],
                    dtype=h5py.ref_dtype,
                )
            boxes.append(group.ref)
        struct = file.create_group("digitStruct")
        for key, values in (("name", names), ("bbox", boxes)):
            data = np.array(values, h5py.ref_dtype)[:, None]
            struct.create_dataset(key, data=data, dtype=h5py.ref_dtype)
    return path


def digit(label, left=246, top=77, width=81, height=219):
    return {
        "label": label,
        "left": left,
        "top": top,
        "width": width,
        "height": height,
    }


def test_one_digit_and_several(tmp_path):
    path = write_mat(
        tmp_path / "digitStruct.mat",
        [("1.png", [digit(1), digit(9, left=323, top=81)]), ("22.png", [digit(10)])],
    )
    one, two = read_svhn(tmp_path)
    assert (one.names, one.near) == (("1.png",), tmp_path)
    assert (one.place, two.place) == (f"{path}, record 1", f"{path}, record 2")
    # y 77 to 77 + 219, x 246 to 246 + 81
    assert points(one) == [[[77, 246], [296, 327]], [[81, 323], [300, 404]]]
    assert [region.label for region in one.regions] == ["1", "9"]
    assert two.names == ("22.png",)
    assert [region.label for region in two.regions] == ["10"]


def test_a_damaged_record_is_named_and_the_others_read(tmp_path):
    path = write_mat(
        tmp_path / "digitStruct.mat",
        [(f"{i}.png", [digit(i), digit(2)]) for i in range(1, 6)],
    )
    with h5py.File(path, "r+") as file:
        del file["#refs#/b1/top"]
        del file["#refs#/b2/label"]
        file["#refs#/b2/label"] = np.array([[1.0]])
        file["#refs#/height3_0"][...] = np.nan
    found = list(read_svhn(path))
    assert [finding.place for finding in findings(found)] == [
        f"{path}, record {i}" for i in (2, 3, 4)
    ]
    reasons = [finding.reason for finding in findings(found)]
    assert "top" in reasons[0]
    assert "as many edges as labels" in reasons[1]
    assert "must be a number. Received: nan" in reasons[2]
    assert [record.names for record in records(found)] == [("1.png",), ("5.png",)]


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file, Platform: GLNXA64"])
def test_other_files_are_named(tmp_path, content):
    path = tmp_path / "digitStruct.mat"
    path.write_bytes(content)
    (finding,) = read_svhn(path)
    assert (finding.kind, finding.place) == ("malformed", str(path))
    assert "not a MATLAB 7.3 (HDF5) file" in finding.reason


def test_a_damaged_index_is_named(tmp_path):
    path = write_mat(tmp_path / "digitStruct.mat", [("1.png", [digit(1)])])
    data = path.read_bytes()
    assert b"SNOD" in data  # the nodes of HDF5's groups
    path.write_bytes(data.replace(b"SNOD", b"SNOT"))
    (finding,) = read_svhn(path)
    assert "not a MATLAB 7.3 (HDF5) file, or a damaged one" in finding.reason


def test_other_hdf5_files_are_named(tmp_path):
    with h5py.File(tmp_path / "digitStruct.mat", "w") as file:
        file["X"] = 1
    (finding,) = read_svhn(tmp_path)
    assert "expected digitStruct with `name` and `bbox`. The file has: ['X']" in (
        finding.reason
    )


def test_no_file(tmp_path):
    with pytest.raises(AnnotationError, match=r"ends in digitStruct\.mat"):
        list(read_svhn(tmp_path))


@pytest.fixture
def tfds(monkeypatch):
    """A tensorflow-datasets that has two digits, prepared in one folder."""
    images = np.zeros((2, 32, 32, 3), np.uint8)
    images[1, 5, 7] = (250, 20, 30)

    class Builder:
        def __init__(self, data_dir):
            self.data_dir = data_dir

        def as_dataset(self, split):
            if self.data_dir != "prepared":
                raise AssertionError("Dataset svhn_cropped: could not find data")
            assert split == "test"
            return [
                {"image": image, "label": np.int64(i * 7)}
                for i, image in enumerate(images)
            ]

    fake = types.ModuleType("tensorflow_datasets")
    fake.builder = lambda name, data_dir: Builder(data_dir) if name else None
    fake.as_numpy = lambda dataset: dataset
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", fake)


@pytest.mark.usefixtures("tfds")
def test_cropped_digits(tmp_path):
    photos = tmp_path / "photos"
    one, two = read_svhn_cropped("test", photos, "prepared")
    assert one.names == ("test-000000.png",)
    assert [(r.text, r.label) for r in two.regions] == [("7", "character")]
    assert two.regions[0].points_yx is None  # the whole picture
    with Image.open(photos / "test-000001.png") as image:
        assert image.size == (32, 32)
        assert image.getpixel((7, 5)) == (250, 20, 30)


@pytest.mark.usefixtures("tfds")
def test_cropped_digits_that_are_not_there(tmp_path):
    with pytest.raises(
        ConfigError, match=r"not in the default folder .*could not find"
    ):
        list(read_svhn_cropped("test", tmp_path, None))
    with pytest.raises(ConfigError, match=r"test and extra\. Received: 'all'"):
        list(read_svhn_cropped("all", tmp_path, "prepared"))


def test_missing_packages(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(MissingDependencyError, match=r"h5py.*fused-ocr\[tf\]"):
        list(read_svhn(tmp_path))
    with pytest.raises(MissingDependencyError, match=r"svhn_cropped.*\[train\]"):
        list(read_svhn_cropped("test", tmp_path, None))


def test_the_command_makes_numbers_or_digits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_photo(tmp_path / "1.png", 741, 350)
    digits = [digit(10, left=323, top=81), digit(1)]
    write_mat(tmp_path / "digitStruct.mat", [("1.png", digits), ("2.png", digits)])
    result = CliRunner().invoke(main, ["convert", "svhn", ".", "."])
    assert result.exit_code == 0, result.output
    assert "left out: missing photo (1)" in result.stdout
    written = tmp_path / "annotations.csv"
    # x 246 to 323 + 81, y 77 to 81 + 219; 1 is left of 10, which is 0
    assert written.read_text() == "1.png,246,77,404,300,text,10\n"
    result = CliRunner().invoke(main, ["convert", "svhn", ".", ".", "--each"])
    assert result.exit_code == 0, result.output
    assert written.read_text() == (
        "1.png,323,81,404,300,character,0\n1.png,246,77,327,296,character,1\n"
    )


@pytest.mark.usefixtures("tfds")
def test_the_command_writes_cropped_digits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["convert", "svhn-cropped", "out", "--split", "test"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2
    assert "not in the default folder" in result.output
    result = CliRunner().invoke(main, [*command, "--data-dir", "prepared"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "annotations.csv").read_text() == (
        "photos/test-000000.png,0,0,32,32,character,0\n"
        "photos/test-000001.png,0,0,32,32,character,7\n"
    )
