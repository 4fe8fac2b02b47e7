"""Writes the files that a user opens from the parts of a prediction."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.cells.polygons import write_geojson, write_rois
from hela_seg.cells.table import SIGNIFICANT_DIGITS
from hela_seg.cells.timecourse import Flicker
from hela_seg.data.checks.perceptual_hash import perceptual_hash
from hela_seg.data.stacks import (
    EncodedFrame,
    Part,
    PixelSize,
    Series,
    name_of,
    write_ome_tiff,
    write_ome_zarr,
)
from hela_seg.prediction.analyse import RecordingResult, label_frames
from hela_seg.prediction.cell_maps import CellMaps
from hela_seg.prediction.folder import ResultFolder, recorded_names
from hela_seg.prediction.job import Job
from hela_seg.prediction.ranking import Candidate, Choice, rank
from hela_seg.prediction.to_label import write_ranking, write_ranking_sheet
from hela_seg.report.pictures.curves import write_time_course
from hela_seg.report.pictures.film import write_film
from hela_seg.report.pictures.lineage import write_lineage
from hela_seg.report.pictures.overlay import write_overlay
from hela_seg.report.pictures.trails import Trails
from hela_seg.runs import run_folder
from hela_seg.system.files import as_cell, whole_file
from hela_seg.tracking.answers import write_lives
from hela_seg.tracking.ctc import write_ctc_results
from hela_seg.tracking.durations import share_with_interval
from hela_seg.tracking.geff import write_geff
from hela_seg.tracking.lives import Lives
from hela_seg.tracking.tables import Followed
from hela_seg.tracking.trackmate import write_trackmate

OVERLAY_FRAMES = 6
"""Most frames that an overlay shows."""

OVERLAY_SIDE = 2048
"""Longest side, in pixels, of large frames in an overlay, of which only every so many pixels are read."""

SUFFIXES = {
    "tiff": run_folder.LABELS_SUFFIX,
    "zarr": run_folder.LABELS_ZARR_SUFFIX,
    "probabilities": run_folder.PROBABILITIES_SUFFIX,
    "entropy": run_folder.ENTROPY_SUFFIX,
    "image": run_folder.CELLS_SUFFIX,
    "rois": run_folder.ROIS_SUFFIX,
    "geojson": run_folder.GEOJSON_SUFFIX,
    "overlay": run_folder.OVERLAY_SUFFIX,
    "mp4": f"{run_folder.FILM_SUFFIX}.mp4",
    "png": f"{run_folder.FILM_SUFFIX}.png",
    "lineage": f"{run_folder.LINEAGE_SUFFIX}.png",
    "lineage_svg": f"{run_folder.LINEAGE_SUFFIX}.svg",
    "ctc": run_folder.CTC_SUFFIX,
    "trackmate": run_folder.TRACKMATE_SUFFIX,
    "geff": run_folder.GEFF_SUFFIX,
}
"""What follows a recording's name, by kind of result."""


LIFE_TABLES = [run_folder.TRACKS_TABLE, run_folder.EVENTS_TABLE, run_folder.LIVES_TABLE]
"""Tables of cells that were followed."""


def results_of(job: Job, series: int) -> list[str]:
    """Kinds of files that a recording gets, label maps first; see `SUFFIXES`."""
    wanted = job.wanted
    labels = ["tiff", "zarr"] if wanted.labels == "both" else [wanted.labels]
    film = [] if wanted.film == "none" else [wanted.film]
    cells = [] if job.is_large(series) else [kind for kind in wanted.cell_files if kind in SUFFIXES]
    tracks: list[str] = []
    if wanted.track and not job.is_large(series):
        tracks = ["lineage", "lineage_svg", *wanted.track_files]
    return [*labels, *wanted.kinds[1:], *cells, "overlay", *film, *tracks]


def result_paths(job: Job, folder: Path) -> list[Path]:
    """All files that a job makes, label maps first."""
    tables = [run_folder.AREAS_TABLE, run_folder.TIME_COURSE]
    tables += job.wanted.cell_tables
    tables += LIFE_TABLES if job.wanted.track else []
    tables += [run_folder.RANKING_TABLE, run_folder.RANKING_SHEET] if job.wanted.label_next else []
    of_series = [
        f"{series.name}{suffix}"
        for kind, suffix in SUFFIXES.items()
        for index, series in enumerate(job.series)
        if kind in results_of(job, index)
    ]
    return [folder / name for name in [*of_series, *tables]]


def without_results(paths: Sequence[Path], folder: Path) -> list[Path]:
    """The files of a folder without the results that an earlier prediction wrote into it.

    Args:
        paths: recordings and results.
        folder: that they lie in.

    Returns:
        Those that are recordings, in their order.
    """
    recordings = recorded_names(folder)
    tables = {run_folder.TIME_COURSE, run_folder.RANKING_SHEET} if recordings else set()
    results = tables | {f"{name}{suffix}" for name in recordings for suffix in SUFFIXES.values()}
    return [path for path in paths if path.name not in results or name_of(path) in recordings]


def write_results(job: Job, folder: ResultFolder, results: Sequence[RecordingResult]) -> None:
    """Write everything but the tables of cells, which `hela_seg.prediction.analyse.analyse` writes.

    Args:
        job: all of whose units are done.
        folder: where the parts are and the results go.
        results: what `hela_seg.prediction.analyse.analyse` found of each recording.

    Raises:
        InputError: a disk that is full; each file is whole or not there.
    """
    writers: dict[str, Callable[[_Recording, Path], None]] = {
        "tiff": _write_labels,
        "zarr": _write_zarr,
        "probabilities": partial(_write_planes, kind="probabilities"),
        "entropy": partial(_write_planes, kind="entropy"),
        "image": _write_cell_image,
        "rois": lambda recording, path: write_rois(path, recording.cell_maps.outlined()),
        "geojson": lambda recording, path: write_geojson(
            path, recording.cell_maps.outlined(), recording.series.name
        ),
        "overlay": _write_overlay,
        "mp4": _write_film,
        "png": _write_film,
        "lineage": _write_lineage,
        "lineage_svg": _write_lineage,
        "ctc": lambda recording, path: write_ctc_results(
            path, recording.followed.lives, recording.cell_maps.labels()
        ),
        "trackmate": lambda recording, path: write_trackmate(path, recording.followed, recording.series.path),
        "geff": lambda recording, path: write_geff(path, recording.followed),
    }
    for index, result in enumerate(results):
        recording = _Recording(job, folder, index, result)
        for kind in results_of(job, index):
            writers[kind](recording, folder.path / f"{recording.series.name}{SUFFIXES[kind]}")
    _write_areas(job, folder.path / run_folder.AREAS_TABLE, results)
    _write_time_course(job, folder.path / run_folder.TIME_COURSE, results)
    if job.wanted.track:
        write_lives(folder.path, followed_in(job, results))
    if job.wanted.label_next:
        _write_ranking(job, folder, results)


def followed_in(job: Job, results: Sequence[RecordingResult]) -> list[Followed]:
    """The recordings whose cells were followed, which those with large frames are not."""
    return [
        _followed(job, series, result.lives)
        for series, result in zip(job.series, results, strict=True)
        if result.lives is not None
    ]


def _followed(job: Job, series: Series, lives: Lives) -> Followed:
    mitotic = job.wanted.follow.mitotic_index(job.classes)
    return Followed(series.name, lives, job.classes, mitotic, series.frame_interval, series.pixel_size)


class _Recording:
    """One recording of a job, for the functions below."""

    def __init__(self, job: Job, folder: ResultFolder, index: int, result: RecordingResult) -> None:
        self.job, self.folder, self.index, self.result = job, folder, index, result
        self.series = job.series[index]
        self.provenance = job.provenance_of(index)
        self.label_provenance = self.provenance | job.filtered

    def parts(self, kind: str) -> Iterator[tuple[int, Part, int]]:
        """Of each frame its number, its part, and its number in that."""
        for unit in self.job.units_of(self.index):
            part = self.folder.part(self.job, unit, kind)
            for number, t in enumerate(unit.frames):
                yield t, part, number

    def labels(self) -> Iterator[NDArray[np.uint8]]:
        """Class maps (H, W), filtered over time where that is asked for."""
        return label_frames(self.job, self.folder, self.index)

    @property
    def followed(self) -> Followed:
        """The lives of its cells.

        Raises:
            ValueError: they were not followed.
        """
        if self.result.lives is None:
            raise ValueError(f"the cells of {self.series.name} were not followed")
        return _followed(self.job, self.series, self.result.lives)

    @property
    def cell_maps(self) -> CellMaps:
        """Cell numbers of all frames, where results are made of them."""
        if self.result.cell_maps is None:
            raise ValueError(f"the cells of '{self.series.name}' were not kept")
        return self.result.cell_maps

    def labels_of(self, wanted: Container[int]) -> dict[int, NDArray[np.uint8]]:
        """Class maps (H, W) of some frames, as `labels` gives them; others are not decoded if need not be."""
        if self.job.wanted.majority > 1:
            return {t: labels for t, labels in enumerate(self.labels()) if t in wanted}
        return {t: part.frame(number) for t, part, number in self.parts("labels") if t in wanted}

    def image(self, t: int) -> NDArray[Any]:
        """Frame t (C, H, W), black where it could not be read."""
        if t in self.result.unreadable:
            return np.zeros(self.series.shape[1:], self.series.dtype)
        return self.series.frame(t)


def _write_labels(recording: _Recording, path: Path) -> None:
    frames: Iterable[Iterable[bytes]]
    if recording.job.wanted.majority == 1:
        frames = (part.segments(number) for _, part, number in recording.parts("labels"))
    else:
        frames = (_encoded(labels) for labels in recording.labels())
    frame_count, _, height, width = recording.series.shape
    write_ome_tiff(
        path,
        frames,
        (frame_count, height, width),
        provenance=recording.label_provenance,
        classes=recording.job.classes,
        ignored=bool(recording.result.unreadable),
        pixel_size=recording.series.pixel_size,
        frame_interval_s=recording.series.frame_interval,
    )


def _write_zarr(recording: _Recording, path: Path) -> None:
    frames: Iterable[Callable[[slice], NDArray[Any]]]
    if recording.job.wanted.majority == 1:
        frames = (partial(part.rows, number) for _, part, number in recording.parts("labels"))
    else:
        frames = (labels.__getitem__ for labels in recording.labels())
    numbered = "image" in results_of(recording.job, recording.index)
    write_ome_zarr(
        path,
        recording.series,
        frames,
        provenance=recording.label_provenance,
        classes=recording.job.classes,
        cells=(cells.__getitem__ for cells in recording.cell_maps.frames()) if numbered else None,
        unreadable=recording.result.unreadable,
    )


def _write_planes(recording: _Recording, path: Path, *, kind: str) -> None:
    frame_count, _, *size = recording.series.shape
    classes = recording.job.classes if kind == "probabilities" else None
    planes = [] if classes is None else [len(classes)]
    write_ome_tiff(
        path,
        (part.segments(number) for _, part, number in recording.parts(kind)),
        (frame_count, *planes, *size),
        provenance=recording.provenance,
        classes=classes,
        pixel_size=recording.series.pixel_size,
        frame_interval_s=recording.series.frame_interval,
    )


def _write_cell_image(recording: _Recording, path: Path) -> None:
    frame_count, _, height, width = recording.series.shape
    write_ome_tiff(
        path,
        recording.cell_maps.segments(),
        (frame_count, height, width),
        provenance=recording.label_provenance,
        dtype=np.uint32,
        pixel_size=recording.series.pixel_size,
        frame_interval_s=recording.series.frame_interval,
    )


def _encoded(labels: NDArray[np.uint8]) -> list[bytes]:
    height, width = labels.shape
    frame = EncodedFrame((height, width))
    frame.push(labels)
    return frame.segments


def _write_overlay(recording: _Recording, path: Path) -> None:
    frame_count = recording.series.shape[0]
    evenly = np.linspace(0, frame_count - 1, min(frame_count, OVERLAY_FRAMES))
    shown = set(evenly.round().astype(int).tolist())
    pixel_size = recording.series.pixel_size
    if recording.job.is_large(recording.index):
        step = _step_of(recording.series.shape[2:])
        pixel_size = pixel_size and PixelSize(step * pixel_size.height, step * pixel_size.width)
        pictures = [
            (t, *_thinned(recording.series, t, part, number))
            for t, part, number in recording.parts("labels")
            if t in shown and t not in recording.result.unreadable
        ]
    else:
        pictures = [(t, recording.image(t), labels) for t, labels in recording.labels_of(shown).items()]
    if pictures:
        write_overlay(
            path,
            pictures,
            recording.job.classes,
            recording.series.name,
            json.dumps(recording.label_provenance),
            pixel_size=pixel_size,
            frame_interval_s=recording.series.frame_interval,
        )


def _step_of(size: tuple[int, ...]) -> int:
    """Every how many pixels of a large frame (H, W) are shown."""
    return max(1, max(size) // OVERLAY_SIDE)


def _thinned(series: Series, t: int, part: Part, number: int) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Every so many pixels of a large frame and its labels, never all of it in memory."""
    height, width = series.shape[2:]
    step = _step_of((height, width))
    images, labels = [], []
    for top in range(0, height, step * 32):
        rows = slice(top, min(top + step * 32, height))
        images.append(series.read(t, rows, slice(0, width))[:, ::step, ::step])
        labels.append(part.rows(number, rows)[::step, ::step])
    return np.concatenate(images, axis=1), np.concatenate(labels)


def _write_film(recording: _Recording, path: Path) -> None:
    write_film(
        path,
        ((t, recording.image(t), labels) for t, labels in enumerate(recording.labels())),
        recording.job.classes,
        recording.series.name,
        comment=json.dumps(recording.label_provenance),
        trails=None if recording.result.lives is None else Trails(recording.result.lives),
        pixel_size=recording.series.pixel_size,
        frame_interval_s=recording.series.frame_interval,
    )


def _write_lineage(recording: _Recording, path: Path) -> None:
    write_lineage(path, recording.followed, json.dumps(recording.label_provenance))


def _write_areas(job: Job, path: Path, results: Sequence[RecordingResult]) -> None:
    names = job.classes.names
    header = ["series", "frame", "time s"]
    header += [f"{name} {unit}" for unit in ("pixels", "share", "um2") for name in names]
    header += [f"{name} cells" for name in names[1:]] if job.wanted.cell_files else []
    mitotic = job.wanted.follow.mitotic_index(job.classes)
    header += [] if mitotic is None else ["mitotic index", "mitotic index low", "mitotic index high"]
    header += ["pixel flicker", "cell flicker", "mean entropy", "unreadable"]
    with whole_file(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(map(as_cell, header))
        for index, result in enumerate(results):
            for t in range(len(result.pixels)):
                table.writerow(map(as_cell, _area_row(job, index, result, t)))


def _area_row(job: Job, index: int, result: RecordingResult, t: int) -> list[Any]:
    series, pixels = job.series[index], result.pixels[t]
    total = max(int(pixels.sum()), 1)
    area = None if series.pixel_size is None else series.pixel_size.area
    time = series.time_of(t)
    row: list[Any] = [series.name, t, "" if time is None else f"{time:.{SIGNIFICANT_DIGITS}g}"]
    row += [*pixels.tolist(), *(f"{count / total:.6f}" for count in pixels)]
    row += ["" if area is None else f"{count * area:.2f}" for count in pixels]
    if job.wanted.cell_files:
        row += result.cells[t][1:].tolist() if result.cells else [""] * (len(pixels) - 1)
    mitotic = job.wanted.follow.mitotic_index(job.classes)
    if mitotic is not None:
        row += _mitotic_share(result, t, mitotic)
    row += [_share(result.flicker, t), _share(result.cell_flicker, t)]
    row += [f"{result.entropy[t]:.6f}" if result.entropy else "", result.unreadable.get(t, "")]
    return row


def _mitotic_share(result: RecordingResult, t: int, mitotic: int) -> list[str]:
    """The share of cells that divide, with Wilson's interval; empty where there are no cells."""
    cells = result.cells[t] if result.cells else np.zeros(mitotic + 1, np.int64)
    share = share_with_interval(int(cells[mitotic]), int(cells[1:].sum()))
    return ["" if np.isnan(value) else f"{value:.6g}" for value in (share.value, share.low, share.high)]


def _share(flicker: Sequence[Flicker | None], t: int) -> str:
    found = flicker[t] if t < len(flicker) else None
    return "" if found is None or found.share is None else f"{found.share:.6f}"


def _write_time_course(job: Job, path: Path, results: Sequence[RecordingResult]) -> None:
    drawn = [
        result.time_course(series.name, series.frame_interval)
        for series, result in zip(job.series, results, strict=True)
    ]
    title = job.series[0].name if len(drawn) == 1 else f"{len(drawn)} recordings"
    made_by = json.dumps({**job.provenance, **job.filtered})
    write_time_course(path, drawn, job.classes, title, made_by, followed=followed_in(job, results))


def _write_ranking(job: Job, folder: ResultFolder, results: Sequence[RecordingResult]) -> None:
    recordings = [_Recording(job, folder, index, result) for index, result in enumerate(results)]
    choices = rank(_candidates(recordings), job.wanted.label_next)
    names = [series.name for series in job.series]
    write_ranking(folder.path / run_folder.RANKING_TABLE, choices, names)
    chosen = {(choice.candidate.series, choice.candidate.t) for choice in choices}
    labels = [
        recording.labels_of({t for series, t in chosen if series == recording.index})
        for recording in recordings
    ]

    def with_pictures(choice: Choice) -> tuple[Choice, NDArray[Any], NDArray[np.uint8]]:
        series, t = choice.candidate.series, choice.candidate.t
        return choice, recordings[series].image(t), labels[series][t]

    if choices:
        sheet = folder.path / run_folder.RANKING_SHEET
        comment = json.dumps({**job.provenance, **job.filtered})
        write_ranking_sheet(
            sheet, map(with_pictures, choices), names, job.classes, "What to label next", comment
        )


def _candidates(recordings: Iterable[_Recording]) -> Iterator[Candidate]:
    for recording in recordings:
        for t, entropy in enumerate(recording.result.entropy):
            looks = None if t in recording.result.unreadable else perceptual_hash(recording.image(t))
            if looks is not None:
                yield Candidate(recording.index, t, entropy, looks)
