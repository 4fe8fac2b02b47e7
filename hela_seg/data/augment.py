"""Paired random changes of image and label, each seeded by (seed, epoch, index).

Geometry is albumentations'; grey values are changed by `hela_seg.data.grey_changes`.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from annotated_types import Ge

# albumentations asks the network for a newer version of itself when it is imported without this.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A
import cv2
from albumentations.augmentations.geometric.distortion import BaseDistortion

from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.data.grey_changes import (
    Change,
    Image,
    Range,
    add_shot_noise,
    defocus,
    drawn_factor,
    light_changes,
)
from hela_seg.data.tiles import Size, Window
from hela_seg.system.settings import Count, Expected, Share, validated

Label = npt.NDArray[Any]
Strength = Annotated[float, Ge(0), Expected("0 or more")]

STREAM, ROTATION_STREAM = 1, 2
"""Added to the seed, for whoever chose the tile may have drawn from the same three numbers."""


@dataclass(frozen=True)
class Rotation:
    """A tile seen rotated and magnified, with no pixel made up: it is cut from a larger window of the frame.

    Args:
        angle: counter-clockwise, degrees.
        scale: magnification.
    """

    angle: float
    scale: float = 1.0

    def window(self, tile: Window, frame: Size) -> Window | None:
        """The window that holds all that the tile shows, about the same centre or as near as the frame lets.

        Args:
            tile: where the tile lies without rotation.
            frame: rows and columns of the frame.

        Returns:
            A window inside the frame; None where the frame is too small for it.
        """
        sides, starts = self._sides((tile.height, tile.width)), []
        for start, shown, side, length in zip(
            (tile.row, tile.column), (tile.height, tile.width), sides, frame, strict=True
        ):
            if side > length:
                return None
            starts.append(min(max(start + (shown - side) // 2, 0), length - side))
        return Window(starts[0], starts[1], *sides)

    def cut(self, image: Image, label: Label, tile: Size) -> tuple[Image, Label]:
        """The rotated tile from the middle of a window.

        Args:
            image: (C, H, W) of the window, interpolated linearly.
            label: (H, W) uint8, of which each pixel takes the nearest one's class.
            tile: h and w of the tile.

        Returns:
            (C, h, w) and (h, w), in the same dtypes.
        """
        height, width = tile
        # from a column and row of the tile to those of the window, whose middle is the tile's
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -self.angle, 1 / self.scale)
        matrix[:, 2] += (label.shape[1] - width) / 2, (label.shape[0] - height) / 2

        def warp(pixels: Any, interpolation: int) -> Any:
            """(H, W) turned and scaled; what lies outside is mirrored."""
            flags = interpolation | cv2.WARP_INVERSE_MAP
            return cv2.warpAffine(pixels, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)

        channels = np.stack([warp(np.ascontiguousarray(channel), cv2.INTER_LINEAR) for channel in image])
        return channels, warp(np.ascontiguousarray(label), cv2.INTER_NEAREST)

    def _sides(self, tile: Size) -> Size:
        """Rows and columns of the smallest window that the corners of the rotated tile lie in."""
        cosine, sine = abs(np.cos(np.radians(self.angle))), abs(np.sin(np.radians(self.angle)))
        height, width = tile[0] - 1, tile[1] - 1
        spans = height * cosine + width * sine, height * sine + width * cosine
        pixels = [1 + int(np.ceil(round(span / self.scale, 6))) for span in spans]
        # as odd or even as the tile, so that both have their middle on a pixel, or between two
        rows, columns = (n + (n - side) % 2 for n, side in zip(pixels, tile, strict=True))
        return rows, columns


@dataclass(frozen=True)
class RandomRotations:
    """Draws rotations by any angle, with any magnification of a range.

    Args:
        scale: lowest and highest magnification.
        probability: of a rotation; other tiles stay as they are.
    """

    scale: Range
    probability: float

    def __call__(self, seed: tuple[int, int, int]) -> Rotation | None:
        """The rotation of a sample, or None; ``seed`` is that of the run, the epoch and the sample."""
        generator = np.random.default_rng((*seed, ROTATION_STREAM))
        if generator.random() >= self.probability:
            return None
        return Rotation(float(generator.uniform(-180, 180)), float(drawn_factor(generator, self.scale)))


class Augmentation:
    """Random changes of a tile, whose outcome is a function of image, label and seed alone.

    Args:
        geometry: moves pixels; applied in this order to the image as (h, w, C) and the label as (h, w) uint8.
        grey_values: then changes grey values, in this order.
        probability: of each change of grey values; those of the geometry are its transforms' own.
        rotations: how whoever cuts the tile out of its frame is to rotate it before, or None.
    """

    def __init__(
        self,
        geometry: Sequence[A.BasicTransform] = (),
        grey_values: Sequence[Change] = (),
        probability: float = 1.0,
        rotations: RandomRotations | None = None,
    ) -> None:
        self._geometry = tuple(geometry)
        self._grey_values = tuple(grey_values)
        self._probability = probability
        self.rotations = rotations

    def __call__(self, image: Image, label: Label, seed: tuple[int, int, int]) -> tuple[Image, Label]:
        """One sample, changed; what is handed over stays as it was.

        Args:
            image: (C, h, w) float32, any number of channels.
            label: (h, w) uint8 or int64 class indices.
            seed: of the run, the epoch and the sample; non-negative.

        Returns:
            Image and label in the same dtypes, contiguous. Where the geometry shows what lies outside the
            tile, the label is ``IGNORE_INDEX``.
        """
        generator = np.random.default_rng((*seed, STREAM))
        moved, moved_label = self._move(image, label, generator)
        return self._change(moved, generator), moved_label

    def _move(self, image: Image, label: Label, generator: np.random.Generator) -> tuple[Image, Label]:
        if not self._geometry:
            return np.ascontiguousarray(image), np.ascontiguousarray(label)
        # One stream for all: seeded alike, as albumentations seeds them, a tile would always be flipped in
        # both directions or in none.
        stream = random.Random(int(generator.integers(2**63)))
        # OpenCV interleaves channels several times faster than numpy.
        pixels = cv2.merge(list(image)).reshape(*label.shape, len(image))
        sample: dict[str, Any] = {"image": pixels, "mask": label.astype(np.uint8)}
        for transform in self._geometry:
            transform.set_random_state(generator, stream)
            sample = transform(**sample)
        moved = np.ascontiguousarray(sample["image"].transpose(2, 0, 1), dtype=np.float32)
        return moved, np.ascontiguousarray(sample["mask"], dtype=label.dtype)

    def _change(self, image: Image, generator: np.random.Generator) -> Image:
        drawn = [change for change in self._grey_values if generator.random() < self._probability]
        if not drawn:
            return image
        darkest = image.min(axis=(1, 2), keepdims=True)
        span = image.max(axis=(1, 2), keepdims=True) - darkest
        span[span == 0] = 1
        unit: Image = (image - darkest) / span
        for change in drawn:
            unit = change(unit, generator)
        changed: Image = darkest + span * unit
        return changed


def none() -> Augmentation:
    """Leaves every sample as it is."""
    return Augmentation()


def light() -> Augmentation:
    """Flips and quarter turns: the eight ways to lay a square tile, the four that keep another's shape."""
    return Augmentation(_orientations())


@validated("augment")
def rotations(scale: Range = (0.7, 1.4), probability: Share = 0.3) -> Augmentation:
    """Flips and quarter turns, and for some tiles any angle and scale, cut from a larger part of the frame.

    Args:
        scale: magnification.
        probability: of any angle and scale.

    Raises:
        InputError: a range that does not rise from above 0, or no probability.
    """
    return Augmentation(_orientations(), rotations=RandomRotations((scale[0], scale[1]), probability))


@validated("augment")
def exposure(
    illumination: Strength = 0.2,
    brightness: Strength = 0.1,
    contrast: Range = (0.75, 1.33),
    gamma: Range = (0.7, 1.5),
    probability: Share = 0.3,
) -> Augmentation:
    """Flips, quarter turns, and what differs between exposures; shapes stay, down to borders of a pixel.

    For the arguments and what is raised see :func:`microscopy`.
    """
    changes = light_changes(illumination, brightness, contrast, gamma)
    return Augmentation(_orientations(), changes, probability)


@validated("augment")
def microscopy(
    scale: Range = (0.8, 1.25),
    displacement: Strength = 3.0,
    spacing: Count = 32,
    illumination: Strength = 0.2,
    brightness: Strength = 0.1,
    contrast: Range = (0.75, 1.33),
    gamma: Range = (0.7, 1.5),
    blur: Range = (0.3, 1.5),
    photons: Range = (100.0, 3000.0),
    probability: Share = 0.3,
) -> Augmentation:
    """What differs between recordings of the same cells: orientation, shape, light, focus and noise.

    Grey values are changed relative to each channel's range within the tile, so that the strengths suit any
    normalisation: 0 is the tile's darkest value and 1 its brightest.

    Args:
        scale: magnification.
        displacement: strength of elastic shifts in pixels, see :class:`ElasticShifts`.
        spacing: pixels over which these shifts change, see :class:`ElasticShifts`.
        illumination: largest relative change of brightness over the tile.
        brightness: largest shift of all grey values.
        contrast: factor about the mean grey value.
        gamma: exponent of the grey values.
        blur: standard deviation in pixels of a Gaussian.
        photons: counted where the tile is brightest; fewer of them make more shot noise.
        probability: of each change; flips and quarter turns are drawn for every tile.

    Raises:
        InputError: a strength below 0, a range that does not rise from above 0, or no probability.
    """
    geometry = [
        *_orientations(),
        A.Affine(scale=scale, keep_ratio=True, fill=0, fill_mask=IGNORE_INDEX, p=probability),
        ElasticShifts(displacement, spacing, probability),
    ]
    grey_values: list[Change] = [
        *light_changes(illumination, brightness, contrast, gamma),
        partial(defocus, deviation=blur),
        partial(add_shot_noise, photons=photons),
    ]
    return Augmentation(geometry, grey_values, probability)


class SquareTranspose(A.Transpose):  # type: ignore[misc]
    """Swaps rows and columns of square tiles and leaves others, whose shape it would change."""

    def apply(self, img: Image, **params: Any) -> Image:
        """Image (h, w, C) or label (h, w), swapped or not."""
        height, width = img.shape[:2]
        return img.swapaxes(0, 1) if height == width else img


class ElasticShifts(BaseDistortion):  # type: ignore[misc]
    """Shifts drawn on a coarse grid and interpolated smoothly, as for the U-Net (Ronneberger et al. 2015).

    albumentations' own elastic transform smooths noise that it repeats beyond the edges, and so shifts the
    corners of a tile of 128 pixels by 43 where its centre moves by 2.7 (standard deviations, measured).

    Args:
        displacement: standard deviation in pixels, along each axis, of the shifts on the grid.
        spacing: of the grid, in pixels.
        p: probability of the shifts.
    """

    def __init__(self, displacement: float, spacing: int, p: float) -> None:
        super().__init__(
            interpolation=cv2.INTER_LINEAR,
            mask_interpolation=cv2.INTER_NEAREST,
            keypoint_remapping_method="mask",
            fill=0,
            fill_mask=IGNORE_INDEX,
            p=p,
        )
        self._displacement = displacement
        self._spacing = spacing

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """For each pixel the column and the row that it is taken from, (h, w) float32 each."""
        height, width = params["shape"][:2]
        points = (2 + height // self._spacing, 2 + width // self._spacing, 2)
        shifts = self.random_generator.normal(0, self._displacement, points).astype(np.float32)
        smooth = cv2.resize(shifts, (width, height), interpolation=cv2.INTER_CUBIC)
        rows, columns = np.indices((height, width), dtype=np.float32)
        return {"map_x": columns + smooth[..., 0], "map_y": rows + smooth[..., 1]}


def _orientations() -> list[A.BasicTransform]:
    return [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5), SquareTranspose(p=0.5)]
