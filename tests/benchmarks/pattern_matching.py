"""Time and memory that it takes to match 100,000 empty files by patterns: 10 s and 300 MiB are to be kept.

    python tests/benchmarks/pattern_matching.py [FOLDER]

Makes the files in the folder, by default a temporary one; 100 series of 500 frames with a mask each.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from hela_seg.data.patterns.matching import match

PATTERNS = (
    ("{series}/img_{t}.tif", "{series}/img_{t}_mask.png", 100),
    ("{group}/img_{frame}.tif", "{group}/img_{frame}_mask.png", 50_000),
    ("**/{name}.tif", "**/{name}_mask.png", 50_000),
)


def write(root: Path) -> None:
    for series in range(100):
        folder = root / f"s{series}"
        if folder.is_dir():
            continue
        folder.mkdir(parents=True)
        for t in range(500):
            (folder / f"img_{t}.tif").touch()
            (folder / f"img_{t}_mask.png").touch()


def main(root: Path) -> None:
    write(root)
    for images, masks, expected in PATTERNS:
        began = time.perf_counter()
        found = match(root, images, masks).or_raise()
        seconds = time.perf_counter() - began
        assert len(found) == expected
        # of the process since its start, imports included; kibibytes on Linux
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{images:26} {len(found):6} recordings, {seconds:5.2f} s, peak {peak:.0f} MiB")
        del found


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(Path(folder))
