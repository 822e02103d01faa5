"""Every form of an image gives the same pixels, and everything else is refused."""

import binascii
import io
import pathlib
import threading
import warnings

import numpy as np
import pytest
from PIL import Image

from fused_ocr.errors import (
    ImageDecodeError,
    ImageError,
    ImageFormatError,
    ImageTooLargeError,
)
from fused_ocr.images import iterate, read_image, source_name

# Height and width differ and are odd, so that a swap of the axes shows.
PHOTO = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
GREY = PHOTO[..., 0]
RED, WHITE = [255, 0, 0], [255, 255, 255]


class FakeTensor:
    """What `read_image` asks of a TensorFlow tensor."""

    def __init__(self, value):
        self.value = value

    def numpy(self):
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


PNG = encoded(Image.fromarray(PHOTO))


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "photo.png"
    file.write_bytes(PNG)
    return file


@pytest.mark.parametrize(
    "source",
    [
        PNG,
        bytearray(PNG),
        memoryview(PNG),
        io.BytesIO(PNG),
        Image.fromarray(PHOTO),
        Image.open(io.BytesIO(PNG)),
        PHOTO,
        np.asfortranarray(PHOTO),
        np.dstack([PHOTO, np.full((5, 7), 255, np.uint8)]),
        PHOTO / 255,
        (PHOTO / 255).astype(np.float32),
        (PHOTO / 255).astype(">f8"),
        FakeTensor(PHOTO),
        FakeTensor(PNG),
        FakeTensor(np.array(PNG, object)[()]),
    ],
    ids=lambda source: type(source).__name__,
)
def test_every_form_gives_the_same_pixels(source):
    pixels = read_image(source)
    assert pixels.dtype == np.uint8 and pixels.flags.c_contiguous
    assert pixels.flags.writeable
    np.testing.assert_array_equal(pixels, PHOTO)


def test_paths(path):
    for source in (path, str(path)):
        np.testing.assert_array_equal(read_image(source), PHOTO)


@pytest.mark.parametrize("array", [GREY, GREY[..., None], GREY / 255])
def test_grey_arrays_fill_three_channels(array):
    np.testing.assert_array_equal(read_image(array), np.dstack([GREY] * 3))


@pytest.mark.parametrize("shape", [(1, 1), (1, 20000), (20000, 1)])
def test_tiny_and_thin_images(shape):
    assert read_image(np.zeros(shape, np.uint8)).shape == (*shape, 3)
    data = encoded(Image.new("L", shape[::-1]))
    assert read_image(data).shape == (*shape, 3)


def test_the_callers_objects_stay_as_they_are():
    array = PHOTO.copy()
    read_image(array)[:] = 0
    np.testing.assert_array_equal(array, PHOTO)
    file = io.BytesIO(b"head" + PNG)
    file.seek(4)
    np.testing.assert_array_equal(read_image(file), PHOTO)
    assert not file.closed
    image = Image.fromarray(PHOTO)
    image.getexif()[0x0112] = 6
    assert read_image(image).shape == (7, 5, 3)
    assert image.size == (7, 5) and image.getexif()[0x0112] == 6


# What a viewer must do to the stored pixels, by the EXIF standard's table of where
# row 0 and column 0 of the stored image belong.
UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PIL"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation(orientation, kind):
    image = Image.fromarray(PHOTO)
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = encoded(image, "PNG" if kind == "PIL" else kind, exif=exif)
    if kind == "PIL":
        source = Image.open(io.BytesIO(source))
    np.testing.assert_array_equal(read_image(source), UPRIGHT[orientation](PHOTO))


def test_damaged_exif_costs_no_pixels():
    data = encoded(Image.fromarray(PHOTO), exif=b"Exif\0\0MM\0*\0\0\0\xff\xff\xff")
    np.testing.assert_array_equal(read_image(data), PHOTO)


# 16 bits to 8 is / 257, rounded: 128 / 257 = 0.498 -> 0, 129 / 257 = 0.502 -> 1,
# 32896 = 128 * 257, 65535 = 255 * 257.
WIDE = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)
WIDE_AS_BYTES = [0, 0, 1, 1, 128, 255]


@pytest.mark.parametrize(
    "source",
    [
        encoded(Image.fromarray(WIDE), "PNG"),
        encoded(Image.fromarray(WIDE), "TIFF"),
        encoded(Image.fromarray(WIDE), "PPM"),
        Image.fromarray(WIDE),
        Image.frombytes("I;16B", (6, 1), WIDE.astype(">u2").tobytes()),
        Image.fromarray(WIDE.astype(np.int32)),
    ],
    ids=["png", "tiff", "ppm", "I;16", "I;16B", "I"],
)
def test_wide_grey_is_scaled_not_clipped(source):
    assert read_image(source)[0, :, 1].tolist() == WIDE_AS_BYTES


def palette(**info):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    image.info.update(info)
    return image


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("1", (1, 1), 1), [WHITE]),
        (Image.new("L", (1, 1), 9), [[9, 9, 9]]),
        (palette(), [RED, [0, 0, 255]]),
        # Entirely transparent is the paper that it lies on: white.
        (palette(transparency=1), [RED, WHITE]),
        (palette(transparency=bytes([255, 0])), [RED, WHITE]),
        # Half of black over white: 255 * (255 - 128) / 255 = 127.
        (Image.new("LA", (1, 1), (0, 128)), [[127, 127, 127]]),
        (Image.new("La", (1, 1), (0, 128)), [[127, 127, 127]]),
        # 200 * 51 / 255 + 255 * 204 / 255 = 40 + 204 = 244, and 0 + 204 = 204.
        (Image.new("RGBA", (1, 1), (200, 0, 0, 51)), [[244, 204, 204]]),
        (Image.new("RGBX", (1, 1), (200, 1, 2, 0)), [[200, 1, 2]]),
        (Image.new("CMYK", (1, 1), (0, 255, 255, 0)), [RED]),
        (Image.new("HSV", (1, 1), (0, 255, 255)), [RED]),
        (Image.new("F", (1, 1), 0.5), [[128, 128, 128]]),
    ],
    ids=lambda value: getattr(value, "mode", None),
)
def test_every_mode(image, expected):
    assert read_image(image)[0].tolist() == expected


@pytest.mark.parametrize(
    ("mode", "value", "expected", "atol"),
    [
        # JFIF's red: 0.299 * 255 = 76, 128 - 0.1687 * 255 = 85, 128 + 0.5 * 255 = 255.
        ("YCbCr", (76, 85, 255), RED, 2),
        # Full lightness; no colour is 0 in a and b, which Pillow stores as 128.
        ("LAB", (255, 128, 128), WHITE, 1),
        # sRGB's red is L 54.29, a 80.82, b 69.89 (white D50); L is stored * 2.55.
        # One step of 8-bit LAB is some 3 of sRGB here.
        ("LAB", (138, 209, 198), RED, 5),
    ],
)
def test_modes_that_are_computed_with_rounding(mode, value, expected, atol):
    pixel = read_image(Image.new(mode, (1, 1), value))[0, 0]
    np.testing.assert_allclose(pixel, expected, atol=atol)


def test_transparent_colour_of_a_png():
    grey = encoded(Image.fromarray(np.array([[7, 8]], np.uint8)), transparency=7)
    assert read_image(grey)[0, :, 0].tolist() == [255, 8]
    wide = Image.fromarray(WIDE)
    wide.info["transparency"] = 257
    assert read_image(wide)[0, :, 0].tolist() == [0, 0, 1, 255, 128, 255]


def test_adobe_cmyk_jpeg_is_not_inverted():
    # Adobe stores ink as 255 - ink; no ink but magenta and yellow is red.
    data = encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)
    assert b"Adobe" in data
    np.testing.assert_allclose(read_image(data)[8, 8], RED, atol=3)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_first_frame_of_an_animation(kind):
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert read_image(data)[3, 3].tolist() == RED


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((0, 0, 3), np.uint8), "no pixels"),
        (np.zeros((0, 4), np.float32), "no pixels"),
        (Image.new("RGB", (0, 3)), r"no pixels \(0 x 3\)"),
        (np.zeros(3, np.uint8), r"shape \(3,\)"),
        (np.zeros((1, 5, 7, 3), np.uint8), r"shape \(1, 5, 7, 3\)"),
        (np.zeros((5, 7, 2), np.uint8), r"shape \(5, 7, 2\)"),
        (np.zeros((3, 5, 7), np.uint8), "channels last"),
        (np.array(3.0), r"shape \(\)"),
        (GREY.astype(np.int32), "dtype int32"),
        (GREY.astype(np.uint16), "dtype uint16"),
        (GREY > 9, "dtype bool"),
        (GREY.astype(object), "dtype object"),
        (GREY.astype(complex), "dtype complex128"),
        (np.array([["a.png"]]), "dtype <U5"),
        (np.full((2, 2), np.nan), "floats of nan..nan"),
        (np.full((2, 2), np.inf), "floats of inf..inf"),
        (np.array([[0, 255.0]]), r"0\.\.255\. .*divide by 255"),
        # The nearest float16 to -0.1.
        (np.array([[-0.1, 1.0]], np.float16), "floats of -0.0999756"),
        (Image.new("F", (1, 1), 2.0), r"floats of 2\.\.2"),
        (Image.new("I", (1, 1), 65536), "65536.*Expected 16-bit"),
        (Image.new("I", (1, 1), -1), "-1.*Expected 16-bit"),
        (FakeTensor(np.zeros(3)), r"shape \(3,\)"),
        (FakeTensor(RuntimeError("symbolic")), "symbolic.*eager"),
        (io.StringIO("text"), "StringIO does not give bytes.*'rb'"),
        (None, "not an image: NoneType"),
        (3, "not an image: int"),
        ([PHOTO], "not an image: list"),
        (encoded(Image.fromarray(PHOTO), "EPS"), "EPS drawing.*PNG"),
    ],
)
def test_what_is_no_image(source, message):
    with pytest.raises(ImageFormatError, match=f"photo 4: .*{message}"):
        read_image(source, name="photo 4")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty: 0 bytes"),
        (b"\0", "not an image"),
        (b"no image at all" * 99, "not an image"),
        (PNG[:20], "not an image|damaged"),
        (PNG[:-40], "damaged or truncated"),
        (encoded(Image.new("RGB", (64, 64)), "JPEG")[:-60], "damaged or truncated"),
        (encoded(Image.fromarray(PHOTO), "BMP")[:-9], "damaged or truncated"),
        (encoded(Image.fromarray(PHOTO), "TIFF")[:-50], "damaged|not an image"),
        (encoded(Image.fromarray(PHOTO), "WEBP")[:-9], "damaged|not an image"),
    ],
)
@pytest.mark.parametrize("form", [bytes, io.BytesIO])
def test_damaged_bytes(data, message, form):
    with pytest.raises(ImageDecodeError, match=f"upload: .*({message})") as caught:
        read_image(form(data), name="upload")
    assert caught.value.source == "upload"


def test_paths_that_cannot_be_read(tmp_path):
    empty, text = tmp_path / "empty.png", tmp_path / "text.png"
    empty.touch()
    text.write_text("text")
    for path, message in [
        (empty, "empty"),
        (text, "not an image"),
        (tmp_path, "cannot be opened: Is a directory"),
        (tmp_path / "gone.png", "cannot be opened: No such file"),
        ("null\0byte", "cannot be opened: embedded null"),
    ]:
        with pytest.raises(ImageDecodeError, match=message) as caught:
            read_image(path, name="not used")
        assert caught.value.source == str(path)


def test_files_in_a_vector_of_numpy():
    files = np.array([PNG, PNG[:-2] + b"\0\0"], object)
    assert [*iterate(files)[0]] == list(files)
    # Fixed lengths lose the zeros at the end: refused, not cut.
    vector, single = iterate(np.array(list(files)))
    with pytest.raises(ImageFormatError, match="in a list: numpy cuts the zeros"):
        read_image(next(vector))
    assert single


def test_files_and_images_that_were_closed():
    file = io.BytesIO(PNG)
    image = Image.open(io.BytesIO(PNG))
    file.close()
    image.close()
    with pytest.raises(ImageDecodeError, match=r"cannot be read: .*closed"):
        read_image(file)
    with pytest.raises(ImageDecodeError, match="image: damaged"):
        read_image(image)


@pytest.mark.parametrize(
    "source", [PNG, io.BytesIO(PNG), Image.fromarray(PHOTO), PHOTO]
)
def test_too_large(source):
    with pytest.raises(
        ImageTooLargeError, match=r"7 x 5 .* is 35 pixels.* 34: raise `max_pixels`"
    ):
        read_image(source, max_pixels=34)
    if isinstance(source, io.BytesIO):
        source.seek(0)
    assert read_image(source, max_pixels=35).shape == (5, 7, 3)


def claiming(width, height):
    """A PNG whose header claims a size that its few bytes do not have."""
    # The header chunk: 16 bytes in, the width and the height, 4 bytes each; the
    # checksum of its 17 bytes of name and content follows at 29.
    head = (
        PNG[12:16] + width.to_bytes(4, "big") + height.to_bytes(4, "big") + PNG[24:29]
    )
    return PNG[:12] + head + binascii.crc32(head).to_bytes(4, "big") + PNG[33:]


@pytest.mark.parametrize("side", [10_001, 13_000, 20_000, 60_000])
def test_pillows_own_limit_never_shows(side):
    # Pillow warns above 89,478,485 pixels and refuses twice as many.
    limit, filters = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    with pytest.raises(ImageTooLargeError, match=f"{side} x {side} "):
        read_image(claiming(side, side))
    assert limit == Image.MAX_IMAGE_PIXELS and filters == warnings.filters
    # 9,500 squared lies between Pillow's warning and our limit: only the missing
    # content is complained about.
    with pytest.raises(ImageDecodeError, match="truncated"):
        read_image(claiming(9_500, 9_500))


def test_the_limit_can_be_raised_above_pillows(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert read_image(PNG).shape == (5, 7, 3)
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize(
    "error", [Image.DecompressionBombError, Image.DecompressionBombWarning]
)
def test_a_bomb_inside_an_image(monkeypatch, error):
    def load(self):
        raise error("Image size (9 pixels) exceeds limit of 1 pixels.")

    image = Image.fromarray(PHOTO)
    monkeypatch.setattr(Image.Image, "load", load)
    with pytest.raises(ImageTooLargeError, match="exceeds limit"):
        read_image(image)


def test_memory_errors_are_not_called_damage(monkeypatch):
    def load(self):
        raise MemoryError

    image = Image.fromarray(PHOTO)
    monkeypatch.setattr(Image.Image, "load", load)
    with pytest.raises(MemoryError, match=r"^$"):
        read_image(image)


def test_threads_leave_pillow_as_it_was():
    limit = Image.MAX_IMAGE_PIXELS
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(read_image(PNG)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8 and limit == Image.MAX_IMAGE_PIXELS


def test_every_error_is_an_image_error():
    for source in (b"", None, np.zeros((0, 0), np.uint8)):
        with pytest.raises(ImageError, match=r"^image: "):
            read_image(source)


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ([], 0),
        (np.zeros((0, 5, 7, 3), np.uint8), 0),
        ((PHOTO, PNG), 2),
        ({"a.png", "b.png"}, 2),
        ((name for name in ("a.png", "b.png")), 2),
        (np.stack([PHOTO] * 3), 3),
        (FakeTensor(np.stack([PHOTO] * 3)), 3),
        (np.array(["a.png", "b.png"]), 2),
        (FakeTensor(np.array([PNG, PNG], object)), 2),
    ],
)
def test_iterate_over_many(source, count):
    items, single = iterate(source)
    assert not single
    assert len(list(items)) == count


@pytest.mark.parametrize(
    "source",
    [
        "a.png",
        pathlib.Path("a.png"),
        PNG,
        bytearray(PNG),
        memoryview(PNG),
        io.BytesIO(PNG),
        Image.fromarray(PHOTO),
        PHOTO,
        GREY,
        np.zeros(3, np.uint8),
    ],
    ids=lambda source: type(source).__name__,
)
def test_iterate_over_one(source):
    items, single = iterate(source)
    assert single
    (item,) = items
    assert item is source


def test_iterate_over_one_tensor():
    for value in (PHOTO, PNG):
        items, single = iterate(FakeTensor(value))
        assert single
        np.testing.assert_array_equal(read_image(next(items)), PHOTO)


def test_iterate_does_not_run_a_generator_ahead():
    seen = []
    items, _ = iterate(seen.append(i) or PHOTO for i in range(3))
    next(items)
    assert seen == [0]


@pytest.mark.parametrize("source", [None, 3, object()])
def test_iterate_refuses_the_rest(source):
    with pytest.raises(ImageFormatError, match="neither an image nor an iterable"):
        iterate(source)


def test_source_name(path):
    assert source_name(b"", 0) == "image 0"
    assert source_name(PHOTO, 2) == "image 2"
    assert source_name(path, 0) == source_name(str(path), 0) == str(path)
    with path.open("rb") as file:
        assert source_name(file, 0) == str(path)
    assert type(source_name(np.array([str(path)])[0], 0)) is str
    unnamed = io.BytesIO()
    unnamed.name = 3  # a temporary file's name is its number
    assert source_name(unnamed, 1) == "image 1"
