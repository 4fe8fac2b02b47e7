"""Class maps -> numbered cells: connected foreground, cut where two cells touch.

Touching cells are cut by a watershed on the distance to the background. Which peaks of that distance are
cells of their own is decided by the neck between them: the hills are flooded from the peaks, and two that
meet are joined again unless the neck where they meet is narrow, measured by the smaller of the two hills.
Being a ratio, the rule is the same for small and large cells and at any magnification.
"""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import watershed

from hela_seg.data.classes import IGNORE_INDEX

NECK = 0.5
"""Share of a cell's width below which a neck counts as the place where two cells touch."""

SMOOTHING = 1.0
"""Standard deviation, in pixels, of the Gaussian on the distance before its peaks are looked for.

Without it every step in a jagged outline makes a peak; the widths that are compared are not smoothed.
"""

_HALF_OF_THE_NEIGHBOURS = ((0, 1), (1, -1), (1, 0), (1, 1))
"""Steps in rows and columns that lead once to each pair of neighbours, diagonal ones included."""

Labels = NDArray[np.int32]


class Necks(NamedTuple):
    """Where flooded hills meet: for each pair, its two numbers and the distance at the widest crossing."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    width: NDArray[np.float32]


def split_cells(class_map: NDArray[np.integer[Any]], *, neck: float = NECK, least_area: int = 0) -> Labels:
    """Number the cells of a class map (H, W): 0 outside, 1 to n in the order of their first pixel, int32.

    Foreground is every class but the background; classes that touch inside one cell do not divide it. Pixels
    that meet at a corner are connected. The background has index 0, and ignored pixels belong to no cell.
    ``split_cells(np.array([[1, 1, 0, 2]]))`` is ``[[1, 1, 0, 2]]``: two cells, whatever their classes.

    Args:
        class_map: class indices (H, W), ``IGNORE_INDEX`` where a pixel counts nowhere.
        neck: two bulges of one connected region are two cells where the neck between them is narrower than
            this share of the narrower bulge, widths being twice the largest distance to the background
            there. 0 never cuts, 1 cuts at every constriction.
        least_area: regions that have fewer pixels in the end are taken for dirt and belong to no cell.

    Raises:
        ValueError: ``class_map`` has other than two axes, or ``neck`` is not between 0 and 1.
    """
    if class_map.ndim != 2:
        raise ValueError(f"class map has shape {class_map.shape}, expected (H, W)")
    if not 0 <= neck <= 1:
        raise ValueError(f"neck is {neck}, expected 0 to 1")
    foreground = (class_map != 0) & (class_map != IGNORE_INDEX)
    count, regions = _connected(foreground)
    at = np.flatnonzero(foreground)
    if neck > 0 and 0 < len(at) < foreground.size:  # else no pixel has a distance to the background
        _cut(regions, count, foreground, at, neck)
    pixels = regions.reshape(-1)
    pixels[at] = _numbered(pixels[at], least_area)
    return regions


def _cut(
    regions: Labels, count: int, foreground: NDArray[np.bool_], at: NDArray[np.intp], neck: float
) -> None:
    """Give the parts of regions that are several cells numbers of their own, beyond ``count``, in place.

    Args:
        regions: connected foreground (H, W), numbered.
        count: of regions.
        foreground: (H, W).
        at: where it is, as positions in the frame.
        neck: see `split_cells`.
    """
    distance = _distance(foreground)
    blurred = cv2.GaussianBlur(distance, (0, 0), SMOOTHING, borderType=cv2.BORDER_REFLECT)
    smooth: NDArray[np.float32] = np.multiply(blurred, foreground, dtype=np.float32)
    pixels, peak_at, peak = regions.reshape(-1), *_peaks(smooth)
    # Most regions have a single peak and are whole cells: only the others are worth flooding.
    peak_count = int(peak.max(initial=0))
    region_of_peak = np.zeros(peak_count + 1, np.int64)
    region_of_peak[peak] = pixels[peak_at]
    several = np.bincount(region_of_peak[1:], minlength=count + 1) > 1
    if not several.any():
        return
    at = at[several[pixels[at]]]
    place, size = _packed(at, pixels[at], regions.shape)
    depth, flood = np.zeros(size, np.float32), np.zeros(size, np.float32)
    depth.reshape(-1)[place] = high = distance.reshape(-1)[at]
    flood.reshape(-1)[place] = -smooth.reshape(-1)[at]
    mask, hills = np.zeros(size, bool), np.zeros(size, np.int32)
    mask.reshape(-1)[place] = True
    flooded = several[pixels[peak_at]]
    hills.reshape(-1)[place[np.searchsorted(at, peak_at[flooded])]] = peak[flooded]
    hills = watershed(flood, hills, mask=mask, connectivity=2)
    of_pixel = hills.reshape(-1)[place]
    height = np.zeros(peak_count + 1, np.float32)
    np.maximum.at(height, of_pixel, high)
    joined = _joined(_necks(hills, depth, place, peak_count), height, neck)
    pixels[at] = count + joined[of_pixel]


def _peaks(height: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Where a surface (H, W) has its local maxima above 0, as positions in it, and a number for each.

    A plateau is a maximum as a whole, where nothing beside it is higher. They are those of
    `skimage.morphology.local_maxima`, in a third of its time.
    """
    highest = (height == cv2.dilate(height, np.ones((3, 3), np.uint8))) & (height > 0)
    row, column = np.nonzero(highest)
    number = _connected(highest)[1][row, column]
    slopes = np.zeros(len(row), bool)  # whether a plateau goes on to where something higher is beside it
    for down, right in product((-1, 0, 1), repeat=2):
        beside = (row + down).clip(0, len(height) - 1), (column + right).clip(0, height.shape[1] - 1)
        slopes |= (height[beside] == height[row, column]) & ~highest[beside]
    kept = ~np.isin(number, number[slopes])
    return row[kept] * height.shape[1] + column[kept], _numbered(number[kept], 0)


def _packed(
    at: NDArray[np.intp], region: NDArray[np.integer[Any]], size: tuple[int, ...]
) -> tuple[NDArray[np.intp], tuple[int, ...]]:
    """Where the pixels of some regions lie on a smaller frame that holds these regions alone, and its size.

    A watershed's time goes with the frame's area, of which regions to be flooded are a few percent. Here they
    stand one below the other, a row apart; where that takes more room than the frame, they stay in place.

    Args:
        at: their pixels, as positions in the frame.
        region: of each.
        size: (H, W) of the frame.
    """
    row, column = np.divmod(at, size[1])
    present = np.zeros(region.max() + 1, bool)
    present[region] = True
    number = (np.cumsum(present) - 1)[region]
    top, left = np.full(number.max() + 1, size[0]), np.full(number.max() + 1, size[1])
    bottom = np.zeros_like(top)
    np.minimum.at(top, number, row)
    np.maximum.at(bottom, number, row)
    np.minimum.at(left, number, column)
    height = bottom - top + 2  # and a row that keeps it from the next one
    column = column - left[number]
    width = int(column.max()) + 1
    packed = (int(height.sum()), width)
    if packed[0] * packed[1] >= size[0] * size[1]:
        return at, size
    return (row - top[number] + (np.cumsum(height) - height)[number]) * width + column, packed


def _connected(foreground: NDArray[np.bool_]) -> tuple[int, Labels]:
    """How many regions (H, W) of connected foreground there are, corners included, and a number for each."""
    if not foreground.any():
        return 0, np.zeros(foreground.shape, np.int32)  # of a frame without pixels OpenCV would crash
    # a fifth of the time of scipy's; the background is counted among them
    count, regions = cv2.connectedComponents(foreground.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    return count - 1, np.asarray(regions, np.int32)


def _distance(foreground: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance (H, W) of foreground pixels to the nearest pixel of background, in pixels; 0 outside.

    What lies beyond the frame is not known and counts as no background.
    """
    # an eighth of the time of scipy's, and as exact
    distance = cv2.distanceTransform(foreground.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # its roots differ in their last digit by where in memory the frame lies; those of whole numbers do not
    roots: NDArray[np.float32] = np.sqrt(np.rint(np.square(distance, dtype=np.float32)))
    return roots


def _necks(hills: Labels, distance: NDArray[np.float32], at: NDArray[np.intp], count: int) -> Necks:
    """The neck of every two of the ``count`` hills that touch; ``at`` says where in the frame hills are."""
    height, width = hills.shape
    row, column = np.divmod(at, width)
    pairs, widths = [], []
    for down, right in _HALF_OF_THE_NEIGHBOURS:
        inside = (row < height - down) & (column + right >= 0) & (column + right < width)
        here = at[inside]
        there = here + down * width + right
        one, other = hills.flat[here], hills.flat[there]
        meet = (one != other) & (other > 0)
        one, other = one[meet].astype(np.int64), other[meet].astype(np.int64)
        pairs.append(np.minimum(one, other) * (count + 1) + np.maximum(one, other))
        widths.append(np.minimum(distance.flat[here[meet]], distance.flat[there[meet]]))
    touching, which = np.unique(np.concatenate(pairs), return_inverse=True)
    width_of = np.zeros(len(touching), np.float32)
    np.maximum.at(width_of, which, np.concatenate(widths))
    return Necks(touching // (count + 1), touching % (count + 1), width_of)


def _joined(necks: Necks, height: NDArray[np.float32], neck: float) -> NDArray[np.int32]:
    """For each hill the number of the hill that it is joined to, widest necks first."""
    owner = list(range(len(height)))

    def root_of(hill: int) -> int:
        """The hill that this one is joined to in the end; paths on the way there are halved (union-find)."""
        while owner[hill] != hill:
            owner[hill] = hill = owner[owner[hill]]
        return hill

    for index in np.argsort(-necks.width, kind="stable"):
        one, other = root_of(int(necks.first[index])), root_of(int(necks.second[index]))
        low, high = sorted((one, other), key=lambda hill: (height[hill], -hill))
        if necks.width[index] >= neck * height[low]:
            owner[low] = high
    return np.array([root_of(hill) for hill in range(len(owner))], np.int32)


def _numbered(found: Labels, least_area: int) -> Labels:
    """Numbers (P,) of regions, by pixel: those of enough pixels from 1 in their order, 0 for the others."""
    area = np.bincount(found, minlength=1)
    first = np.full(len(area), len(found))
    first[found[::-1]] = np.arange(len(found))[::-1]  # the last to be assigned is a region's first pixel
    kept = np.flatnonzero(area >= max(least_area, 1))
    number = np.zeros(len(area), np.int32)
    number[kept[np.argsort(first[kept])]] = np.arange(1, len(kept) + 1)
    return number[found]
