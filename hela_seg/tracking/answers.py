"""Answers that lives give: mitotic index, time in each class, rate of divisions, and differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from hela_seg.runs import run_folder
from hela_seg.scores.statistics import Interval, holm, intervals_of, resampled
from hela_seg.system.errors import InputError
from hela_seg.system.files import write_table
from hela_seg.tracking.durations import (
    Durations,
    durations_of,
    log_rank,
    median_difference,
    median_of,
    rate_with_interval,
)
from hela_seg.tracking.lives import stays_of
from hela_seg.tracking.tables import EVENT_COLUMNS, TRACK_COLUMNS, Followed, Row, event_rows, track_rows

ANSWER_COLUMNS = (
    *("condition", "recordings", "what", "class", "began", "unit", "value", "low", "high", "lives"),
    *("censored", "beginning_unseen", "naive_mean", "p"),
)

RESAMPLES = 999
"""How often lineages are drawn anew."""


def write_lives(folder: Path, recordings: Sequence[Followed]) -> None:
    """Write tracks.csv, events.csv and lives.csv, see `track_rows`, `event_rows` and `answer_rows`."""
    tracks = [row for one in recordings for row in track_rows(one)]
    events = [row for one in recordings for row in event_rows(one)]
    write_table(folder / run_folder.TRACKS_TABLE, tracks, TRACK_COLUMNS)
    write_table(folder / run_folder.EVENTS_TABLE, events, EVENT_COLUMNS)
    write_table(folder / run_folder.LIVES_TABLE, answer_rows(recordings), ANSWER_COLUMNS)


def time_unit(recordings: Sequence[Followed]) -> tuple[str, list[float]]:
    """The unit of durations, and how far apart frames of each recording are in it.

    It is hours where all frame intervals are known, otherwise frames.
    """
    known = [one.frame_interval for one in recordings if one.frame_interval is not None]
    if len(known) < len(recordings):
        return "frames", [1.0] * len(recordings)
    return "h", [interval / 3600 for interval in known]


def durations_in(recordings: Sequence[Followed], kind: int, began: str | None = None) -> Durations:
    """The stays in a class, of all recordings together."""
    _, steps = time_unit(recordings)
    found = [
        durations_of(stays_of(one.lives), kind, step=step, series=one.name, began=began)
        for one, step in zip(recordings, steps, strict=True)
    ]
    columns = ((one.time, one.ended, one.group) for one in found)
    time, ended, group = (np.concatenate(of) for of in zip(*columns, strict=True))
    return Durations(time, ended, group, max(steps), sum(one.unseen for one in found))


def answer_rows(recordings: Sequence[Followed]) -> list[Row]:
    """The answers for each condition and, of several, how they differ.

    Columns: ``condition`` (``A - B`` for a difference), ``recordings``, ``what``, ``class``, ``began`` (the
    stays that began with a ``division``, with a ``change`` of class, or ``any``), ``unit``, ``value``,
    ``low`` and ``high`` (95 % interval), ``lives`` (stays, cells or divisions that it rests on), ``censored``
    (stays whose end was not seen), ``beginning_unseen`` (stays that are left out), ``naive_mean`` (of the
    stays that were seen whole, for comparison: it is too short), ``p`` (of the log-rank test, after Holm).

    Args:
        recordings: of the same classes.

    Raises:
        InputError: of several conditions some recordings have a frame interval and others have none.
    """
    conditions: dict[str, list[Followed]] = {}
    for one in recordings:
        conditions.setdefault(one.condition, []).append(one)
    known = [one for one in recordings if one.frame_interval is not None]
    if len(conditions) > 1 and 0 < len(known) < len(recordings):
        lacking = next(one.name for one in recordings if one.frame_interval is None)
        raise InputError(
            f"'{known[0].name}' has frames every {known[0].frame_interval:g} s and '{lacking}' does not say "
            "how far its frames are apart, expected both or neither for one comparison: set interval=, or "
            "analyse them apart"
        )
    rows = [row for name, own in conditions.items() for row in _of_condition(name, own)]
    return rows + _differences(conditions)


def _of_condition(name: str, recordings: Sequence[Followed]) -> list[Row]:
    unit, steps = time_unit(recordings)
    lead: Row = {"condition": name, "recordings": len(recordings)}
    rows = []
    mitotic = recordings[0].mitotic
    if mitotic is not None:
        index, cells = mitotic_index(recordings)
        rows.append(lead | {"what": "mitotic index", "unit": "share", "lives": cells} | _numbers(index))
    divisions = sum(bool(life.daughters) for one in recordings for life in one.lives.lives)
    seen = sum(
        step * float(np.count_nonzero(one.lives.track)) for one, step in zip(recordings, steps, strict=True)
    )
    rate = rate_with_interval(divisions, seen)
    per = "per cell and " + ("hour" if unit == "h" else "frame")
    rows.append(lead | {"what": "divisions", "unit": per, "lives": divisions} | _numbers(rate))
    for entry in recordings[0].classes[1:]:
        for began in ("any", "division", "change"):
            found = durations_in(recordings, entry.index, None if began == "any" else began)
            row = lead | {"what": "median time in class", "class": entry.name, "began": began, "unit": unit}
            rows.append(row | _numbers(median_of(found)) | _counts(found))
    return rows


def mitotic_index(recordings: Sequence[Followed]) -> tuple[Interval, int]:
    """Share of cells in the mitotic class over all frames, with an interval by drawing lineages; the cells.

    Cells of one lineage, and one cell in many frames, are not independent: shares of single frames have wider
    intervals than their number of cells says.
    """
    parts = []
    for one in recordings:
        lives = one.lives
        known = lives.track > 0
        root = np.concatenate([[0], lives.roots])[lives.track[known]]
        mitotic = lives.kind[known] == one.mitotic
        both = [np.bincount(root, weight, minlength=1)[1:] for weight in (mitotic, np.ones(len(root)))]
        parts.append(np.stack(both, axis=1))
    counts = np.concatenate(parts)[:, np.newaxis].astype(np.int64)
    counts = counts[counts[..., 1].any(axis=1)]
    if not len(counts):
        return Interval(math.nan), 0
    draws = resampled(counts, lambda drawn: (drawn[..., 0] / drawn[..., 1]).T, resamples=RESAMPLES)
    (share,) = intervals_of(*draws)
    return share, int(counts[..., 1].sum())


def _differences(conditions: dict[str, list[Followed]]) -> list[Row]:
    """Of each two conditions and each class the difference of the medians, and the log-rank test."""
    rows, tests = [], []
    for first, second in combinations(conditions, 2):
        one, other = conditions[first], conditions[second]
        for entry in one[0].classes[1:]:
            found = durations_in(one, entry.index), durations_in(other, entry.index)
            tests.append(log_rank(*found))
            row: Row = {"condition": f"{first} - {second}", "recordings": len(one) + len(other)}
            row |= {"what": "difference of median time in class", "class": entry.name, "began": "any"}
            row |= {"unit": time_unit([*one, *other])[0]} | _numbers(median_difference(*found))
            rows.append(row | {"lives": len(found[0]) + len(found[1])})
    return [
        row | {"p": "" if math.isnan(p) else f"{p:.3g}"} for row, p in zip(rows, holm(tests), strict=True)
    ]


def _numbers(estimate: Interval) -> Row:
    values = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {name: "" if math.isnan(value) else f"{value:.4g}" for name, value in values.items()}


def _counts(durations: Durations) -> Row:
    mean = durations.naive_mean
    return {
        "lives": len(durations),
        "censored": int(np.count_nonzero(~durations.ended)),
        "beginning_unseen": durations.unseen,
        "naive_mean": "" if math.isnan(mean) else f"{mean:.4g}",
    }
