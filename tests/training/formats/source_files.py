"""What the tests of the readers share: photos, and what a reader yielded by kind."""

from PIL import Image

from fused_ocr.training.formats.records import ClassNames, Finding, PhotoRecord


def save_photo(path, width=101, height=61, orientation=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    Image.new("RGB", (width, height), (90, 120, 90)).save(path, exif=exif)
    return path


def records(items):
    return [item for item in items if isinstance(item, PhotoRecord)]


def findings(items):
    return [item for item in items if isinstance(item, Finding)]


def class_names(items):
    return [item.names for item in items if isinstance(item, ClassNames)]


def points(record):
    return [region.points_yx.tolist() for region in record.regions]
