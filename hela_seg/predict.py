"""``python -m hela_seg.predict ckpt=... input=... output=...``: class maps of recordings."""

from __future__ import annotations

import sys

from hela_seg.cli import main

if __name__ == "__main__":
    # before the imports below, which take seconds that --help need not take
    sys.exit(main("predict"))

import csv
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig
from rich.progress import track

from hela_seg import runs
from hela_seg.classes import Classes
from hela_seg.data.stacks import LabelWriter, Series, find_files
from hela_seg.errors import InputError
from hela_seg.files import make_folder, whole_file
from hela_seg.inference import Predictor
from hela_seg.report.overlay import write_overlay
from hela_seg.report.tables import print_files

OVERLAY_FRAMES = 6
"""Most frames that an overlay shows."""


def predict(config: DictConfig) -> list[Path]:
    """Predict as a configuration says; see ``conf/predict.yaml`` for its keys.

    Returns:
        The label stacks written.

    Raises:
        InputError: a checkpoint or recording that cannot be used, or output that is already there.
    """
    began = time.perf_counter()
    predictor = Predictor.from_checkpoint(config.ckpt, config.device)
    source, output = Path(config.input), Path(config.output)
    is_folder = source.is_dir() and source.suffix.lower() != ".zarr"
    paths = find_files(source) if is_folder else [source]
    recordings = [predictor.open(path, config.axes, config.z) for path in paths]
    _refuse_same_name(recordings)
    areas = make_folder(output) / runs.AREAS_TABLE
    targets = [output / f"{series.name}{runs.LABELS_SUFFIX}" for series in recordings]
    if not config.overwrite:
        _refuse_existing([areas, *targets])

    rows: list[list[Any]] = []
    for series, target in zip(recordings, targets, strict=True):
        rows += _predict_series(predictor, series, target)
    _write_areas(areas, rows, predictor.classes)
    frames = sum(series.shape[0] for series in recordings)
    print_files(
        {
            "frames": frames,
            "seconds": f"{time.perf_counter() - began:.1f}",
            "labels": targets[0] if len(targets) == 1 else f"{len(targets)} files in {output}",
            "areas": areas,
        }
    )
    return targets


def _predict_series(predictor: Predictor, series: Series, target: Path) -> list[list[Any]]:
    """Write a series' labels and overlay; gives its rows of the table of areas."""
    frame_count, _, height, width = series.shape
    shown = set(
        np.linspace(0, frame_count - 1, min(frame_count, OVERLAY_FRAMES)).round().astype(int).tolist()
    )
    rows: list[list[Any]] = []
    pictures: list[tuple[int, NDArray[Any], NDArray[np.uint8]]] = []

    def frames() -> Iterator[NDArray[np.uint8]]:
        done = track(
            predictor.frames(series),
            series.name,
            frame_count,
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        for t, labels in enumerate(done):
            rows.append(_areas(series, t, labels, predictor.classes))
            if t in shown:
                pictures.append((t, series.frame(t), labels))
            yield labels

    writer = LabelWriter(
        target,
        (frame_count, height, width),
        predictor.classes,
        pixel_size_um=series.pixel_size,
        frame_interval_s=series.frame_interval,
    )
    writer.write(frames())
    overlay = target.with_name(f"{series.name}{runs.OVERLAY_SUFFIX}")
    write_overlay(overlay, pictures, predictor.classes, series.name)
    return rows


def _areas(series: Series, t: int, labels: NDArray[np.uint8], classes: Classes) -> list[Any]:
    pixels = np.bincount(labels.ravel(), minlength=len(classes))
    shares = (f"{share:.6f}" for share in pixels / labels.size)
    area = "" if series.pixel_size is None else series.pixel_size**2
    squares = ["" if area == "" else f"{count * area:.2f}" for count in pixels]
    return [series.name, t, *pixels.tolist(), *shares, *squares]


def _write_areas(path: Path, rows: Sequence[Sequence[Any]], classes: Classes) -> None:
    header = ["series", "frame"]
    header += [f"{name} {unit}" for unit in ("pixels", "share", "um2") for name in classes.names]
    with whole_file(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(header)
        table.writerows(rows)


def _refuse_same_name(recordings: Sequence[Series]) -> None:
    names = [series.name for series in recordings]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"several files are named {twice[0]} up to the ending, expected one each: predict them apart"
        )


def _refuse_existing(targets: Sequence[Path]) -> None:
    existing = [path for path in targets if path.exists()]
    if existing:
        raise InputError(
            f"{existing[0]} is already there: choose another output folder or set overwrite=true"
        )
