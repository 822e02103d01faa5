"""Synthetic photos of plates, house numbers, bibs, meters, with corners and texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from fused_ocr.alphabet import ALPHANUMERIC
from fused_ocr.boxes import Boxes
from fused_ocr.errors import ConfigError

from ..annotations import Quads
from ..backgrounds import Picture, background, clutter
from ..degradation import degrade
from ..glyphs import FontGlyphs
from . import surroundings
from .bibs import draw_bib
from .chance import Colour, log_uniform, near
from .flat_region import FlatRegion
from .houses import draw_house_number
from .lookalikes import draw_badge, draw_lamp, draw_lookalike
from .meters import draw_meter
from .placed import Placed, meets
from .plate_layouts import any_layout
from .plates import draw_plate
from .pose import paste, random_pose
from .signs import draw_sign

__all__ = ["LABELS", "RegionScene", "RegionScenes", "region_scene"]

LABELS = {"plates": "plate", "houses": "number", "bibs": "bib", "meters": "meter"}
"""Kinds of scenes, and what their regions are called."""

_HAZE = {"houses": 0.6}
"""How often pictures of a kind are flat and soft, see `degrade`. Without it numbers in
photos of streets have two thirds of the contrast of drawn ones, and of the steepness of
their edges; plates are as sharp as drawn ones."""

_HIDDEN = 0.04
"""This part of the regions has something in front that hides most of them."""

_PARTS = (0.03, 0.6)
"""Smallest and largest width of a region, in parts of the picture's."""


@dataclasses.dataclass(frozen=True)
class RegionScene:
    """A picture and the regions of text in it.

    Attributes:
        image: uint8 (H, W, 3) RGB.
        boxes_yxyx: float32 (n, 4), bounds of the corners, pixel edges, in the picture.
        quads_yx: float32 (n, 4, 2), y and x of the corners, clockwise from the text's
            top left: of a plate's sheet, or around a house's or runner's number.
        texts: what each reads; two rows are read one after the other. Empty where it
            is not readable.
        labels: `plate`, `number`, `bib` or `meter`.
        readable: bool (n,); False where characters are too small, spoilt or covered.
    """

    image: Picture
    boxes_yxyx: Boxes
    quads_yx: Quads
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    readable: npt.NDArray[np.bool_]


def region_scene(  # noqa: PLR0913 - each decides a scene by itself
    rng: np.random.Generator,
    kind: str,
    fonts: FontGlyphs,
    *,
    size_yx: tuple[int, int] = (384, 384),
    photos: Sequence[str] = (),
    characters: str = ALPHANUMERIC,
    steep: bool = False,
    layouts: Sequence[str] = (),
) -> RegionScene:
    """A scene with up to three regions of a kind, or in one of ten with none.

    Args:
        rng: decides everything.
        kind: `plates`, `houses`, `bibs` or `meters`.
        fonts: with digits and capitals.
        size_yx: height and width, pixels.
        photos: paths of photos for backgrounds.
        characters: that may be read. Plates need digits and capitals; houses get a
            letter behind the number where there are letters from A to F; bibs and
            meters take the digits.
        steep: whether all regions are seen from any angle up to 45 degrees.
        layouts: names of kinds of plates, see `plate_layouts`; all of them if none.

    Returns:
        A scene. Regions are 3 % to 60 % as wide as the picture, and do not meet. Of
        those whose characters are too low to be read, three of four are made anew;
        the others stay, without a text, as do those of which the camera left too
        little.

    Raises:
        ConfigError: there is no such kind, or no characters for it.
    """
    if kind not in LABELS:
        raise ConfigError(
            f"kind must be one of {', '.join(LABELS)}. Received: {kind!r}."
        )
    image = background(rng, size_yx, photos)
    if rng.random() < 0.3:
        image = clutter(rng, image)
    night = kind == "plates" and rng.random() < 0.11
    wall = surroundings.wall_colour(rng) if rng.random() < 0.7 else None
    wanted = int(rng.choice(4, p=[0.1, 0.62, 0.18, 0.1]))
    placed: list[Placed] = []
    for _ in range(wanted * 4):
        if len(placed) == wanted:
            break
        width = log_uniform(rng, *_PARTS) * size_yx[1]
        flat = _flat(rng, kind, fonts, characters, width, wall, layouts)
        pose = random_pose(rng, flat.quad_yx, size_yx, width, steep=steep)
        one = Placed(flat, pose, hidden=bool(rng.random() < _HIDDEN))
        too_low = not one.high_enough and rng.random() < 0.75
        if not too_low and not meets(one.outline_yx, placed):
            placed.append(one)
    image = _surrounded(rng, kind, image, placed, wall)
    canvas = image.astype(np.float32)
    _distract(rng, canvas, fonts, placed)
    if kind == "plates":
        # A generator of its own: all else stays as it would be without them.
        _mislead(rng.spawn(1)[0], canvas, fonts, placed)
    if night:
        dark = rng.uniform(0.08, 0.4) * rng.uniform((0.8, 0.7, 0.7), (1.25, 1.0, 1.2))
        canvas *= dark.astype(np.float32)
    # What hides one must not hide the others.
    grounds: dict[int, Colour] = {}
    for one in sorted(placed, key=lambda o: not o.hidden):
        around = one.around(canvas)
        light = _light(rng, around, shines=night and one.flat.shines)
        grounds[id(one)] = around / light
        paste(canvas, one.flat.cutout, one.pose, light=light)
        if one.hidden:
            _hide(rng, canvas, one.quad_yx)
    if night:
        _bloom(rng, canvas)
    lowest = min((one.tall for one in placed if one.readable), default=14.0)
    quads = np.array([one.quad_yx for one in placed], np.float32).reshape(-1, 4, 2)
    drawn = np.clip(canvas, 0, 255).astype(np.uint8)
    image = degrade(rng, drawn, 0.8 * lowest, haze=_HAZE.get(kind, 0.0))
    readable = [one.readable and one.legible(image, grounds[id(one)]) for one in placed]
    return RegionScene(
        image=image,
        boxes_yxyx=np.concatenate([quads.min(1), quads.max(1)], 1),
        quads_yx=quads,
        texts=tuple(
            one.flat.text if known else ""
            for one, known in zip(placed, readable, strict=True)
        ),
        labels=(LABELS[kind],) * len(placed),
        readable=np.array(readable, np.bool_),
    )


@dataclasses.dataclass(frozen=True)
class RegionScenes:
    """The region scene of an index: a picklable function.

    Attributes: as the arguments of `region_scene`; seed and index make its generator.
    """

    kind: str
    fonts: FontGlyphs
    seed: int
    size_yx: tuple[int, int] = (384, 384)
    photos: Sequence[str] = ()
    characters: str = ALPHANUMERIC
    steep: bool = False
    layouts: Sequence[str] = ()

    def __call__(self, index: int) -> RegionScene:
        """The scene of an index."""
        return region_scene(
            np.random.default_rng([self.seed, index]),
            self.kind,
            self.fonts,
            size_yx=self.size_yx,
            photos=self.photos,
            characters=self.characters,
            steep=self.steep,
            layouts=self.layouts,
        )


def _flat(
    rng: np.random.Generator,
    kind: str,
    fonts: FontGlyphs,
    characters: str,
    width: float,
    wall: Colour | None,
    layouts: Sequence[str],
) -> FlatRegion:
    """A region of a kind, drawn about as large as it will be seen."""
    drawn = float(np.clip(width * 1.2, 110, 460))
    if kind == "plates":
        layout = any_layout(rng, layouts)
        return draw_plate(rng, fonts, characters, width=drawn, layout=layout)
    if kind == "bibs":
        return draw_bib(rng, fonts, characters, width=drawn * 1.25)
    if kind == "meters":
        tall = float(np.clip(width * 0.25, 20, 90))
        return draw_meter(rng, fonts, characters, tall=tall)
    light = None if wall is None else float(wall.mean())
    tall = float(np.clip(width * 0.6, 40, 170))
    return draw_house_number(rng, fonts, characters, tall=tall, wall=light)


def _surrounded(
    rng: np.random.Generator,
    kind: str,
    image: Picture,
    placed: Sequence[Placed],
    wall: Colour | None,
) -> Picture:
    """Cars, walls and runners behind the regions; the largest region's in front."""
    if not placed:
        return image
    if kind == "meters":  # the meter's face is drawn with it
        return image
    pencil = surroundings.Pencil(image)
    if kind == "houses":
        if wall is None:
            return image
        pencil.plane = placed[0].plane
        # No door where other numbers might come to be on it, and not be seen.
        beside = placed[0].flat.wide_cm / 2 if len(placed) == 1 else None
        surroundings.draw_wall(rng, pencil, wall, beside)
        return pencil.finish(rng, 0.14)
    cars = kind == "plates"
    for one in sorted(placed, key=lambda o: o.tall):
        if rng.random() < (0.65 if cars else 0.85):
            pencil.plane = one.plane
            (surroundings.draw_car if cars else surroundings.draw_runner)(rng, pencil)
    return pencil.finish(rng, 0.28)


def _distract(
    rng: np.random.Generator,
    canvas: npt.NDArray[np.float32],
    fonts: FontGlyphs,
    placed: Sequence[Placed],
) -> None:
    """Signs that are not to be read, where no region is; more where there are none."""
    if rng.random() > (0.25 if placed else 0.85):
        return
    height, width = canvas.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        wide = log_uniform(rng, 0.08, 0.5) * width
        sign = draw_sign(rng, fonts, width=float(np.clip(wide * 1.2, 60, 300)))
        one = Placed(sign, random_pose(rng, sign.quad_yx, (height, width), wide))
        if not meets(one.outline_yx, placed):
            paste(canvas, sign.cutout, one.pose, light=rng.uniform(0.5, 1.0))


def _mislead(
    rng: np.random.Generator,
    canvas: npt.NDArray[np.float32],
    fonts: FontGlyphs,
    placed: Sequence[Placed],
) -> None:
    """What is often taken for a plate: letters and lamps on its car, and elsewhere."""
    height, width = canvas.shape[:2]
    found = []
    for one in placed:
        per_cm = np.ptp(one.quad_yx[:, 1]) / one.flat.wide_cm
        for _ in range(int(rng.integers(0, 4)) if rng.random() < 0.6 else 0):
            wide_cm = log_uniform(rng, 9, 45)
            wide = float(np.clip(wide_cm * per_cm * 1.2, 16, 200))
            lit = rng.random() < 0.35
            flat = (
                draw_lamp(rng, width=wide)
                if lit
                else draw_badge(rng, fonts, width=wide)
            )
            x, y = rng.uniform(-75, 75), rng.uniform(-75, 25)
            seen = surroundings.plane_of(np.eye(3), flat.quad_yx, wide_cm)
            moved = np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])
            found.append(Placed(flat, one.plane @ moved @ np.linalg.inv(seen)))
    for _ in range(int(rng.integers(1, 4)) if rng.random() < 0.45 else 0):
        wide = log_uniform(rng, 0.04, 0.5) * width
        flat = draw_lookalike(rng, fonts, width=float(np.clip(wide * 1.2, 30, 300)))
        pose = random_pose(rng, flat.quad_yx, (height, width), wide)
        found.append(Placed(flat, pose))
    for one in found:
        if not meets(one.outline_yx, placed):
            paste(canvas, one.flat.cutout, one.pose, light=rng.uniform(0.5, 1.05))


def _light(rng: np.random.Generator, around: Colour, *, shines: bool) -> Colour:
    """The light on a region: that of its surroundings, or of headlights at night."""
    if shines:
        return rng.uniform(0.75, 1.5) * rng.uniform((0.9, 0.85, 0.85), (1.1, 1.0, 1.05))
    grey = float(around.mean())
    cast = 1 + 0.12 * (around - grey) / max(grey, 20.0)
    return np.asarray(
        np.clip(0.78 + 0.0018 * grey, 0.75, 1.1) * cast * rng.uniform(0.85, 1.12)
    )


def _hide(
    rng: np.random.Generator,
    canvas: npt.NDArray[np.float32],
    quad_yx: npt.NDArray[np.float64],
) -> None:
    """Something in front that leaves no more than a third of a region to be seen."""
    start = rng.uniform(0.0, 0.3)
    end = start + rng.uniform(0.7, 1.0)
    (a, b, c, d) = quad_yx
    ends = [
        a + (b - a) * start,
        a + (b - a) * end,
        d + (c - d) * end,
        d + (c - d) * start,
    ]
    middle = quad_yx.mean(0)
    mask = Image.new("L", (canvas.shape[1], canvas.shape[0]))
    outline = []
    for p in ends:
        y, x = p + (p - middle) * rng.uniform(0.1, 0.9)
        outline.append((float(x), float(y)))
    ImageDraw.Draw(mask).polygon(outline, fill=255)
    alpha = np.asarray(mask.filter(ImageFilter.GaussianBlur(1)), np.float32) / 255
    # As dark or light as some other place of the picture.
    y, x = (int(rng.integers(n)) for n in canvas.shape[:2])
    canvas += (near(rng, canvas[y, x], 12).astype(np.float32) - canvas) * alpha[
        ..., None
    ]


def _bloom(rng: np.random.Generator, canvas: npt.NDArray[np.float32]) -> None:
    """Light that spills from what is bright over what is dark."""
    bright = np.clip(canvas - 110, 0, 145).astype(np.uint8)
    radius = rng.uniform(0.01, 0.03) * max(canvas.shape)
    glow = Image.fromarray(bright).filter(ImageFilter.GaussianBlur(radius))
    canvas += np.asarray(glow, np.float32) * np.float32(rng.uniform(0.3, 1.0))
