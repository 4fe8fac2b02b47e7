"""Labels drawn over the image that they belong to, as an array."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation

from hela_seg.data.classes import IGNORE_INDEX, Classes

Image = npt.NDArray[Any]
Labels = npt.NDArray[np.uint8]
Picture = npt.NDArray[np.uint8]
Contrast = npt.NDArray[np.float64]
"""(channels shown, 2): of each, the value that is shown as black and the one of full brightness."""

DARKEST, BRIGHTEST = 1.0, 99.8
"""Percentiles of a frame that are shown as black and as full brightness."""

FILL_OPACITY = 0.25
IGNORED_GREY = 140
SMALLEST_PANEL = 480


def blend(
    image: Image, labels: Labels, classes: Classes, contrast: Contrast | None = None, outline: int = 1
) -> Picture:
    """Draw class labels over an image: a light fill of the class's colour and a solid outline inside of it.

    The image's values between its 1st and 99.8th percentile are stretched over black to white. One channel is
    shown grey; three channels are taken as red, green and blue and stretched together, which keeps their hue;
    of any other number, each channel is stretched alone, two shown as magenta and green, more than three by
    their first three. Under a class, all are grey, so that the class's colour is true. Background pixels stay
    as they are. Ignored pixels are hatched grey.

    Args:
        image: (C, H, W) of any real dtype; values that are not finite are shown black.
        labels: (H, W) uint8 class indices, ``IGNORE_INDEX`` where a pixel is ignored.
        classes: the classes that the indices stand for.
        contrast: what is shown as black and as full brightness, see `contrast_of`; by default the
            percentiles of this image.
        outline: its width in pixels.

    Returns:
        (H, W, 3) uint8, red, green and blue.

    Raises:
        ValueError: image and labels differ in H or W.
    """
    if image.ndim != 3 or image.shape[1:] != labels.shape:
        raise ValueError(f"image is {image.shape} and labels {labels.shape}, expected (C, H, W) and (H, W)")
    picture = _visible(image, contrast_of([image]) if contrast is None else contrast)
    marked = np.where(labels < len(classes), labels, 0)
    edge = _inner_edges(marked)
    if outline > 1:
        edge = binary_dilation(edge, iterations=outline - 1)
    drawn = marked > 0
    under = picture[drawn]
    if len(image) > 1:  # grey: orange laid over the green of the paper's images would look lime
        under = under.mean(axis=1, keepdims=True)
    opacity = np.where(edge[drawn], np.float32(1), np.float32(FILL_OPACITY))[:, None]
    colours = np.array([c.rgb for c in classes], dtype=np.float32)[marked[drawn]]
    picture[drawn] = under + opacity * (colours - under)
    picture[stripes(labels.shape) & (labels == IGNORE_INDEX)] = IGNORED_GREY
    return picture.round().astype(np.uint8)


def contrast_of(images: Iterable[Image]) -> Contrast:
    """Which values `blend` shows as black and as full brightness, so that all frames of a film have the same.

    Args:
        images: (C, H, W) each, frames of one recording; a few, evenly spread over it, are enough.

    Returns:
        The median over the images of their 1st and of their 99.8th percentile.

    Raises:
        ValueError: no images.
    """
    limits = [_limits_of_channels(image) for image in images]
    if not limits:
        raise ValueError("a contrast needs at least one image")
    return np.asarray(np.median(limits, axis=0))


def fit_panel(
    image: Image, labels: Labels, longest: int, enlarged: int = SMALLEST_PANEL
) -> tuple[Image, Labels]:
    """Shrink a frame to ``longest`` pixels, or enlarge a small one by a whole factor.

    Args:
        image: (C, H, W); shrunk by area means, a huge one after every so many pixels are taken of it, twice
            as many as are shown or more.
        labels: (H, W) uint8; shrunk by nearest neighbour.
        longest: pixels of the longer side at most.
        enlarged: of a small frame at most.
    """
    step = max(1, max(labels.shape) // (2 * longest))
    image, labels = image[:, ::step, ::step], labels[::step, ::step]
    longer_side = max(labels.shape)
    if longer_side > longest:
        height, width = (max(1, side * longest // longer_side) for side in labels.shape)
        shrunk = np.stack(
            [
                cv2.resize(one.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
                for one in image
            ]
        )
        shrunk_labels = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        return shrunk, np.asarray(shrunk_labels, np.uint8)
    block = np.ones((max(1, min(longest, enlarged) // longer_side),) * 2, dtype=np.uint8)
    return np.kron(image, block), np.kron(labels, block)


def _visible(image: Image, contrast: Contrast) -> npt.NDArray[np.float32]:
    """(C, H, W) of any dtype -> (H, W, 3) float32, 0 to 255."""
    stretched = [_stretch(channel, *limits) for channel, limits in zip(image[:3], contrast, strict=True)]
    red_green_blue = {1: [0, 0, 0], 2: [0, 1, 0]}.get(len(image), [0, 1, 2])
    return np.stack([stretched[channel] for channel in red_green_blue], axis=-1)


def _inner_edges(labels: Labels) -> npt.NDArray[np.bool_]:
    """Pixels (H, W) of a class that have one of another, or background, above, below or beside them."""
    edge = np.zeros(labels.shape, bool)
    for here, there, differs in (
        (edge[1:], edge[:-1], labels[1:] != labels[:-1]),
        (edge[:, 1:], edge[:, :-1], labels[:, 1:] != labels[:, :-1]),
    ):
        here |= differs
        there |= differs
    return edge & (labels > 0)


def _limits_of_channels(image: Image) -> Contrast:
    shown = image[:3].astype(np.float32)
    if len(image) == 3:  # red, green and blue, of one contrast to keep their hue
        return np.tile(_limits(shown), (3, 1))
    return np.array([_limits(channel) for channel in shown])


def _limits(values: npt.NDArray[np.float32]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 0.0
    low, high = np.percentile(finite, [DARKEST, BRIGHTEST])
    if high <= low:  # nearly all of the frame has one value: show the few pixels that have not
        low, high = finite.min(), finite.max()
    return float(low), float(high)


def _stretch(values: Image, low: float, high: float) -> npt.NDArray[np.float32]:
    if high <= low:  # one value or none: nothing to see
        return np.zeros(values.shape, np.float32)
    known = np.where(np.isfinite(values), values, low).astype(np.float32)
    stretched = (known - low) * (255 / (high - low))
    return np.clip(stretched, 0, 255, out=stretched)


def stripes(shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Where ignored pixels are `IGNORED_GREY`: diagonal stripes (H, W), three of every eight pixels."""
    rows, columns = np.indices(shape, sparse=True)
    return np.asarray((rows + columns) % 8 < 3)
