"""Pascal VOC: one XML file a photo, as labelImg, CVAT and Roboflow write it.

Their edges are taken as pixel edges. VOC itself counted pixels from one, most tools do
not, and no file says which.
"""

from __future__ import annotations

# Expat fetches nothing, and what could make it expand entities is refused below.
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from xml.parsers.expat import ErrorString

import numpy as np

from fused_ocr.errors import AnnotationError

from .parsing import Keys, files_below, number, read_bytes, said
from .records import Finding, Item, PhotoRecord, Points, Region, rectangle

__all__ = ["read_voc"]


def read_voc(source: Path, keys: Keys | None = None) -> Iterator[Item]:
    """Read a folder of XML files, or one.

    Args:
        source: the folder, with its subfolders, or the file.
        keys: where a text may be: an element of the object, or one of CVAT's
            attributes. The class is always `<name>`.

    Yields:
        A record for each file, and findings. Objects have a `<bndbox>`, or four corners
        in a `<polygon>`.

    Raises:
        AnnotationError: there is no XML file.
    """
    keys = keys or Keys()
    for path in files_below(source, (".xml",)):
        try:
            yield from _photo(path, _root(path), keys)
        except AnnotationError as error:
            yield Finding("malformed", str(path), str(error))


def _root(path: Path) -> ET.Element:
    data = read_bytes(path)
    # Entities can make a small file fill the memory; VOC needs none. Without the zeros,
    # UTF-16 looks the same, and Expat takes no encoding in which this does not.
    if b"<!DOCTYPE" in data.replace(b"\0", b""):
        raise AnnotationError(
            "has a document type (<!DOCTYPE), which may define entities without end. "
            "Remove it."
        )
    try:
        root = ET.fromstring(data)
    except ET.ParseError as error:
        line, column = error.position
        raise AnnotationError(
            f"line {line}, column {column + 1}: not XML ({ErrorString(error.code)})."
        ) from error
    except (LookupError, ValueError) as error:
        raise AnnotationError(f"line 1: an encoding Expat has not ({error}).") from None
    if root.tag != "annotation":
        raise AnnotationError(
            f"the root must be <annotation>. Received: <{root.tag}>. Is this VOC?"
        )
    return root


def _photo(path: Path, root: ET.Element, keys: Keys) -> Iterator[Item]:
    regions: list[Region] = []
    damaged = 0
    objects = root.findall("object")
    for i, one in enumerate(objects, 1):
        try:
            regions.append(_region(one, f"object {i}", keys))
        except AnnotationError as error:
            damaged += 1
            yield Finding("malformed", f"{path}, object {i}", str(error))
    written = [root.findtext(key) or "" for key in ("filename", "path")]
    folder = (root.findtext("folder") or "").strip()
    names = [name.strip() for name in written if name.strip()]
    in_folder = [f"{folder}/{names[0]}"] if folder and names else []
    yield PhotoRecord(
        (*names, *in_folder, path.stem),
        path.parent,
        str(path),
        regions,
        _size(root),
        damaged=damaged,
    )


def _size(root: ET.Element) -> tuple[int, int] | None:
    """Height and width; some tools write 0, or nothing, when they do not know."""
    try:
        height, width = (
            int(float(root.findtext(f"size/{name}") or 0))
            for name in ("height", "width")
        )
    except (ValueError, OverflowError):
        return None
    return (height, width) if height > 0 and width > 0 else None


def _region(one: ET.Element, place: str, keys: Keys) -> Region:
    label = (one.findtext("name") or "").strip()
    if not label:
        raise AnnotationError("an object needs a <name>, its class.")
    attributes = {
        (a.findtext("name") or "").strip(): a.findtext("value")
        for a in one.iterfind("attributes/attribute")
    }
    elements = {child.tag: child.text for child in one if not len(child)}
    text = keys.find_text(elements) or keys.find_text(attributes)
    return Region(_points(one), label, said(text, "text"), place)


def _points(one: ET.Element) -> Points:
    polygon = one.find("polygon")
    if polygon is not None and len(polygon) == 8:  # x1, y1, ... x4, y4
        values = [_value(polygon, f"{axis}{i}") for i in range(1, 5) for axis in "yx"]
        return np.reshape(values, (4, 2))
    box = one.find("bndbox")
    if box is None:
        found = ", ".join(f"<{child.tag}>" for child in one) or "nothing"
        raise AnnotationError(f"an object needs a <bndbox>. Received: {found}.")
    x1, y1, x2, y2 = (_value(box, name) for name in ("xmin", "ymin", "xmax", "ymax"))
    return rectangle(x1, y1, x2, y2)


def _value(box: ET.Element, name: str) -> float:
    written = box.findtext(name)
    if written is None:
        raise AnnotationError(f"<{box.tag}> needs <{name}>.")
    return number(written, f"<{name}>")
