"""What the scores of a run say, in two or three sentences; every number in them is one of its tables'."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hela_seg.comparison.found import Run
from hela_seg.report.tables import counted
from hela_seg.scores.confusion import divide, scores_of

GOOD = 0.9
"""Recall and precision from which on nothing is said against a class."""

LOST, FOUND = 0.2, 0.5
"""Recall below which a class is hardly found any more, and above which it was found before."""


def verdict_of(run: Run) -> str:
    """Sentences on the worst class, on when it is lost, and on cells, where these were counted.

    Example:
        "60 % of the pixels of class spread are missed. From frame 4 on hardly any of it is found (12 %). Of
        21 cells 12 are found (IoU from 0.5 on), and 3 that are found match none, such as two taken for one."
    """
    return " ".join([*_of_classes(run), *_of_cells(run)])


def foreground_mean_iou(run: Run) -> float:
    """The mean IoU of all classes but the background (the first); NaN where none has a score."""
    iou = scores_of(run.counts.pooled).iou[1:]
    return float(np.nanmean(iou)) if np.isfinite(iou).any() else float("nan")


def _of_classes(run: Run) -> Iterator[str]:
    scores = scores_of(run.counts.pooled)
    scored = [k for k in range(1, len(run.classes)) if np.isfinite(scores.iou[k])]
    if not scored:
        yield "No pixel of any class but the background is there to be found."
        return
    worst = min(scored, key=lambda k: scores.iou[k])
    name = next(entry.name for entry in run.classes if entry.index == worst)
    recall, precision = scores.recall[worst], scores.precision[worst]
    if np.isnan(recall):
        yield f"Class {name} is found where there is none of it."
    elif recall >= GOOD and precision >= GOOD:
        yield (
            f"Of {name}, the class with the lowest IoU, {_percent(recall)} of the pixels are found, and "
            f"{_percent(precision)} of what is called so is right."
        )
    elif np.isnan(precision) or recall <= precision:
        yield f"{_percent(1 - recall)} of the pixels of class {name} are missed."
        yield from _of_time(run, worst)
    else:
        yield f"{_percent(1 - precision)} of the pixels that are called {name} are something else."


def _of_time(run: Run, k: int) -> Iterator[str]:
    """From which frame on a class is lost that was found before."""
    frames = np.unique(run.counts.frame)
    by_frame = np.stack([run.counts.matrix[run.counts.frame == t, k].sum(axis=0) for t in frames])
    hits, true = by_frame[:, k], by_frame.sum(axis=1)
    for at in range(1, len(frames)):
        before, after = _share(hits[:at], true[:at]), _share(hits[at:], true[at:])
        if before >= FOUND and after < LOST:
            yield f"From frame {frames[at]} on hardly any of it is found ({_percent(after)})."
            return


def _of_cells(run: Run) -> Iterator[str]:
    rows = run.quality.get("cells", {}).get("thresholds", [])
    if rows and {"matched", "missed", "extra"} <= rows[0].keys():
        row = rows[0]
        cells = row["matched"] + row["missed"]
        extra, frames = row["extra"], run.quality["cells"].get("frames", len(run.counts))
        if not cells:
            if extra:
                yield f"No cell is there to be found, and {extra:,d} {_are(extra)} found."
            return
        measured = f" in {counted(frames, 'frame')}" if frames < len(run.counts) else ""
        match = f"that {_are(extra)} found match{'es' if extra == 1 else ''} none"
        why = ", such as two taken for one" if extra <= cells else ""
        more = f"{extra:,d} {match}{why}" if extra else "nothing is found beside them"
        yield (
            f"Of {counted(cells, 'cell')}{measured} {row['matched'] or 'none'} {_are(row['matched'] or 1)} "
            f"found (IoU from {row['iou']:g} on), and {more}."
        )


def _share(hits: NDArray[np.int64], true: NDArray[np.int64]) -> float:
    return float(divide(hits.sum(), true.sum()))


def _percent(share: float) -> str:
    """Rounded away from 0 % and 100 %, which would say more than was counted."""
    whole = round(100 * share)
    if (whole == 0 and share > 0) or (whole == 100 and share < 1):
        return f"{100 * share:.2g} %" if whole == 0 else f"{np.floor(1000 * share) / 10:g} %"
    return f"{whole} %"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
