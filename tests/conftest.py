"""One seed for every test, a quiet TensorFlow, and the stand-in models tests share."""

import os
import random
import sys

# Before TensorFlow is imported anywhere, also in the processes that tests start.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # or it logs to stderr at import
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _seeds():
    random.seed(0)
    np.random.seed(0)
    # The light tests do not load TensorFlow for the sake of a seed.
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """A folder for TF Serving with version 1 of the model `squares`, a stand-in."""
    import stand_ins

    from fused_ocr.export import saved_model, serving
    from fused_ocr.export.check_photos import CheckPhoto

    folder = tmp_path_factory.mktemp("served")
    photos = [
        CheckPhoto("a", stand_ins.squares(131, 197)),
        CheckPhoto("b", stand_ins.squares(101, 151, seed=1)),
    ]
    with pytest.MonkeyPatch.context() as patch:
        # On the even paper of drawn pictures all of the stand-in's scores are ties.
        for module in (saved_model, serving):
            patch.setattr(module, "drawn_photos", lambda _: [])
        serving.export_serving(
            stand_ins.reader_model(),
            folder,
            "squares",
            server=serving.ServerSettings(batch_sizes=(1, 3), cores=2),
            card="# The card",
            photos=photos,
        )
    return folder
