"""Files are whole or as they were."""

import pytest

from fused_ocr.files import set_aside, write_atomically


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    with set_aside(path) as aside:
        aside.write_bytes(b"newer")
        assert path.read_bytes() == b"new"
    assert path.read_bytes() == b"newer"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_as_long_as_names_can_be(tmp_path):
    write_atomically(tmp_path / ("a" * 250), b"new")
    (path,) = tmp_path.iterdir()
    assert path.read_bytes() == b"new" and len(path.name) == 250


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="stop"), set_aside(path) as aside:
        aside.write_bytes(b"new")
        raise RuntimeError("stop")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
