"""Folders of runs that nobody trained: the files that a comparison reads, with pixels counted by chance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from hela_seg.data.classes import Classes
from hela_seg.report.tables import write_results
from hela_seg.runs.records import Costs, RunRecord
from hela_seg.runs.run_folder import SCORES_JSON
from hela_seg.scores.counts import FrameCounts

NAMES = ("background", "round", "spread")
PIXELS = 1000


def frame_counts(
    seed: int = 0,
    accuracy: float = 0.9,
    frames: int = 12,
    series: int = 12,
    classes: int = len(NAMES),
    absent: int | None = None,
) -> FrameCounts:
    """Counts of frames that are dealt evenly over series, of nets that are right at a share of the pixels.

    Truth depends on the frame alone, so that runs of different seeds can be compared.
    """
    truth = np.random.default_rng(99).dirichlet(np.ones(classes), frames)
    if absent is not None:
        truth[:, absent] = 0
    random = np.random.default_rng(seed)
    matrix = np.zeros((frames, classes, classes), np.int64)
    for t, shares in enumerate(truth):
        for k, share in enumerate(shares):
            chances = np.full(classes, 0.0)
            others = [other for other in range(classes) if other not in (k, absent)]
            chances[others] = (1 - accuracy) / len(others)
            chances[k] = 1 - chances.sum()
            matrix[t, k] = random.multinomial(round(PIXELS * share), chances)
    of_series = np.arange(frames) * series // frames
    place = np.arange(frames) - np.searchsorted(of_series, of_series)
    return FrameCounts(tuple(f"dish {number}" for number in of_series), place, of_series, matrix)


def write_run(
    folder: Path,
    counts: FrameCounts,
    net: str = "unet",
    seed: int = 0,
    names: tuple[str, ...] = NAMES,
    split: list[dict[str, Any]] | None = None,
    step_ms: float | None = 100.0,
    width: int = 64,
    layout: str = "dryad",
    **settings: Any,
) -> Path:
    """The folder of a finished run with these counts, by default of a net and on data such as the paper's."""
    folder.mkdir(parents=True)
    model = {"_target_": f"hela_seg.models.{net}.Net", "width": width}
    settings["data"] = {"layout": layout, **settings.get("data", {})}
    record = RunRecord(
        net=model,
        seed=seed,
        split=split or [{"series": "dish 0", "start": 0, "stop": 9, "part": "train"}],
        config={"model": model, "seed": seed, "output_dir": str(folder), **settings},
        hardware={"device": "CPU with 2 threads", "precision": "32-true"},
        versions={"hela_seg": "0.1.0"},
        costs=Costs(1234, 5_000_000_000, (32, 64), 8, step_ms, 0.25, 3 * 2**20),
    )
    write_results(folder, counts, Classes(names), record)
    return folder


def measure(
    folder: Path,
    nsd: float,
    ap: float | None,
    tolerance: float = 2.0,
    unit: str = "pixels",
    **split: float,
) -> None:
    """Put boundaries, and cells where ``ap`` is a number, among a run's scores.

    Cells were split with the settings ``split``, as those of class maps are.
    """
    path = folder / SCORES_JSON
    mean = {"normalised_surface_distance": nsd, "hausdorff_95_mean": 10 * nsd, "hausdorff_95_median": 1.0}
    more: dict[str, Any] = {"boundaries": {"tolerance": tolerance, "unit": unit, "mean": mean}}
    if ap is not None:
        thresholds = [{"iou": 0.5, "average_precision": ap}, {"iou": 0.55, "average_precision": 0.0}]
        way = {"truth": "split", "found": "split", **split}
        more["cells"] = {**way, "mean_average_precision": ap / 2, "thresholds": thresholds}
    path.write_text(json.dumps(json.loads(path.read_text()) | more))
