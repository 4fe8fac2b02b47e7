"""Lives in the Cell Tracking Challenge's form: label images of a folder, and a table of tracks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.classes import Classes
from hela_seg.data.ctc_tracks import CtcTrack, read_track_table, write_ctc_frames, write_track_table
from hela_seg.data.stacks import find_files, name_of, open_series
from hela_seg.system.errors import InputError
from hela_seg.tracking import Labels, Whole
from hela_seg.tracking.follow import Follower, FollowSettings
from hela_seg.tracking.graphs import lives_of_edges
from hela_seg.tracking.lives import Lives


def ctc_tracks_of(lives: Lives) -> tuple[list[CtcTrack], Whole]:
    """Tracks without gaps, and the label of each row of the table of cells, 0 for specks.

    A life with a gap becomes several tracks, each the parent of the next one.
    """
    tracks: list[CtcTrack] = []
    label, last_part = np.zeros(len(lives.track), np.int64), {0: 0}
    for life in lives.lives:
        frame = lives.cells["frame"][life.rows]
        parent = last_part[life.parent]
        for rows in np.split(life.rows, np.flatnonzero(np.diff(frame) > 1) + 1):
            number, own = len(tracks) + 1, lives.cells["frame"][rows]
            tracks.append(CtcTrack(number, int(own[0]), int(own[-1]), parent))
            label[rows] = parent = number
        last_part[life.track] = parent
    return tracks, label


def write_ctc_results(folder: Path, lives: Lives, cells: Iterable[Labels]) -> None:
    """Write ``mask000.tif`` and on, and ``res_track.txt``.

    Args:
        folder: such as ``01_RES``.
        lives: of the cells.
        cells: (H, W) of each frame, with the numbers of ``lives.cells["label"]``.

    Raises:
        InputError: more tracks than the form can hold, or a folder that cannot be written.
    """
    tracks, label = ctc_tracks_of(lives)
    for former in folder.glob("mask*.tif"):  # of a longer recording
        former.unlink()
    digits = max(3, len(str(lives.frames - 1)))
    write_ctc_frames(folder, "mask", ctc_frames(lives, label, cells), digits)
    write_track_table(folder / "res_track.txt", tracks)


def ctc_frames(lives: Lives, number: Whole, cells: Iterable[Labels]) -> Iterator[Labels]:
    """Frames (H, W) whose cells have other numbers: those of their rows."""
    frame, label = lives.cells["frame"], lives.cells["label"]
    starts = np.searchsorted(frame, np.arange(lives.frames + 1))
    for t, found in enumerate(cells):
        own = slice(starts[t], starts[t + 1])
        new = np.zeros(int(max(found.max(initial=0), label[own].max(initial=0))) + 1, np.int64)
        new[label[own]] = number[own]
        yield new[found]


def is_ctc(folder: Path) -> bool:
    """Whether a folder holds tracks in the Cell Tracking Challenge's form: results, or truth (``TRA``)."""
    return (folder / "res_track.txt").is_file() or (folder / "man_track.txt").is_file()


def read_ctc_frames(folder: Path) -> Iterator[NDArray[np.int64]]:
    """Label images (H, W) of a folder in the Cell Tracking Challenge's form, in order of time.

    Raises:
        InputError: there are none, or a number is missing.
    """
    files = [path for path in find_files(folder) if path.suffix.lower() in (".tif", ".tiff")]
    numbers = [name_of(path).removeprefix("mask").removeprefix("man_track") for path in files]
    wrong = next((path for path, number in zip(files, numbers, strict=True) if not number.isdecimal()), None)
    if wrong is not None or not files:
        found = "no label image" if wrong is None else wrong.name
        raise InputError(
            f"{folder} holds {found}, expected mask000.tif, mask001.tif and so on: correct the names"
        )
    in_order = sorted(zip(map(int, numbers), files, strict=True))
    for t, (number, _) in enumerate(in_order):
        if number != t:
            raise InputError(f"{folder} has no label image of frame {t}, expected one of each frame: add it")
    for _, path in in_order:
        yield open_series(path, "YX", labels=True).frame(0)[0].astype(np.int64)


def lives_of_ctc(tracks: Iterable[CtcTrack], found: Lives) -> Lives:
    """The lives that a table of tracks states of cells whose labels are those of their tracks.

    A track with a parent that is its only daughter is the same cell after a gap.

    Raises:
        InputError: a label image holds a label that the table lacks.
    """
    by_label = {track.label: track for track in tracks}
    label = found.cells["label"]
    unknown = np.setdiff1d(label, list(by_label))
    if len(unknown):
        t = int(found.cells["frame"][label == unknown[0]][0])
        raise InputError(
            f"the label image of frame {t} holds the label {unknown[0]}, which the table of tracks lacks: "
            "add it there"
        )
    order = np.argsort(label, kind="stable")
    numbers, starts = np.unique(label[order], return_index=True)
    rows = dict(zip(numbers.tolist(), np.split(order, starts[1:]), strict=True))
    edges = [np.column_stack([own[:-1], own[1:]]) for own in rows.values()]
    edges += [
        np.array([[rows[track.parent][-1], rows[track.label][0]]])
        for track in by_label.values()
        if track.parent in rows and track.label in rows
    ]
    return lives_of_edges(np.concatenate([np.zeros((0, 2), np.int64), *edges]), found)


def read_ctc(frames: Iterable[Labels], tracks: Iterable[CtcTrack], classes: Classes) -> Lives:
    """The lives that label images and a table of tracks state, of cells of the first class.

    Args:
        frames: label images (H, W), as of `read_ctc_frames`.
        tracks: of these, as of `read_ctc_tracks`.
        classes: of which the second one, after the background, is that of all cells.

    Raises:
        InputError: see `lives_of_ctc`.
    """
    follower = Follower(classes, FollowSettings(drift=False, mend=False, divisions=False))
    for _ in follower.follow((labels, (labels > 0).astype(np.uint8)) for labels in frames):
        pass
    return lives_of_ctc(tracks, follower.lives())


def read_ctc_tracks(folder: Path) -> list[CtcTrack]:
    """The table of tracks in a folder; see `hela_seg.data.ctc_tracks.read_track_table`."""
    name = "res_track.txt" if (folder / "res_track.txt").is_file() else "man_track.txt"
    return read_track_table(folder / name)
