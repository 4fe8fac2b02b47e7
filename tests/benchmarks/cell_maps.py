"""What the maps of cell ids add to a prediction: the share of cells=[csv,image] that makes and writes them.

    OMP_NUM_THREADS=1 python tests/benchmarks/cell_maps.py CHECKPOINT RECORDING [--rounds 3]

CPU seconds of the whole command and, within it, of the functions that keep and write the maps, so that
neither a busy machine nor the noise between two predictions matters. Asked for: at most 1.03 times as long.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

from hela_seg.cli import main as command
from hela_seg.prediction import cell_maps, writers


def main() -> None:
    """Print the seconds of each round, and the ratio that they make."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("checkpoint")
    asked.add_argument("recording")
    asked.add_argument("--rounds", type=int, default=3)
    args = asked.parse_args()
    spent: list[float] = []
    cell_maps.CellMaps.add = counted(cell_maps.CellMaps.add, spent)  # type: ignore[method-assign]
    writers.WRITERS["image"] = counted(writers.WRITERS["image"], spent)
    predicted(args.checkpoint, args.recording)
    for _ in range(args.rounds):
        spent.clear()
        whole, maps = predicted(args.checkpoint, args.recording), sum(spent)
        print(
            f"{whole:.2f} s of CPU, {maps:.3f} of them for maps; {whole / (whole - maps):.4f} times as long"
        )


def predicted(checkpoint: str, recording: str) -> float:
    """CPU seconds of a prediction with maps."""
    with tempfile.TemporaryDirectory() as output, redirect_stdout(io.StringIO()):
        began = time.process_time()
        if command("predict", [checkpoint, recording, "-o", output, "cells=[csv,image]"]):
            raise SystemExit("the prediction has failed")
        return time.process_time() - began


def counted(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    """The same function, whose CPU seconds are added to a list."""

    def call(*given: Any, **named: Any) -> Any:
        began = time.thread_time()
        try:
            return function(*given, **named)
        finally:
            spent.append(time.thread_time() - began)

    return call


if __name__ == "__main__":
    main()
