"""Box arithmetic against hand-made values and plain loops."""

import numpy as np
import pytest

from fused_ocr.boxes import areas, clip, iou_matrix, swap_xy


@pytest.mark.parametrize("shape", [(0, 4), (4,), (3, 4), (2, 3, 4)])
def test_swapping_twice_is_nothing(shape):
    boxes = np.random.default_rng(0).uniform(0, 9, shape).astype(np.float32)
    swapped = swap_xy(boxes)
    assert swapped.shape == shape and swapped.dtype == np.float32
    np.testing.assert_array_equal(swapped[..., 0], boxes[..., 1])
    np.testing.assert_array_equal(swapped[..., 3], boxes[..., 2])
    np.testing.assert_array_equal(swap_xy(swapped), boxes)


@pytest.mark.parametrize(
    ("box", "area"),
    [
        ((0, 0, 0, 0), 0),
        ((1, 2, 4, 6), 12),
        ((1, 2, 1, 6), 0),  # no height
        ((4, 2, 1, 6), 0),  # upside down
        ((4, 6, 1, 2), 0),  # both: not 12
    ],
)
def test_areas(box, area):
    assert areas([box]).tolist() == [area]


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        ((1, 2, 3, 4), (1, 2, 3, 4)),
        ((-5, -6, 50, 60), (0, 0, 10, 20)),
        ((-5, 30, -1, 40), (0, 20, 0, 20)),  # outside: no area
    ],
)
def test_clip(box, inside):
    assert clip([box], 10, 20).tolist() == [list(inside)]


@pytest.mark.parametrize(
    ("one", "other", "iou"),
    [
        ((0, 0, 0, 0), (0, 0, 0, 0), 0),  # both empty
        ((0, 0, 2, 2), (0, 0, 2, 2), 1),
        ((0, 0, 2, 2), (2, 0, 4, 2), 0),  # an edge in common
        ((0, 0, 2, 2), (0, 1, 2, 3), 1 / 3),  # 2 of 4 + 4 - 2
        ((0, 0, 4, 4), (1, 1, 3, 3), 1 / 4),
        ((0, 0, 2, 2), (5, 5, 6, 6), 0),
    ],
)
def test_iou(one, other, iou):
    assert iou_matrix([one], [other])[0, 0] == pytest.approx(iou)
    assert iou_matrix([other], [one])[0, 0] == pytest.approx(iou)


@pytest.mark.parametrize(("rows", "columns"), [(0, 0), (0, 3), (3, 0), (2, 3)])
def test_iou_of_every_pair(rows, columns):
    rng = np.random.default_rng(1)
    corner = rng.uniform(0, 9, (rows + columns, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0, 9, corner.shape)], 1)
    found = iou_matrix(boxes[:rows], boxes[rows:])
    assert found.shape == (rows, columns) and found.dtype == np.float32
    for i, a in enumerate(boxes[:rows]):
        for j, b in enumerate(boxes[rows:]):
            shared = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(
                0, min(a[3], b[3]) - max(a[1], b[1])
            )
            total = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared
            assert found[i, j] == pytest.approx(shared / total, rel=1e-4, abs=1e-6)


def test_arguments_are_not_changed():
    boxes = np.array([[-1, -2, 30, 40]], np.float32)
    before = boxes.copy()
    swap_xy(boxes), areas(boxes), clip(boxes, 10, 20), iou_matrix(boxes, boxes)
    np.testing.assert_array_equal(boxes, before)
