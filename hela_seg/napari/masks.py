"""Mended frames saved as images and masks of one name, which ``data=folder`` reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.stacks import Series, is_image, name_of, open_series, write_tiff
from hela_seg.napari.frames import LazyFrames
from hela_seg.system.errors import InputError, join_names

IMAGES, MASKS = "images", "masks"
"""Folders of `conf/data/folder.yaml`."""

WRITTEN = ("uint8", "uint16", "float32")
"""Types of grey values that `write_tiff` writes; others become float32."""


def save_masks(
    folder: Path, series: Series, maps: LazyFrames, frames: Sequence[int], *, overwrite: bool = False
) -> list[Path]:
    """Write frames as pairs of single images: ``images/dish_t0012.tif`` and ``masks/dish_t0012.tif``.

    A mask holds the number of each pixel's class, 255 where it counts nowhere. A frame that is a file of its
    own in ``images`` already gets a mask of its own name there.

    Args:
        folder: the later ``data.root``.
        series: the recording (T, C, H, W) as the net sees it.
        maps: its class maps (T, H, W).
        frames: which ones.
        overwrite: whether masks that are there are replaced.

    Returns:
        The masks.

    Raises:
        InputError: class maps of another size than the recording, a file that is there already, or a folder
            that cannot be written. Unless the disk is full, nothing is written then.
    """
    size = (series.shape[0], *series.shape[2:])
    if maps.shape != size:
        raise InputError(
            f"the class maps have the shape {maps.shape}, expected {size} as their image {series.name} has: "
            "choose the image that they were predicted from"
        )
    names = {t: _name(folder, series, t) for t in frames}
    masks = _files_by_name(folder / MASKS)
    there = [masks[name].name for name in names.values() if name in masks]
    if there and not overwrite:
        raise InputError(
            f"{folder / MASKS} holds {join_names(there)} already: tick 'replace' to overwrite, or choose "
            "another folder"
        )
    images = _files_by_name(folder / IMAGES)
    for t, name in names.items():
        if name in images and not _is_frame(images[name], series.frame(t)):
            raise InputError(
                f"{images[name]} is there and differs from frame {t} of {series.name}: choose another folder"
            )
    written = []
    for t, name in names.items():
        if name not in images:
            frame = _writable(series.frame(t))
            axes, pixels = ("YX", frame[0]) if len(frame) == 1 else ("CYX", frame)
            write_tiff(folder / IMAGES / f"{name}.tif", pixels, axes, pixel_size=series.pixel_size)
        mask = masks.get(name, folder / MASKS / f"{name}.tif")
        if mask.suffix not in (".tif", ".tiff"):
            raise InputError(f"{mask} is no TIFF, expected one to replace: move it away")
        write_tiff(mask, maps.frame(t), "YX", pixel_size=series.pixel_size)
        written.append(mask)
    return written


def count_masks(folder: Path) -> int:
    """How many masks a folder has, with an image of the same name."""
    return len(_files_by_name(folder / MASKS).keys() & _files_by_name(folder / IMAGES).keys())


def _name(folder: Path, series: Series, t: int) -> str:
    """What a frame's files are called: as its own file in the folder of images is, else by its number."""
    source = series.path_of(t)
    single = len(series.paths) == series.shape[0]
    inside = source.absolute().parent == (folder / IMAGES).absolute()
    if single and inside and _is_frame(source, series.frame(t)):
        return name_of(source)
    return f"{series.name}_t{t:04d}"


def _files_by_name(folder: Path) -> dict[str, Path]:
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return {name_of(path): path for path in found if is_image(path) and not path.name.startswith(".")}


def _is_frame(path: Path, frame: NDArray[Any]) -> bool:
    """Whether a file holds one frame (C, H, W) alone."""
    held = open_series(path, assumed_axes="YX" if len(frame) == 1 else "CYX")
    return held.shape == (1, *frame.shape) and np.array_equal(held.frame(0), _writable(frame))


def _writable(frame: NDArray[Any]) -> NDArray[Any]:
    return frame if frame.dtype.name in WRITTEN else frame.astype(np.float32)
