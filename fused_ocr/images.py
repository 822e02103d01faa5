"""Anything a caller has, as uint8 RGB of shape (H, W, 3), upright and opaque.

The one rule it owns: every input that looks the same gives the same pixels, however
it is stored, and an input that cannot be an image is refused, never guessed at.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Iterable, Iterator
from typing import IO, Any, BinaryIO, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from fused_ocr.errors import (
    ImageDecodeError,
    ImageError,
    ImageFormatError,
    ImageTooLargeError,
)

__all__ = [
    "MAX_PIXELS",
    "Source",
    "bytes_at_once",
    "iterate",
    "read_image",
    "source_name",
]

MAX_PIXELS = 100_000_000
"""Largest image that is read unless the caller allows more, in pixels."""

_HELD_BYTES = 64_000_000
"""Of a file that is read before it is decoded; photos have a few million."""

Pixels: TypeAlias = npt.NDArray[np.uint8]


class Tensor(Protocol):
    """What is asked of a tensor, so that TensorFlow need not be imported."""

    def numpy(self) -> Any: ...


_Encoded: TypeAlias = bytes | bytearray | memoryview
_Path: TypeAlias = str | os.PathLike[str]
Source: TypeAlias = (
    _Path | _Encoded | BinaryIO | Image.Image | npt.NDArray[Any] | Tensor
)
"""One image, in any of the forms that `read_image` takes."""

_EXPECTED = (
    "a path, encoded bytes, a binary file, a PIL image, or an array or tensor of "
    "shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) in uint8 or in floats of 0..1"
)

# What undoes EXIF orientation 2, 3, ... 8: Pillow's methods by their numbers.
_UPRIGHT = dict(enumerate(map(Image.Transpose, (0, 3, 1, 5, 4, 6, 2)), start=2))

_header_lock = threading.RLock()


def read_image(
    source: Source, *, name: str = "image", max_pixels: int = MAX_PIXELS
) -> Pixels:
    """Read one image.

    The EXIF orientation is applied, transparency laid over white, 16-bit grey divided
    by 257. Of an animation the first frame is read (of a PIL image, the frame it is
    at). A file object is read from its position to its end and left open.

    Args:
        source: a path, encoded bytes, a binary file, a PIL image, a numpy array
            (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), RGB order, in uint8 or in
            floats of 0..1, or a tensor of such an array or of encoded bytes.
        name: what errors call the source; a path is called by itself.
        max_pixels: refuse an image with more pixels than this, before decoding it.

    Returns:
        uint8 (H, W, 3), RGB: always a new array.

    Raises:
        ImageDecodeError: the file cannot be opened, is no image, or is damaged.
        ImageFormatError: the type, shape or range of the object is not an image's.
        ImageTooLargeError: the image has more than `max_pixels` pixels.

    >>> read_image(np.array([[0.0, 1.0]])).tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    """
    value: Any = source
    if isinstance(value, (str, os.PathLike)):
        name = os.fsdecode(value)
        with _opened(name) as file:
            return _decode(file, name, max_pixels)
    if _is_tensor(value):
        value = _tensor_value(value, name)
    if isinstance(value, Image.Image):
        with _decode_errors(name):
            return _from_pil(value, name, max_pixels)
    if isinstance(value, np.ndarray):
        return _from_array(value, name, max_pixels)
    if isinstance(value, _Encoded):
        return _decode(io.BytesIO(value), name, max_pixels)
    if callable(getattr(value, "read", None)):
        return _decode(io.BytesIO(_rest_of(value, name)), name, max_pixels)
    raise ImageFormatError(
        f"not an image: {type(value).__name__}. Expected {_EXPECTED}.", name
    )


def iterate(source: Source | Iterable[Source]) -> tuple[Iterator[Any], bool]:
    """The images of what a caller passed, and whether it was a single one.

    An array or tensor of four dimensions is many images along its first axis. Every
    other array or tensor, a path, a file, a PIL image or bytes is one image, and every
    other iterable is many. Nothing is decoded, and a generator is not run ahead.

    Raises:
        ImageFormatError: neither an image nor an iterable.

    >>> list(iterate(["a.jpg", "b.jpg"])[0])
    ['a.jpg', 'b.jpg']
    """
    value: Any = source
    if _is_tensor(value):
        value = _tensor_value(value, "image")
    if isinstance(value, np.ndarray):
        # A vector of paths or encoded images is a list in another coat.
        many = value.ndim == 4 or (value.ndim == 1 and value.dtype.kind in "OU")
        return (iter(value), False) if many else (iter([value]), True)
    one = isinstance(value, (str, os.PathLike, _Encoded, Image.Image))
    if one or callable(getattr(value, "read", None)):
        return iter([value]), True
    if isinstance(value, Iterable):
        return iter(value), False
    raise ImageFormatError(
        f"neither an image nor an iterable of images: {type(value).__name__}. "
        f"Expected {_EXPECTED}; or several of them in a list."
    )


def bytes_at_once(source: Source, name: str) -> bytes | None:
    """What `read_image` is to decode later, however its source changes until then.

    Args:
        source: see `read_image`.
        name: what errors call it.

    Returns:
        The encoded image; None of what is no file of bytes, or one too large to hold,
        or no regular one: that is to be read now.

    Raises:
        ImageDecodeError: the file cannot be opened or read.
        ImageFormatError: the file does not give bytes.
    """
    if isinstance(source, _Encoded):
        return bytes(source)
    if isinstance(source, (str, os.PathLike)):
        if not os.path.isfile(name):  # a pipe can be opened once
            return None
        with _opened(name) as file, _decode_errors(name):
            small = os.fstat(file.fileno()).st_size <= _HELD_BYTES
            return file.read() if small else None
    return _rest_of(source, name) if callable(getattr(source, "read", None)) else None


def source_name(source: object, index: int) -> str:
    """What to call an input: its path, its file's name, or its place in the batch.

    >>> source_name("photos/a.jpg", 3), source_name(b"...", 3)
    ('photos/a.jpg', 'image 3')
    """
    if isinstance(source, (str, os.PathLike)):
        return str(os.fsdecode(source))  # not numpy's kind of string
    named = getattr(source, "name", None)
    if isinstance(named, str) and callable(getattr(source, "read", None)):
        return named
    return f"image {index}"


def _is_tensor(value: Any) -> bool:
    return callable(getattr(value, "numpy", None)) and not isinstance(value, type)


def _tensor_value(tensor: Any, name: str) -> Any:
    try:
        value = tensor.numpy()
    except Exception as error:  # which one is the choice of the tensor's library
        message = f"the tensor has no value: {error}. Expected an eager tensor."
        raise ImageFormatError(message, name) from error
    return value if isinstance(value, bytes) else np.asarray(value)


def _rest_of(file: Any, name: str) -> bytes:
    try:
        data = None if isinstance(file, io.TextIOBase) else file.read()
    except Exception as error:
        message = f"the file cannot be read: {error}. Pass an open binary file."
        raise ImageDecodeError(message, name) from error
    if not isinstance(data, _Encoded):
        message = f"{type(file).__name__} does not give bytes. Open it with mode 'rb'."
        raise ImageFormatError(message, name)
    return bytes(data)


def _opened(path: str) -> IO[bytes]:
    try:
        return open(path, "rb")
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = getattr(error, "strerror", None) or error
        message = f"cannot be opened: {reason}. Expected the path of an image file."
        raise ImageDecodeError(message, path) from error


def _decode(file: IO[bytes], name: str, max_pixels: int) -> Pixels:
    with _decode_errors(name):
        if not file.read(1):
            raise ImageDecodeError("empty: 0 bytes. Expected an encoded image.", name)
        # Pillow's own limit is a global that would refuse, or warn of, images that
        # the caller allowed. It is lifted only while the header is read, and ours is
        # applied before anything is decoded.
        with _header_lock:
            limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                image = Image.open(file)
            finally:
                Image.MAX_IMAGE_PIXELS = limit
        with image:
            if image.format in ("EPS", "WMF"):  # would start an external program
                message = f"a {image.format} drawing. Expected pixels: save it as PNG."
                raise ImageFormatError(message, name)
            return _from_pil(image, name, max_pixels)


@contextlib.contextmanager
def _decode_errors(name: str) -> Iterator[None]:
    try:
        yield
    except (ImageError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # An inner frame larger than the header said, refused by Pillow itself.
        message = f"{error} `max_pixels` cannot allow it: save it as PNG."
        raise ImageTooLargeError(message, name) from error
    except UnidentifiedImageError as error:
        message = "not an image, or its header is damaged. Expected JPEG, PNG or alike."
        raise ImageDecodeError(message, name) from error
    except Exception as error:  # on damaged data Pillow's plugins raise anything
        message = f"damaged or truncated: {error}. Fetch or save the image again."
        raise ImageDecodeError(message, name) from error


def _check_size(width: int, height: int, name: str, max_pixels: int) -> None:
    if width == 0 or height == 0:
        raise ImageFormatError(f"no pixels ({width} x {height}). Expected some.", name)
    if width * height > max_pixels:
        came = f"{width} x {height} (width x height) is {width * height} pixels"
        message = f"{came}. Expected at most {max_pixels}: raise `max_pixels`."
        raise ImageTooLargeError(message, name)


def _from_pil(image: Image.Image, name: str, max_pixels: int) -> Pixels:
    _check_size(*image.size, name, max_pixels)
    image.load()
    _check_size(*image.size, name, max_pixels)  # ICO and ICNS learn it only now
    turn = None
    with contextlib.suppress(Exception):  # a damaged EXIF block costs no pixels
        turn = _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    if turn is not None:
        image = image.transpose(turn)
    if image.mode == "F":
        return _from_array(np.asarray(image), name, max_pixels)
    if image.mode.startswith("I"):
        return _from_wide_grey(image, name)
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        return _over_white(np.asarray(image.convert("RGBA")))
    return np.array(image.convert("RGB"))


def _from_wide_grey(image: Image.Image, name: str) -> Pixels:
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        came = f"integer pixels of {values.min()}..{values.max()} (mode {image.mode})"
        message = f"{came}. Expected 16-bit grey, 0..65535: scale it first."
        raise ImageFormatError(message, name)
    grey = (values + 128) // 257  # 65535 / 257 = 255 exactly; + 128 rounds
    if isinstance(image.info.get("transparency"), int):
        grey[values == image.info["transparency"]] = 255
    return np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)


def _from_array(array: npt.NDArray[Any], name: str, max_pixels: int) -> Pixels:
    is_float = np.issubdtype(array.dtype, np.floating)
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4):
        first = array.ndim == 3 and array.shape[0] in (1, 3, 4)
        hint = " Put the channels last." if first else ""
        if array.dtype.kind == "S":
            hint = " Files go in a list: numpy cuts the zeros at their end."
        raise ImageFormatError(
            f"an array of shape {array.shape}. Expected (H, W), (H, W, 1), (H, W, 3) "
            f"or (H, W, 4).{hint}",
            name,
        )
    if array.dtype != np.uint8 and not is_float:
        raise ImageFormatError(
            f"an array of dtype {array.dtype}. Expected uint8, or floats of 0..1.", name
        )
    _check_size(array.shape[1], array.shape[0], name, max_pixels)
    if is_float:
        low, high = array.min(), array.max()
        if not (low >= 0 and high <= 1):  # written so that NaN fails too
            came = f"floats of {low:g}..{high:g}"
            message = f"{came}. Expected 0..1: divide by 255, or convert to uint8."
            raise ImageFormatError(message, name)
        array = np.rint(array * np.float32(255)).astype(np.uint8)
    array = array.reshape(*array.shape[:2], channels)
    if channels == 4:
        return _over_white(array)
    return np.array(np.broadcast_to(array, (*array.shape[:2], 3)), np.uint8, order="C")


def _over_white(rgba: npt.NDArray[np.uint8]) -> Pixels:
    alpha = rgba[..., 3:].astype(np.uint16)
    # At most 255 * 255 + 127: fits 16 bits. + 127 rounds to nearest.
    blended = rgba[..., :3] * alpha + 255 * (255 - alpha) + 127
    return (blended // 255).astype(np.uint8)
