"""Scenes: the same for the same generator, and every box bounds its ink."""

import pathlib

import matplotlib as mpl
import numpy as np
import pytest

from fused_ocr.boxes import iou_matrix
from fused_ocr.training.glyphs import INK, ArrayGlyphs, FontGlyphs, ink_box
from fused_ocr.training.scenes import Scene, line_scene, scattered_scene

FONTS = pathlib.Path(mpl.get_data_path()) / "fonts" / "ttf"
PRINT = FontGlyphs(
    [str(FONTS / f"DejaVu{n}.ttf") for n in ("Sans", "Serif-Bold", "SansMono")]
)


def handwriting():
    """Pictures of 28x28 as MNIST's, drawn with fonts: soft edges, a black rim."""
    rng = np.random.default_rng(0)
    images, labels = [], []
    for style in range(3):
        for digit in "0123456789":
            mask = PRINT.draw(rng, digit, 20, style)[:26, :26]
            image = np.zeros((28, 28), np.uint8)
            y, x = (28 - mask.shape[0]) // 2, (28 - mask.shape[1]) // 2
            image[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
            images.append(image)
            labels.append(digit)
    return ArrayGlyphs(np.stack(images), labels)


HANDWRITING = handwriting()


def same(one: Scene, other: Scene):
    return (
        (one.image == other.image).all()
        and np.array_equal(one.boxes_yxyx, other.boxes_yxyx)
        and one.characters == other.characters
        and one.lines == other.lines
    )


def check_shapes(scene, size_yx):
    assert scene.image.shape == (*size_yx, 3) and scene.image.dtype == np.uint8
    assert scene.boxes_yxyx.shape == (len(scene.characters), 4)
    assert scene.boxes_yxyx.dtype == np.float32
    y1, x1, y2, x2 = scene.boxes_yxyx.T
    assert (y1 >= 0).all() and (y1 < y2).all() and (y2 <= size_yx[0]).all()
    assert (x1 >= 0).all() and (x1 < x2).all() and (x2 <= size_yx[1]).all()
    # Every character is in one line, and the lines count on.
    assert [i for line in scene.lines for i in line] == list(
        range(len(scene.characters))
    )


def test_an_empty_scene():
    scene = scattered_scene(
        np.random.default_rng(0), HANDWRITING, size_yx=(33, 71), count=(0, 0)
    )
    check_shapes(scene, (33, 71))
    assert scene.texts == () and not scene.image.any()


@pytest.mark.parametrize("size_yx", [(96, 96), (97, 151), (151, 97)])
def test_scattered_boxes_bound_the_ink_exactly(size_yx):
    counts = set()
    for seed in range(25):
        scene = scattered_scene(
            np.random.default_rng(seed), HANDWRITING, size_yx=size_yx
        )
        check_shapes(scene, size_yx)
        counts.add(len(scene.characters))
        assert scene.texts == scene.characters
        assert set(scene.characters) <= set("0123456789")
        grey = scene.image[..., 0]
        assert (scene.image == grey[..., None]).all()
        for y1, x1, y2, x2 in scene.boxes_yxyx.astype(int):
            # Other digits are at least 3 pixels away, so 2 around hold only this one.
            top, left = max(0, y1 - 2), max(0, x1 - 2)
            around = grey[top : y2 + 2, left : x2 + 2]
            bounds = ink_box(around)
            assert bounds == (y1 - top, x1 - left, y2 - top, x2 - left)
        # No ink outside of the boxes.
        rest = grey.copy()
        for y1, x1, y2, x2 in scene.boxes_yxyx.astype(int):
            rest[y1:y2, x1:x2] = 0
        assert (rest < INK).all()
        overlaps = iou_matrix(scene.boxes_yxyx, scene.boxes_yxyx)
        assert (overlaps[~np.eye(len(overlaps), dtype=bool)] == 0).all()
    assert len(counts) > 4  # a random amount


def test_scattered_scenes_are_decided_by_the_generator():
    one, again, other = (
        scattered_scene(np.random.default_rng(seed), HANDWRITING) for seed in (3, 3, 4)
    )
    assert same(one, again) and not same(one, other)


def test_more_digits_than_fit():
    scene = scattered_scene(
        np.random.default_rng(0),
        HANDWRITING,
        size_yx=(40, 40),
        count=(50, 50),
        height=(0.4, 0.5),
    )
    check_shapes(scene, (40, 40))
    assert 0 < len(scene.characters) < 50


@pytest.mark.parametrize("size_yx", [(160, 160), (131, 203), (203, 131)])
def test_lines(size_yx):
    sizes = []
    for seed in range(25):
        scene = line_scene(
            np.random.default_rng(seed), [PRINT, HANDWRITING], size_yx=size_yx
        )
        check_shapes(scene, size_yx)
        sizes.append(len(scene.lines))
        assert scene.texts == tuple(
            "".join(scene.characters[i] for i in line) for line in scene.lines
        )
        for line in scene.lines:
            assert 1 <= len(line) <= 8
            # In reading order: the tilt is at most 12 degrees, so x grows.
            middle = scene.boxes_yxyx[list(line)][:, [1, 3]].mean(1)
            assert (np.diff(middle) > 0).all()
    assert min(sizes) == 0 and max(sizes) > 1


def test_lines_are_decided_by_the_generator():
    scenes = [
        line_scene(
            np.random.default_rng(seed), [PRINT, HANDWRITING], size_yx=(131, 203)
        )
        for seed in (5, 5, 6)
    ]
    assert same(scenes[0], scenes[1]) and not same(scenes[0], scenes[2])


def test_there_is_contrast_in_the_boxes():
    # Text is drawn at least 68 of 255 away from what is behind it; light and noise
    # take some of it away.
    spans = []
    for seed in range(25):
        scene = line_scene(np.random.default_rng(seed), [PRINT], size_yx=(160, 160))
        for y1, x1, y2, x2 in scene.boxes_yxyx.round().astype(int):
            grey = scene.image[y1:y2, x1:x2].mean(-1)
            spans.append(np.percentile(grey, 95) - np.percentile(grey, 5))
    assert np.percentile(spans, 5) > 25 and np.median(spans) > 60


def test_other_characters():
    for seed in range(8):
        scene = line_scene(
            np.random.default_rng(seed), [PRINT], size_yx=(131, 203), characters="AX"
        )
        assert set(scene.characters) <= set("AX")


def test_distractors_have_no_boxes():
    drawn = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        scene = line_scene(
            rng, [PRINT], size_yx=(131, 131), characters="17", distractors="AX"
        )
        check_shapes(scene, (131, 131))
        assert set(scene.characters) <= set("17")
        plain = line_scene(
            np.random.default_rng(seed), [PRINT], size_yx=(131, 131), characters="17"
        )
        drawn += (scene.image != plain.image).any()
    assert drawn > 1
