"""A job of `tag` in a process of its own, to be killed: python job.py PHOTOS INDEX.

Prints a line when photos are in the index.
"""

import sys

from stand_in_archive import ColourModel

from fused_ocr.archive.listing import list_photos
from fused_ocr.archive.tagging import TagSettings, tag

if __name__ == "__main__":
    model = ColourModel(seconds=0.02)
    for progress in tag(list_photos(sys.argv[1:2]), sys.argv[2], model, TagSettings()):
        print(progress.read, flush=True)
