"""What the maps of cell ids add to a prediction: cells=[csv,image] beside cells=csv.

    OMP_NUM_THREADS=1 python tests/benchmarks/cell_maps.py CHECKPOINT RECORDING [--rounds 5]

Both take turns in this process, after one to warm up; CPU seconds of the whole command count, so that a busy
machine does not matter. Asked for: at most 1.03 times as long with the maps, by the median of the rounds.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median

from hela_seg.cli import main as command


def seconds(checkpoint: Path, recording: Path, cells: str) -> float:
    """CPU seconds of a prediction."""
    with tempfile.TemporaryDirectory() as output, redirect_stdout(io.StringIO()):
        began = time.process_time()
        if command("predict", [str(checkpoint), str(recording), "-o", output, f"cells={cells}"]):
            raise SystemExit("the prediction has failed")
        return time.process_time() - began


def main() -> None:
    """Print both medians and the median of their ratios."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("checkpoint", type=Path)
    asked.add_argument("recording", type=Path)
    asked.add_argument("--rounds", type=int, default=5)
    args = asked.parse_args()
    seconds(args.checkpoint, args.recording, "csv")
    rounds = [
        [seconds(args.checkpoint, args.recording, cells) for cells in ("csv", "[csv,image]")]
        for _ in range(args.rounds)
    ]
    without, with_maps = (median(column) for column in zip(*rounds, strict=True))
    ratio = median(more / less for less, more in rounds)
    print(f"without {without:.2f} s, with {with_maps:.2f} s of CPU; {ratio:.3f} times as long")


if __name__ == "__main__":
    main()
