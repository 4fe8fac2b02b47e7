"""Label maps as OME-Zarr 0.4: an image-label group with classes, calibration and smaller copies.

Version 0.4, on Zarr 2, and not 0.5, on Zarr 3: napari-ome-zarr and `open_series` read both, but Bio-Formats
(in Fiji, QuPath and OMERO) only the former. Chunks are compressed with zlib, which needs no native library in
any of them.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks.calibration import PixelSize
from hela_seg.data.stacks.series import Pixels, name_of
from hela_seg.data.stacks.tiff.ome_tiff import IGNORED_GREY, NAMESPACE
from hela_seg.system.errors import InputError, not_installed

if TYPE_CHECKING:
    import zarr

CHUNK = 1024
"""Rows and columns of a chunk: few enough files to copy, each still quickly read."""

_COMPRESSOR: dict[str, Any] = {"id": "zlib", "level": 3}

VERSION = "0.4"


def write_ome_zarr_labels(
    folder: Path,
    frames: Iterable[Callable[[slice], Pixels]],
    shape: tuple[int, int, int],
    *,
    provenance: Mapping[str, str],
    classes: Classes,
    pixel_size: PixelSize | None = None,
    frame_interval_s: float | None = None,
) -> None:
    """Write label maps as an OME-Zarr label image; memory holds two rows of chunks.

    It has the full resolution and copies of every second pixel, of every fourth and so on, to the first that
    fits one chunk. The same arguments and frames give the same bytes.

    Args:
        folder: ends in ``.zarr``; replaced once the new one is whole.
        frames: each a function that gives some rows of its frame, (h, W) uint8, such as
            ``partial(part.rows, i)`` of a `Part`.
        shape: (T, H, W).
        provenance: what made the labels, by name, kept as the group's attribute ``hela_seg``.
        classes: names and colours; the background is transparent, so that viewers show what lies below.
        pixel_size: height and width of a pixel in micrometres.
        frame_interval_s: seconds from frame to frame.

    Raises:
        InputError: no ``zarr`` package, a full disk or a folder that cannot be written; the folder is then as
            it was before. What reading the frames raises goes on to the caller likewise.
        ValueError: fewer or more frames than the shape says, or frames of another size.
    """
    if importlib.util.find_spec("zarr") is None:
        raise not_installed(str(folder), "zarr", "zarr")
    import zarr

    with _whole_folder(folder) as beside:
        group = zarr.open_group(str(beside), mode="w", zarr_format=2)
        levels = _levels(shape)
        arrays = [_empty_array(group, str(level), size) for level, size in enumerate(levels)]
        _fill(arrays[0], frames)
        for source, target in pairwise(arrays):
            _halve(source, target)
        calibration = (frame_interval_s, *(pixel_size or (None, None)))
        group.attrs.update(
            {
                "multiscales": [_multiscale(name_of(folder), len(levels), calibration)],
                "image-label": _image_label(classes),
                NAMESPACE: dict(provenance),
            }
        )


def _levels(shape: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """Shapes of the levels; ``_levels((5, 2048, 1000)) == [(5, 2048, 1000), (5, 1024, 500)]``."""
    levels = [shape]
    while max(levels[-1][1:]) > CHUNK:
        frames, height, width = levels[-1]
        levels.append((frames, -(-height // 2), -(-width // 2)))
    return levels


def _empty_array(group: zarr.Group, name: str, shape: tuple[int, int, int]) -> Any:
    return group.create_array(
        name,
        shape=shape,
        chunks=(1, min(CHUNK, shape[1]), min(CHUNK, shape[2])),
        dtype="uint8",
        compressors=_COMPRESSOR,
        chunk_key_encoding={"name": "v2", "separator": "/"},  # as OME-Zarr demands
        fill_value=0,
        config={"write_empty_chunks": True},  # a chunk that is missing is damage to those who read it
    )


def _fill(array: Any, frames: Iterable[Callable[[slice], Pixels]]) -> None:
    """Write the full resolution, a row of chunks at a time."""
    frame_count, height, width = array.shape
    count = 0
    for t, rows_of in enumerate(frames):
        count = t + 1
        if count > frame_count:
            break
        for top in range(0, height, CHUNK):
            rows = slice(top, min(top + CHUNK, height))
            band = rows_of(rows)
            if band.shape != (rows.stop - top, width) or band.dtype != array.dtype:
                raise ValueError(
                    f"rows {top} to {rows.stop} of frame {count} are {band.shape} {band.dtype}, "
                    f"expected {(rows.stop - top, width)} uint8"
                )
            array[t, rows] = band
    if count != frame_count:
        raise ValueError(f"there are {count} frames or more, expected {frame_count}")


def _halve(source: Any, target: Any) -> None:
    """Every second pixel of a level: classes cannot be averaged."""
    frames, height, _ = target.shape
    for t in range(frames):
        for top in range(0, height, CHUNK):
            target[t, top : top + CHUNK] = source[t, 2 * top : 2 * (top + CHUNK)][::2, ::2]


def _multiscale(name: str, levels: int, steps: tuple[float | None, ...]) -> dict[str, Any]:
    """Axes with units where they are known, and the width of a step along each, level by level."""
    axes = [("t", "time", "second"), ("y", "space", "micrometer"), ("x", "space", "micrometer")]
    time, row, column = (1.0 if step is None else float(step) for step in steps)
    return {
        "version": VERSION,
        "name": name,
        "type": "nearest",
        "axes": [
            {"name": axis, "type": kind} | ({} if step is None else {"unit": unit})
            for (axis, kind, unit), step in zip(axes, steps, strict=True)
        ],
        "datasets": [
            {
                "path": str(level),
                "coordinateTransformations": [
                    {"type": "scale", "scale": [time, row * 2**level, column * 2**level]}
                ],
            }
            for level in range(levels)
        ],
    }


def _image_label(classes: Classes) -> dict[str, Any]:
    shown = [(entry.index, entry.name, [*entry.rgb, 255 if entry.index else 0]) for entry in classes]
    shown.append((IGNORE_INDEX, "ignored", [IGNORED_GREY] * 3 + [255]))
    return {
        "version": VERSION,
        "colors": [{"label-value": value, "rgba": rgba} for value, _, rgba in shown],
        "properties": [{"label-value": value, "class": name} for value, name, _ in shown],
    }


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """As `hela_seg.system.files.whole_file`, for a folder: it appears whole or not at all."""
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    former = folder.with_name(f".{folder.name}.{os.getpid()}.former")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        yield part
        _to_disk(part)
        if folder.is_dir():
            folder.rename(former)  # a folder with files in it cannot be replaced at a stroke
        part.rename(folder)
        shutil.rmtree(former, ignore_errors=True)
    except OSError as error:
        raise InputError(
            f"cannot write {folder}: {error.strerror or error}; "
            "choose a folder that you may write to, with space left"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if former.is_dir() and not folder.exists():
            former.rename(folder)


def _to_disk(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:  # Windows flushes only files that are open for writing
                os.fsync(file.fileno())
