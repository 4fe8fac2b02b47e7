"""Two labelled images of one kind: training from nothing beside fine-tuning a net of another kind of images.

    OMP_NUM_THREADS=1 python tests/benchmarks/fine_tuning.py DATA OUT --seeds 0 1 2 --factors 1.0 --same 1.0

DATA is the folder that holds ``t98g-phase`` and ``hela-h2b-timelapse``. A net is trained on the H2B recording
(fluorescence, frames 0 to 13) with the default recipe; then nets are trained on two T98G stills (phase
contrast), one from nothing and one for each share of the learning rate from the first net. With ``--same``,
the net from nothing is fine-tuned on two further stills, as after more frames were labelled. All are scored
on the same two other stills. OUT gets a folder for each run, and runs that are finished there are not
repeated. The classes are background, interior and border. After the rows of the runs come the means over the
seeds, with 95 % intervals by Student's t, and the mean difference of each start from none, seed by seed.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from recipe import SETS
from scipy.stats import t as student

from hela_seg.cli import main as command

TRAINED, FURTHER, TESTED = ("set01", "set10"), ("set05", "set15"), ("set20", "set25")
FRAMES = 14
"""Frames of the H2B recording that train its net."""


def main() -> None:
    """Train what is asked for and not there yet, and print a table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("data", type=Path)
    asked.add_argument("out", type=Path)
    asked.add_argument("--steps", type=int, default=200)
    asked.add_argument("--seeds", nargs="*", type=int, default=[0])
    asked.add_argument("--factors", nargs="*", type=float, default=[0.1, 1.0])
    asked.add_argument(
        "--same", nargs="*", type=float, default=[], help="shares for further images of one kind"
    )
    asked.add_argument("--source-seed", type=int, help="of the H2B net of all seeds; default: each its own")
    args = asked.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    tested = [(name, 0, 1, "test") for name in TESTED]
    stills = [*((name, 0, 1, "train") for name in TRAINED), *tested]
    further = [*((name, 0, 1, "train") for name in FURTHER), *tested]
    print("| start | seed | m-IoU | IoU of background, interior, border |\n|---|---|---|---|")
    found: dict[str, list[list[float]]] = {}
    for seed in args.seeds:
        settings = [f"seed={seed}", f"trainer.max_steps={args.steps}"]
        film = [("images", 0, FRAMES, "train"), ("images", FRAMES + 2, 20, "test")]
        source = seed if args.source_seed is None else args.source_seed
        with_seed = [f"seed={source}", *settings[1:]]
        before = trained(args.out / f"h2b-{source}", "h2b", args.data, film, with_seed)
        start = f"start_from={before / 'checkpoints' / 'last.ckpt'}"
        runs = {"nothing": settings}
        runs |= {f"H2B, {f:g}": [*settings, start, f"start_from_lr_factor={f}"] for f in args.factors}
        for name, more in runs.items():
            folder = args.out / f"{name.replace(', ', '-')}-{seed}"
            note(found, name, seed, trained(folder, "t98g", args.data, stills, more))
        start = f"start_from={args.out / f'nothing-{seed}' / 'checkpoints' / 'last.ckpt'}"
        for factor in args.same:
            more = [*settings, start, f"start_from_lr_factor={factor}"]
            folder = trained(args.out / f"T98G-{factor:g}-{seed}", "t98g", args.data, further, more)
            note(found, f"T98G, {factor:g}", seed, folder)
    if len(args.seeds) > 1:
        print_means(found)


def trained(folder: Path, name: str, data: Path, split: list[tuple[Any, ...]], more: list[str]) -> Path:
    """The folder of a finished run."""
    if (folder / "finished.json").exists():
        return folder
    table = folder.with_suffix(".csv")
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("series", "start", "stop", "part"), *split])
    where = [entry.format(root=data.absolute()) for entry in SETS[name].settings]
    more = [*more, "trainer.max_epochs=-1", "trainer=cpu", "report=false", "data.steps_per_epoch=50"]
    if command("train", [*where, f"data.split.file={table.absolute()}", *more, f"hydra.run.dir={folder}"]):
        raise SystemExit(f"{folder} was not trained")
    return folder


def note(found: dict[str, list[list[float]]], start: str, seed: int, folder: Path) -> None:
    """Print a run as a row of the table, and keep its m-IoU and the IoU of its classes."""
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    ious = [scores["mean"]["iou"], *(of["iou"] for of in scores["scores"].values())]
    found.setdefault(start, []).append(ious)
    by_class = ", ".join(f"{iou:.3f}" for iou in ious[1:])
    print(f"| {start} | {seed} | {ious[0]:.3f} | {by_class} |", flush=True)


def print_means(found: dict[str, list[list[float]]]) -> None:
    """Print each start's means over the seeds, and how far they are from those of no start."""
    print("\n| start | m-IoU | of background, interior, border | more than from nothing |\n|---|---|---|---|")
    for start, ious in found.items():
        by_class = np.mean(ious, axis=0)[1:]
        more = interval([one[0] - base[0] for one, base in zip(ious, found["nothing"], strict=True)])
        classes = ", ".join(f"{iou:.3f}" for iou in by_class)
        print(f"| {start} | {interval([one[0] for one in ious])} | {classes} | {more} |")


def interval(values: list[float]) -> str:
    """A mean and half the width of its 95 % interval by Student's t."""
    half = student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
    return f"{np.mean(values):.3f} ± {half:.3f}"


if __name__ == "__main__":
    main()
