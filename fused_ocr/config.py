"""What a reader is made of, as frozen dataclasses that go to JSON and back.

A configuration is checked when it is made: a value out of range, or a key that is not
known, is refused with the nearest known one. Derived values are properties.
"""

from __future__ import annotations

import dataclasses

from fused_ocr.alphabet import DIGITS, Alphabet
from fused_ocr.config_base import Config

__all__ = [
    "AnchorConfig",
    "AssemblyConfig",
    "Config",
    "CropConfig",
    "DetectorConfig",
    "FusionConfig",
    "RecognizerConfig",
    "RefinerConfig",
    "SelectionConfig",
]

_STRINGS = ("convctc", "crnn", "goodfellow", "places")
_SMALLEST = {"cnn": 8, "dense": 4, **dict.fromkeys(_STRINGS, 16), "places": 8}
"""Shortest side of a crop by architecture: the convolutions halve it 3 or 4 times."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnchorConfig(Config):
    """Anchors of every level: `sizes` x `scales` with each of `ratios`.

    The rule is keras-retinanet's: centres at ``(i + 0.5) * stride``, and a ratio is
    height / width at constant area ``(size * scale) ** 2``.
    """

    levels: tuple[int, ...] = (3, 4, 5, 6)
    """Pyramid levels; level p has stride ``2 ** p``. 3, 4 and 5 are always there."""
    sizes: tuple[float, ...] = (14.0, 28.0, 56.0, 112.0)
    """Base size of each level, pixels of the detector's frame."""
    ratios: tuple[float, ...] = (1.0, 1.6, 3.0)
    """Height / width."""
    scales: tuple[float, ...] = (1.0, 1.26, 1.5874)
    """Factors on the base size."""

    def __post_init__(self) -> None:
        self._need(
            set(self.levels) >= {3, 4, 5}
            and self.levels == tuple(range(3, 3 + len(self.levels))),
            "must be 3, 4, 5 and whatever follows without a gap",
            "levels",
        )
        self._need(
            len(self.sizes) == len(self.levels) and min(self.sizes) > 0,
            f"needs one positive size for each of the levels {self.levels}",
            "sizes",
        )
        for field in ("ratios", "scales"):
            values = getattr(self, field)
            self._need(
                len(values) > 0 and min(values) > 0, "needs positive numbers", field
            )

    @property
    def strides(self) -> tuple[int, ...]:
        """Stride of each level, pixels of the frame."""
        return tuple(2**level for level in self.levels)

    @property
    def count(self) -> int:
        """Anchors at each place of a level."""
        return len(self.ratios) * len(self.scales)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectorConfig(Config):
    """The RetinaNet detector."""

    backbone: str = "MobileNetV2"
    """A class of keras.applications."""
    alpha: float | None = None
    """Width of a MobileNet, 0.35 to 1.4; None is the class's own default."""
    pyramid_channels: int = 64
    """Channels of the feature pyramid."""
    head_channels: int = 64
    """Channels inside the heads."""
    head_depth: int = 2
    """3x3 convolutions in each head before its last one."""
    labels: tuple[str, ...] = ("character",)
    """Names of what is detected, in the order of the class indices."""
    anchors: AnchorConfig = AnchorConfig()
    """The anchors of every level."""
    corners: bool = False
    """Whether the four corners of what is found are regressed, too."""

    def __post_init__(self) -> None:
        self._need(
            self.alpha is None or 0 < self.alpha <= 2, "must be in 0..2", "alpha"
        )
        for field in ("pyramid_channels", "head_channels"):
            self._need(getattr(self, field) >= 1, "must be at least 1", field)
        self._need(self.head_depth >= 0, "must not be negative", "head_depth")
        self._need(
            len(self.labels) > 0 and len(set(self.labels)) == len(self.labels),
            "needs at least one name, each one once",
            "labels",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelectionConfig(Config):
    """From all anchors to at most `max_detections` boxes."""

    score_threshold: float = 0.4
    """A detection needs at least this score, 0..1."""
    iou_threshold: float = 0.4
    """Of two boxes of one class with a larger IoU than this, the better stays."""
    nested_threshold: float = 0.7
    """So does a box of which more than this part lies inside a better one: the loop of
    a large 9 is no 0. 1 leaves nested boxes."""
    candidates: int = 400
    """How many best anchors non-maximum suppression looks at."""
    max_detections: int = 64
    """N: how many boxes a photo may have; the best stay."""

    def __post_init__(self) -> None:
        for field in ("score_threshold", "iou_threshold", "nested_threshold"):
            self._need(0 <= getattr(self, field) <= 1, "must be in 0..1", field)
        self._need(self.max_detections >= 1, "must be at least 1", "max_detections")
        self._need(
            self.candidates >= self.max_detections,
            f"must be at least max_detections ({self.max_detections})",
            "candidates",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CropConfig(Config):
    """How boxes are cut out of the photo."""

    size_yx: tuple[int, int] = (28, 28)
    """Height and width of a crop, pixels."""
    square: bool = True
    """Grow the shorter side of the box to the longer one, so that shapes stay true."""
    stretch: float = 1.0
    """How much wider or higher than true a `square` crop may show the box, so that less
    is grown: 1 keeps shapes, more gives the box more of a long crop."""
    grow: float = 1.3
    """Factor on both sides of the box, around its centre."""
    rectify: bool = True
    """Cut along the corners, where the detector or a refiner finds them, and not along
    the box."""
    turn: float | None = None
    """A region more than so many times as high as wide is cut turned a quarter to the
    left: characters one below the other become a line, each on its back. None for
    never; needs `rectify`."""
    antialias: bool = True
    """Weigh all pixels under a shrinking cell with a triangle, as Pillow does."""
    binarize: bool = False
    """Round the crop to 0 or 1, as the licence-plate article does."""

    def __post_init__(self) -> None:
        self._need(
            len(self.size_yx) == 2 and min(self.size_yx) >= 1,
            "needs two sides of at least 1 pixel",
            "size_yx",
        )
        self._need(self.stretch >= 1, "must be at least 1", "stretch")
        self._need(self.grow > 0, "must be positive", "grow")
        self._need(self.turn is None or self.turn >= 1, "must be at least 1", "turn")


def _divisors(wide: int) -> str:
    """Numbers of equal places that a crop can be parted into."""
    places = range(1, wide // _SMALLEST["cnn"] + 1)
    return ", ".join(str(n) for n in places if wide % n == 0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecognizerConfig(Config):
    """The network that reads one crop."""

    arch: str = "cnn"
    """One character: `cnn` (small and convolutional) or `dense` (the article's two
    dense layers). A string: `convctc` (convolutional), `crnn` (recurrent), `goodfellow`
    (a head for each place), or `places` (a `cnn` on each of as many equal places)."""
    alphabet: str = DIGITS
    """The characters it knows, in order."""
    size_yx: tuple[int, int] = (28, 28)
    """Height and width of its crops, pixels."""
    width: int | None = None
    """Channels of the first stage (`cnn` and `places` 16, `convctc` and `crnn` 24,
    `goodfellow` 48), or units of `dense`'s hidden one (128)."""
    slots: int = 1
    """S: characters a string may have; 1 for single characters."""
    rows: int = 1
    """Rows of text that `convctc` and `crnn` look for, one below the other."""
    readable: bool = False
    """Whether a string's recogniser also says if anybody could read the crop."""
    kinds: tuple[str, ...] = ()
    """Kinds of regions that a string's recogniser tells apart; empty for none."""

    def __post_init__(self) -> None:
        self._need(
            self.arch in _SMALLEST, f"must be one of {', '.join(_SMALLEST)}", "arch"
        )
        Alphabet(self.alphabet)
        smallest = _SMALLEST[self.arch]
        self._need(
            len(self.size_yx) == 2 and min(self.size_yx) >= smallest,
            f"needs two sides of at least {smallest} pixels",
            "size_yx",
        )
        self._need(self.width is None or self.width >= 1, "must be at least 1", "width")
        frames = self.arch in ("convctc", "crnn")
        self._need(
            self.rows >= 1 and (frames or self.rows == 1),
            "must be at least 1, and more only for convctc and crnn",
            "rows",
        )
        for field in ("readable", "kinds"):
            self._need(
                self.reads_strings or not getattr(self, field),
                f"is for recognisers of strings, not for {self.arch!r}",
                field,
            )
        self._need(
            len(self.kinds) != 1 and len(set(self.kinds)) == len(self.kinds),
            "needs at least two names, each one once",
            "kinds",
        )
        if self.arch == "goodfellow":
            self._need(self.slots >= 1, "must be at least 1", "slots")
        elif self.arch == "places":
            wide = self.size_yx[1]
            self._need(
                self.slots >= 1
                and wide % self.slots == 0
                and wide // self.slots >= _SMALLEST["cnn"],
                f"must part crops {wide} pixels wide into equal places of at least "
                f"{_SMALLEST['cnn']} pixels, as {_divisors(wide)} do",
                "slots",
            )
        elif self.reads_strings:
            # Frames of 2 pixels; equal neighbours need a blank frame between them.
            most = self.rows * (self.size_yx[1] // 4)
            self._need(
                1 <= self.slots <= most,
                f"must be in 1..{most} for crops {self.size_yx[1]} pixels wide",
                "slots",
            )
        else:
            self._need(self.slots == 1, f"must be 1 for {self.arch!r}", "slots")

    @property
    def reads_strings(self) -> bool:
        """Whether a crop holds a string, and not one character."""
        return self.arch in _STRINGS


@dataclasses.dataclass(frozen=True, kw_only=True)
class RefinerConfig(Config):
    """The network that looks at a region again and moves its corners."""

    size_yx: tuple[int, int] = (48, 96)
    """Height and width of its crops, pixels."""
    grow: float = 1.5
    """Factor on both sides of the region, so that corners that are off lie inside."""
    width: int | None = None
    """Channels of the first stage (16)."""

    def __post_init__(self) -> None:
        self._need(
            len(self.size_yx) == 2
            and all(s >= 16 and s % 8 == 0 for s in self.size_yx),
            "needs two multiples of 8 of at least 16 pixels",
            "size_yx",
        )
        self._need(self.grow >= 1, "must be at least 1", "grow")
        self._need(self.width is None or self.width >= 1, "must be at least 1", "width")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AssemblyConfig(Config):
    """How characters become lines."""

    slots: int = 32
    """S: characters a reading may have; a longer line goes on in the next reading."""
    max_gap: float = 0.9
    """Neighbours are at most this far apart, in heights of the taller one."""
    min_overlap: float = 0.5
    """Neighbours share at least this part of the smaller one's height."""
    max_ratio: float = 2.5
    """Neighbours differ at most this much in height."""
    min_readable: float = 0.5
    """A region that is readable with less than this probability keeps no text."""
    min_score: float = 0.0
    """What is read needs at least this score, the detector's times the recogniser's: a
    character, or the worst of a region's string. One doubt alone may be small, and both
    together too many."""
    min_line_score: float = 0.0
    """A line of characters needs one of at least this score: a doubtful character is
    likelier beside a sure one."""

    def __post_init__(self) -> None:
        self._need(self.slots >= 1, "must be at least 1", "slots")
        self._need(self.max_gap >= 0, "must not be negative", "max_gap")
        self._need(0 <= self.min_overlap <= 1, "must be in 0..1", "min_overlap")
        self._need(self.max_ratio >= 1, "must be at least 1", "max_ratio")
        for field in ("min_readable", "min_score", "min_line_score"):
            self._need(0 <= getattr(self, field) <= 1, "must be in 0..1", field)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FusionConfig(Config):
    """How a detector and a recogniser are joined."""

    frame_yx: tuple[int, int] = (384, 384)
    """Height and width of what the detector sees, pixels; multiples of the largest
    stride of its pyramid."""
    max_enlargement: float = 2.0
    """Frame pixels a photo pixel, at most: a small photo that filled the frame would
    show the detector something large and blurred, which it does not find."""
    octaves: int = 1
    """How many sizes of the frame the detector looks at, each half as large as the one
    before: what fills a large frame is found in a smaller one."""
    flow: str = "folded"
    """`folded`: one recogniser over all crops in the batch. `multiflow`: the article's
    n inputs and n outputs, one copy of the recogniser for each box."""
    selection: SelectionConfig = SelectionConfig()
    """From anchors to boxes."""
    refinements: int = 2
    """How often a refiner looks at the corners again; what is said of a reader without
    one is 0."""
    crop: CropConfig = CropConfig()
    """From boxes to crops."""
    assembly: AssemblyConfig = AssemblyConfig()
    """From characters to lines."""

    def __post_init__(self) -> None:
        self._need(
            len(self.frame_yx) == 2 and all(s >= 32 for s in self.frame_yx),
            "needs two sides of at least 32 pixels",
            "frame_yx",
        )
        self._need(self.max_enlargement > 0, "must be positive", "max_enlargement")
        self._need(1 <= self.octaves <= 8, "must be 1 to 8", "octaves")
        self._need(
            self.flow in ("folded", "multiflow"),
            "must be 'folded' or 'multiflow'",
            "flow",
        )
        self._need(self.refinements >= 0, "must not be negative", "refinements")

    def scale(self, height: int, width: int) -> float:
        """How many of its own pixels the detector sees for one of a photo.

        >>> FusionConfig(frame_yx=(384, 512)).scale(768, 2048)
        0.25
        """
        frame_height, frame_width = self.frame_yx
        fitted = min(frame_height / height, frame_width / width)
        return min(fitted, self.max_enlargement)
