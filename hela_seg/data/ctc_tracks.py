"""Tracks of cells as the Cell Tracking Challenge has them: a text file, and a label image a frame.

Of ``man_track.txt`` and ``res_track.txt`` each line is a track: label, first frame, last frame, and the label
of the track that it came from or 0 (https://celltrackingchallenge.net/submission-of-results). A track has no
gaps: one cell that is missed for a while is two tracks, of which the second came from the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.stacks import write_tiff
from hela_seg.system.errors import InputError
from hela_seg.system.files import whole_file

MOST_TRACKS = np.iinfo(np.uint16).max
"""Labels of the challenge have 16 bits."""


class CtcTrack(NamedTuple):
    """A line of a table of tracks; frames count from 0, and ``parent`` is 0 where there is none."""

    label: int
    first: int
    last: int
    parent: int


def read_track_table(path: Path) -> list[CtcTrack]:
    """Read ``man_track.txt`` or ``res_track.txt``.

    Raises:
        InputError: no such file, a line that is not four whole numbers, a label twice, a track that ends
            before it begins, or a parent that does not exist or ends after its daughter begins.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text ({error}): check the path") from None
    tracks: dict[int, CtcTrack] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        words = line.split()
        if len(words) != 4 or not all(word.isdecimal() for word in words):
            raise InputError(
                f"{path}, line {number}: '{line[:60]}', expected four whole numbers such as '1 0 9 0': "
                "label, first frame, last frame, parent"
            )
        track = CtcTrack(*map(int, words))
        if track.label in tracks or track.label == 0 or track.last < track.first:
            raise InputError(
                f"{path}, line {number}: '{line[:60]}', expected a label above 0 that occurs once, and a "
                "last frame that is not before the first: correct the line"
            )
        tracks[track.label] = track
    for track in tracks.values():
        if track.parent and (track.parent not in tracks or tracks[track.parent].last >= track.first):
            raise InputError(
                f"{path}: track {track.label} has the parent {track.parent}, expected 0 or a track that "
                f"ends before frame {track.first}: correct the parent"
            )
    return list(tracks.values())


def write_track_table(path: Path, tracks: Iterable[CtcTrack]) -> None:
    """Write a table that `read_track_table` reads; it appears whole or not at all."""
    with whole_file(path) as part:
        part.write_text("".join(f"{' '.join(map(str, track))}\n" for track in tracks), encoding="ascii")


def write_ctc_frames(
    folder: Path, prefix: str, frames: Iterable[NDArray[np.integer[Any]]], digits: int = 3
) -> None:
    """Write label images (H, W) as ``mask000.tif`` and on, 16 bits each.

    Raises:
        InputError: a label above 65,535, which the form cannot hold.
    """
    for t, labels in enumerate(frames):
        if labels.size and labels.max() > MOST_TRACKS:
            raise InputError(
                f"frame {t} has the track {labels.max()}, expected {MOST_TRACKS} at most in the Cell "
                "Tracking Challenge's form: cut the recording in parts, or choose geff or trackmate"
            )
        write_tiff(folder / f"{prefix}{t:0{digits}d}.tif", labels.astype(np.uint16), "YX")


def write_ctc_truth(folder: Path, cells: NDArray[np.uint16], tracks: Sequence[CtcTrack]) -> None:
    """Write true tracks as ``TRA/man_track.txt`` and label images in ``TRA`` and ``SEG``.

    Args:
        folder: such as ``01_GT``.
        cells: (T, H, W) labels of tracks.
        tracks: one for each label.
    """
    digits = max(3, len(str(len(cells) - 1)))
    write_ctc_frames(folder / "TRA", "man_track", cells, digits)
    write_ctc_frames(folder / "SEG", "man_seg", cells, digits)
    write_track_table(folder / "TRA" / "man_track.txt", tracks)


def tracks_of(
    cells: NDArray[np.integer[Any]], mothers: Mapping[int, int]
) -> tuple[list[CtcTrack], NDArray[np.uint16]]:
    """Tracks without gaps of cells whose numbers are known.

    Args:
        cells: (T, H, W) numbers of cells, 0 for none.
        mothers: by a cell's number that of its mother, 0 for none.

    Returns:
        The tracks, and ``cells`` (T, H, W) with their labels from 1 on, in the order of first frames. A cell
        that is missing for a while begins a new track without a parent; a daughter has its mother for a
        parent where she was there in the frame before.
    """
    numbered = np.zeros(cells.shape, np.uint16)
    tracks: list[CtcTrack] = []
    current: dict[int, int] = {}  # labels of the cells of the frame before
    for t, frame in enumerate(cells):
        before, current = current, {}
        found, inverse = np.unique(frame, return_inverse=True)
        label_of = np.zeros(len(found), np.int64)
        for place, number in enumerate(found.tolist()):
            if number == 0:
                continue
            label = before.get(number)
            if label is None:
                label = len(tracks) + 1
                tracks.append(CtcTrack(label, t, t, before.get(mothers.get(number, 0), 0)))
            else:
                tracks[label - 1] = tracks[label - 1]._replace(last=t)
            label_of[place] = current[number] = label
        numbered[t] = label_of[inverse].reshape(frame.shape)
    return tracks, numbered
