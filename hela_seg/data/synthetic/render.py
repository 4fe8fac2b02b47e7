"""Recordings of living HeLa cells, drawn with a known truth: the data that need no download.

:mod:`hela_seg.data.synthetic.culture` says where the cells are; here a microscope sees them through uneven
light, haze, defocus and shot noise, in 8-bit RGB with a green tint, after the figures of Ghaznavi et al.
(2024). `hela_seg.data.synthetic.recordings` writes what is drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import numpy.typing as npt
from annotated_types import Ge
from scipy import ndimage

from hela_seg.data.ctc_tracks import CtcTrack, tracks_of
from hela_seg.data.synthetic.culture import Cell, Culture, Floats, live
from hela_seg.system.settings import Count, Expected, NonNegative, Share, validated

BACKGROUND, ROUND, SPREAD = 0, 1, 2
"""The classes of the labels, as in the paper."""

PIXEL_SIZE_UM = 0.6
"""Micrometres a pixel: a round HeLa cell, about 19 micrometres across, is drawn about 31 pixels wide."""

FRAME_INTERVAL_S = 300.0
"""Seconds between frames: cells stay round for about 80 minutes around a division, which is 16 frames."""

OUT_OF_FOCUS_BLUR = 5.0
"""Standard deviation, in pixels, of the blur of a frame that is out of focus."""

Drift = Annotated[float, Ge(0), Expected("0 or more")]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

_ANGLES = np.linspace(0.0, 2.0 * np.pi, 360, endpoint=False)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A recording and its truth.

    Attributes:
        images: (T, H, W, 3) uint8 in RGB.
        labels: (T, H, W) uint8: 0 background, 1 round, 2 spread.
        cells: (T, H, W) uint16, the number of each pixel's track, 0 outside of cells.
        tracks: one for each number in ``cells``. A cell that cannot be seen for a while, as outside of the
            frame, is another track when it is there again.
        drift: (T, 2) rows and columns by which the stage has moved the cells since the first frame, in
            pixels.
    """

    images: Bytes
    labels: Bytes
    cells: npt.NDArray[np.uint16]
    tracks: list[CtcTrack]
    drift: Floats


def draw(
    frames: int, height: int, width: int, seed: int, culture: Culture | None = None
) -> tuple[Bytes, Bytes]:
    """Draw one recording of a living culture: its images and labels, as `draw_tracked` gives them."""
    drawn = draw_tracked(frames, height, width, seed, culture)
    return drawn.images, drawn.labels


@validated("data.drawing")
def draw_tracked(
    frames: Count,
    height: Count,
    width: Count,
    seed: NonNegative,
    culture: Culture | None = None,
    *,
    drift: Drift = 0.0,
    out_of_focus: Share = 0.0,
) -> Drawn:
    """Draw one recording of a living culture, with all that is known of its cells.

    Args:
        frames: T, frames of ``FRAME_INTERVAL_S``.
        height: H, pixels of ``PIXEL_SIZE_UM``.
        width: W.
        seed: at least 0; the same seed and sizes give the same recording.
        culture: the cells and the microscope; None is the paper's likeness.
        drift: how far the stage moves from frame to frame: standard deviation in pixels, of rows and of
            columns. It wanders about its place and stays within a few steps of it.
        out_of_focus: share of the frames that are blurred, 0 to 1; cells and truth are as without.

    Raises:
        InputError: a size below 1, a negative seed or drift, or a share that is not between 0 and 1.
    """
    culture = culture or Culture()
    rng = np.random.default_rng(seed)
    images = np.empty((frames, height, width, 3), np.uint8)
    labels = np.empty((frames, height, width), np.uint8)
    cells = np.empty((frames, height, width), np.int64)
    mothers: dict[int, int] = {}
    # drawn by a generator of their own, so that the cells live alike with and without
    stage = np.random.default_rng([seed, 1])
    moved, blurred = _stage(frames, drift, out_of_focus, stage)
    camera = _Camera(height, width, culture, rng)
    for frame, living in enumerate(live(frames, height, width, culture, rng)):
        light, labels[frame], cells[frame] = _expose(living, height, width)
        images[frame] = camera.develop(light, rng)
        if drift:
            seen = [replace(cell, centre=cell.centre + moved[frame]) for cell in living]
            light, labels[frame], cells[frame] = _expose(seen, height, width)
        if drift or blurred[frame]:
            light = ndimage.gaussian_filter(light, OUT_OF_FOCUS_BLUR) if blurred[frame] else light
            images[frame] = camera.develop(light, stage)
        mothers |= {cell.number: cell.mother for cell in living}
    tracks, numbered = tracks_of(cells, mothers)
    return Drawn(images, labels, numbered, tracks, moved)


def _stage(
    frames: int, drift: float, out_of_focus: float, rng: np.random.Generator
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Where the stage is at each frame (T, 2), and which frames are out of focus (T,)."""
    moved = np.zeros((frames, 2))
    for frame in range(1, frames):
        moved[frame] = 0.9 * moved[frame - 1] + rng.normal(0.0, drift, 2)
    return moved, rng.random(frames) < out_of_focus


def _expose(cells: list[Cell], height: int, width: int) -> tuple[Floats, Bytes, npt.NDArray[np.int64]]:
    """The light of all cells (H, W) above black, the true labels (H, W), and the cells' numbers (H, W)."""
    light = np.zeros((height, width))
    numbers = np.zeros((height, width), np.int64)
    labels = np.zeros((height, width), np.uint8)
    # Round cells stand higher than spread ones and hide them.
    for cell in sorted(cells, key=lambda cell: -cell.spreading):
        glow, inside, corner = _portray(cell)
        window, part = _overlap(corner, inside.shape, (height, width))
        light[window] += glow[part]
        if not cell.floats:
            labels[window][inside[part]] = ROUND if cell.spreading < 0.5 else SPREAD
            numbers[window][inside[part]] = cell.number
    return light, labels, numbers


def _overlap(
    corner: tuple[int, int], patch: tuple[int, ...], frame: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a patch lies in the frame, and which part of the patch that is; empty when it lies outside."""
    window, part = [], []
    for start, size, limit in zip(corner, patch, frame, strict=True):
        low, high = min(max(start, 0), limit), min(max(start + size, 0), limit)
        window.append(slice(low, high))
        part.append(slice(low - start, high - start))
    return (window[0], window[1]), (part[0], part[1])


def _outline(cell: Cell) -> Floats:
    """Distance from the centre to the edge in each of ``_ANGLES``; the area is that of ``cell.radius``."""
    irregularity = 0.25 + 0.75 * cell.spreading
    (heights, directions), orders = cell.waves.T[..., None], np.arange(2, 6)[:, None]
    bulges = irregularity * heights * np.cos(orders * (_ANGLES - directions))
    (heights, directions) = cell.arms.T[..., None]
    arms = cell.spreading * heights * np.exp(14.0 * (np.cos(_ANGLES - directions) - 1.0))
    stretch = 0.18 * cell.cleavage * np.cos(2.0 * (_ANGLES - cell.heading))
    shape = np.exp(bulges.sum(axis=0) + arms.sum(axis=0) + stretch)
    return np.asarray(cell.radius * shape / np.sqrt(np.mean(shape**2)))


def _portray(cell: Cell) -> tuple[Floats, Mask, tuple[int, int]]:
    """A patch around one cell: its light, whether a pixel is inside, and the patch's first row and column."""
    outline = _outline(cell)
    reach = math.ceil(outline.max() + 3.0 * cell.blur) + 1
    corner = np.floor(cell.centre).astype(int) - reach
    rows, columns = (np.arange(2 * reach + 1) + corner[axis] - cell.centre[axis] for axis in (0, 1))
    distance = np.hypot(rows[:, None], columns)
    angle = np.arctan2(rows[:, None], columns)
    depth = distance / outline[(angle * len(_ANGLES) / (2.0 * np.pi)).astype(int) % len(_ANGLES)]
    inside = depth < 1.0
    body = np.where(inside, _body(cell, depth, angle), 0.0)
    _add_granules(body, cell, outline, reach + cell.centre % 1.0)
    return ndimage.gaussian_filter(body, cell.blur), inside, (int(corner[0]), int(corner[1]))


def _body(cell: Cell, depth: Floats, angle: Floats) -> Floats:
    """Light of the cytoplasm: a ring in a round cell, a dome in a spread one, a dim nucleus in both."""
    nucleus = cell.nucleus * np.exp(-((depth / 0.36) ** 2))
    ring = 0.8 + 0.5 * cell.nucleus * np.exp(-(((depth - 0.74) / 0.17) ** 2)) - 0.35 * nucleus
    dome = 0.45 + 0.95 * np.clip(1.0 - depth**2, 0.0, None) - 0.5 * nucleus
    middle = (len(cell.texture) - 1) / 2.0
    places = middle + middle * depth * np.stack([np.sin(angle), np.cos(angle)])
    texture = ndimage.map_coordinates(cell.texture, places, order=1, mode="nearest")
    return np.asarray(cell.level * texture * (cell.spreading * dome + (1.0 - cell.spreading) * ring))


def _add_granules(body: Floats, cell: Cell, outline: Floats, middle: Floats) -> None:
    """Put the granules, points before defocus, into the patch."""
    depth, angle, brightness = cell.granules.T
    edge = np.interp(angle, _ANGLES, outline, period=2.0 * np.pi)
    distance = np.clip(depth, 0.0, 0.95) * edge
    rows = np.rint(middle[0] + distance * np.sin(angle)).astype(int)
    columns = np.rint(middle[1] + distance * np.cos(angle)).astype(int)
    # The sum under a Gaussian of width 1.2: a granule of brightness 1 then doubles the cytoplasm's light.
    np.add.at(body, (rows, columns), 2.0 * np.pi * 1.2**2 * cell.level * brightness)


class _Camera:
    """The microscope of one recording: its lamp, the specks on its glass, its colours."""

    def __init__(self, height: int, width: int, culture: Culture, rng: np.random.Generator) -> None:
        self._culture = culture
        self._lamp = _lamp(height, width, rng)
        self._specks = _specks(height, width, rng)
        # Read off the paper's figures: red and blue rise with green, but later and less.
        self._gains = np.array([0.5, 1.0, 0.66]) * rng.uniform([0.8, 1.0, 0.9], [1.2, 1.0, 1.1])
        self._offsets = np.array([-9.0, culture.black, -9.0])

    def develop(self, light: Floats, rng: np.random.Generator) -> Bytes:
        """Light of the cells (H, W) -> picture (H, W, 3) with noise."""
        glow = self._culture.haze * ndimage.gaussian_filter(light, 14.0)
        flicker = rng.normal(1.0, 0.01)
        seen = flicker * self._lamp * (light + glow + self._specks + self._culture.stray)
        # Red comes to its focus elsewhere, so that granules look green and nuclei reddish.
        colours = np.stack([ndimage.gaussian_filter(seen, 2.0), seen, seen], axis=-1)
        levels = np.clip(colours * self._gains + self._offsets, 0.0, None)
        noisy = rng.poisson(levels * self._culture.photons) / self._culture.photons
        return np.asarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


def _lamp(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Brightness (H, W) of a lamp that is not quite centred and falls off towards the corners."""
    rows, columns = np.linspace(-1.0, 1.0, height)[:, None], np.linspace(-1.0, 1.0, width)
    row, column = rng.uniform(-0.7, 0.7, 2)
    return rng.uniform(0.85, 1.25) * np.asarray(
        1.0 / (1.0 + 0.2 * ((rows - row) ** 2 + (columns - column) ** 2))
    )


def _specks(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Light (H, W) of debris, about two specks in 256x256 pixels."""
    specks = np.zeros((height, width))
    count = rng.poisson(height * width / 30_000)
    specks[rng.integers(0, height, count), rng.integers(0, width, count)] = rng.uniform(60.0, 400.0, count)
    return np.asarray(ndimage.gaussian_filter(specks, 1.6))
