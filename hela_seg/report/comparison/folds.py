"""The out-of-fold table of a cross-validation: scores of each fold, and of all held-out frames together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hela_seg.comparison import Comparison, Run
from hela_seg.comparison.folds import fold_of
from hela_seg.report.tables import MEASURES
from hela_seg.scores.confusion import scores_of
from hela_seg.system.files import write_table

ALL = "all"
"""Stands for the fold in the row of the pooled confusion matrix."""


def write_folds(path: Path, comparisons: Sequence[Comparison]) -> bool:
    """Write a row for each fold of a cross-validation, and one for the sum of their confusion matrices.

    Args:
        path: the CSV file.
        comparisons: tables; only runs that were pooled from folds are written.

    Returns:
        Whether there were any.
    """
    rows = [
        {"net": net.name, "seed": run.record.seed, **row}
        for comparison in comparisons
        for net in comparison.rows
        for run in net.runs
        if run.folds
        for row in _rows(run)
    ]
    if not rows:
        return False
    write_table(path, rows)
    return True


def _rows(pooled: Run) -> Iterator[dict[str, Any]]:
    for run in (*pooled.folds, pooled):
        plain = scores_of(run.counts.pooled).to_plain()
        means = {f"mean {measure}": plain[f"mean_{measure}"] for measure in MEASURES}
        by_class = {
            f"{c.name} {measure}": plain[measure][c.index] for c in run.classes for measure in MEASURES
        }
        fold: int | str | None = ALL if run is pooled else fold_of(run)
        yield {"fold": fold, "frames": len(run.counts), **means, **by_class, "run": str(run.folder)}
