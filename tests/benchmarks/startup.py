"""What starting costs: ``import hela_seg`` beside an empty program, ``--help`` beside a bare Hydra program's.

    python tests/benchmarks/startup.py [--repeats 15]

All programs take turns; each figure is the median of the differences within a turn.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import hela_seg

BARE = """
import hydra
@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config): print(config)
main()
"""
COMMANDS = ("train", "evaluate", "predict", "check", "benchmark")


def seconds(*arguments: str, fails: bool = False) -> float:
    """Of a Python process with these arguments."""
    environment = os.environ | {"PYTHONPATH": str(Path(hela_seg.__file__).parents[1])}
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], capture_output=True, env=environment)
    assert (done.returncode != 0) == fails, done.stderr.decode()
    return time.perf_counter() - began


def bare_hydra(folder: Path) -> str:
    """Write a program of one key; it composes its configuration and prints it."""
    (folder / "conf").mkdir()
    (folder / "conf" / "config.yaml").write_text("seed: 0\n")
    program = folder / "bare.py"
    program.write_text(BARE)
    return str(program)


def main() -> None:
    """Print a line a program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as scratch:
        bare = bare_hydra(Path(scratch))
        pairs = [("import hela_seg", ("-c", "import hela_seg"), ("-c", "pass"), 0.2)]
        pairs += [
            (f"{name} --help", ("-m", f"hela_seg.{name}", "--help"), (bare, "--help"), 0.5)
            for name in COMMANDS
        ]
        pairs += [("train with a misspelt key", ("-m", "hela_seg.train", "sed=1"), (bare, "sed=1"), 0.5)]
        print(f"{'program':26} seconds   more than the bare one")
        for name, ours, theirs, goal in pairs:
            fails = "misspelt" in name
            turns = [(seconds(*ours, fails=fails), seconds(*theirs, fails=fails)) for _ in range(repeats)]
            more = statistics.median(a - b for a, b in turns)
            own = statistics.median(a for a, _ in turns)
            verdict = "" if more <= goal else f"  MISSED {goal}"
            print(f"{name:26} {own:7.3f}   {more:6.3f}{verdict}", flush=True)


if __name__ == "__main__":
    main()
