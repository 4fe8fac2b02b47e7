"""Descriptions that state another shape than the file's pages have, as those of cropped or resized copies do.

A program that changes the pixels and keeps the tag ImageDescription leaves ``{"shape": [2044, 2048]}`` beside
pages of 1164x1280. tifffile goes by the description; the pages are right.
"""

from __future__ import annotations

import json
from pathlib import Path

import tifffile

from hela_seg.data.stacks.damage import warn

_UNCOMPRESSED = 1


def open_tiff(path: Path) -> tifffile.TiffFile:
    """Open a file, without regard to a description whose shape cannot be that of its pages.

    A description that states more pages of the right size than there are is not such a one: that file is cut.
    """
    file = tifffile.TiffFile(path)
    try:
        stated = _false_shape(file.pages.first)
    except BaseException:
        file.close()
        raise
    if stated is None:
        return file
    size = "x".join(map(str, file.pages.first.shape))
    file.close()
    warn(f"{path} states the shape {stated} in its description and has pages of {size}; the pages count")
    return tifffile.TiffFile(path, is_shaped=False)


def _false_shape(page: tifffile.TiffPage | tifffile.TiffFrame) -> list[int] | None:
    """The shape that the description of a page states, if the page is sound and has another one."""
    if not isinstance(page, tifffile.TiffPage) or page.is_imagej or page.is_ome:
        return None
    try:
        stated = json.loads(page.description)["shape"]
        lengths = [int(length) for length in stated if length != 1]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    true = [length for length in page.shape if length != 1]
    if lengths[-len(true) :] == true or not true:
        return None
    in_strips = page.compression == _UNCOMPRESSED and not page.is_tiled
    sound = not in_strips or sum(page.databytecounts) == page.nbytes
    return lengths if sound else None
