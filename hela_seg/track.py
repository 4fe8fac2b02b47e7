"""``python -m hela_seg.track input=... output=...``: lives of cells in masks of any program."""

from __future__ import annotations

import sys

from hela_seg.cli import main

if __name__ == "__main__":
    # before the imports below, which take seconds that --help need not take
    sys.exit(main("track"))

import csv
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hela_seg.cells import NECK, measure_cells, split_cells
from hela_seg.cells.timecourse import TimeCourse, class_pixels
from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks import PixelSize, find_files, is_image, name_of, open_series, path_of
from hela_seg.data.stacks.tiff.ome_tiff import read_classes
from hela_seg.prediction.cell_maps import CellMaps
from hela_seg.prediction.job import TrackFile
from hela_seg.report.pictures.curves import write_time_course
from hela_seg.report.pictures.lineage import write_lineage
from hela_seg.report.pictures.trails import strip_rows, write_strip
from hela_seg.report.tables import print_files
from hela_seg.runs import run_folder
from hela_seg.system.errors import InputError
from hela_seg.system.files import make_folder, write_table
from hela_seg.system.settings import NonNegative, Share, checked
from hela_seg.tracking.answers import write_lives
from hela_seg.tracking.follow import Follower, FollowSettings
from hela_seg.tracking.interchange import (
    is_ctc,
    links_of_ctc,
    read_ctc_frames,
    read_ctc_tracks,
    write_ctc_results,
    write_geff,
    write_trackmate,
)
from hela_seg.tracking.lives import Lives, lives_of
from hela_seg.tracking.scores import score_tracks
from hela_seg.tracking.tables import Followed

log = logging.getLogger(__name__)

Labels = NDArray[np.integer[Any]]


@dataclass(frozen=True, kw_only=True)
class TrackSettings(FollowSettings):
    """All settings; see ``conf/track.yaml``."""

    input: str
    output: str
    kind: Literal["classes", "instances"] = "classes"
    classes: Sequence[str | Mapping[str, Any]] | None = None
    class_maps: str | None = None
    axes: str | None = None
    neck: Share = NECK
    least_area: NonNegative = 0
    interval: float | None = None
    pixel_size: float | None = None
    conditions: str | None = None
    images: str | None = None
    strips: Sequence[NonNegative] = ()
    truth: str | None = None
    tracks: TrackFile | Literal["none"] | Sequence[TrackFile] = "none"
    overwrite: bool = False

    @property
    def forms(self) -> tuple[TrackFile, ...]:
        """Forms of other programs in which tracks are written."""
        wanted = [self.tracks] if isinstance(self.tracks, str) else self.tracks
        return tuple(form for form in get_args(TrackFile) if form in wanted)

    @property
    def follow(self) -> FollowSettings:
        """How cells are followed."""
        return FollowSettings(**{field.name: getattr(self, field.name) for field in fields(FollowSettings)})


@dataclass(frozen=True, eq=False)
class Masks:
    """The masks of one recording.

    Attributes:
        name: of the recording.
        path: of the file, or of the folder in the Cell Tracking Challenge's form.
        class_maps: file with the class of each pixel, where masks number cells.
        has_tracks: whether the folder says itself which cells are one.
    """

    name: str
    path: Path
    class_maps: Path | None = None
    has_tracks: bool = False


def track(config: Mapping[str, Any]) -> list[Path]:
    """Follow cells as a configuration says; see ``conf/track.yaml`` for its keys.

    Returns:
        The files that were written, tables first.

    Raises:
        InputError: masks, tracks or settings that cannot be used, or files that are there already.
    """
    settings = checked(TrackSettings, config)
    recordings = _recordings(settings)
    classes = _classes(settings, recordings)
    settings.mitotic_index(classes)
    condition_of = _conditions(settings, recordings)
    out = make_folder(Path(settings.output))
    paths = _result_paths(settings, out, recordings)
    _refuse_existing(paths, settings.overwrite)
    followed, courses = [], []
    with tempfile.TemporaryDirectory(prefix=".track-", dir=out) as scratch:
        for masks in recordings:
            found, course, maps = _follow(settings, masks, classes, Path(scratch) / "cells")
            found = replace(found, condition=condition_of.get(masks.name, ""))
            _write_recording(settings, out, found, maps)
            _write_strips(settings, out, masks, found)
            followed.append(found)
            courses.append(course)
            if settings.truth is not None:
                _write_scores(out, found, maps, Path(settings.truth), Path(scratch))
    write_lives(out, followed)
    title = recordings[0].name if len(recordings) == 1 else f"{len(recordings)} recordings"
    write_time_course(out / run_folder.TIME_COURSE, courses, classes, title, followed=followed)
    _print_end(out, followed, paths)
    return paths


def _recordings(settings: TrackSettings) -> list[Masks]:
    source = path_of(settings.input)
    if source.is_dir() and is_ctc(source / "TRA"):
        return [Masks(source.name, source / "TRA", None, True)]
    if source.is_dir() and is_ctc(source):
        return [Masks(source.absolute().name, source, None, True)]
    is_folder = source.is_dir() and not is_image(source)
    if is_folder and (below := sorted(path for path in source.iterdir() if is_ctc(path))):
        return [Masks(path.name, path, None, True) for path in below]
    files = find_files(source) if is_folder else [source]
    if not files:
        raise InputError(f"{source} holds no label images, expected TIFF, PNG or Zarr files: check input=")
    return [Masks(name_of(path), path, _class_map_of(settings, path)) for path in files]


def _class_map_of(settings: TrackSettings, path: Path) -> Path | None:
    if settings.class_maps is None:
        return None
    masks = Masks(name_of(path), path)
    return _beside(Path(settings.class_maps), masks, "the classes of the cells in", "class_maps")


def _beside(place: Path, masks: Masks, what: str, setting: str) -> Path:
    """The file that goes with the masks of a recording: the one named, or that of its name in a folder."""
    if is_image(place):
        return place
    found = [other for other in find_files(place) if name_of(other) == masks.name]
    if len(found) != 1:
        raise InputError(
            f"{place} holds {len(found)} files named {masks.name}, expected one with {what} {masks.path}: "
            f"add it, or leave {setting} out"
        )
    return found[0]


def _classes(settings: TrackSettings, recordings: Sequence[Masks]) -> Classes:
    if settings.classes is not None:
        return Classes(settings.classes)
    first = recordings[0]
    named = first.class_maps or (first.path if not first.has_tracks and settings.kind == "classes" else None)
    known = None if named is None or named.suffix.lower() not in (".tif", ".tiff") else read_classes(named)
    return known or Classes(["background", "cell"])


def _conditions(settings: TrackSettings, recordings: Sequence[Masks]) -> dict[str, str]:
    """The condition of each recording, from a CSV with the columns ``series`` and ``condition``."""
    if settings.conditions is None:
        return {}
    path = Path(settings.conditions)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a table ({error}): check conditions=") from None
    if not rows or not {"series", "condition"} <= rows[0].keys():
        raise InputError(
            f"{path} lacks the columns series and condition, expected a row for each recording: add them"
        )
    found = {str(row["series"]): str(row["condition"] or "") for row in rows}
    lacking = [masks.name for masks in recordings if not found.get(masks.name)]
    if lacking:
        raise InputError(
            f"{path} has no condition for {lacking[0]}, expected one for each recording: add a row"
        )
    return found


def _result_paths(settings: TrackSettings, out: Path, recordings: Sequence[Masks]) -> list[Path]:
    tables = [
        run_folder.TRACKS_TABLE,
        run_folder.EVENTS_TABLE,
        run_folder.LIVES_TABLE,
        run_folder.TIME_COURSE,
    ]
    suffixes = [f"{run_folder.LINEAGE_SUFFIX}.png", f"{run_folder.LINEAGE_SUFFIX}.svg"]
    of_form = {
        "ctc": run_folder.CTC_SUFFIX,
        "trackmate": run_folder.TRACKMATE_SUFFIX,
        "geff": run_folder.GEFF_SUFFIX,
    }
    suffixes += [of_form[form] for form in settings.forms]
    suffixes += [f".track{number}.png" for number in settings.strips]
    scores = [run_folder.TRACK_SCORES_TABLE] if settings.truth is not None else []
    return [
        out / name
        for name in [*tables, *scores, *(f"{one.name}{end}" for one in recordings for end in suffixes)]
    ]


def _refuse_existing(paths: Sequence[Path], overwrite: bool) -> None:
    there = next((path for path in paths if path.exists()), None)
    if there is not None and not overwrite:
        raise InputError(
            f"{there} is there already, expected a new output: choose another, or set overwrite=true"
        )


def _follow(
    settings: TrackSettings, masks: Masks, classes: Classes, kept: Path
) -> tuple[Followed, TimeCourse, CellMaps]:
    """The lives in one recording, its areas and counts over time, and its cells on disk."""
    interval, pixel_size = _calibration(settings, masks)
    follower = Follower(classes, replace(settings.follow, mend=settings.mend and not masks.has_tracks))
    maps: CellMaps | None = None
    pixels, cells, size = [], [], (0, 0)
    held: list[NDArray[np.uint8]] = []

    def numbered() -> Iterator[Labels]:
        for labels, class_map in _frames(settings, masks, classes):
            held.append(class_map)
            yield labels

    for t, frame in enumerate(follower.mended(numbered())):
        class_map = held.pop(0)
        rows = measure_cells(frame.labels, class_map, classes, frame=t, pixel_size=pixel_size)
        follower.add(frame, rows)
        size = frame.labels.shape[0], frame.labels.shape[1]
        maps = maps or CellMaps(kept, size, classes)
        maps.add(frame.labels.astype(np.int32), rows)
        pixels.append(class_pixels(class_map, len(classes)))
        cells.append([np.count_nonzero(rows["class"] == name) for name in classes.names])
    if maps is None:
        raise InputError(f"{masks.path} holds no frame, expected one or more: check input=")
    lives = follower.lives()
    if masks.has_tracks:
        lives = _lives_of_tracks(masks, lives, size)
    course = TimeCourse(masks.name, np.stack(pixels), np.array(cells, np.int64), interval)
    followed = Followed(masks.name, lives, classes, settings.mitotic_index(classes), interval, pixel_size)
    return followed, course, maps


def _lives_of_tracks(masks: Masks, lives: Lives, size: tuple[int, int]) -> Lives:
    """Lives as a table of tracks has them, in place of those that were found."""
    tracks, cells = read_ctc_tracks(masks.path), lives.cells
    links = links_of_ctc(tracks, cells["frame"], cells["label"], lives.frames)
    return lives_of(cells, lives.kind, links, size, as_given=True)


def _calibration(settings: TrackSettings, masks: Masks) -> tuple[float | None, PixelSize | None]:
    """Seconds between frames and the pixel size: as the user says, or the file."""
    stated: tuple[float | None, PixelSize | None] = (None, None)
    if not masks.has_tracks:
        series = open_series(masks.path, settings.axes, labels=True)
        stated = series.frame_interval, series.pixel_size
    given = None if settings.pixel_size is None else PixelSize(settings.pixel_size, settings.pixel_size)
    for name in ("interval", "pixel_size"):
        value = getattr(settings, name)
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"{name} is {value}, expected a number above 0: correct it")
    return settings.interval or stated[0], given or stated[1]


def _frames(
    settings: TrackSettings, masks: Masks, classes: Classes
) -> Iterator[tuple[Labels, NDArray[np.uint8]]]:
    """Cell numbers and class maps (H, W) of each frame."""
    if masks.has_tracks:
        for labels in read_ctc_frames(masks.path):
            yield labels, (labels > 0).astype(np.uint8)
        return
    series = open_series(masks.path, settings.axes, labels=True)
    beside = None if masks.class_maps is None else open_series(masks.class_maps, settings.axes, labels=True)
    if beside is not None and beside.shape != series.shape:
        raise InputError(
            f"{masks.class_maps} has the shape {beside.shape}, expected {series.shape} as {masks.path} has: "
            f"give the "
            "class maps of the same frames"
        )
    for t in range(series.shape[0]):
        found = series.frame(t)[0]
        if settings.kind == "classes":
            class_map = _as_class_map(found, classes, masks.path, t)
            yield split_cells(class_map, neck=settings.neck, least_area=settings.least_area), class_map
            continue
        # numbers that jump would take memory by the highest of them
        labels = np.unique(found, return_inverse=True)[1].reshape(found.shape) + (
            0 if (found == 0).any() else 1
        )
        if beside is None:
            yield labels, (found > 0).astype(np.uint8)
        else:
            class_map = _as_class_map(beside.frame(t)[0], classes, beside.path, t)
            yield labels, class_map


def _as_class_map(found: NDArray[Any], classes: Classes, path: Path, t: int) -> NDArray[np.uint8]:
    wrong = found[(found >= len(classes)) & (found != IGNORE_INDEX)]
    if wrong.size:
        raise InputError(
            f"frame {t} of {path} holds the value {wrong.flat[0]}, expected 0 to {len(classes) - 1} for the "
            f"classes "
            f"{', '.join(classes.names)}: set classes=, or kind=instances where values number cells"
        )
    return found.astype(np.uint8)


def _write_recording(settings: TrackSettings, out: Path, followed: Followed, maps: CellMaps) -> None:
    name = followed.name
    for kind in ("png", "svg"):
        write_lineage(out / f"{name}{run_folder.LINEAGE_SUFFIX}.{kind}", followed)
    if "ctc" in settings.forms:
        write_ctc_results(out / f"{name}{run_folder.CTC_SUFFIX}", followed.lives, maps.labels())
    if "trackmate" in settings.forms:
        write_trackmate(out / f"{name}{run_folder.TRACKMATE_SUFFIX}", followed)
    if "geff" in settings.forms:
        write_geff(out / f"{name}{run_folder.GEFF_SUFFIX}", followed)


def _write_strips(settings: TrackSettings, out: Path, masks: Masks, followed: Followed) -> None:
    """Pictures along the tracks that are named, each in a file of its own."""
    if not settings.strips:
        return
    if settings.images is None:
        raise InputError("strips are pictures of cells, expected the images that masks are of: add images=")
    path = _beside(Path(settings.images), masks, "the images of the cells in", "strips")
    series = open_series(path, settings.axes)
    lives = followed.lives
    if (series.shape[0], *series.shape[2:]) != (lives.frames, *lives.size):
        raise InputError(
            f"{path} has {series.shape[0]} frame(s) of {series.shape[2]} x {series.shape[3]} pixels, "
            f"expected "
            f"{lives.frames} of {lives.size[0]} x {lives.size[1]} as {masks.path} has: name its images"
        )
    for number in settings.strips:
        if not 1 <= number <= len(lives.lives):
            raise InputError(
                f"strips names the track {number}, expected 1 to {len(lives.lives)} in '{masks.name}': see "
                f"{run_folder.TRACKS_TABLE}"
            )
        life = lives.lives[number - 1]
        wanted = set(lives.cells["frame"][strip_rows(life)].tolist())
        frames = enumerate(_frames(settings, masks, followed.classes))
        maps = {t: class_map for t, (_, class_map) in frames if t in wanted}
        write_strip(out / f"{masks.name}.track{number}.png", series, maps, lives, life, followed.classes)


def _write_scores(out: Path, followed: Followed, maps: CellMaps, truth: Path, scratch: Path) -> None:
    """Score the tracks against true ones; of several recordings the truth is ``NAME_GT`` below a folder."""
    own = truth if is_ctc(truth / "TRA") else truth / f"{followed.name.removesuffix('_RES')}_GT"
    results = scratch / f"{followed.name}{run_folder.CTC_SUFFIX}"
    write_ctc_results(results, followed.lives, maps.labels())
    found = score_tracks(results, own)
    table = out / run_folder.TRACK_SCORES_TABLE
    former: list[dict[str, Any]] = []
    if table.is_file():
        with table.open(newline="", encoding="utf-8") as file:
            former = [row for row in csv.DictReader(file) if row["series"] != followed.name]
    write_table(table, [*former, {"series": followed.name} | {k: f"{v:.4g}" for k, v in found.items()}])
    print_files({f"{followed.name}: {name}": f"{value:.4g}" for name, value in found.items()})


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
