"""Freed memory is used again instead of being asked of the system anew."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from fused_ocr.training.memory import keep_freed_memory

if sys.argv[1] == "keep" and not keep_freed_memory():
    print("other")
    sys.exit()
for i in range(11):
    if i == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(20_000_000, np.float32)  # 80 MB: 19,532 pages
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(mode):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, mode],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_pages_are_kept():
    kept = faults("keep")
    if kept == "other":
        pytest.skip("the C library is not glibc")
    assert int(kept) < 1000 < int(faults("plain"))
