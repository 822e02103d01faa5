"""Regions with a wide rim, and crops of them: the corners told are where they are."""

import dataclasses
import itertools

import numpy as np
import pytest
from PIL import Image
from test_rectification import upright

from fused_ocr.config import CropConfig
from fused_ocr.errors import ConfigError
from fused_ocr.rectification import RectifyQuads
from fused_ocr.training import corner_crops
from fused_ocr.training.annotations import AnnotatedPhoto
from fused_ocr.training.corner_crops import (
    CornerBatches,
    CornerPatches,
    corner_patches,
)
from fused_ocr.training.strip_augmentation import StripAugmentation

SIZE = (48, 96)
CROP = CropConfig(size_yx=SIZE, grow=1.5)
UNKNOWN = np.full((4, 2), np.nan)


def depth(quad, height, width):
    """How deep pixels lie inside of convex corners (4, 2), clockwise; (height, width).

    The distance to the nearest edge; outside it is negative.
    """
    y, x = np.mgrid[:height, :width] + 0.5
    nearest = np.full((height, width), np.inf)
    for (y1, x1), (y2, x2) in zip(quad, np.roll(quad, -1, 0), strict=True):
        across = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
        nearest = np.minimum(nearest, across / np.hypot(y2 - y1, x2 - x1))
    return nearest


def check_white(picture, quad, *, rim=1.5):
    """White inside of the corners and black outside; nothing is said of the edge."""
    inside = depth(quad, *picture.shape)
    assert (inside > rim).any() and (inside < -rim).any()
    assert (picture[inside > rim] > 0.9).all()
    assert (picture[inside < -rim] < 0.1).all()


def photo(path, quads, *, known=True, shape=(141, 203)):
    """White regions on black."""
    pixels = np.zeros((*shape, 3), np.uint8)
    for quad in quads:
        pixels[depth(quad, *shape) > 0] = 255
    Image.fromarray(pixels).save(path)
    quads = np.array(quads, np.float32)
    n = len(quads)
    boxes = np.concatenate([quads.min(1), quads.max(1)], 1)
    more = {"quads_yx": quads} if known else {}
    return AnnotatedPhoto(path, boxes, np.zeros(n, np.int64), ("",) * n, **more)


SLANTED = np.array([(55, 60), (50, 135), (84, 140), (90, 66)], np.float32)
"""Within (50, 60, 90, 140), which is twice as wide as high: the patch is 2.4 * (40, 80)
= (96, 192) pixels of the photo, from (70 - 48, 100 - 96) = (22, 4) on, and 112 / 96 =
224 / 192 = 7 / 6 as large."""
PLACED = (SLANTED - (22, 4)) * 7 / 6
TURNED = np.roll(SLANTED, -1, 0)
"""The same place; its text runs down."""
BOX = np.array([(33, 66), (33, 158), (79, 158), (79, 66)], np.float32)
"""Upright in the middle of a patch, which is about 2.4 times as large."""


def patch(quads=PLACED, known=True):
    """The patches (n, ...) of one source, drawn and not cut."""
    quads = np.array(quads, np.float32).reshape(-1, 4, 2)
    pixels = [np.uint8(255) * (depth(quad, 112, 224) > 0) for quad in quads]
    known = np.full(len(quads), known)
    return CornerPatches("drawn", np.array(pixels, np.uint8), quads, known)


def batches(*sources, size=16, seed=5, strength=0.0):
    light = StripAugmentation.of_strength(SIZE, strength)
    return CornerBatches(sources, CROP, size, seed, light)


# --- patches --------------------------------------------------------------------------


def test_corners_are_where_they_are_in_the_patch(tmp_path):
    made = corner_patches([photo(tmp_path / "a.png", [SLANTED])], "mine")
    assert made.pixels.shape == (1, 112, 224) and made.pixels.dtype == np.uint8
    assert (len(made), made.name, made.known.tolist()) == (1, "mine", [True])
    np.testing.assert_allclose(made.quads_yx, [PLACED], atol=1e-3)
    check_white(made.pixels[0] / 255, PLACED)


def test_the_text_keeps_its_own_top_left(tmp_path):
    made = corner_patches([photo(tmp_path / "a.png", [TURNED])])
    np.testing.assert_allclose(made.quads_yx, [np.roll(PLACED, -1, 0)], atol=1e-3)


def test_unknown_corners_are_those_of_the_box(tmp_path):
    made = corner_patches([photo(tmp_path / "a.png", [SLANTED], known=False)])
    assert made.known.tolist() == [False]
    # From (28, 56) to (68, 136), times 7 / 6.
    y1, x1, y2, x2 = 32.667, 65.333, 79.333, 158.667
    expected = [[(y1, x1), (y1, x2), (y2, x2), (y2, x1)]]
    np.testing.assert_allclose(made.quads_yx, expected, atol=1e-3)


def test_photos_are_put_one_behind_the_other(tmp_path):
    # Of the second, the first region has no corners; the third photo shows nothing.
    second = photo(tmp_path / "b.png", [SLANTED - 30, SLANTED])
    second.quads_yx[0, 2, 1] = np.nan
    photos = [
        photo(tmp_path / "a.png", [SLANTED]),
        second,
        AnnotatedPhoto(tmp_path / "a.png", np.zeros((0, 4), np.float32),
                       np.zeros(0, np.int64), ()),
    ]  # fmt: skip
    made = corner_patches(photos)
    assert made.known.tolist() == [True, False, True]
    np.testing.assert_allclose(made.quads_yx[[0, 2]], [PLACED] * 2, atol=1e-3)
    some = made.part(np.array([False, True, False]))
    assert len(some) == 1 and some.known.tolist() == [False]
    np.testing.assert_array_equal(some.pixels, made.pixels[1:2])
    np.testing.assert_array_equal(some.quads_yx, made.quads_yx[1:2])


def test_small_regions_are_left_out(tmp_path):
    low = np.array([(10, 10), (10, 60), (13.9, 60), (13.9, 10)])
    least = np.array([(10, 10), (10, 60), (14, 60), (14, 10)])
    made = corner_patches([photo(tmp_path / "a.png", [low, SLANTED, low[:, ::-1]])])
    np.testing.assert_allclose(made.quads_yx, [PLACED], atol=1e-3)
    assert len(corner_patches([photo(tmp_path / "b.png", [least])])) == 1
    with pytest.raises(ConfigError, match=r"no region in 'low' .* at least 4 pixels"):
        corner_patches([photo(tmp_path / "c.png", [low])], "low")
    with pytest.raises(ConfigError, match="no region in 'none'"):
        corner_patches([], "none")


# --- batches --------------------------------------------------------------------------


@pytest.mark.parametrize("quad", [PLACED, np.roll(PLACED, -1, 0)])
def test_the_corners_told_are_where_the_region_is(quad):
    crops, truth = next(batches(patch(quad), size=40)(0))
    assert crops.shape == (40, *SIZE, 1) and crops.dtype == np.float32
    assert truth.shape == (40, 9) and (truth[:, 8] == 1).all()
    corners = truth[:, :8].reshape(-1, 4, 2)
    for crop, one in zip(crops[..., 0], corners, strict=True):
        check_white(crop, one * SIZE, rim=2)
    # No two starts are the same, and nearly all corners are inside.
    assert (corners.std(0) > 0.02).all()
    assert ((corners > 0) & (corners < 1)).all(2).mean() > 0.9


def test_unknown_corners_start_upright():
    crops, truth = next(batches(patch(BOX, known=False), size=40)(0))
    assert (truth[:, 8] == 0).all()
    corners = truth[:, :8].reshape(-1, 4, 2)
    for crop, one in zip(crops[..., 0], corners, strict=True):
        check_white(crop, one * SIZE, rim=2)
    low, high = corners.min(1), corners.max(1)
    assert (low.std(0) > 0.02).all()
    upright = np.stack(
        [low, np.stack([low[:, 0], high[:, 1]], 1), high,
         np.stack([high[:, 0], low[:, 1]], 1)], 1,
    )  # fmt: skip
    np.testing.assert_allclose(corners, upright, atol=1e-5)


def test_some_known_corners_start_from_a_box():
    # Of an upright region the corners told are upright only then.
    _, truth = next(batches(patch(BOX), size=400)(0))
    corners = truth[:, :8].reshape(-1, 4, 2)
    as_box = np.abs(corners[:, 0, 0] - corners[:, 1, 0]) < 1e-5
    assert 0.25 < as_box.mean() < 0.45


@pytest.mark.parametrize("known", [True, False])
def test_crops_show_what_is_around(known, tmp_path, monkeypatch):
    # Of a region as wide as high a crop is twice as wide. The smallest that holds the
    # box (80, 130, 120, 170) is 40x80, its patch 2.4 times that, 96x192 pixels of the
    # photo, from (100 - 48, 150 - 96) = (52, 54) on.
    def waves(y, x):
        return 128 + 60 * np.sin(y / 9) + 60 * np.sin(x / 7)

    grey = waves(*(np.mgrid[:200, :300] + 0.5)).astype(np.uint8)
    Image.fromarray(grey).convert("RGB").save(tmp_path / "a.png")
    box = np.array([(80, 130, 120, 170)], np.float32)
    more = {"quads_yx": upright(box)} if known else {}
    annotated = AnnotatedPhoto(
        tmp_path / "a.png", box, np.zeros(1, np.int64), ("",), **more
    )
    starts, real = [], corner_crops._starts

    def told(*arguments):
        starts.append(real(*arguments))
        return starts[0]

    monkeypatch.setattr(corner_crops, "_starts", told)
    crops, _ = next(batches(corner_patches([annotated]), size=100)(0))
    cells = np.stack(np.mgrid[:48, :96], -1).reshape(1, 1, -1, 2) + 0.5
    cells = np.repeat(cells / SIZE, 100, 0).astype(np.float32)
    places = RectifyQuads(CROP).to_photo(starts[0][:, None], cells).numpy()[:, 0]
    outside = ((places < 0) | (places > (112, 224))).any(-1)
    assert outside.mean() <= 0.01
    y, x = np.moveaxis(places * 6 / 7 + (52, 54), -1, 0)
    apart = np.abs(crops.reshape(100, -1) * 255 - waves(y, x))
    assert (apart > 8).mean() <= 0.01


def test_batches_are_decided_by_their_numbers():
    make = batches(patch([PLACED, PLACED + 3]), strength=1.0)
    third, fourth = itertools.islice(make(0), 3, 5)
    for one, other in zip(third, next(make(3)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.abs(third[1] - fourth[1]).max() > 0.01
    assert np.abs(third[0] - fourth[0]).max() > 0.1
    other_seed = next(batches(*make.sources, seed=6, strength=1.0)(3))
    assert np.abs(third[1] - other_seed[1]).max() > 0.01


def test_light_moves_nothing():
    plain, lit = (
        next(batches(patch(), strength=strength)(2)) for strength in (0.0, 1.0)
    )
    np.testing.assert_array_equal(plain[1], lit[1])
    assert np.abs(plain[0] - lit[0]).max() > 0.1
    assert lit[0].min() >= 0 and lit[0].max() <= 1


def test_sources_are_drawn_by_their_weights():
    heavy, light = dataclasses.replace(patch(), weight=3.0), patch(known=False)
    _, truth = next(batches(heavy, light, size=400)(0))
    assert 0.68 < truth[:, 8].mean() < 0.82
    # Batches in which a source has no part.
    few = itertools.islice(batches(heavy, light, size=1)(0), 12)
    assert {int(truth[0, 8]) for _, truth in few} == {0, 1}


def test_some_starts_lack_an_end(monkeypatch):
    quads = np.repeat(PLACED[None].astype(np.float32), 2000, 0)

    def starts(part):
        monkeypatch.setattr(corner_crops, "_CUT", part)
        rng = np.random.default_rng(5)
        return corner_crops._starts(rng, quads, np.ones(2000, np.bool_))

    whole, some, all_cut = starts(0.0), starts(0.3), starts(1.0)
    assert (some != whole).any((1, 2)).mean() == pytest.approx(0.3, abs=0.04)
    at_left = (all_cut[:, [0, 3]] != whole[:, [0, 3]]).any((1, 2))
    at_right = (all_cut[:, [1, 2]] != whole[:, [1, 2]]).any((1, 2))
    assert not (at_left & at_right).any()
    assert at_left.mean() == pytest.approx(0.5, abs=0.04)
    # The upper and the lower edge lose the same part, up to 0.3, and keep their ways.
    rows = [(0, 1), (3, 2)]
    before, after = (
        np.stack([one[:, right] - one[:, left] for left, right in rows], 1)
        for one in (whole, all_cut)
    )
    kept = (after * before).sum(-1) / (before**2).sum(-1)
    np.testing.assert_allclose(after, before * kept[..., None], atol=1e-3)
    np.testing.assert_allclose(kept[:, 0], kept[:, 1], atol=1e-4)
    assert kept.min() == pytest.approx(0.7, abs=0.01) and kept.max() <= 1
