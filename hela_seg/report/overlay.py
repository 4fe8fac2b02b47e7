"""Labels drawn over the images that they belong to: as an array, and as one figure a series."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from scipy.ndimage import binary_dilation
from skimage.segmentation import find_boundaries
from skimage.transform import resize_local_mean

from hela_seg.classes import IGNORE_INDEX, Classes
from hela_seg.files import whole_file

Image = npt.NDArray[Any]
Labels = npt.NDArray[np.uint8]
Picture = npt.NDArray[np.uint8]
Contrast = npt.NDArray[np.float64]
"""(channels shown, 2): of each, the value that is shown as black and the one of full brightness."""

DARKEST, BRIGHTEST = 1.0, 99.8
"""Percentiles of a frame that are shown as black and as full brightness."""

FILL_OPACITY = 0.25
IGNORED_GREY = 140

PNG_EFFORT = 2
"""Compression that takes half the time of Pillow's own and makes files a tenth larger."""

LARGEST_FILE = 2 * 2**20
PIXELS_SHOWN = 6 * 512**2
"""Of all frames together: six of 512x512 are shown pixel by pixel, a single one of 1024x1024 too."""

DOTS_PER_INCH = 100
MARGIN, GAP, TITLE, LINE, SWATCH = 16, 12, 36, 24, 14
"""Pixels around the figure, between panels, and the heights of title, line of text and legend's square."""

NARROWEST_FIGURE, SMALLEST_PANEL = 640, 480
CHARACTER = 9
"""Pixels that a character of the legend takes, rather more than less."""


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
    colours = np.array([c.rgb for c in classes], dtype=np.float32)[marked]
    edge = find_boundaries(marked, mode="inner")
    if outline > 1:
        edge = binary_dilation(edge, iterations=outline - 1)
    opacity = np.where(edge, 1.0, FILL_OPACITY) * (marked > 0)
    # Under a class the image is grey: orange laid over the green of the paper's images would look lime.
    picture[marked > 0] = picture.mean(axis=2, keepdims=True)[marked > 0]
    picture += opacity[..., None].astype(np.float32) * (colours - picture)
    picture[_hatch(labels.shape) & (labels == IGNORE_INDEX)] = IGNORED_GREY
    return picture.round().astype(np.uint8)


def contrast_of(images: Iterable[Image]) -> Contrast:
    """What `blend` shows as black and as full brightness, so that a film does not change it frame by frame.

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
    median: Contrast = np.median(limits, axis=0)
    return median


def write_overlay(
    path: Path,
    frames: Sequence[tuple[int, Image, Labels]],
    classes: Classes,
    title: str,
    comment: str = "",
) -> None:
    """Write frames of a series with their labels drawn over them as one PNG, with frame numbers and a legend.

    Frames stand in up to three columns. Large ones are shrunk to their panel (the image by area means, the
    labels by nearest neighbour), small ones enlarged by a whole factor; outlines stay one pixel of the figure
    wide. Where noise would make the file larger than 2 MiB, panels are made smaller until it is not.

    Args:
        path: the PNG file; it appears whole or not at all.
        frames: for each frame to show its number in the series, image (C, H, W) and labels (H, W) uint8; one
            to six frames read well.
        classes: the classes that the labels stand for.
        title: what stands above, such as the series' name.
        comment: what made the figure, kept among its metadata.

    Raises:
        ValueError: no frames, or an image and its labels differ in H or W.
        InputError: the file cannot be written.
    """
    if not frames:
        raise ValueError("an overlay needs at least one frame")
    columns = 2 if len(frames) == 4 else min(len(frames), 3)
    longest = int(math.sqrt(PIXELS_SHOWN / len(frames)))
    png = _draw(frames, classes, title, comment, columns, longest)
    while len(png) > LARGEST_FILE:
        longest = int(0.95 * longest * math.sqrt(LARGEST_FILE / len(png)))
        png = _draw(frames, classes, title, comment, columns, longest)
    with whole_file(path) as part:
        part.write_bytes(png)


def _draw(
    frames: Sequence[tuple[int, Image, Labels]],
    classes: Classes,
    title: str,
    comment: str,
    columns: int,
    longest: int,
) -> bytes:
    panels = [blend(*fit_panel(image, labels, longest), classes) for _, image, labels in frames]
    captions = [f"frame {number}" for number, _, _ in frames]
    ignored = any((labels == IGNORE_INDEX).any() for _, _, labels in frames)
    png = BytesIO()
    figure = compose(panels, captions, columns, legend_of(classes, ignored), title)
    figure.savefig(
        png,
        format="png",
        dpi=DOTS_PER_INCH,
        metadata={"Description": comment},
        pil_kwargs={"compress_level": PNG_EFFORT},
    )
    return png.getvalue()


def _visible(image: Image, contrast: Contrast) -> npt.NDArray[np.float32]:
    """(C, H, W) of any dtype -> (H, W, 3) float32, 0 to 255."""
    stretched = [_stretch(channel, *limits) for channel, limits in zip(image[:3], contrast, strict=True)]
    red_green_blue = {1: [0, 0, 0], 2: [0, 1, 0]}.get(len(image), [0, 1, 2])
    return np.stack([stretched[channel] for channel in red_green_blue], axis=-1)


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


def _hatch(shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Diagonal stripes, three of every eight pixels."""
    rows, columns = np.indices(shape, sparse=True)
    stripes: npt.NDArray[np.bool_] = (rows + columns) % 8 < 3
    return stripes


def fit_panel(image: Image, labels: Labels, longest: int) -> tuple[Image, Labels]:
    """Shrink a frame to ``longest`` pixels, or enlarge a small one by a whole factor.

    Args:
        image: (C, H, W); shrunk by area means.
        labels: (H, W) uint8; shrunk by nearest neighbour.
        longest: pixels of the longer side; a small frame ends at 480 of them or fewer.
    """
    longer_side = max(labels.shape)
    if longer_side > longest:
        height, width = (max(1, side * longest // longer_side) for side in labels.shape)
        shrunk = resize_local_mean(image, (height, width), channel_axis=0, preserve_range=True)
        rows, columns = (
            (2 * np.arange(new) + 1) * old // (2 * new)  # the old pixel under each new pixel's centre
            for new, old in zip((height, width), labels.shape, strict=True)
        )
        return shrunk, labels[np.ix_(rows, columns)]
    block = np.ones((max(1, min(longest, SMALLEST_PANEL) // longer_side),) * 2, dtype=np.uint8)
    return np.kron(image, block), np.kron(labels, block)


def legend_of(classes: Classes, ignored: bool) -> list[tuple[str, Picture]]:
    """Names and squares of what is drawn: every class but the background, and ignored pixels if any."""
    square = np.ones((SWATCH, SWATCH, 1), dtype=np.uint8)
    entries = [(c.name, square * np.array(c.rgb, dtype=np.uint8)) for c in classes if c.index > 0]
    if ignored:
        hatched = np.where(_hatch((SWATCH, SWATCH))[..., None], IGNORED_GREY, 255)
        entries.append(("ignored", np.repeat(hatched, 3, axis=2).astype(np.uint8)))
    return entries


def compose(
    panels: list[Picture], captions: list[str], columns: int, legend: list[tuple[str, Picture]], title: str
) -> Figure:
    """Set out title, panels with captions, and legend, pixel by pixel, so that nothing is resampled.

    Args:
        panels: (H, W, 3) uint8 each, row by row.
        captions: what stands above each panel.
        columns: panels in a row.
        legend: names, and squares in their colours; at least one.
        title: what stands above all.

    Returns:
        A figure to be saved at `DOTS_PER_INCH`.
    """
    panel_height, panel_width = (max(panel.shape[axis] for panel in panels) for axis in (0, 1))
    width = max(NARROWEST_FIGURE, columns * (panel_width + GAP) - GAP + 2 * MARGIN)
    row_height = LINE + panel_height + GAP
    legend_top = MARGIN + TITLE + -(-len(panels) // columns) * row_height
    entry_width = SWATCH + GAP + CHARACTER * (max(len(name) for name, _ in legend) + 2)
    legend_columns = max(1, (width - 2 * MARGIN) // entry_width)
    page = _Page(width, legend_top + -(-len(legend) // legend_columns) * LINE + MARGIN)

    page.write(title, MARGIN, MARGIN, points=13)
    for position, (panel, caption) in enumerate(zip(panels, captions, strict=True)):
        row, column = divmod(position, columns)
        top, left = MARGIN + TITLE + row * row_height, MARGIN + column * (panel_width + GAP)
        page.write(caption, top, left)
        page.paste(panel, top + LINE, left)
    for position, (name, square) in enumerate(legend):
        row, column = divmod(position, legend_columns)
        top, left = legend_top + row * LINE, MARGIN + column * entry_width
        page.paste(square, top, left)
        page.write(name, top, left + SWATCH + GAP // 2)
    return page.figure


def rendered(figure: Figure) -> Picture:
    """A figure as the pixels (H, W, 3) uint8 that a PNG of it would have."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib leaves both without a return type
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]


def line_of_text(text: str, width: int) -> Picture:
    """A line of black text on white, (LINE, width, 3) uint8, as `compose` writes its captions."""
    page = _Page(width, LINE)
    page.write(text, 0, 0)
    return rendered(page.figure)


def drawable(text: str) -> str:
    """Text with a question mark for each character that the font of all figures lacks."""
    font = get_font(findfont("DejaVu Sans"))  # comes with matplotlib, so it is there on every machine
    return "".join(letter if font.get_char_index(ord(letter)) else "?" for letter in text)


class _Page:
    """A white figure, written and pasted on at pixels counted from its upper left corner."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        inches = (width / DOTS_PER_INCH, height / DOTS_PER_INCH)
        self.figure = Figure(figsize=inches, dpi=DOTS_PER_INCH, facecolor="white")

    def paste(self, picture: Picture, top: int, left: int) -> None:
        """Put a picture's upper left pixel at row ``top``, column ``left``."""
        self.figure.figimage(picture, left, self.height - top - len(picture), origin="upper")

    def write(self, text: str, top: int, left: int, points: int = 10) -> None:
        """Let a line of text hang from row ``top``, starting at column ``left``."""
        x, y = left / self.width, 1 - top / self.height
        # a name may hold dollar signs that are no formula, and letters that the font lacks, which would warn
        self.figure.text(
            x, y, drawable(text), fontsize=points, va="top", parse_math=False, family="DejaVu Sans"
        )
