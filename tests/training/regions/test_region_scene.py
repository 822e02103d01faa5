"""Scenes of regions: decided by the generator, and annotated exactly."""

import csv
import re
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from region_fonts import FOLDER, PRINT

from fused_ocr.alphabet import ALPHANUMERIC, DIGITS
from fused_ocr.cli import main
from fused_ocr.errors import AnnotationError, ConfigError
from fused_ocr.training import synthesis
from fused_ocr.training.annotations import read_annotations
from fused_ocr.training.glyphs import FontGlyphs, find_fonts
from fused_ocr.training.regions import placed
from fused_ocr.training.regions import region_scene as module
from fused_ocr.training.regions.plate_layouts import LAYOUTS
from fused_ocr.training.regions.region_scene import (
    LABELS,
    RegionScenes,
    region_scene,
)
from fused_ocr.training.synthesis import write_scenes

SIZE = (131, 203)


def scenes(kind, count, **more):
    return [
        region_scene(np.random.default_rng([7, i]), kind, PRINT, size_yx=SIZE, **more)
        for i in range(count)
    ]


@pytest.mark.parametrize("kind", LABELS)
def test_shapes_and_boxes(kind):
    counts, unreadable = set(), 0
    for scene in scenes(kind, 25):
        n = len(scene.texts)
        assert scene.image.shape == (*SIZE, 3) and scene.image.dtype == np.uint8
        assert scene.boxes_yxyx.shape == (n, 4) and scene.boxes_yxyx.dtype == np.float32
        assert scene.quads_yx.shape == (n, 4, 2) and scene.quads_yx.dtype == np.float32
        assert scene.labels == (LABELS[kind],) * n
        assert scene.readable.shape == (n,) and scene.readable.dtype == bool
        assert np.array_equal(scene.boxes_yxyx[:, :2], scene.quads_yx.min(1))
        assert np.array_equal(scene.boxes_yxyx[:, 2:], scene.quads_yx.max(1))
        assert (scene.boxes_yxyx >= 0).all()
        assert (scene.boxes_yxyx <= np.array([*SIZE, *SIZE])).all()
        assert (scene.boxes_yxyx[:, :2] < scene.boxes_yxyx[:, 2:]).all()
        wide = scene.boxes_yxyx[:, 3] - scene.boxes_yxyx[:, 1]
        assert (wide <= 0.6 * SIZE[1] + 1).all()
        assert [bool(text) for text in scene.texts] == scene.readable.tolist()
        counts.add(n)
        unreadable += (~scene.readable).sum()
    assert 0 in counts and max(counts) > 1 and unreadable


@pytest.mark.parametrize("kind", LABELS)
def test_scenes_are_decided_by_the_generator(kind):
    one, again, other = (
        region_scene(np.random.default_rng(seed), kind, PRINT, size_yx=SIZE)
        for seed in (3, 3, 4)
    )
    assert (one.image == again.image).all() and one.texts == again.texts
    assert np.array_equal(one.quads_yx, again.quads_yx)
    assert (one.image != other.image).any()


def test_texts():
    forms = [layout.expression() for layout in LAYOUTS]
    texts = {k: [t for s in scenes(k, 25) for t in s.texts if t] for k in LABELS}
    assert min(map(len, texts.values())) > 8
    assert all(any(f.fullmatch(t) for f in forms) for t in texts["plates"])
    assert all(re.fullmatch(r"[1-9]\d{0,4}[A-F]?", t) for t in texts["houses"])
    assert all(re.fullmatch(r"[1-9]\d{0,5}", t) for t in texts["bibs"])
    assert all(re.fullmatch(r"\d{4,6}", t) for t in texts["meters"])
    for scene in scenes("houses", 12, characters=DIGITS):
        assert set("".join(scene.texts)) <= set(DIGITS)


def test_a_scene_without_regions_has_distractors(monkeypatch):
    signs = []

    def noted(*args, **more):
        signs.append(module_draw(*args, **more))
        return signs[-1]

    module_draw = module.draw_sign
    monkeypatch.setattr(module, "draw_sign", noted)
    empty = 0
    for i in range(60):
        rng = np.random.default_rng([8, i])
        before = len(signs)
        # The amount is the first that differs: none.
        scene = region_scene(_NoRegions(rng), "plates", PRINT, size_yx=(67, 91))
        assert scene.texts == () and scene.boxes_yxyx.shape == (0, 4)
        assert scene.quads_yx.shape == (0, 4, 2) and scene.readable.shape == (0,)
        empty += len(signs) == before
    assert 1 <= empty < 25
    assert all(sign.text == "" for sign in signs)


def test_what_looks_like_a_plate_changes_nothing_else(monkeypatch):
    # Without what follows the drawing, which moves and softens all of it.
    monkeypatch.setattr(module, "degrade", lambda rng, image, detail, haze: image)
    monkeypatch.setattr(module, "_bloom", lambda *a: None)
    with_them = scenes("plates", 25)
    monkeypatch.setattr(module, "_mislead", lambda *a: None)
    changed = 0
    for one, bare in zip(with_them, scenes("plates", 25), strict=True):
        assert one.texts == bare.texts
        assert np.array_equal(one.quads_yx, bare.quads_yx)
        changed += (one.image != bare.image).any()
        for quad in one.quads_yx.mean(1).astype(int):
            # The middle of a plate is its own, if not the light on it.
            a, b = (int(scene.image[tuple(quad)].mean()) for scene in (one, bare))
            assert abs(a - b) < 60
    assert changed > 5


def test_only_plates_have_lookalikes(monkeypatch):
    monkeypatch.setattr(module, "_mislead", lambda *a: pytest.fail("drawn"))
    for kind in ("houses", "bibs", "meters"):
        scenes(kind, 3)


class _NoRegions:
    """A generator that wants no regions."""

    def __init__(self, rng):
        self._rng = rng

    def choice(self, items, *args, **more):
        return (
            0
            if more.get("p") == [0.1, 0.62, 0.18, 0.1]
            else self._rng.choice(items, *args, **more)
        )

    def __getattr__(self, name):
        return getattr(self._rng, name)


def test_a_plate_is_where_its_corners_say(monkeypatch):
    # White plates on black, in even light: what is bright lies inside of the corners.
    monkeypatch.setattr(module, "degrade", lambda rng, image, detail, haze: image)
    monkeypatch.setattr(module, "_surrounded", lambda rng, kind, image, *a: image * 0)
    monkeypatch.setattr(module, "_distract", lambda *a: None)
    monkeypatch.setattr(module, "_mislead", lambda *a: None)
    monkeypatch.setattr(module, "_light", lambda *a, **k: np.ones(3))
    monkeypatch.setattr(module, "_hide", lambda *a: None)
    monkeypatch.setattr(module, "_bloom", lambda *a: None)
    drawn = module.draw_plate

    def white(*args, **more):
        flat = drawn(*args, **more)
        (y1, x1), (y2, x2) = flat.quad_yx[[0, 2]].astype(int)
        flat.cutout.pixels[:], flat.cutout.cover[:] = 0, 0
        flat.cutout.pixels[y1:y2, x1:x2], flat.cutout.cover[y1:y2, x1:x2] = 255, 1
        return flat

    monkeypatch.setattr(module, "draw_plate", white)
    seen = 0
    for scene in scenes("plates", 15):
        bright = scene.image[..., 0] > 127
        inside = np.zeros(SIZE, bool)
        y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
        for quad in scene.quads_yx:
            part = np.ones(SIZE, bool)
            for (y1, x1), (y2, x2) in zip(quad, np.roll(quad, -1, 0), strict=True):
                part &= (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1) >= 0
            inside |= part
            seen += 1
        wrong = (bright != inside).sum()
        rim = sum(np.ptp(q, 0).sum() * 2 for q in scene.quads_yx)
        assert wrong <= 0.12 * rim + 1
    assert seen > 8


def test_regions_that_nobody_reads_have_no_text(monkeypatch):
    monkeypatch.setattr(placed, "_HIGH", 1e9)
    for scene in scenes("bibs", 20):
        assert not scene.readable.any() and not any(scene.texts)


def test_what_the_camera_spoilt_has_no_text(monkeypatch):
    def spoilt(rng, image, detail, haze):
        return np.full_like(image, 128)

    monkeypatch.setattr(placed, "_LARGE", 1e9)
    monkeypatch.setattr(module, "degrade", lambda rng, image, detail, haze: image)
    plain = scenes("plates", 12)
    monkeypatch.setattr(module, "degrade", spoilt)
    grey = scenes("plates", 12)
    assert sum(map(sum, (scene.readable.tolist() for scene in plain))) > 8
    assert not any(scene.readable.any() or any(scene.texts) for scene in grey)
    for one, other in zip(plain, grey, strict=True):
        np.testing.assert_array_equal(one.quads_yx, other.quads_yx)


@pytest.mark.parametrize("kind", LABELS)
def test_what_is_readable_can_be_seen(kind):
    spans = []
    for scene in scenes(kind, 30):
        for box, readable in zip(scene.boxes_yxyx, scene.readable, strict=True):
            y1, x1, y2, x2 = box.round().astype(int)
            grey = scene.image[y1:y2, x1:x2].mean(-1)
            if readable:
                spans.append(np.percentile(grey, 95) - np.percentile(grey, 5))
    assert len(spans) > 8 and min(spans) > 15 and np.median(spans) > 60


def test_what_hides_one_region_hides_no_other(monkeypatch):
    steps = []
    monkeypatch.setattr(placed, "_HIGH", 0.0)
    monkeypatch.setattr(placed, "_LARGE", 0.0)
    monkeypatch.setattr(module, "_HIDDEN", 0.4)
    monkeypatch.setattr(module, "paste", lambda *a, **k: steps.append("paste"))
    monkeypatch.setattr(module, "_hide", lambda *a: steps.append("hide"))
    monkeypatch.setattr(module, "_distract", lambda *a: None)
    seen = set()
    for i in range(25):
        steps.clear()
        rng = np.random.default_rng([1, i])
        scene = region_scene(rng, "bibs", PRINT, size_yx=(67, 91))
        hidden = int((~scene.readable).sum())
        wanted = ["paste", "hide"] * hidden + ["paste"] * int(scene.readable.sum())
        assert steps == wanted
        seen.add((hidden, len(scene.texts)))
    assert any(0 < hidden < n for hidden, n in seen)


def test_an_unknown_kind():
    with pytest.raises(
        ConfigError, match=r"plates, houses, bibs, meters\. Received: 'cars'"
    ):
        region_scene(np.random.default_rng(0), "cars", PRINT)


def test_unseen_fonts_are_never_used_in_training(monkeypatch):
    halves = {
        split: find_fonts([FOLDER], split, ALPHANUMERIC)
        for split in ("train", "unseen")
    }
    assert halves["train"] and not set(halves["train"]) & set(halves["unseen"])
    opened = set()
    from fused_ocr.training import glyphs

    real = glyphs._font

    def noted(path, size):
        opened.add(path)
        return real(path, size)

    monkeypatch.setattr(glyphs, "_font", noted)
    for kind in LABELS:
        make = RegionScenes(kind, FontGlyphs(halves["train"]), 5, SIZE)
        for index in range(6):
            make(index)
    assert opened and opened <= set(halves["train"])


def test_written_with_corners(tmp_path, monkeypatch):
    # The same as `ordered` without another process.
    monkeypatch.setattr(
        synthesis, "ordered", lambda make, workers: map(make, range(99))
    )
    make = RegionScenes("plates", PRINT, 2, SIZE)
    count = write_scenes(tmp_path, make, 6, classes=("plate",))
    photos = read_annotations(tmp_path / "annotations.csv", ("plate",))
    assert len(photos) == 6 and (tmp_path / "sheet.jpg").stat().st_size > 1000
    assert sum(len(photo.texts) for photo in photos) == count > 3
    for i, photo in enumerate(photos):
        scene = make(i)
        assert photo.texts == scene.texts
        assert np.array_equal(photo.readable, scene.readable)
        assert np.allclose(photo.quads_yx, scene.quads_yx, atol=0.006)
        assert np.allclose(photo.boxes_yxyx, scene.boxes_yxyx, atol=0.51)
    with open(tmp_path / "classes.csv", newline="") as file:
        assert list(csv.reader(file)) == [["plate", "0"]]
    with pytest.raises(AnnotationError, match=r"\['plate'\]. Received: \['bib'\]"):
        write_scenes(tmp_path / "wrong", make, 6, classes=("bib",))
    # Fewer pictures leave none of the earlier ones, and what is no picture of ours.
    (tmp_path / "pictures" / "mine.png").touch()
    write_scenes(tmp_path, make, 2, classes=("plate",))
    left = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert left == {"000000.png", "000001.png", "mine.png"}


@pytest.mark.parametrize("kind", LABELS)
def test_the_command(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(
        synthesis, "ordered", lambda make, workers: map(make, range(99))
    )
    before = set(sys.modules)
    command = ["synth", str(tmp_path), "--kind", kind, "--fonts", str(FOLDER)]
    done = CliRunner().invoke(
        main, [*command, "--count", "8", "--size", *map(str, SIZE)]
    )
    assert done.exit_code == 0, done.output
    assert re.search(r"8 pictures, \d+ regions", done.output)
    photos = read_annotations(tmp_path / "annotations.csv", (LABELS[kind],))
    assert len(photos) == 8 and (tmp_path / "sheet.jpg").exists()
    assert "tensorflow" not in set(sys.modules) - before
    if kind == "plates":  # by default with letters, the other kinds without
        assert any(not t.isdigit() for p in photos for t in p.texts if t)
    else:
        assert all(not t or t.isdigit() for p in photos for t in p.texts)


def test_no_folder_is_made_for_what_cannot_be_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(
        synthesis, "ordered", lambda make, workers: map(make, range(99))
    )

    def make(_):
        raise ConfigError("no such layout")

    with pytest.raises(ConfigError):
        synthesis.write_scenes(tmp_path / "made", make, 3)
    assert not (tmp_path / "made").exists()


def test_layouts_can_be_chosen():
    forms = {layout.name: layout.expression() for layout in LAYOUTS}
    for names in (("germany",), ("uk", "india two rows")):
        texts = [t for s in scenes("plates", 15, layouts=names) for t in s.texts if t]
        assert len(texts) > 4
        assert all(any(forms[n].fullmatch(t) for n in names) for t in texts)
    with pytest.raises(ConfigError, match=r"Layouts of plates: us, .*'germania'"):
        scenes("plates", 4, layouts=("germania",))
    done = CliRunner().invoke(main, ["synth", "x", "--kind", "bibs", "--layout", "us"])
    assert done.exit_code == 2 and "--layout does nothing without" in done.output
