"""A recording with its label maps as OME-Zarr 0.4: image, ``labels/classes`` and ``labels/cells``.

Version 0.4, on Zarr 2, and not 0.5, on Zarr 3: napari-ome-zarr and `open_series` read both, but Bio-Formats
(in Fiji, QuPath and OMERO) only the former. Chunks are compressed with Blosc, which all of them read:
ngff-zarr refuses zlib, and Bio-Formats zstd by itself.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks.series import Pixels, Series, name_of
from hela_seg.data.stacks.tiff.ome_tiff import IGNORED_GREY, NAMESPACE
from hela_seg.system.errors import InputError, import_extra

if TYPE_CHECKING:
    import zarr

CHUNK = 1024
"""Rows and columns of a chunk: few enough files to copy, each still quickly read."""

_COMPRESSOR: dict[str, Any] = {"id": "blosc", "cname": "zstd", "clevel": 3, "shuffle": 1}

VERSION = "0.4"

CLASS_LABELS, CELL_LABELS = "classes", "cells"
"""Names of the label images."""

Frames = Iterable[Callable[[slice], Pixels]]
"""Of each frame a function that gives some of its rows, such as ``partial(part.rows, i)`` of a `Part`."""


def write_ome_zarr(
    folder: Path,
    image: Series,
    class_maps: Frames,
    *,
    provenance: Mapping[str, str],
    classes: Classes,
    cells: Frames | None = None,
    unreadable: Container[int] = (),
) -> None:
    """Write a recording and label maps of it as an OME-Zarr image; memory holds two rows of chunks.

    Image and labels have the full resolution and copies of half the size, of a quarter and so on, to the
    first that fits one chunk. The same arguments and frames give the same bytes.

    Args:
        folder: ends in ``.zarr``; replaced once the new one is whole.
        image: the recording, (T, C, H, W).
        class_maps: rows (h, W) uint8 of each frame's classes, for ``labels/classes``.
        provenance: what made the labels, by name, kept as the attribute ``hela_seg`` of theirs.
        classes: names and colours; the background is transparent, so that viewers show what lies below.
        cells: rows (h, W) uint32 of each frame's cell numbers, for ``labels/cells``.
        unreadable: numbers of frames of the recording that are written black.

    Raises:
        InputError: no ``zarr`` package, a full disk, a folder that cannot be written or a recording that
            cannot be read; the folder is then as it was before. What reading the frames raises goes on to the
            caller likewise.
        ValueError: fewer or more frames than the recording has, or frames of another size.
    """
    zarr = import_extra("zarr", what=str(folder), extra="zarr")
    frames, channels, height, width = image.shape
    name = name_of(folder)
    with whole_folder(folder) as beside, _one_thread():
        group = zarr.open_group(str(beside), mode="w", zarr_format=2)
        shape = (frames, height, width)
        pixels = shape if channels == 1 else (frames, channels, height, width)
        smallest = _write_levels(group, pixels, image.dtype, _rows_of(image, unreadable), "mean")
        group.attrs.update({"multiscales": [_multiscale(name, image, pixels, "mean")]})
        group.attrs.update({"omero": _shown_channels(name, smallest, channels)})
        labels: dict[str, tuple[Frames, np.dtype[Any], dict[str, Any]]] = {
            CLASS_LABELS: (class_maps, np.dtype(np.uint8), _label_colours(classes))
        }
        if cells is not None:
            labels[CELL_LABELS] = (cells, np.dtype(np.uint32), {})
        group.create_group("labels").attrs["labels"] = list(labels)
        for kind, (maps, dtype, colours) in labels.items():
            inside = group.create_group(f"labels/{kind}")
            _write_levels(inside, shape, dtype, maps, "nearest")
            of_label = {"version": VERSION, "source": {"image": "../../"}, **colours}
            inside.attrs.update(
                {
                    "multiscales": [_multiscale(kind, image, shape, "nearest")],
                    "image-label": of_label,
                    NAMESPACE: dict(provenance),
                }
            )


def _rows_of(image: Series, unreadable: Container[int]) -> Frames:
    """Rows (h, W) of each frame of one channel, (C, h, W) of several."""
    frames, channels, _, width = image.shape

    def read(t: int, rows: slice) -> Pixels:
        """Some rows of a frame; zeros where the frame cannot be read."""
        if t in unreadable:
            found = np.zeros((channels, rows.stop - rows.start, width), image.dtype)
        else:
            found = image.read(t, rows, slice(0, width))
        return found[0] if channels == 1 else found

    for t in range(frames):
        yield partial(read, t)


def _write_levels(
    group: zarr.Group, shape: tuple[int, ...], dtype: np.dtype[Any], frames: Frames, kind: str
) -> Any:
    """Write the full resolution and the smaller copies, made in a way of `_HALVE`; gives the smallest."""
    arrays = [
        _empty_array(group, str(number), size, dtype.newbyteorder("="))
        for number, size in enumerate(_levels(shape))
    ]
    _fill(arrays[0], frames)
    for source, target in pairwise(arrays):
        _halve(source, target, _HALVE[kind])
    return arrays[-1]


def _levels(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Shapes of the levels; ``_levels((5, 2048, 1000)) == [(5, 2048, 1000), (5, 1024, 500)]``."""
    levels = [shape]
    while max(levels[-1][-2:]) > CHUNK:
        *outer, height, width = levels[-1]
        levels.append((*outer, -(-height // 2), -(-width // 2)))
    return levels


def _empty_array(group: zarr.Group, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    *outer, height, width = shape
    return group.create_array(
        name,
        shape=shape,
        chunks=(*(1 for _ in outer), min(CHUNK, height), min(CHUNK, width)),
        dtype=dtype,
        compressors=_COMPRESSOR,
        chunk_key_encoding={"name": "v2", "separator": "/"},  # as OME-Zarr demands
        fill_value=0,
        config={"write_empty_chunks": True},  # a chunk that is missing is damage to those who read it
    )


def _fill(array: Any, frames: Frames) -> None:
    """Write the full resolution, a row of chunks at a time."""
    frame_count, *channels, height, width = array.shape
    count = 0
    for t, rows_of in enumerate(frames):
        count = t + 1
        if count > frame_count:
            break
        for top in range(0, height, CHUNK):
            rows = slice(top, min(top + CHUNK, height))
            band = rows_of(rows)
            if band.shape != (*channels, rows.stop - top, width) or band.dtype != array.dtype:
                raise ValueError(
                    f"rows {top} to {rows.stop} of frame {count} are {band.shape} {band.dtype}, "
                    f"expected {(*channels, rows.stop - top, width)} {array.dtype}"
                )
            array[t, ..., rows, :] = band
    if count != frame_count:
        raise ValueError(f"there are {count} frames or more, expected {frame_count}")


def _halve(source: Any, target: Any, halve: Callable[[Pixels], Pixels]) -> None:
    height = target.shape[-2]
    for t in range(target.shape[0]):
        for top in range(0, height, CHUNK):
            band = source[t, ..., 2 * top : 2 * (top + CHUNK), :]
            target[t, ..., top : top + CHUNK, :] = halve(band)


def _means(band: Pixels) -> Pixels:
    """Means of four pixels each; the last row and column stand twice where their number is odd."""
    *outer, height, width = band.shape
    even = np.pad(band, [(0, 0)] * len(outer) + [(0, height % 2), (0, width % 2)], mode="edge")
    blocks = even.reshape(*outer, -(-height // 2), 2, -(-width // 2), 2)
    means = blocks.mean(axis=(-3, -1), dtype=np.float64)
    halved: Pixels = (means if band.dtype.kind == "f" else np.rint(means)).astype(band.dtype)
    return halved


_HALVE: Mapping[str, Callable[[Pixels], Pixels]] = {
    "mean": _means,
    "nearest": lambda band: band[..., ::2, ::2],
}
"""How a copy of half the size is made, by its name in the metadata; classes cannot be averaged."""


def _multiscale(name: str, image: Series, shape: tuple[int, ...], kind: str) -> dict[str, Any]:
    """Axes with units where they are known, and the width of a step along each, level by level."""
    height, width = image.pixel_size or (None, None)
    time = ("t", "time", "second", image.frame_interval)
    channel = [("c", "channel", "", None)] if len(shape) == 4 else []
    axes = [time, *channel, ("y", "space", "micrometer", height), ("x", "space", "micrometer", width)]
    *outer, row, column = (1.0 if step is None else float(step) for *_, step in axes)
    return {
        "version": VERSION,
        "name": name,
        "type": kind,
        "axes": [
            {"name": axis, "type": meant} | ({} if step is None else {"unit": unit})
            for axis, meant, unit, step in axes
        ],
        "datasets": [
            {
                "path": str(number),
                "coordinateTransformations": [
                    {"type": "scale", "scale": [*outer, row * 2**number, column * 2**number]}
                ],
            }
            for number in range(len(_levels(shape)))
        ],
    }


def _shown_channels(name: str, smallest: Any, channels: int) -> dict[str, Any]:
    """In which colours and between which values viewers show the channels at first."""
    colours = {1: ["FFFFFF"], 2: ["FF00FF", "00FF00"]}.get(channels, ["FF0000", "00FF00", "0000FF"])
    first = np.asarray(smallest[0]).reshape(channels, -1).astype(np.float64)
    shown = []
    for number, values in enumerate(first):
        low, high = np.percentile(values, [1.0, 99.8]).tolist()
        window = {"start": low, "end": max(high, low + 1), "min": low, "max": max(high, low + 1)}
        colour = colours[number] if number < len(colours) else "FFFFFF"
        label = name if channels == 1 else f"channel {number}"
        shown.append({"label": label, "color": colour, "active": True, "window": window})
    return {"version": VERSION, "name": name, "channels": shown, "rdefs": {"model": "color"}}


def _label_colours(classes: Classes) -> dict[str, Any]:
    shown = [(entry.index, entry.name, [*entry.rgb, 255 if entry.index else 0]) for entry in classes]
    shown.append((IGNORE_INDEX, "ignored", [IGNORED_GREY] * 3 + [255]))
    return {
        "colors": [{"label-value": value, "rgba": rgba} for value, _, rgba in shown],
        "properties": [{"label-value": value, "class": name} for value, name, _ in shown],
    }


@contextmanager
def _one_thread() -> Iterator[None]:
    """Several threads of Blosc write the blocks of a chunk in the order in which they are done."""
    from numcodecs import blosc

    former, blosc.use_threads = blosc.use_threads, False
    try:
        yield
    finally:
        blosc.use_threads = former


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
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
    for inside, _, names in os.walk(folder):  # Path.rglob remembers all that it has found
        for name in names:
            with Path(inside, name).open("rb+") as file:  # Windows flushes only files open for writing
                os.fsync(file.fileno())
