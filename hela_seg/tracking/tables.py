"""Lives as rows of tables: a row a track, and a row an event."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from hela_seg.data.classes import Classes
from hela_seg.data.stacks import PixelSize
from hela_seg.tracking.lives import Life, Lives, Stay, stays_in, stays_of

Row = dict[str, Any]

TRACK_COLUMNS = ("series", "track", "first_frame", "last_frame", "parent", "daughters", "begin", "end")
EVENT_COLUMNS = (
    *("series", "event", "frame", "time_s", "track", "others", "row_px", "column_px", "from", "to"),
    "confidence",
)

ROUNDING_UP, SPREADING, CHANGE = "rounding up", "spreading", "class change"
"""Changes of class: into the one that cells divide in, out of it, and any other."""

CONFIRMED_BY = 3
"""Frames before and after a change of class that say how sure it is."""


@dataclass(frozen=True, eq=False)
class Followed:
    """A recording whose cells were followed, and what its numbers mean.

    Attributes:
        name: of the recording.
        lives: of its cells.
        classes: that the cells have.
        mitotic: index of the class that cells divide in; None where no class says so.
        frame_interval: seconds from frame to frame; None where it is not known.
        pixel_size: None where it is not known.
        condition: what was done to the cells, such as ``control``; empty where nothing is said.
    """

    name: str
    lives: Lives
    classes: Classes
    mitotic: int | None = None
    frame_interval: float | None = None
    pixel_size: PixelSize | None = None
    condition: str = ""


def track_rows(followed: Followed) -> list[Row]:
    """A row for each track; empty texts where something is not known.

    Columns: ``series``, ``track``, ``first_frame``, ``last_frame``, ``parent`` (0 for none), ``daughters``
    (two tracks), ``begin`` and ``end`` as `hela_seg.tracking.lives.Life` has them, ``begin_seen`` and
    ``end_seen`` (true where the cell's life begins or ends there, so that it is not censored), ``classes``
    such as ``spread:12 round:5``, for each class ``frames_NAME`` and with the interval ``hours_NAME``,
    ``path_px`` and ``speed_px_per_frame`` without the drift of the stage, with pixel size and interval
    ``speed_um_per_h``, ``mean_area_px``, ``area_px`` (of each frame), and ``mended_frames``.
    """
    stays: dict[int, list[Stay]] = {}
    for stay in stays_of(followed.lives):
        stays.setdefault(stay.track, []).append(stay)
    return [_track_row(followed, life, stays[life.track]) for life in followed.lives.lives]


def _track_row(followed: Followed, life: Life, stays: list[Stay]) -> Row:
    lives, names = followed.lives, followed.classes.names
    frame, area = lives.cells["frame"][life.rows], lives.cells["area_px"][life.rows]
    steps = np.diff(lives.places[life.rows], axis=0) if len(life.rows) > 1 else np.zeros((0, 2))
    path, lasting = float(np.hypot(*steps.T).sum()), int(frame[-1] - frame[0])
    row: Row = {
        "series": followed.name,
        "track": life.track,
        "first_frame": int(frame[0]),
        "last_frame": int(frame[-1]),
        "parent": life.parent,
        "daughters": " ".join(map(str, life.daughters)),
        "begin": life.begin,
        "end": life.end if not life.into else f"fusion with {life.into}",
        "begin_seen": str(life.begin == "division").lower(),
        "end_seen": str(life.end == "division").lower(),
        "classes": " ".join(f"{names[stay.kind]}:{stay.frames}" for stay in stays),
    }
    for entry in followed.classes[1:]:
        frames = sum(stay.frames for stay in stays if stay.kind == entry.index)
        row[f"frames_{entry.name}"] = frames
        if followed.frame_interval is not None:
            row[f"hours_{entry.name}"] = f"{frames * followed.frame_interval / 3600:.4g}"
    row |= {"path_px": f"{path:.2f}", "speed_px_per_frame": f"{path / lasting:.3f}" if lasting else ""}
    if followed.pixel_size is not None and followed.frame_interval is not None:
        size = np.array([followed.pixel_size.height, followed.pixel_size.width])
        way = float(np.hypot(*(steps * size).T).sum())
        hours = lasting * followed.frame_interval / 3600
        row["speed_um_per_h"] = f"{way / hours:.4g}" if hours else ""
    mended = lives.cells["mended"][life.rows] if "mended" in lives.cells else np.zeros(0, "U1")
    return row | {
        "mean_area_px": f"{area.mean():.1f}",
        "area_px": " ".join(map(str, area.tolist())),
        "mended_frames": " ".join(
            f"{t}:{how}" for t, how in zip(frame.tolist(), mended.tolist(), strict=False) if how
        ),
    }


def event_rows(followed: Followed) -> list[Row]:
    """A row for each event, in order of time.

    Columns: ``series``, ``event`` (``division``, ``rounding up``, ``spreading``, ``class change``, ``entry``,
    ``exit``, ``appearance``, ``loss``, ``fusion``), ``frame`` (the first one in which it has happened, of
    ends the last one with the cell), ``time_s``, ``track``, ``others`` (daughters, or the cell that it fused
    with), ``row_px`` and ``column_px`` as recorded, ``from`` and ``to`` (classes), ``confidence`` from 0 to
    1.
    """
    rows = [row for life in followed.lives.lives for row in _events(followed, life)]
    return sorted(rows, key=lambda row: (row["frame"], row["track"]))


def _events(followed: Followed, life: Life) -> list[Row]:
    lives = followed.lives
    first, last = int(life.rows[0]), int(life.rows[-1])
    rows = _changes(followed, life)
    if life.begin in ("entry", "appearance"):
        rows.insert(0, _event(followed, life, life.begin, first, life.begin_score))
    if life.end == "division":
        born = int(lives.cells["frame"][lives.lives[life.daughters[0] - 1].rows[0]])
        others = " ".join(map(str, life.daughters))
        rows.append(_event(followed, life, "division", last, life.end_score, frame=born, others=others))
    elif life.end != "end":
        rows.append(_event(followed, life, life.end, last, life.end_score, others=str(life.into or "")))
    return rows


def _changes(followed: Followed, life: Life) -> list[Row]:
    found = followed.lives.kind[life.rows]
    names, rows = followed.classes.names, []
    for before, after in pairwise(stays_in(followed.lives, life)):
        at = int(np.searchsorted(followed.lives.cells["frame"][life.rows], after.first))
        window = found[max(0, at - CONFIRMED_BY) : at + CONFIRMED_BY]
        expected = np.where(np.arange(len(window)) < min(at, CONFIRMED_BY), before.kind, after.kind)
        event = CHANGE
        if followed.mitotic is not None:
            event = {after.kind: ROUNDING_UP, before.kind: SPREADING}.get(followed.mitotic, CHANGE)
        row = int(life.rows[at])
        kinds = {"from": names[before.kind], "to": names[after.kind]}
        rows.append(_event(followed, life, event, row, float((window == expected).mean()), **kinds))
    return rows


def _event(followed: Followed, life: Life, event: str, row: int, confidence: float, **further: Any) -> Row:
    """A row of the table of events, of a cell in some row of the table of cells; see `event_rows`."""
    cells = followed.lives.cells
    found: Row = dict.fromkeys(EVENT_COLUMNS, "") | {
        "series": followed.name,
        "event": event,
        "frame": int(cells["frame"][row]),
        "track": life.track,
        "row_px": f"{cells['row_px'][row]:.1f}",
        "column_px": f"{cells['column_px'][row]:.1f}",
        "confidence": f"{confidence:.2f}",
    }
    found |= further
    if followed.frame_interval is not None:
        found["time_s"] = f"{found['frame'] * followed.frame_interval:g}"
    return found
