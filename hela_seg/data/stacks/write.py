"""Stacks written to disk, whole or not at all.

Stacks are ImageJ hyperstacks, deflated strip by strip, one directory (IFD) a frame. ImageJ opens them as T
frames since 1.52p of 2019 (seen with 1.54u): of compressed stacks it reads all directories, and T from the
description. It takes colours from the tag ColorMap; LUTs among its own metadata count for several channels
only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tifffile

from hela_seg.data.stacks.calibration import PixelSize
from hela_seg.data.stacks.series import Pixels
from hela_seg.system.files import whole_file


def write_tiff(
    path: Path,
    array: Pixels,
    axes: str,
    *,
    pixel_size: PixelSize | None = None,
    frame_interval_s: float | None = None,
) -> None:
    """Write an array as a deflate-compressed TIFF that states its axes and opens in Fiji.

    Args:
        path: the file, replaced once the new one is whole.
        array: uint8, uint16 or float32, one axis a letter.
        axes: letters T, C, Y, X and S (samples of RGB, uint8 only), slowest first, e.g. ``"TYXS"``.
        pixel_size: height and width of a pixel in micrometres.
        frame_interval_s: seconds from frame to frame.

    Raises:
        InputError: the disk is full or the folder cannot be written; the file is then as it was before.
    """
    metadata: dict[str, Any] = {"axes": axes}
    if pixel_size is not None:
        metadata["unit"] = "um"
    if frame_interval_s is not None:
        metadata |= {"finterval": frame_interval_s, "fps": 1.0 / frame_interval_s}
    with whole_file(path) as beside:
        tifffile.imwrite(
            beside,
            array,
            imagej=True,
            metadata=metadata,
            resolution=None if pixel_size is None else (1 / pixel_size.width, 1 / pixel_size.height),
            compression="zlib",
        )
