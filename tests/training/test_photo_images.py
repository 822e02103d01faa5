"""A photo that cannot be read loses no other, wherever photos are taken in."""

import numpy as np
import pytest
import stand_ins
from PIL import Image

from fused_ocr.alphabet import Alphabet
from fused_ocr.config import CropConfig
from fused_ocr.errors import ImageError
from fused_ocr.training.annotations import AnnotatedPhoto
from fused_ocr.training.backdrops import write_backdrops
from fused_ocr.training.backgrounds import background
from fused_ocr.training.corner_crops import corner_patches
from fused_ocr.training.mining import mined_pool
from fused_ocr.training.patches import annotated_pool
from fused_ocr.training.strips import strips_of

ALPHABET = Alphabet("0123456789")
CROP = CropConfig(size_yx=(16, 48), square=False, grow=1.0)
TAKEN = {
    "strips": lambda photos: strips_of(photos, ALPHABET, 2, CROP),
    "corners": corner_patches,
    "characters": lambda photos: annotated_pool(photos, ALPHABET, 1.0),
    "blanks": lambda photos: mined_pool(
        stand_ins.detector(), [str(one.path) for one in photos], ALPHABET, 1.0
    ),
}


@pytest.fixture
def photos(tmp_path):
    """Three photos with one character each; the second is truncated."""
    made = []
    for text in "123":
        path = tmp_path / f"photo {text}.png"
        pixels = np.random.default_rng(int(text)).integers(0, 256, (60, 80, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        box = np.array([[10, 20, 40, 60]], np.float32)
        made.append(AnnotatedPhoto(path, box, np.zeros(1, np.int64), (text,)))
    made[1].path.write_bytes(made[1].path.read_bytes()[:5000])
    return made


def names_in(told):
    return "".join(told.split())  # the console breaks lines


@pytest.mark.parametrize("taken", TAKEN)
def test_the_others_are_taken_and_it_is_named(photos, taken, capfd):
    some = TAKEN[taken](photos)
    told = names_in(capfd.readouterr().err)
    assert told.count("Leftout:") == told.count("photo2.png") == 1
    good = TAKEN[taken]([photos[0], photos[2]])
    for field in ("pixels", "texts", "patches", "labels", "quads_yx"):
        if hasattr(good, field):
            np.testing.assert_array_equal(getattr(some, field), getattr(good, field))


@pytest.mark.parametrize("taken", TAKEN)
def test_none_at_all_is_an_error(photos, taken):
    with pytest.raises(ImageError, match=r"photo 2\.png.*truncated"):
        TAKEN[taken]([photos[1]])


def test_backgrounds_and_backdrops(photos, tmp_path, capfd):
    paths = [str(photo.path) for photo in photos]
    drawn = [
        background(np.random.default_rng(seed), (32, 32), paths).tobytes()
        for seed in range(40)
    ]
    assert len(set(drawn)) > 30
    assert names_in(capfd.readouterr().err).count("photo2.png") == 1
    with pytest.raises(ImageError, match="None of the 1 background photos"):
        for seed in range(40):  # one in two is a photo
            background(np.random.default_rng(seed), (32, 32), paths[1:2])

    rows = [f"{path},1,1,9,1,9,9,1,9,12" for path in paths]
    (tmp_path / "quads.csv").write_text("\n".join(rows))
    out = tmp_path / "out"
    assert write_backdrops(tmp_path / "quads.csv", tmp_path, out) == 2
    assert sorted(p.name for p in out.iterdir()) == ["photo 1.jpg", "photo 3.jpg"]
