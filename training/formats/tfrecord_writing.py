"""Annotated photos as one TFRecord; `tfrecord` says the features and reads it again."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fused_ocr.files import set_aside
from fused_ocr.images import read_image

from ..annotations import AnnotatedPhoto
from ..dependencies import needed_for
from ..photo_header import read_header

__all__ = ["write_tfrecord"]


def write_tfrecord(
    path: Path, photos: Sequence[AnnotatedPhoto], classes: Sequence[str]
) -> None:
    """Write photos with what is in them.

    Upright JPEG and PNG files go in as they are. All others are encoded anew, since
    TensorFlow decodes no others and knows nothing of EXIF's orientation.

    Args:
        path: of the file; it is replaced only when it is whole.
        photos: that can be read.
        classes: names in the order of their indices; `class/label` is index + 1, as the
            API has it.

    Raises:
        ImageError: a photo cannot be read.
        MissingDependencyError: TensorFlow is not installed.
    """
    with needed_for("TFRecords"):
        import tensorflow as tf
    with set_aside(path) as aside, tf.io.TFRecordWriter(str(aside)) as writer:
        for i, photo in enumerate(photos):
            features = {
                name: _feature(tf, values)
                for name, values in _features(i, photo, classes).items()
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString(deterministic=True))


def _features(
    number: int, photo: AnnotatedPhoto, classes: Sequence[str]
) -> dict[str, list[Any]]:
    header = read_header(photo.path)
    encoded, kind = _encoded(photo.path, header.orientation, header.format)
    name = photo.path.name.encode("utf-8", "replace")
    sides = np.array(header.size_yx * 2, np.float32)
    y1, x1, y2, x2 = (photo.boxes_yxyx / sides).T.tolist()
    quads = (photo.quads_yx / sides[:2])[..., ::-1]  # yx to xy
    labels = photo.labels.tolist()
    return {
        "image/encoded": [encoded],
        "image/format": [kind],
        "image/filename": [name],
        "image/source_id": [str(number).encode()],
        "image/height": [header.height],
        "image/width": [header.width],
        "image/object/bbox/ymin": y1,
        "image/object/bbox/xmin": x1,
        "image/object/bbox/ymax": y2,
        "image/object/bbox/xmax": x2,
        "image/object/class/text": [classes[i].encode() for i in labels],
        "image/object/class/label": [i + 1 for i in labels],
        "image/object/text": [text.encode() for text in photo.texts],
        "image/object/quad": quads.ravel().tolist(),
        "image/object/unreadable": [int(not one) for one in photo.readable],
    }


def _encoded(path: Path, orientation: int, kind: str) -> tuple[bytes, bytes]:
    if orientation == 1 and kind in ("JPEG", "PNG"):
        return path.read_bytes(), kind.lower().encode()
    kind = "JPEG" if kind in ("JPEG", "MPO") else "PNG"
    data = io.BytesIO()
    Image.fromarray(read_image(path)).save(data, kind, quality=95)
    return data.getvalue(), kind.lower().encode()


def _feature(tf: Any, values: list[Any]) -> Any:
    # A list of the wrong type is refused where it is parsed, even an empty one.
    if not values:
        return tf.train.Feature()
    if isinstance(values[0], bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if isinstance(values[0], int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))
