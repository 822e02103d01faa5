"""Examples from annotated photos: the boxes go where the pixels go."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from fused_ocr.errors import ConfigError, ImageError
from fused_ocr.training import annotated
from fused_ocr.training.annotated import AnnotatedExamples
from fused_ocr.training.annotations import AnnotatedPhoto

SIDE = 96


def photo(path, boxes=(), labels=None, **corners):
    labels = list(range(len(boxes))) if labels is None else labels
    return AnnotatedPhoto(
        path,
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(labels, np.int64),
        ("",) * len(boxes),
        **{name: np.array(quads, np.float32) for name, quads in corners.items()},
    )


@pytest.fixture
def marked(tmp_path):
    """A photo 201 wide and 151 high: black, with a red block left of a green one."""
    pixels = np.zeros((151, 201, 3), np.uint8)
    pixels[60:90, 50:80, 0] = 255
    pixels[60:90, 120:160, 1] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    return photo(tmp_path / "a.png", [[60, 50, 90, 80], [60, 120, 90, 160]])


@pytest.fixture
def clean(monkeypatch):
    """Without the camera's faults, so that pixels can be compared."""
    monkeypatch.setattr(annotated, "degrade", lambda _rng, image, _detail: image)


def lit(example, label):
    """Where the block of a label is: grey has equal channels, the blocks have not."""
    frame = example.frame.astype(int)
    return frame[..., label] - frame[..., 1 - label] > 127


def bounds(mask):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return [rows[0], columns[0], rows[-1] + 1, columns[-1] + 1]


def test_negative(tmp_path):
    Image.new("RGB", (30, 60), "white").save(tmp_path / "a.png")
    for augment in (False, True):
        example = AnnotatedExamples([photo(tmp_path / "a.png")], SIDE, augment=augment)(
            0
        )
        assert example.frame.shape == (SIDE, SIDE, 3)
        assert example.frame.dtype == np.uint8
        assert example.boxes_yxyx.shape == (0, 4)
        assert example.labels.shape == (0,)


def test_plain_is_the_letterbox(marked):
    example = AnnotatedExamples([marked], SIDE, augment=False)(0)
    # scale = min(96 / 151, 96 / 201) = 96 / 201; 151 * 96 / 201 = 72.1 -> 72 rows
    assert (example.frame[72:] == 127).all()
    assert (example.frame[:72, :, 2] == 0).all()
    y, x = 72 / 151, 96 / 201
    np.testing.assert_allclose(
        example.boxes_yxyx,
        [[60 * y, 50 * x, 90 * y, 80 * x], [60 * y, 120 * x, 90 * y, 160 * x]],
        rtol=1e-6,
    )
    assert example.labels.tolist() == [0, 1]
    red = bounds(example.frame[:72, :, 0] > 127)
    np.testing.assert_allclose(red, example.boxes_yxyx[0], atol=0.5)


def test_plain_takes_the_photos_in_turn(tmp_path, marked):
    Image.new("RGB", (30, 60), "white").save(tmp_path / "b.png")
    examples = AnnotatedExamples(
        [marked, photo(tmp_path / "b.png")], SIDE, augment=False
    )
    assert [len(examples(i).labels) for i in range(4)] == [2, 0, 2, 0]


def test_exif_orientation_is_applied(tmp_path):
    pixels = np.zeros((40, 80, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif)
    example = AnnotatedExamples(
        [photo(tmp_path / "a.jpg", [[70, 0, 80, 40]])], SIDE, augment=False
    )(0)
    # upright it is 80 high and 40 wide: scaled by 96 / 80 = 1.2
    np.testing.assert_allclose(example.boxes_yxyx, [[84, 0, 96, 48]], rtol=1e-6)
    assert (example.frame[:, 48:] == 127).all()


@pytest.mark.usefixtures("clean")
def test_boxes_follow_the_pixels(marked):
    examples = AnnotatedExamples([marked], SIDE, tilt=0, zoom=(0.5, 2.0))
    checked = 0
    for index in range(40):
        example = examples(index)
        for box, label in zip(example.boxes_yxyx, example.labels, strict=True):
            np.testing.assert_allclose(bounds(lit(example, label)), box, atol=1.01)
            checked += 1
    assert checked > 40


def close_ups(tmp_path, box_xyxy, size=(300, 400)):
    """40 close-ups of a photo in which one block is lit, and nothing else is done."""
    pixels = np.zeros((*size, 3), np.uint8)
    x1, y1, x2, y2 = box_xyxy
    pixels[y1:y2, x1:x2, 0] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    one = photo(tmp_path / "a.png", [[y1, x1, y2, x2]])
    still = {"tilt": 0, "zoom": (1, 1), "stretch": 0}
    examples = AnnotatedExamples([one], SIDE, close=1.0, **still)
    return [examples(index) for index in range(40)]


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(
    "box_xyxy", [(200, 100, 240, 130), (0, 0, 20, 40), (380, 270, 400, 300)]
)
def test_close_ups_show_an_object_whole_and_large(tmp_path, box_xyxy):
    parts, aspects = [], []
    for example in close_ups(tmp_path, box_xyxy):
        ((y1, x1, y2, x2),) = example.boxes_yxyx
        np.testing.assert_allclose(bounds(lit(example, 0)), (y1, x1, y2, x2), atol=1.6)
        # No more than rounding is cut away.
        wide, high = box_xyxy[2] - box_xyxy[0], box_xyxy[3] - box_xyxy[1]
        assert (x2 - x1) / (y2 - y1) == pytest.approx(wide / high, rel=0.08)
        parts.append(max(y2 - y1, x2 - x1) / SIDE)
        seen = bounds((example.frame != 127).any(-1))
        aspects.append((seen[3] - seen[1]) / (seen[2] - seen[0]))
    assert 0.11 < min(parts) < 0.18 and 0.38 < max(parts) < 0.47
    assert min(aspects) < 0.8 and max(aspects) > 2


@pytest.mark.usefixtures("clean")
def test_nothing_to_look_at_closely_is_seen_from_afar(tmp_path):
    for example in close_ups(tmp_path, (200, 100, 240, 109)):
        ((_, x1, _, x2),) = example.boxes_yxyx
        assert x2 - x1 == pytest.approx(40 * SIDE / 400, abs=0.01)


@pytest.mark.usefixtures("clean")
def test_tilted_boxes_hold_the_tilted_pixels(marked):
    examples = AnnotatedExamples([marked], SIDE, tilt=20, zoom=(0.6, 0.9))
    looser = []
    for index in range(20):
        example = examples(index)
        assert example.labels.tolist() == [0, 1]  # the whole photo is in the frame
        for box, label in zip(example.boxes_yxyx, example.labels, strict=True):
            block = lit(example, label)
            # Interpolation blunts corners: at 20 degrees by up to two pixels.
            assert np.abs(np.array(bounds(block)) - box).max() < 2.5
            looser.append((box[2] - box[0]) * (box[3] - box[1]) / block.sum())
    # A square tilted by t fills 1 / (cos t + sin t) ** 2 of its bounds: at 20 degrees
    # these are 1.64 times as large, and some example is tilted by more than 6.
    assert max(looser) > 1.2


@pytest.mark.usefixtures("clean")
def test_never_flipped_and_stretched_at_most_15_percent(marked):
    examples = AnnotatedExamples([marked], SIDE, tilt=5, zoom=(0.7, 0.7))
    ratios = []
    for index in range(30):
        boxes = examples(index).boxes_yxyx
        (red_y, red_x), (green_y, green_x) = (boxes[:, :2] + boxes[:, 2:]) / 2
        assert red_x < green_x
        # 75 apart along x, 0 along y: the tilt is at most 5 degrees
        assert abs(green_y - red_y) / (green_x - red_x) < np.tan(np.deg2rad(5.5))
        ratios.append((green_x - red_x) / (75 * 0.7 * 96 / 201))
    # width / height changes by 15 % at most, so width alone by its square root
    assert 0.9 < min(ratios) < 0.96
    assert 1.04 < max(ratios) < 1.09


@pytest.mark.parametrize(
    ("left", "kept"),
    [(-30, True), (-59, True), (-61, False), (-100, False), (-200, False)],
)
def test_boxes_cut_away_by_more_than_60_percent_are_dropped(tmp_path, left, kept):
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "a.png")
    cut = photo(tmp_path / "a.png", [[0, left, 50, left + 100]])
    example = AnnotatedExamples([cut], SIDE, augment=False)(0)
    assert len(example.boxes_yxyx) == len(example.labels) == kept
    if kept:
        assert example.boxes_yxyx[0].tolist() == [0, 0, 50, min(left + 100, SIDE)]
    moved = AnnotatedExamples([cut], SIDE, tilt=0, zoom=(0.5, 0.5))
    assert {len(moved(i).labels) for i in range(5)} == {int(kept)}


QUAD = ((60, 80), (50, 130), (80, 140), (90, 90))
"""Of a plate that leans by 11 degrees."""

UNKNOWN = np.full((4, 2), np.nan)


def plate(path, quads=(QUAD,), boxes=((50, 80, 90, 140),)):
    return photo(path, boxes, quads_yx=quads)


def dotted(folder, corner):
    """A black photo of 151x201 with a red dot at one corner of the plate."""
    pixels = np.zeros((151, 201, 3), np.uint8)
    y, x = QUAD[corner]
    pixels[y - 4 : y + 4, x - 4 : x + 4, 0] = 255
    Image.fromarray(pixels).save(folder / f"{corner}.png")
    return plate(folder / f"{corner}.png")


def dot(frame):
    """The centre of what is red, in pixel edges."""
    red = np.maximum(frame[..., 0].astype(float) - frame[..., 1], 0)
    places = np.stack(np.indices(red.shape), -1) + 0.5
    return (places * red[..., None]).sum((0, 1)) / red.sum()


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("corner", range(4))
def test_corners_follow_the_pixels(tmp_path, corner):
    marked = dotted(tmp_path, corner)
    plain = AnnotatedExamples([marked], SIDE, augment=False)(0)
    np.testing.assert_allclose(
        plain.quads_yx[0], np.array(QUAD) * (72 / 151, 96 / 201), rtol=1e-6
    )
    np.testing.assert_allclose(dot(plain.frame), plain.quads_yx[0, corner], atol=0.1)
    examples = AnnotatedExamples([marked], SIDE, tilt=25, zoom=(0.6, 0.9))
    for index in range(12):
        example = examples(index)
        assert example.quads_yx.shape == (1, 4, 2)
        assert example.quads_yx.dtype == np.float32
        np.testing.assert_allclose(
            dot(example.frame), example.quads_yx[0, corner], atol=0.25
        )


@pytest.mark.usefixtures("clean")
def test_boxes_are_the_bounds_of_corners_that_are_known(tmp_path):
    Image.new("RGB", (201, 151)).save(tmp_path / "a.png")
    settings = {"side": SIDE, "tilt": 25, "zoom": (0.6, 0.9), "seed": 3}
    known = AnnotatedExamples([plate(tmp_path / "a.png")], **settings)
    unknown = AnnotatedExamples([plate(tmp_path / "a.png", [UNKNOWN])], **settings)
    tighter = []
    for index in range(12):
        tight, loose = known(index), unknown(index)
        quad, box = tight.quads_yx[0], tight.boxes_yxyx[0]
        np.testing.assert_allclose(box, [*quad.min(0), *quad.max(0)], atol=1e-4)
        assert np.isnan(loose.quads_yx).all()
        around = loose.boxes_yxyx[0]
        assert (around[:2] <= box[:2]).all() and (around[2:] >= box[2:]).all()
        tighter.append(np.prod(box[2:] - box[:2]) / np.prod(around[2:] - around[:2]))
    assert min(tighter) < 0.8


@pytest.mark.parametrize("augment", [False, True])
def test_corners_stay_with_their_boxes(tmp_path, augment):
    # The first is cut away by the photo's edge; of the third the photo has most, and
    # its corners lie outside. Places are on a square photo of the frame's size.
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "a.png")
    boxes = [(0, -61, 50, 39), (60, 10, 80, 50), (40, 60, 70, 110)]
    inner = [(60, 12), (62, 50), (80, 48), (78, 10)]
    outer = [(40, 60), (42, 110), (70, 108), (68, 60)]
    mixed = photo(tmp_path / "a.png", boxes, quads_yx=[UNKNOWN, inner, outer])
    example = AnnotatedExamples(
        [mixed], SIDE, augment=augment, tilt=0, zoom=(0.5, 0.5), stretch=0
    )(0)
    assert example.labels.tolist() == [1, 2]
    scale = 0.5 if augment else 1.0
    shift = example.boxes_yxyx[0, :2] - np.array((60, 10)) * scale
    np.testing.assert_allclose(
        example.quads_yx, np.array([inner, outer]) * scale + shift, atol=1e-4
    )
    # The box is cut where the photo ends.
    assert example.boxes_yxyx[1, 3] == pytest.approx(SIDE * scale + shift[1])


def test_worker_processes_need_no_tensorflow():
    # Each would spend seconds and hundreds of megabytes on importing it.
    program = "import sys, fused_ocr.training.annotated as _; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    assert "fused_ocr.training.examples" in done.stdout.split()
    assert "tensorflow" not in done.stdout.split()


def test_all_boxes_are_inside_and_the_frame_is_spoilt(marked):
    examples = AnnotatedExamples([marked], SIDE, seed=4)
    frames = set()
    for index in range(30):
        example = examples(index)
        boxes = example.boxes_yxyx
        assert boxes.dtype == np.float32
        assert example.labels.dtype == np.int64
        assert (boxes >= 0).all()
        assert (boxes <= SIDE).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        frames.add(example.frame.tobytes())
    assert len(frames) == 30


def test_an_index_decides_in_every_process(marked):
    examples = AnnotatedExamples([marked], SIDE, seed=7)
    again = pickle.loads(pickle.dumps(examples))
    one, two, other = examples(5), again(5), AnnotatedExamples([marked], SIDE)(5)
    np.testing.assert_array_equal(one.frame, two.frame)
    np.testing.assert_array_equal(one.boxes_yxyx, two.boxes_yxyx)
    assert one.frame.tobytes() != other.frame.tobytes()


def test_the_photo_is_not_changed(marked):
    before = marked.boxes_yxyx.copy(), marked.labels.copy()
    AnnotatedExamples([marked], SIDE)(0)
    AnnotatedExamples([marked], SIDE, augment=False)(0)
    np.testing.assert_array_equal(marked.boxes_yxyx, before[0])
    np.testing.assert_array_equal(marked.labels, before[1])


def test_an_unreadable_photo_is_named(tmp_path):
    with pytest.raises(ImageError, match=r"none\.png"):
        AnnotatedExamples([photo(tmp_path / "none.png")], SIDE)(0)


@pytest.mark.parametrize("augment", [False, True])
def test_the_next_photo_stands_for_an_unreadable_one(tmp_path, marked, capfd, augment):
    # A truncated file has a size; only its pixels are missing.
    whole = marked.path.read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    photos = [marked, photo(tmp_path / "half.png")]
    examples = AnnotatedExamples(photos, SIDE, augment=augment, seed=3)
    alone = AnnotatedExamples([marked], SIDE, augment=False)
    for index in range(12):
        example = examples(index)
        if not augment:
            np.testing.assert_array_equal(example.frame, alone(0).frame)
            np.testing.assert_array_equal(example.boxes_yxyx, alone(0).boxes_yxyx)
    told = "".join(capfd.readouterr().err.split())
    assert told.count("half.png") == told.count("Leftout:") == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"photos": []}, r"photos needs at least one photo\. Received: \[\]"),
        ({"side": 8}, "side must be at least 16 pixels. Received: 8"),
        ({"tilt": 90}, r"tilt must be 0\.\.45 degrees\. Received: 90"),
        ({"zoom": (2, 1)}, r"zoom must be .* Received: \(2, 1\)"),
        ({"stretch": 1}, "stretch must be .* Received: 1"),
        ({"close": 1.5}, r"close must be 0\.\.1\. Received: 1\.5"),
    ],
)
def test_arguments_out_of_range(marked, changes, message):
    with pytest.raises(ConfigError, match=message):
        AnnotatedExamples(**{"photos": [marked], "side": SIDE, **changes})
