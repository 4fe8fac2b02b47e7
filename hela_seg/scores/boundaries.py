"""How far the boundaries of two class maps lie apart: normalised surface distance and Hausdorff distance.

A pixel of a class is on its boundary where one of its four neighbours is of another class. The frame's edge
and ignored pixels make no boundary, for any prediction would find the frame's edge without fault. Distances
go from centre to centre of pixels, each from a boundary pixel of one map to the nearest of the same class in
the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.data.stacks import PixelSize
from hela_seg.scores.confusion import divide, mean_over_classes, to_plain

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Mask = NDArray[np.bool_]

PERCENTILE = 95
"""Of the distances: the largest alone would be that of the worst pixel."""

SQUARE = PixelSize(1.0, 1.0)
"""With pixels of this size, distances are in pixels."""

_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
_ROUNDING = 1 + 1e-6
"""A distance equal to the tolerance is within it, whatever the last digits of the pixel size make of it."""


@dataclass(frozen=True, eq=False)
class FrameBoundaries:
    """The boundaries of the K classes in one frame, or in several at once.

    Attributes:
        within: (K,) int64, boundary pixels of both maps that lie within the tolerance of the other's.
        pixels: (K,) int64, boundary pixels of both maps.
        hausdorff: (K,) float64, the 95th percentile of the distances; infinite where one map alone has a
            boundary of the class, NaN where neither has.
    """

    within: Whole
    pixels: Whole
    hausdorff: Floats


@dataclass(frozen=True, eq=False)
class BoundaryScores:
    """Distances between boundaries over T frames, by class.

    Attributes:
        surface_distance: (K,) normalised surface distance, 0 to 1: the share of all boundary pixels, of truth
            and prediction and of all frames together, that lie within the tolerance of the other's. NaN for
            a class without any boundary.
        hausdorff_mean: (K,) mean over frames of the 95th percentile Hausdorff distance; NaN without one.
        hausdorff_median: (K,) their median.
        frames: (K,) int64, frames with such a distance.
        one_sided: (K,) int64, frames in which truth or prediction alone has a boundary of the class. Their
            distance is infinite and left out; the normalised surface distance counts them as misses.
        within: (K,) int64, boundary pixels of both maps and all frames that lie within the tolerance.
        pixels: (K,) int64, boundary pixels of both maps and all frames.
        of: T.
        tolerance: in ``unit``.
        unit: ``pixels`` or ``micrometres``, of the Hausdorff distances too.
    """

    surface_distance: Floats
    hausdorff_mean: Floats
    hausdorff_median: Floats
    frames: Whole
    one_sided: Whole
    within: Whole
    pixels: Whole
    of: int
    tolerance: float
    unit: str

    def to_plain(self, names: Sequence[str]) -> dict[str, Any]:
        """The scores as JSON takes them, by the names of the K classes; None stands for what does not exist.

        Keys: ``tolerance``, ``unit``, ``frames`` (T), ``classes`` (by name) and ``mean`` (over the classes
        that have a score).
        """
        columns = {
            "normalised_surface_distance": to_plain(self.surface_distance),
            "hausdorff_95_mean": to_plain(self.hausdorff_mean),
            "hausdorff_95_median": to_plain(self.hausdorff_median),
            "hausdorff_95_frames": self.frames.tolist(),
            "one_sided_frames": self.one_sided.tolist(),
            "boundary_pixels": self.pixels.tolist(),
            "boundary_pixels_within": self.within.tolist(),
        }
        means = np.stack([self.surface_distance, self.hausdorff_mean, self.hausdorff_median])
        return {
            "tolerance": self.tolerance,
            "unit": self.unit,
            "frames": self.of,
            "classes": {name: {key: of[k] for key, of in columns.items()} for k, name in enumerate(names)},
            "mean": dict(zip(columns, to_plain(mean_over_classes(means)), strict=False)),
        }


def compare_boundaries(
    truth: NDArray[np.integer[Any]],
    found: NDArray[np.integer[Any]],
    classes: int,
    tolerance: float,
    pixel_size: PixelSize = SQUARE,
) -> FrameBoundaries:
    """Compare the boundaries of each class in two class maps (H, W) of one frame.

    Normalised surface distance after Nikolov et al. (2021, doi:10.2196/26151, "surface Dice"), with boundary
    pixels counted as MONAI does. Hausdorff distance as in MONAI and Metrics Reloaded (Maier-Hein et al.
    2024): the larger of both directions' 95th percentiles. Of truth ``[[0, 0, 1, 1]]`` and found
    ``[[0, 1, 1, 1]]``, one boundary moved by a pixel, all 2 boundary pixels of either class are within
    tolerance 1, none within 0.5, and each Hausdorff distance is 1.

    Args:
        truth: class indices, ``IGNORE_INDEX`` where a pixel counts nowhere.
        found: class indices; not looked at where the truth is ignored.
        classes: K.
        tolerance: distance up to which a boundary is where it should be, in the unit of ``pixel_size``.
        pixel_size: height and width of a pixel; 1 and 1 give distances in pixels.

    Raises:
        ValueError: the shapes differ.
    """
    if truth.shape != found.shape:
        raise ValueError(f"class maps have shapes {truth.shape} and {found.shape}, expected the same")
    known = truth != IGNORE_INDEX
    within, pixels = np.zeros((2, classes), np.int64)
    hausdorff = np.full(classes, np.nan)
    for index in range(classes):
        edges = [_boundary(labels == index, known) for labels in (truth, found)]
        pixels[index] = sum(map(np.count_nonzero, edges))
        if all(edge.any() for edge in edges):
            directed = [_distances(one, other, pixel_size) for one, other in (edges, edges[::-1])]
            within[index] = sum(
                np.count_nonzero(distances <= tolerance * _ROUNDING) for distances in directed
            )
            hausdorff[index] = max(np.percentile(distances, PERCENTILE) for distances in directed)
        elif pixels[index]:
            hausdorff[index] = np.inf
    return FrameBoundaries(within, pixels, hausdorff)


def pool_boundaries(frames: Sequence[FrameBoundaries], tolerance: float, unit: str) -> BoundaryScores:
    """Scores of T frames, at least one: pixels are added up before they are divided, distances averaged."""
    within, pixels = (
        np.sum([getattr(frame, name) for frame in frames], axis=0) for name in ("within", "pixels")
    )
    distances = np.stack([frame.hausdorff for frame in frames])
    finite = np.isfinite(distances)
    # sorted, so that the last bit of a mean is the same in whatever order processes measured the frames
    by_class = [np.sort(column[kept]) for column, kept in zip(distances.T, finite.T, strict=True)]
    return BoundaryScores(
        surface_distance=divide(within, pixels),
        hausdorff_mean=np.array([of.mean() if len(of) else np.nan for of in by_class]),
        hausdorff_median=np.array([np.median(of) if len(of) else np.nan for of in by_class]),
        frames=finite.sum(axis=0),
        one_sided=np.isinf(distances).sum(axis=0),
        within=within,
        pixels=pixels,
        of=len(frames),
        tolerance=tolerance,
        unit=unit,
    )


def _boundary(inside: Mask, known: Mask) -> Mask:
    """Known pixels of a class beside a known one that is not of it."""
    outside = known & ~inside
    # what lies beyond the frame adds nothing to a maximum
    beside: Mask = cv2.dilate(outside.view(np.uint8), _CROSS).view(np.bool_)
    return beside & inside & known


def _distances(origin: Mask, goal: Mask, pixel_size: PixelSize) -> Floats:
    """From each pixel of one boundary to the nearest of the other."""
    if pixel_size.height != pixel_size.width:
        return np.asarray(ndimage.distance_transform_edt(~goal, pixel_size)[origin])
    distance = cv2.distanceTransform((~goal).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # roots of whole numbers, whose last bit hangs on the processor and the number of threads
    squares = np.rint(distance[origin].astype(np.float64) ** 2)
    return pixel_size.width * np.asarray(np.sqrt(squares))
