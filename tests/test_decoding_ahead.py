"""Photos come in order and as they were when they were given, whoever decodes them."""

import contextlib
import io
import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

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


def test_a_broken_iterator_gives_what_came_before():
    def sources():
        yield from map(png, range(9))
        raise RuntimeError("no more")

    taken = []
    with pytest.raises(RuntimeError, match="no more"):
        for one in decoded_ahead(sources(), 1000):
            taken += values([one])
    assert taken == list(range(9))


def test_a_camera_is_not_asked_ahead():
    given = []

    def frames():
        for i in range(9):
            given.append(i)
            yield np.full((2, 2), i, np.uint8)

    for i, one in enumerate(decoded_ahead(frames(), 1000)):
        assert values([one]) == [i] and given[-1] == i


class Late(Future):
    """Has a photo of so many million pixels, and says so to who waits alone."""

    def __init__(self, millions):
        super().__init__()
        self.set_result(np.broadcast_to(np.uint8(0), (1000, 1000 * millions, 3)))

    def done(self):
        return False


@pytest.mark.parametrize(
    ("millions", "begun"),
    [
        # One, as long as nothing is known of their size.
        ([1] * 9, [1, 5, 6, 7, 8, 9]),
        # Two of 15 million are within the 40 that may be held, three are not.
        ([15] * 9, [1, 3, 4, 5, 6]),
        # 30, 26.3, 23 and 20.1 allow one; 17.6, 15.4 and 13.5 two; 11.8 three.
        ([30] + [1] * 20, [1, 2, 3, 4, 5, 7, 8, 9, 11, 12]),
    ],
)
def test_large_photos_wait_in_small_numbers(millions, begun):
    given = []

    def futures():
        for size in millions:
            given.append(size)
            yield Late(size)

    found = run_ahead(futures(), 1, 4)
    assert [next(found) is not None and len(given) for _ in begun] == begun


def test_errors_do_not_hold_files(tmp_path):
    (tmp_path / "a.png").write_bytes(png(1)[:45])
    sources = [png(0), b"no image", tmp_path / "a.png", tmp_path / "none.png", {}]
    for _, error in list(decoded_ahead(iter(sources), 1000))[1:]:
        chain = [error]
        while chain[-1].__context__:
            chain.append(chain[-1].__context__)
        assert not any(one.__traceback__ for one in chain)


def test_without_threads(monkeypatch):
    class Over(ThreadPoolExecutor):
        def submit(self, *_, **__):
            raise RuntimeError("cannot schedule new futures after shutdown")

    monkeypatch.setattr(decoding_ahead, "ThreadPoolExecutor", Over)
    assert values(decoded_ahead(map(png, range(5)), 1000)) == list(range(5))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_opened_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    def write():
        with (
            contextlib.suppress(BrokenPipeError),
            open(tmp_path / "pipe", "wb") as file,
        ):
            file.write(png(1))

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    found = decoded_ahead(iter([png(0), tmp_path / "pipe", png(2)]), 1000)
    assert values(found) == [0, ImageDecodeError, 2]  # a photo must be looked at twice


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


def test_nothing_is_decoded_once_it_is_left(monkeypatch):
    go, decoded = threading.Event(), []

    def read(source, **options):
        if isinstance(source, bytes) and source != png(0):
            decoded.append(source)
            assert go.wait(60)
        return read_image(source, **options)

    monkeypatch.setattr(decoding_ahead, "_THREADS", 2)
    monkeypatch.setattr(decoding_ahead, "read_image", read)
    frame = np.zeros((2, 2))
    found = decoded_ahead(iter([frame, *map(png, range(50))]), 1000)
    assert values([next(found), next(found)]) == [0, 0]
    found.close()
    go.set()
    time.sleep(0.3)
    assert len(decoded) <= 2  # what two threads had begun
