"""Writes the files of one recording, a function a kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.cells.polygons import write_geojson, write_rois
from hela_seg.data.stacks import EncodedFrame, Part, PixelSize, Series, write_ome_tiff, write_ome_zarr
from hela_seg.prediction.recording import PredictedRecording
from hela_seg.prediction.result_files import results_of
from hela_seg.report.pictures.drawings import write_figure
from hela_seg.report.pictures.film import Trails, write_film
from hela_seg.report.pictures.lineage import draw_lineage
from hela_seg.report.pictures.overlay import write_overlay
from hela_seg.tracking.ctc import write_ctc_results
from hela_seg.tracking.geff import write_geff
from hela_seg.tracking.trackmate import write_trackmate

OVERLAY_FRAMES = 6
"""Most frames that an overlay shows."""

OVERLAY_SIDE = 2048
"""Longest side, in pixels, of large frames in an overlay, of which only every so many pixels are read."""


def _write_labels(recording: PredictedRecording, path: Path) -> None:
    frames: Iterable[Iterable[bytes]]
    if recording.job.wanted.majority == 1:
        frames = (part.segments(number) for _, part, number in recording.parts("labels"))
    else:
        frames = (_encoded(labels) for labels in recording.labels())
    classes, ignored = recording.job.classes, bool(recording.unreadable)
    _write_ome_tiff(recording, path, frames, recording.label_provenance, classes=classes, ignored=ignored)


def _write_zarr(recording: PredictedRecording, path: Path) -> None:
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
        unreadable=recording.unreadable,
    )


def _write_planes(recording: PredictedRecording, path: Path, *, kind: str) -> None:
    classes = recording.job.classes if kind == "probabilities" else None
    planes = () if classes is None else (len(classes),)
    segments = (part.segments(number) for _, part, number in recording.parts(kind))
    made_by = recording.job.provenance_of(recording.index)
    _write_ome_tiff(recording, path, segments, made_by, planes, classes=classes)


def _write_cell_image(recording: PredictedRecording, path: Path) -> None:
    segments = recording.cell_maps.segments()
    _write_ome_tiff(recording, path, segments, recording.label_provenance, dtype=np.uint32)


def _write_ome_tiff(
    recording: PredictedRecording,
    path: Path,
    frames: Iterable[Iterable[bytes]],
    provenance: Mapping[str, str],
    planes: tuple[int, ...] = (),
    **further: Any,
) -> None:
    """Write encoded frames, each of so many planes, with the recording's pixel size and frame interval."""
    series = recording.series
    write_ome_tiff(
        path,
        frames,
        (series.shape[0], *planes, *series.shape[2:]),
        provenance=provenance,
        pixel_size=series.pixel_size,
        frame_interval_s=series.frame_interval,
        **further,
    )


def _encoded(labels: NDArray[np.uint8]) -> list[bytes]:
    height, width = labels.shape
    frame = EncodedFrame((height, width))
    frame.push(labels)
    return frame.segments


def _write_overlay(recording: PredictedRecording, path: Path) -> None:
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
            if t in shown and t not in recording.unreadable
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


def _write_film(recording: PredictedRecording, path: Path) -> None:
    write_film(
        path,
        ((t, recording.image(t), labels) for t, labels in enumerate(recording.labels())),
        recording.job.classes,
        recording.series.name,
        comment=json.dumps(recording.label_provenance),
        trails=None if recording.lives is None else Trails(recording.lives),
        pixel_size=recording.series.pixel_size,
        frame_interval_s=recording.series.frame_interval,
    )


def _write_lineage(recording: PredictedRecording, path: Path) -> None:
    write_figure(path, draw_lineage(recording.followed), json.dumps(recording.label_provenance))


WRITERS: dict[str, Callable[[PredictedRecording, Path], None]] = {
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
"""Writers of each kind in `hela_seg.runs.run_folder.SUFFIXES`; files appear whole or not at all."""
