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
