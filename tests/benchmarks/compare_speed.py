"""How long ``python -m hela_seg.compare`` takes over 60 runs of 130 test frames, and what it writes.

    python tests/benchmarks/compare_speed.py

Twenty settings with three seeds each, three classes; the command runs as a user types it, imports included.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from fabricated import frame_counts, write_run

SETTINGS, SEEDS, FRAMES = 20, 3, 130


def main() -> None:
    """Print the seconds."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        for number in range(SETTINGS):
            for seed in range(SEEDS):
                counts = frame_counts(SEEDS * number + seed, 0.8 + 0.005 * number, FRAMES, FRAMES)
                write_run(root / "runs" / f"{number}_{seed}", counts, seed=seed, lr=0.001 * number)
        command = [sys.executable, "-m", "hela_seg.compare", "runs", "hydra.run.dir=out"]
        began = time.perf_counter()
        subprocess.run(command, cwd=root, check=True, capture_output=True)
        seconds = time.perf_counter() - began
        page = (root / "out" / "comparison.html").stat().st_size
    print(f"{SETTINGS * SEEDS} runs of {FRAMES} frames: {seconds:.1f} s, page of {page / 2**10:.0f} KiB")


if __name__ == "__main__":
    main()
