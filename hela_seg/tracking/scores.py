"""Tracks against true ones, by py-ctcmetrics (Kaiser et al. 2024), in the Cell Tracking Challenge's measures.

It is an optional part: ``pip install 'hela-seg[track]'``. It was chosen before traccuracy, which pulls numba,
an older click and an older numcodecs along and has no SEG. Which cells match is found here, for the library
reads label images a second time, wraps labels near 65,535 and takes the first cell of a frame without
background for it; the rule is the challenge's: a cell matches a true one of which it covers more than half.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from hela_seg.cells.overlap import overlaps
from hela_seg.data.classes import Classes
from hela_seg.data.ctc_tracks import CtcTrack, read_track_table
from hela_seg.data.stacks import name_of, open_series
from hela_seg.system.errors import InputError, not_installed
from hela_seg.tracking import Labels
from hela_seg.tracking.ctc import ctc_frames, ctc_tracks_of, read_ctc, read_ctc_frames, read_ctc_tracks
from hela_seg.tracking.lives import Lives
from hela_seg.tracking.tables import Followed

MEASURES = {
    "SEG": "SEG",
    "DET": "DET",
    "TRA": "TRA",
    "LNK": "LNK",
    "complete tracks": "CT",
    "division F1": "BC(0)",
    "division F1 within 1 frame": "BC(1)",
    "division F1 within 2 frames": "BC(2)",
    "missed cells": "AOGM_FN",
    "extra cells": "AOGM_FP",
    "merged cells": "AOGM_NS",
    "missing links": "AOGM_EA",
    "extra links": "AOGM_ED",
    "wrong links": "AOGM_EC",
}
"""Our names, and those of py-ctcmetrics: figures from 0 to 1, and then what TRA counts as errors."""


TrackScores = dict[str, dict[str, float]]
"""By the names of recordings their scores, as `TrackScorer.scores` gives them."""


def score_recordings(results: Path, truth: Path, names: Sequence[str]) -> tuple[TrackScores, list[Followed]]:
    """Score the tracks of recordings in the Cell Tracking Challenge's form; label images are read once.

    Args:
        results: a folder with ``res_track.txt``, or one with such a folder ``NAME_RES`` for each recording.
        truth: a folder with ``TRA``, or one with such a folder ``NAME_GT`` for each recording.
        names: of the recordings.

    Returns:
        The scores, and the recordings as the results have them.

    Raises:
        InputError: see `TrackScorer`; or a folder of one recording for several.
    """
    alone = [(results / "res_track.txt").is_file(), (truth / "TRA").is_dir()]
    if any(alone) and len(names) > 1:
        which = results if alone[0] else truth
        raise InputError(
            f"{which} holds the tracks of one recording, expected those of {len(names)}: name the folder "
            f"above, with {names[0]}_RES and {names[0]}_GT"
        )
    scores, followed, classes = {}, [], Classes(["background", "cell"])
    for name in names:
        own = results if alone[0] else results / f"{name}_RES"
        scorer = TrackScorer(truth if alone[1] else truth / f"{name}_GT", own)
        tracks = read_ctc_tracks(own)
        lives = read_ctc(scorer.watched(read_ctc_frames(own)), tracks, classes)
        scores[name] = scorer.scores(tracks)
        followed.append(Followed(name, lives, classes))
    return scores, followed


class TrackScorer:
    """Compares frames of labels with true ones as they come, and then the tracks; keeps numbers, no pixels.

    Args:
        truth: such as ``01_GT``, with ``TRA/man_track.txt``, ``TRA/man_track000.tif`` and on and, for SEG,
            with ``SEG``, which may hold some of the frames.
        results: where the labels are from, for messages.

    Raises:
        InputError: py-ctcmetrics is not installed, there are no true tracks, or they cannot be.
    """

    def __init__(self, truth: Path, results: Path) -> None:
        if find_spec("ctc_metrics") is None:
            raise not_installed("scores of tracks", "py-ctcmetrics", "track")
        self._truth, self._results = truth, results
        table = truth / "TRA" / "man_track.txt"
        if not table.is_file():
            raise InputError(f"{table} is not there, expected tracks in the Cell Tracking Challenge's form")
        self._tracks = read_track_table(table)
        outlined = sorted((truth / "SEG").glob("man_seg*.tif"))
        self._segmented = {int(name_of(path).removeprefix("man_seg")): path for path in outlined}
        self._matches: dict[str, list[list[Any]]] = {name: [] for name in _MATCHES}
        self._overlap: dict[str, list[list[Any]]] = {name: [] for name in _MATCHES}

    def watched(self, frames: Iterable[Labels]) -> Iterator[Labels]:
        """The same frames of labels (H, W), each compared with the truth as it passes.

        Raises:
            InputError: more or fewer frames than the truth has, or of another size.
        """
        true, count = read_ctc_frames(self._truth / "TRA"), 0
        for t, labels in enumerate(frames):
            expected = next(true, None)
            if expected is None or expected.shape != labels.shape:
                size = (
                    "no such frame" if expected is None else f"{expected.shape[0]}x{expected.shape[1]} pixels"
                )
                raise InputError(
                    f"{self._results} has frame {t} of {labels.shape[0]}x{labels.shape[1]} pixels and "
                    f"{self._truth / 'TRA'} {size}, expected the same frames in both"
                )
            _add(self._matches, expected, labels)
            if t in self._segmented:
                outlined = open_series(self._segmented[t], "YX", labels=True).frame(0)[0]
                _add(self._overlap, outlined.astype(np.int64), labels)
            count += 1
            yield labels
        if next(true, None) is not None:
            raise InputError(
                f"{self._results} holds {count} label images and {self._truth / 'TRA'} more, expected one of "
                "each frame in both"
            )

    def scores(self, tracks: Sequence[CtcTrack]) -> dict[str, float]:
        """The scores of tracks whose labels were watched.

        Returns:
            By the names of `MEASURES` its figures; those that the truth does not allow are left out, as that
            of divisions where there is none. Then ``found cells`` and ``true cells`` of all frames, ``cell
            count error`` (differences of the counts of each frame, added up, over the true cells), ``found
            tracks``, ``true tracks`` and ``duration error``: how far the length of a true cell's life, in
            frames, and that of the found life with most of its frames are apart, mean over the lives that
            were found. A cell that is away for some frames has one life.

        Raises:
            InputError: tracks that are none in the challenge's sense, as one that is missing in a frame; or
                a single frame.
        """
        matches = self._matches
        if len(matches["labels_ref"]) < 2:
            raise InputError(
                f"{self._results} has one frame, expected two or more: leave the true tracks out"
            )
        _refuse_invalid(self._results, tracks, matches["labels_comp"])
        _refuse_invalid(self._truth / "TRA", self._tracks, matches["labels_ref"])
        wanted = ["Valid", "DET", "TRA", "LNK", "CT", "BC", *(["SEG"] if self._segmented else [])]
        calculate = import_module("ctc_metrics.scripts.evaluate").calculate_metrics
        tables = [np.array(of, np.int64).reshape(-1, 4) for of in (tracks, self._tracks)]
        found = calculate(*tables, matches, self._overlap, wanted, is_valid=True)
        figures = {name: float(found[key]) for name, key in MEASURES.items() if found.get(key) is not None}
        cells = [np.array([len(of) for of in matches[name]]) for name in ("labels_comp", "labels_ref")]
        count, true_count = (int(of.sum()) for of in cells)
        error = float(np.abs(cells[0] - cells[1]).sum()) / max(true_count, 1)
        figures |= {"found cells": count, "true cells": true_count, "cell count error": error}
        figures |= {"found tracks": len(tracks), "true tracks": len(self._tracks)}
        return figures | _durations(matches)

    def score_lives(self, lives: Lives, cells: Iterable[Labels]) -> dict[str, float]:
        """Watch and score lives; see `watched` and `scores`.

        Args:
            lives: of a recording.
            cells: (H, W) of each frame, with the numbers of ``lives.cells["label"]``.
        """
        tracks, label = ctc_tracks_of(lives)
        for _ in self.watched(ctc_frames(lives, label, cells)):
            pass
        return self.scores(tracks)


_MATCHES = ("labels_ref", "labels_comp", "mapped_ref", "mapped_comp", "ious")
"""What py-ctcmetrics calls the labels of a frame, true and found, those that match, and their overlap."""


def _add(matches: dict[str, list[list[Any]]], true: Labels, found: Labels) -> None:
    both = overlaps(true, found)
    most = 2 * both.shared > both.first_area[both.first]
    first, second = both.first_labels[both.first[most]], both.second_labels[both.second[most]]
    for name, of in zip(
        _MATCHES, (both.first_labels, both.second_labels, first, second, both.iou[most]), strict=True
    ):
        matches[name].append(of.tolist())


def _refuse_invalid(path: Path, tracks: Sequence[CtcTrack], labels: Sequence[Sequence[int]]) -> None:
    there = {(label, t) for t, of_frame in enumerate(labels) for label in of_frame}
    stated = {(track.label, t) for track in tracks for t in range(track.first, track.last + 1)}
    if there != stated or not stated:
        label, t = min(there ^ stated, default=(0, 0))
        where = "is missing in" if (label, t) in stated else "is not stated for"
        what = f"a track {label} that {where} frame {t}" if label else "no track"
        raise InputError(
            f"{path} has {what}, expected each track of its table in all of its frames and no other: write "
            "it again with the program that made it"
        )


def _durations(matches: dict[str, Any]) -> dict[str, float]:
    """By whole lives, as py-ctcmetrics has merged them."""
    length = [
        {label: last - first + 1 for label, first, last, _ in matches[f"{whose}_tracks_merged"].tolist()}
        for whose in ("ref", "comp")
    ]
    mapped = [np.concatenate([[], *matches[f"mapped_{whose}_merged"]]) for whose in ("ref", "comp")]
    pairs, often = np.unique(np.stack(mapped, axis=1).astype(np.int64), axis=0, return_counts=True)
    longest = {int(true): int(found) for true, found in pairs[np.argsort(often, kind="stable")]}
    apart = [abs(length[1][found] - length[0][true]) for true, found in longest.items()]
    return {"duration error": float(np.mean(apart))} if apart else {}
