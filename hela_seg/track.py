"""``python -m hela_seg.track input=... output=...``: lives of cells in masks of any program."""

from __future__ import annotations

import sys

from hela_seg.cli import main

if __name__ == "__main__":
    # before the imports below, which take seconds that --help need not take
    sys.exit(main("track"))

import logging
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from hela_seg.cells.timecourse import TimeCourse, class_pixels
from hela_seg.data.classes import Classes
from hela_seg.data.splits.table import read_rows
from hela_seg.data.stacks import open_series, path_of
from hela_seg.data.stacks.tiff.ome_tiff import read_classes
from hela_seg.prediction.cell_maps import CellMaps
from hela_seg.prediction.job import TrackFile
from hela_seg.report.pictures.curves import draw_time_course
from hela_seg.report.pictures.drawings import write_figure
from hela_seg.report.pictures.film import strip_rows, write_strip
from hela_seg.report.pictures.lineage import draw_lineage
from hela_seg.report.quality import write_track_scores
from hela_seg.report.tables import print_files
from hela_seg.runs import run_folder
from hela_seg.runs.run_folder import SUFFIXES
from hela_seg.system.errors import InputError
from hela_seg.system.files import make_folder, results_folder
from hela_seg.system.settings import NonNegative, checked
from hela_seg.tracking.answers import write_lives
from hela_seg.tracking.ctc import is_ctc, write_ctc_results
from hela_seg.tracking.follow import Follower, FollowSettings
from hela_seg.tracking.geff import write_geff
from hela_seg.tracking.reading import Reading, file_beside
from hela_seg.tracking.scores import TrackScorer, TrackScores
from hela_seg.tracking.sources import MaskSource, Source, find_sources
from hela_seg.tracking.tables import Followed
from hela_seg.tracking.trackmate import write_trackmate

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TrackSettings(FollowSettings, Reading):
    """All settings; see ``conf/track.yaml``."""

    input: str
    output: str
    classes: Sequence[str | Mapping[str, Any]] | None = None
    class_maps: str | None = None
    masks: str | None = None
    conditions: str | None = None
    images: str | None = None
    strips: Sequence[NonNegative] = ()
    truth: str | None = None
    tracks: TrackFile | Literal["none"] | Sequence[TrackFile] = "none"
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.strips and self.images is None:
            raise InputError(
                "strips are pictures of cells, expected the images that masks are of: add images="
            )

    @property
    def forms(self) -> tuple[TrackFile, ...]:
        """Forms of other programs in which tracks are written."""
        wanted = [self.tracks] if isinstance(self.tracks, str) else self.tracks
        return tuple(form for form in get_args(TrackFile) if form in wanted)


def track(config: Mapping[str, Any]) -> list[Path]:
    """Follow cells as a configuration says; see ``conf/track.yaml`` for its keys.

    Returns:
        The files that were written, tables first.

    Raises:
        InputError: masks, tracks or settings that cannot be used, or files that are there already.
    """
    settings = checked(TrackSettings, config)
    beside = [None if place is None else path_of(place) for place in (settings.class_maps, settings.masks)]
    sources = find_sources(path_of(settings.input), settings, *beside)
    classes = _classes(settings, sources)
    settings.mitotic_index(classes)
    condition_of = _conditions(settings, sources)
    out = Path(settings.output)
    paths = _result_paths(settings, out, sources)
    there = next((path for path in paths if path.exists()), None)
    if there is not None and not settings.overwrite:
        raise InputError(
            f"{there} is there already, expected a new output: choose another, or set overwrite=true"
        )
    scorers = _scorers(settings, sources)
    followed, courses, scores = [], [], TrackScores()
    with results_folder(out), tempfile.TemporaryDirectory(prefix=".track-", dir=out) as scratch:
        results = make_folder(Path(scratch) / "results")  # of all recordings or of none
        for source in sources:
            found, course, maps = _follow(settings, source, classes, Path(scratch) / "cells")
            found = replace(found, condition=condition_of.get(source.name, ""))
            _write_recording(settings, results, found, maps)
            _write_strips(settings, results, source, found)
            followed.append(found)
            courses.append(course)
            if source.name in scorers:
                scores[source.name] = scorers[source.name].score_lives(found.lives, maps.labels())
        write_lives(results, followed)
        title = sources[0].name if len(sources) == 1 else f"{len(sources)} recordings"
        figure = draw_time_course(courses, classes, title, followed=followed)
        write_figure(results / run_folder.TIME_COURSE, figure)
        write_track_scores(results, scores)
        for result in results.iterdir():
            if (out / result.name).is_dir():
                shutil.rmtree(out / result.name)
            result.replace(out / result.name)
    _print_end(out, followed, paths)
    return paths


def _classes(settings: TrackSettings, sources: Sequence[Source]) -> Classes:
    if settings.classes is not None:
        return Classes(settings.classes)
    first = sources[0]
    are_class_maps = isinstance(first, MaskSource) and settings.kind == "classes"
    named = first.path if are_class_maps else first.class_maps
    known = None if named is None or named.suffix.lower() not in (".tif", ".tiff") else read_classes(named)
    return known or Classes(["background", "cell"])


def _scorers(settings: TrackSettings, sources: Sequence[Source]) -> dict[str, TrackScorer]:
    """By the names of recordings what scores them against true tracks: those named, or ``NAME_GT`` below."""
    if settings.truth is None:
        return {}
    truth = Path(settings.truth)
    own = {source: truth / f"{source.name.removesuffix('_RES')}_GT" for source in sources}
    if is_ctc(truth / "TRA"):
        own = dict.fromkeys(sources, truth)
    return {source.name: TrackScorer(folder, source.path) for source, folder in own.items()}


def _conditions(settings: TrackSettings, sources: Sequence[Source]) -> dict[str, str]:
    """The condition of each recording, from a CSV with the columns ``series`` and ``condition``."""
    if settings.conditions is None:
        return {}
    path = Path(settings.conditions)
    header, *rows = read_rows(path) or [[]]
    if not {"series", "condition"} <= set(header):
        raise InputError(
            f"{path} lacks the columns series and condition, expected a row for each recording: add them"
        )
    cells = [dict(zip(header, row, strict=False)) for row in rows]
    found = {row["series"]: row.get("condition", "") for row in cells if "series" in row}
    lacking = [source.name for source in sources if not found.get(source.name)]
    if lacking:
        raise InputError(
            f"{path} has no condition for {lacking[0]}, expected one for each recording: add a row"
        )
    return found


def _result_paths(settings: TrackSettings, out: Path, sources: Sequence[Source]) -> list[Path]:
    tables = [run_folder.TRACKS_TABLE, run_folder.EVENTS_TABLE, run_folder.LIVES_TABLE]
    scores = [run_folder.TRACK_SCORES_TABLE] if settings.truth is not None else []
    suffixes = [SUFFIXES[kind] for kind in ("lineage", "lineage_svg", *settings.forms)]
    suffixes += [f".track{number}.png" for number in settings.strips]
    own = (f"{source.name}{end}" for source in sources for end in suffixes)
    return [out / name for name in (*tables, run_folder.TIME_COURSE, *scores, *own)]


def _follow(
    settings: TrackSettings, source: Source, classes: Classes, kept: Path
) -> tuple[Followed, TimeCourse, CellMaps]:
    """The lives in one recording, its areas and counts over time, and its cells on disk."""
    interval, pixel_size = source.scales()
    follow = replace(settings, mend=settings.mend and isinstance(source, MaskSource))
    follower = Follower(classes, follow, touching=settings.kind == "classes")
    maps: CellMaps | None = None
    pixels, cells = [], []
    for frame, class_map, rows in follower.follow(source.frames(classes)):
        maps = maps or CellMaps(kept, (frame.labels.shape[0], frame.labels.shape[1]), classes)
        maps.add(frame.labels.astype(np.int32), rows)
        pixels.append(class_pixels(class_map, len(classes)))
        cells.append([np.count_nonzero(rows["class"] == name) for name in classes.names])
    if maps is None:
        raise InputError(f"{source.path} holds no frame, expected one or more: check input=")
    lives = source.lives(follower.lives())
    course = TimeCourse(source.name, np.stack(pixels), np.array(cells, np.int64), interval)
    followed = Followed(source.name, lives, classes, settings.mitotic_index(classes), interval, pixel_size)
    return followed, course, maps


def _write_recording(settings: TrackSettings, out: Path, followed: Followed, maps: CellMaps) -> None:
    paths = {kind: out / f"{followed.name}{suffix}" for kind, suffix in SUFFIXES.items()}
    for kind in ("lineage", "lineage_svg"):
        write_figure(paths[kind], draw_lineage(followed))
    if "ctc" in settings.forms:
        write_ctc_results(paths["ctc"], followed.lives, maps.labels())
    if "trackmate" in settings.forms:
        write_trackmate(paths["trackmate"], followed)
    if "geff" in settings.forms:
        write_geff(paths["geff"], followed)


def _write_strips(settings: TrackSettings, out: Path, source: Source, followed: Followed) -> None:
    """Pictures along the tracks that are named, each in a file of its own."""
    if settings.images is None:
        return
    path = file_beside(Path(settings.images), source.name, source.path, "the images of the cells", "strips")
    series, lives = open_series(path, settings.axes), followed.lives
    if (series.shape[0], *series.shape[2:]) != (lives.frames, *lives.size):
        raise InputError(
            f"{path} has {series.shape[0]} frame(s) of {series.shape[2]} x {series.shape[3]} pixels, "
            f"expected {lives.frames} of {lives.size[0]} x {lives.size[1]} as {source.path} has: name its "
            "images"
        )
    for number in settings.strips:
        if not 1 <= number <= len(lives.lives):
            raise InputError(
                f"strips names the track {number}, expected 1 to {len(lives.lives)} in '{source.name}': "
                f"leave strips out, and then choose from {run_folder.TRACKS_TABLE}"
            )
        life = lives.lives[number - 1]
        wanted = set(lives.cells["frame"][strip_rows(life)].tolist())
        frames = enumerate(source.frames(followed.classes))
        maps = {t: class_map for t, (_, class_map) in frames if t in wanted}
        write_strip(out / f"{source.name}.track{number}.png", series, maps, lives, life, followed.classes)


def _print_end(out: Path, followed: Sequence[Followed], paths: Sequence[Path]) -> None:
    lives = [life for one in followed for life in one.lives.lives]
    divisions = sum(bool(life.daughters) for life in lives)
    facts: dict[str, object] = {"tracks": len(lives), "divisions": divisions}
    if followed[0].mitotic is None and len(followed[0].classes) > 2:
        log.warning(
            "warning: no class is said to mean division, so there is no mitotic index: set mitotic=, such as "
            "mitotic=%s",
            followed[0].classes.names[1],
        )
    facts |= {path.stem.replace("_", " "): path for path in paths if path.suffix in {".csv", ".png"}}
    facts["all files"] = f"{len(paths)} in {out}"
    print_files(facts)
