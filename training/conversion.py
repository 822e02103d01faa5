"""Datasets of other formats made into the one form that training reads.

A reader of `fused_ocr.training.formats` says what is written; here photos are found,
what cannot be used is left out with its reason, and the rest is written.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from fused_ocr.errors import ImageDecodeError

from .annotations import AnnotatedPhoto, write_annotations, write_classes
from .conversion_report import ConversionReport
from .formats.checking import KeptRegion, Rules, keep_regions
from .formats.photo_folders import PICTURES, PhotoFolders
from .formats.records import NOWHERE, ClassNames, Finding, Item, PhotoRecord
from .photo_header import PhotoHeader, read_header

__all__ = ["convert"]


def convert(
    items: Iterable[Item],
    out: Path,
    photos: PhotoFolders,
    rules: Rules,
    *,
    classes: Sequence[str] = (),
    tfrecord: bool = False,
) -> ConversionReport:
    """Write `annotations.csv` and `classes.csv` from what a reader yields.

    Args:
        items: of a reader in `fused_ocr.training.formats`.
        out: folder of the files, made if need be. Its files stay as they are if nothing
            could be converted.
        photos: finds the photos.
        rules: what is wanted of the source.
        classes: names in the order of their indices, others are left out; none takes
            the source's, in its order if it has one, else by the alphabet.
        tfrecord: write `photos.tfrecord`, with the photos in it, too.

    Returns:
        The report; `ConversionReport.ok` says whether all was understood.

    Raises:
        AnnotationError: there is nothing to read at all.
        ImageError: a photo is damaged behind its header, and a TFRecord was wanted.
        OSError: a file cannot be written.
    """
    converter = _Converter(photos, rules, tuple(classes))
    listed: dict[str, None] = {}
    for item in items:
        if isinstance(item, Finding):
            converter.findings.append(item)
        elif isinstance(item, ClassNames):
            listed.update(dict.fromkeys(item.names))
        else:
            converter.add(item)
    nowhere = sorted(set(rules.only) - {*listed, *converter.met})
    for name in nowhere:
        there = ", ".join(sorted({*listed, *converter.met})) or "none"
        reason = f"{name!r} was asked for; there are {there}"
        converter.say(NOWHERE, "classes", reason)
    found = {region.label for regions in converter.kept.values() for region in regions}
    names = tuple(classes)
    if not names:
        mine = [n for n in listed if not rules.only or n in rules.only]
        ordered = [] if rules.label or rules.characters else mine
        names = (*ordered, *sorted(found - set(ordered)))
    done = [
        _annotated(path, regions, names) for path, regions in converter.kept.items()
    ]
    written: list[Path] = []
    if done and names and not nowhere:
        out.mkdir(parents=True, exist_ok=True)
        written = [out / "annotations.csv", out / "classes.csv"]
        write_annotations(written[0], done, names)
        write_classes(written[1], names)
        if tfrecord:
            from .formats.tfrecord_writing import write_tfrecord

            written.append(out / "photos.tfrecord")
            write_tfrecord(written[-1], done, names)
    return ConversionReport(
        records=converter.records,
        photos=len(done),
        negatives=sum(not photo.texts for photo in done),
        boxes_by_class={
            name: sum(int((photo.labels == i).sum()) for photo in done)
            for i, name in enumerate(names)
        },
        texts=sum(text != "" for photo in done for text in photo.texts),
        corners=sum(int(np.isfinite(p.quads_yx).all((1, 2)).sum()) for p in done),
        unreadable=sum(int((~photo.readable).sum()) for photo in done),
        findings=tuple(converter.findings),
        written=tuple(written),
    )


@dataclasses.dataclass
class _Converter:
    """Photos and findings so far."""

    photos: PhotoFolders
    rules: Rules
    classes: tuple[str, ...]
    records: int = 0
    kept: dict[Path, list[KeptRegion]] = dataclasses.field(default_factory=dict)
    findings: list[Finding] = dataclasses.field(default_factory=list)
    met: set[str] = dataclasses.field(default_factory=set)
    places: dict[Path, str] = dataclasses.field(default_factory=dict)

    def say(self, kind: str, place: str, reason: str) -> None:
        self.findings.append(Finding(kind, place, reason))

    def add(self, record: PhotoRecord) -> None:
        """Keep a photo, or say why not."""
        self.records += 1
        self.met |= {region.label for region in record.regions}
        path = self._found(record)
        header = None if path is None else self._header(path, record)
        if path is None or header is None:
            return
        regions = keep_regions(record, header, self.rules, self.say)
        if regions is None:
            reason = "no region of it could be kept, but it is not empty; left out"
            self.say("nothing left of photo", record.place, f"{path}: {reason}")
            return
        if not record.regions:
            reason = f"{path} is taken as a photo with nothing in it"
            self.say("photo without regions", record.place, reason)
        self.kept[path] = self._numbered(regions, record)
        self.places[path.resolve()] = record.place

    def _found(self, record: PhotoRecord) -> Path | None:
        found = self.photos.find(record.names, record.near)
        named = repr(record.names[0]) if record.names else "the photo"
        if not found:
            reason = f"{named} is neither near {record.near} nor in the given folders"
            self.say("missing photo", record.place, reason)
            return None
        if len(found) > 1:
            reason = f"{named} may be {' or '.join(map(str, found))}; left out"
            self.say("ambiguous photo", record.place, reason)
            return None
        path = found[0]
        suffixes = {Path(name.lower()).suffix for name in record.names} & {*PICTURES}
        if suffixes and path.suffix.lower() not in suffixes:
            reason = f"{named} is not there, {path} is taken"
            self.say("other suffix than written", record.place, reason)
        if path.resolve() in self.places:
            other = self.places[path.resolve()]
            reason = f"{path} is already that of {other}; left out"
            self.say("duplicate photo", record.place, reason)
            return None
        return path

    def _header(self, path: Path, record: PhotoRecord) -> PhotoHeader | None:
        try:
            str(path).encode()  # as the annotation file will have it
            return read_header(path)
        except UnicodeEncodeError:
            self.say("unreadable photo", record.place, f"the name {str(path)!r}")
        except (ImageDecodeError, OSError) as error:
            self.say("unreadable photo", record.place, str(error))
        return None

    def _numbered(
        self, regions: list[KeptRegion], record: PhotoRecord
    ) -> list[KeptRegion]:
        """Without regions whose class has no number."""
        good: list[KeptRegion] = []
        for region in regions:
            if not self.classes or region.label in self.classes:
                good.append(region)
                continue
            known = f"known are {', '.join(self.classes)}"
            reason = f"class {region.label!r} is left out; {known}"
            self.say("unknown class", record.place, reason)
        return good


def _annotated(
    path: Path, regions: Sequence[KeptRegion], classes: Sequence[str]
) -> AnnotatedPhoto:
    numbers = {name: number for number, name in enumerate(classes)}
    return AnnotatedPhoto(
        path,
        np.array([r.box_yxyx for r in regions], np.float32).reshape(-1, 4),
        np.array([numbers[r.label] for r in regions], np.int64),
        tuple(region.text for region in regions),
        np.array([r.corners_yx for r in regions], np.float32).reshape(-1, 4, 2),
        np.array([r.readable for r in regions], np.bool_),
    )
