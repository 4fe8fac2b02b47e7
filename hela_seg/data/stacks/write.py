"""Stacks and pictures written to disk, whole or not at all.

Stacks are ImageJ hyperstacks, deflated strip by strip, one directory (IFD) a frame. ImageJ opens them as T
frames since 1.52p of 2019 (seen with 1.54u): of compressed stacks it reads all directories, and T from the
description. It takes colours from the tag ColorMap; LUTs among its own metadata count for several channels
only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from hela_seg.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks.series import Pixels
from hela_seg.files import whole_file


def write_tiff(
    path: Path,
    array: Pixels,
    axes: str,
    *,
    pixel_size_um: float | None = None,
    frame_interval_s: float | None = None,
) -> None:
    """Write an array as a deflate-compressed TIFF that states its axes and opens in Fiji.

    Args:
        path: the file, replaced once the new one is whole.
        array: uint8, uint16 or float32, one axis a letter.
        axes: letters T, C, Y, X and S (samples of RGB, uint8 only), slowest first, e.g. ``"TYXS"``.
        pixel_size_um: width of a pixel in micrometres.
        frame_interval_s: seconds from frame to frame.

    Raises:
        InputError: the disk is full or the folder cannot be written; the file is then as it was before.
    """
    with whole_file(path) as beside:
        tifffile.imwrite(
            beside,
            array,
            imagej=True,
            metadata=_metadata(axes, pixel_size_um, frame_interval_s),
            resolution=_resolution(pixel_size_um),
            compression="zlib",
        )


class LabelWriter:
    """Writes a label stack (T, H, W) uint8 frame by frame, as an ImageJ hyperstack in the classes' colours.

    Args:
        path: the file, there only once all frames are written.
        shape: (T, H, W).
        classes: give the colour table.
        pixel_size_um: width of a pixel in micrometres.
        frame_interval_s: seconds from frame to frame.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int],
        classes: Classes,
        *,
        pixel_size_um: float | None = None,
        frame_interval_s: float | None = None,
    ) -> None:
        self._path, self._shape, self._colours = path, shape, _colour_table(classes)
        self._metadata = _metadata("TYX", pixel_size_um, frame_interval_s)
        self._resolution = _resolution(pixel_size_um)

    def write(self, frames: Iterable[Pixels]) -> None:
        """Write all frames, each (H, W) uint8, in order of time; memory holds one of them.

        Whatever ``frames`` raises goes on to the caller, and the file is then as it was before.

        Raises:
            InputError: the disk is full or the folder cannot be written; the file is then as it was before.
            ValueError: fewer frames than the shape says, or of another size or dtype.
        """
        with whole_file(self._path) as beside:
            tifffile.imwrite(
                beside,
                _checked(frames, self._shape),
                shape=self._shape,
                dtype=np.uint8,
                imagej=True,
                metadata=self._metadata,
                resolution=self._resolution,
                colormap=self._colours,
                compression="zlib",
                maxworkers=1,  # more of them would gather frames in memory
            )


def write_png(path: Path, picture: Pixels) -> None:
    """Write an (H, W, 3) uint8 RGB or (H, W) uint8 grey picture as PNG.

    Raises:
        InputError: the disk is full or the folder cannot be written; the file is then as it was before.
    """
    with whole_file(path) as beside:
        Image.fromarray(picture).save(beside, format="PNG")


def _checked(frames: Iterable[Pixels], shape: tuple[int, int, int]) -> Iterator[Pixels]:
    """The frames (H, W), of which tifffile would take any size and kind."""
    count = 0
    for count, frame in enumerate(frames, start=1):
        if frame.shape != shape[1:] or frame.dtype != np.uint8:
            raise ValueError(f"frame {count} is {frame.shape} {frame.dtype}, expected one of {shape} uint8")
        yield np.ascontiguousarray(frame)
    raise ValueError(f"there are {count} frames, expected {shape}")


def _metadata(axes: str, pixel_size_um: float | None, frame_interval_s: float | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": axes}
    if pixel_size_um is not None:
        metadata["unit"] = "um"
    if frame_interval_s is not None:
        metadata |= {"finterval": frame_interval_s, "fps": 1.0 / frame_interval_s}
    return metadata


def _resolution(pixel_size_um: float | None) -> tuple[float, float] | None:
    return None if pixel_size_um is None else (1.0 / pixel_size_um, 1.0 / pixel_size_um)


def _colour_table(classes: Classes) -> NDArray[np.uint16]:
    """(3, 256): the classes' colours, mid-grey for the ignored label, black elsewhere; 65535 is brightest."""
    table = np.zeros((3, 256), np.uint16)
    for entry in classes:
        table[:, entry.index] = entry.rgb
    table[:, IGNORE_INDEX] = 128
    return table * 257
