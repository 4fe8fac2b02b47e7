"""Cross-validation: the runs of all folds become one, each frame scored by a net that never saw it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from hela_seg.comparison.found import Run
from hela_seg.comparison.nets import settings_key, settings_of
from hela_seg.comparison.quality import pool_quality
from hela_seg.runs.records import Costs
from hela_seg.scores.counts import FrameCounts

FOLD = "data.split.fold"


def pool_folds(runs: Sequence[Run]) -> list[Run]:
    """Join the runs that differ by their fold alone, and leave all others as they are.

    The counts of a joined run are those of all folds' test frames, so its scores are out of fold; for its
    boundaries and cells see `hela_seg.comparison.quality.pool_quality`. A single fold is left as it is. Of
    several runs of one fold the first is taken, and gets a note that names the others.
    """
    groups: dict[Any, dict[int, Run]] = {}
    for number, run in enumerate(runs):
        fold = fold_of(run)
        if fold is None:
            groups[number] = {0: run}
            continue
        settings = settings_key({key: value for key, value in settings_of(run).items() if key != FOLD})
        folds = groups.setdefault((settings, run.record.seed, tuple(run.classes.names)), {})
        kept = folds.setdefault(fold, run)
        if kept is not run:
            note = f"{run.folder} is of the same fold, seed and settings as {kept.folder} and was left out."
            folds[fold] = replace(kept, repeats=(*kept.repeats, note))
    return [
        _pooled([folds[fold] for fold in sorted(folds)]) if len(folds) > 1 else next(iter(folds.values()))
        for folds in groups.values()
    ]


def fold_of(run: Run) -> int | None:
    """Which fold a run was tested on, from 0; None where it is no part of a cross-validation."""
    split = _split(run.record.config)
    return None if split.get("folds") is None else split.get("fold")


def missing_folds(run: Run) -> list[int]:
    """Folds that a cross-validation lacks."""
    if not run.folds:
        return []
    there = {fold_of(fold) for fold in run.folds}
    return [fold for fold in range(int(_split(run.record.config)["folds"])) if fold not in there]


def _pooled(folds: Sequence[Run]) -> Run:
    first = folds[0]
    tested = [
        {**row, "fold": fold_of(run)} for run in folds for row in run.record.split if row["part"] == "test"
    ]
    data = first.record.config["data"]
    config = {**first.record.config, "data": {**data, "split": {**data["split"], "fold": "all"}}}
    record = replace(
        first.record, split=tested, config=config, costs=median_costs([run.record.costs for run in folds])
    )
    quality = pool_quality([run.quality for run in folds])
    return Run(Path(first.folder).parent, record, first.classes, _concatenated(folds), tuple(folds), quality)


def _concatenated(folds: Sequence[Run]) -> FrameCounts:
    """The counts of all folds, one after another; blocks of different folds have different numbers."""
    counts = [run.counts for run in folds]
    firsts = np.cumsum([0, *(int(of.block.max()) + 1 for of in counts)])
    return FrameCounts(
        tuple(name for of in counts for name in of.series),
        np.concatenate([of.frame for of in counts]),
        np.concatenate([of.block + first for of, first in zip(counts, firsts[:-1], strict=True)]),
        np.concatenate([of.matrix for of in counts]),
    )


def median_costs(costs: Sequence[Costs]) -> Costs:
    """What one run of several cost: the median of each measured figure, over the runs that have it."""
    memory = _median(one.peak_memory for one in costs)
    return replace(
        costs[0],
        step_ms=_median(one.step_ms for one in costs),
        frame_s=_median(one.frame_s for one in costs),
        peak_memory=None if memory is None else round(memory),
    )


def _median(figures: Iterable[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return median(known) if known else None


def _split(config: Mapping[str, Any]) -> Mapping[str, Any]:
    data = config.get("data") or {}
    return data.get("split") or {}
