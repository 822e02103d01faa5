"""Photos come in order and as they were when they were given, whoever decodes them."""

import io
import threading
from concurrent.futures import Future

import numpy as np
import pytest
from PIL import Image

from fused_ocr import decoding_ahead
from fused_ocr.decoding_ahead import decoded_ahead, run_ahead
from fused_ocr.errors import ImageDecodeError, ImageFormatError, ImageTooLargeError
from fused_ocr.images import read_image


def png(value, size=(3, 2)):
    file = io.BytesIO()
    Image.new("RGB", size, (value, value, value)).save(file, "PNG")
    return file.getvalue()


def values(found):
    return [
        int(photo[0, 0, 0]) if isinstance(photo, np.ndarray) else type(photo)
        for _, photo in found
    ]


def test_every_form_in_order(tmp_path):
    (tmp_path / "a.png").write_bytes(png(1))
    sources = [
        tmp_path / "a.png", png(2), io.BytesIO(png(3)), memoryview(png(4)),
        Image.new("L", (2, 2), 5), np.full((2, 2), 6, np.uint8), tmp_path / "none.png",
        png(7)[:45], tmp_path, {}, png(8, (40, 30)), str(tmp_path / "a.png"),
    ]  # fmt: skip
    found = list(decoded_ahead(iter(sources), 1000))
    assert values(found) == [
        1, 2, 3, 4, 5, 6, ImageDecodeError, ImageDecodeError, ImageDecodeError,
        ImageFormatError, ImageTooLargeError, 1,
    ]  # fmt: skip
    assert [name for name, _ in found] == [
        str(tmp_path / "a.png"), "image 1", "image 2", "image 3", "image 4", "image 5",
        str(tmp_path / "none.png"), "image 7", str(tmp_path), "image 9", "image 10",
        str(tmp_path / "a.png"),
    ]  # fmt: skip
    sources[2].seek(0)
    for source, (name, photo) in zip(sources, found, strict=True):
        try:
            truth = read_image(source, name=name, max_pixels=1000)
        except Exception as error:
            assert str(photo) == str(error)
        else:
            np.testing.assert_array_equal(photo, truth)


def test_what_is_gone_with_the_next_turn(tmp_path):
    def sources():
        path = tmp_path / "one.png"
        for value in range(20):
            path.write_bytes(png(value))
            yield path
            path.unlink()
        with io.BytesIO(png(20)) as file:
            yield file
        reused = bytearray(png(21))
        yield reused
        reused[:] = bytes(len(reused))

    assert values(decoded_ahead(sources(), 1000)) == list(range(22))


def test_a_broken_iterator_and_how_far_it_is_asked(monkeypatch):
    monkeypatch.setattr(decoding_ahead, "_THREADS", 2)
    given = []

    def sources():
        for value in range(9):
            given.append(value)
            yield png(value)
        raise RuntimeError("no more")

    found = decoded_ahead(sources(), 1000)
    assert values([next(found)]) == [0]
    assert given == [0]  # they may be large
    assert values([next(found)]) == [1]
    assert given == [0, 1, 2, 3, 4]  # twice as many as there are threads
    taken = [0, 1]
    with pytest.raises(RuntimeError, match="no more"):
        for one in found:
            taken += values([one])
    assert taken == list(range(9))  # what came before it is there


def test_large_photos_wait_in_small_numbers():
    given = []

    def futures():
        for i in range(8):
            given.append(i)
            future = Future()
            # 15 million pixels: two are within what may be held, three are not.
            future.set_result(np.broadcast_to(np.uint8(i), (3000, 5000, 3)))
            yield future

    found = run_ahead(futures(), 1, 4)
    for begun in (1, 3, 4, 5):  # one, as long as nothing is known of their size
        next(found)
        assert len(given) == begun


def test_threads_decode_together(monkeypatch):
    both = threading.Barrier(2, timeout=60)

    def read(source, **options):
        if isinstance(source, bytes):
            both.wait()  # breaks unless two are inside
        return read_image(source, **options)

    monkeypatch.setattr(decoding_ahead, "_THREADS", 2)
    monkeypatch.setattr(decoding_ahead, "read_image", read)
    found = decoded_ahead(iter([np.zeros((2, 2)), *map(png, range(1, 7))]), 1000)
    assert values(found) == list(range(7))


def test_it_may_be_left_in_the_middle():
    found = decoded_ahead(iter([png(1)] * 50), 1000)
    assert values([next(found)]) == [1]
    found.close()
