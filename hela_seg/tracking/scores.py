"""Tracks against true ones, by py-ctcmetrics (Kaiser et al. 2024), in the Cell Tracking Challenge's measures.

It is an optional part: ``pip install 'hela-seg[track]'``. It was chosen before traccuracy, which pulls numba,
an older click and an older numcodecs along and has no SEG.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean

from hela_seg.data.ctc_tracks import read_track_table
from hela_seg.system.errors import InputError, not_installed

MEASURES = {
    "SEG": "SEG",
    "DET": "DET",
    "TRA": "TRA",
    "LNK": "LNK",
    "complete tracks": "CT",
    "division F1": "BC(0)",
    "division F1 within 1 frame": "BC(1)",
    "division F1 within 2 frames": "BC(2)",
}
"""Our names, and those of py-ctcmetrics."""


TrackScores = dict[str, dict[str, float]]
"""By the names of recordings their scores, by the names of `MEASURES`."""


def score_recordings(results: Path, truth: Path, names: Sequence[str]) -> TrackScores:
    """Score the tracks of recordings, see `score_tracks`.

    Args:
        results: a folder with ``res_track.txt``, or one with such a folder ``NAME_RES`` for each recording.
        truth: a folder with ``TRA``, or one with such a folder ``NAME_GT`` for each recording.
        names: of the recordings.
    """
    alone = [(results / "res_track.txt").is_file(), (truth / "TRA").is_dir()]
    if any(alone) and len(names) > 1:
        which = results if alone[0] else truth
        raise InputError(
            f"{which} holds the tracks of one recording, expected those of {len(names)}: name the folder "
            f"above, "
            f"with {names[0]}_RES and {names[0]}_GT"
        )
    own = results_of(results, names)
    return {name: score_tracks(own[name], truth if alone[1] else truth / f"{name}_GT") for name in names}


def results_of(results: Path, names: Sequence[str]) -> dict[str, Path]:
    """By the names of recordings the folders with their tracks; see `score_recordings`."""
    alone = (results / "res_track.txt").is_file()
    return {name: results if alone else results / f"{name}_RES" for name in names}


def score_tracks(results: Path, truth: Path) -> dict[str, float]:
    """Compare tracks in the Cell Tracking Challenge's form.

    Args:
        results: such as ``01_RES``, with ``res_track.txt`` and ``mask000.tif`` and on.
        truth: such as ``01_GT``, with ``TRA/man_track.txt``, ``TRA/man_track000.tif`` and on and, for SEG,
            with ``SEG``.

    Returns:
        By the names of `MEASURES` figures from 0 to 1; those that the truth does not allow are left out, as
        that of divisions where there is none. Then ``found tracks``, ``true tracks`` and the mean lengths of
        both, in frames.

    Raises:
        InputError: py-ctcmetrics is not installed, a file is missing, a table is wrong, or results that are
            none in the challenge's sense, as a track that is missing in a frame.
    """
    if find_spec("ctc_metrics") is None:
        raise not_installed("scores of tracks", "py-ctcmetrics", "track")
    tables = results / "res_track.txt", truth / "TRA" / "man_track.txt"
    counted: dict[str, float] = {}
    for whose, table in zip(("found", "true"), tables, strict=True):
        if not table.is_file():
            raise InputError(f"{table} is not there, expected tracks in the Cell Tracking Challenge's form")
        lengths = [track.last - track.first + 1 for track in read_track_table(table)]
        counted |= {f"{whose} tracks": len(lengths)}
        counted |= {f"mean length of {whose} tracks": fmean(lengths)} if lengths else {}
    counts = [len(list(folder.glob("*.tif"))) for folder in (results, truth / "TRA")]
    if counts[0] != counts[1]:
        raise InputError(
            f"{results} holds {counts[0]} label images and {truth / 'TRA'} {counts[1]}, expected one of "
            f"each frame in both"
        )
    wanted = ["Valid", "DET", "TRA", "LNK", "CT", "BC", *(["SEG"] if (truth / "SEG").is_dir() else [])]
    evaluate = import_module("ctc_metrics.scripts.evaluate").evaluate_sequence
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its results
        found = evaluate(str(results), str(truth), wanted, threads=1)
    if not found.get("Valid"):
        raise InputError(
            f"{results} holds no valid tracks, expected each track of res_track.txt in all of its frames "
            f"and no "
            "other: write it again with the program that made it"
        )
    return {name: float(found[key]) for name, key in MEASURES.items() if found.get(key) is not None} | counted
