"""A frame, its truth and what was found in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.frames import LabelFrames
from hela_seg.data.labels.readers import LabelReader
from hela_seg.data.layouts import Recording
from hela_seg.data.stacks import PixelSize

Ids = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class SegmentedFrame:
    """One frame of a recording, as measured.

    Attributes:
        path: of the image, for messages.
        pixel_size: height and width of a pixel in micrometres, where the image states them.
        truth: class indices (H, W) uint8, ``IGNORE_INDEX`` where a pixel counts nowhere.
        found: class indices (H, W) uint8.
        true_cells: ids (H, W), 0 for no cell, where the masks number cells.
        found_cells: ids (H, W) of the cells that were found, where these are numbered.
    """

    path: Path
    pixel_size: PixelSize | None
    truth: NDArray[np.uint8]
    found: NDArray[np.uint8]
    true_cells: Ids | None = None
    found_cells: Ids | None = None


def against_truth(
    recording: Recording,
    t: int,
    truth: NDArray[np.uint8],
    found: NDArray[np.uint8],
    reader: LabelReader,
    found_cells: Ids | None = None,
) -> SegmentedFrame:
    """Frame t of a recording, with the ids of cells where its masks number them.

    Args:
        recording: with the masks.
        t: the frame.
        truth: its class indices (H, W), as read.
        found: class indices (H, W) to judge.
        reader: of the masks.
        found_cells: ids (H, W) of the cells to judge, where they are numbered.
    """
    return SegmentedFrame(
        path=recording.image.path_of(t),
        pixel_size=recording.image.pixel_size,
        truth=truth,
        found=found,
        true_cells=LabelFrames(recording.mask, reader).instances(t, truth),
        found_cells=found_cells,
    )
