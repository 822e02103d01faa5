"""Other anchors begin where the known ones are."""

import numpy as np
import pytest
from test_detector import CORNERED, TINY, little_backbone

from fused_ocr.config import AnchorConfig
from fused_ocr.detection import retinanet
from fused_ocr.detection.retinanet import add_decoding, build_retinanet
from fused_ocr.training.anchor_transfer import heads_for
from fused_ocr.training.transfer import start_from

KNOWN = AnchorConfig(
    sizes=(16, 32, 64, 128), ratios=(0.5, 2.0), scales=(1.0, 1.5), levels=(3, 4, 5, 6)
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(retinanet, "backbone_features", little_backbone)


def detector(config):
    model = build_retinanet(config)
    rng = np.random.default_rng(7)
    model.set_weights([w + rng.normal(0, 0.05, w.shape) for w in model.get_weights()])
    return model


@pytest.mark.parametrize("config", [TINY, CORNERED])
@pytest.mark.parametrize(
    ("changes", "nearest"),
    [
        # Kinds run ratio by ratio, scales within: 0.5x1, 0.5x1.5, 2x1, 2x1.5.
        ({"ratios": (0.5, 2.0, 4.0)}, [0, 1, 2, 3, 2, 3]),
        ({"ratios": (2.5,)}, [2, 3]),
        ({"ratios": (1.5, 0.4), "scales": (1.4,)}, [3, 1]),
        # Twice the size on every level, for half the scales: the same shapes.
        ({"sizes": (32, 64, 128, 256), "scales": (0.5, 0.75)}, [0, 1, 2, 3]),
    ],
)
def test_another_anchor_has_the_boxes_of_the_nearest(config, changes, nearest):
    old = config.replace(anchors=KNOWN)
    new = config.replace(anchors=KNOWN.replace(**changes))
    known = detector(old)
    start = add_decoding(known, old)
    model = detector(new)  # whose own weights must not matter
    assert start_from(model, known, instead=heads_for(new.anchors, start)) == ()
    frames = np.random.default_rng(1).uniform(0, 255, (2, 64, 128, 3))
    was, now = start(frames), add_decoding(model, new)(frames)
    assert set(was) == set(now)
    for name in was:
        kept = was[name].numpy().reshape(2, -1, 4, *was[name].shape[2:])
        wanted = kept[:, :, nearest].reshape(now[name].shape)
        # Pixels; scores are about 0.01 each, and differ by less than that.
        atol = 1e-6 if name == "scores" else 2e-3
        np.testing.assert_allclose(now[name], wanted, atol=atol)


def test_the_same_anchors_need_nothing():
    config = TINY.replace(anchors=KNOWN)
    assert heads_for(KNOWN, add_decoding(build_retinanet(config), config)) == {}


def test_other_labels_start_their_scores_afresh():
    old = CORNERED.replace(anchors=KNOWN)
    anchors = KNOWN.replace(ratios=(1.0,))
    new = old.replace(anchors=anchors, labels=("number", "bib", "meter"))
    known = detector(old)
    heads = heads_for(anchors, add_decoding(known, old))
    model = build_retinanet(new)
    assert start_from(model, known, instead=heads) == ("pyramid_classification",)
