"""Frames and tiles as pictures: where a segmentation is right and wrong, and what a net was trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.context import own_channels, parts_of_time
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.dataset import Sample
from hela_seg.data.frames import LabelFrames
from hela_seg.data.layouts import Recording
from hela_seg.data.sampler import Draw
from hela_seg.data.splits.split import Block
from hela_seg.data.stacks import PixelSize
from hela_seg.inference import Predictor
from hela_seg.report.page import Gallery, Picture
from hela_seg.report.pictures.blending import Image, Labels, blend, contrast_of, fit_panel
from hela_seg.report.pictures.blending import Picture as Pixels
from hela_seg.report.pictures.scale import bar_length, draw_scale_bar
from hela_seg.scores.confusion import mean_over_classes, scores_of
from hela_seg.scores.counts import FrameCounts

LONGEST = 1024
"""Most pixels of a panel's longer side."""

MOST_BYTES = 2 * 2**20
"""Of all panels; half of what a page may have, for text takes a third more than bytes."""

TILES, TILE_SIDE = 6, 192
TILES_LOOKED_AT = 48
PALEST, PALE = 150, 0.4
"""Grey under errors: from light to white, so that dark classes stand out too."""


ClassMaps = Callable[[Block, int], Labels]
"""A block that was scored and a frame of it -> the class map (H, W) uint8 whose pixels were counted."""


@dataclass(frozen=True, eq=False)
class _Frame:
    title: str
    image: Image
    truth: Labels
    found: Labels
    what: str
    wrong: str
    pixel_size: PixelSize | None = None


def examples_of(
    data: TimelapseData,
    blocks: Sequence[Block],
    maps: ClassMaps,
    counts: FrameCounts,
    found: str = "prediction",
) -> tuple[Gallery, ...]:
    """The frames with the best, the median and the worst m-IoU: image, truth, what was found, and errors.

    Args:
        data: opened.
        blocks: the frames that were scored, in the order in which they were counted.
        maps: the class maps that were scored.
        counts: of all frames.
        found: what the class maps are called.

    Returns:
        Up to three galleries; none where no frame has a score.
    """
    frames = []
    for what, place in _chosen(counts).items():
        name, t, number = counts.places[place]
        block, matrix = blocks[number], counts.matrix[place]
        recording = data.recordings[block.series]
        title = f"{what}: {name}, frame {t}, m-IoU {scores_of(matrix).mean_iou:.4f}"
        wrong = f"{100 * (1 - np.trace(matrix) / matrix.sum()):.2f} % of pixels"
        truth = LabelFrames(recording.mask, data.labels).whole(t)
        image = recording.image
        frames.append(_Frame(title, image.frame(t), truth, maps(block, t), found, wrong, image.pixel_size))
    return _small_enough(frames, data.classes)


def predicted(
    predictor: Predictor, recordings: Sequence[Recording], blocks: Sequence[Block] = ()
) -> ClassMaps:
    """Class maps that a net predicts, frame by frame as they are asked for.

    Args:
        predictor: the net.
        recordings: images and masks.
        blocks: all that were counted, beside the one that is asked for.
    """

    def class_map(block: Block, t: int) -> Labels:
        image = recordings[block.series].image
        # with the neighbours that it was counted with, for a batch may round otherwise than a single frame
        groups = predictor.groups(image, range(block.start, block.stop))
        group = next(group for group in groups if t in group)
        parts = parts_of_time([*blocks, block])[block.series, block.part]
        return dict(zip(group, predictor.frames(image, group, parts), strict=True))[t]

    return class_map


def errors_of(image: Image, truth: Labels, found: Labels, classes: Classes) -> Pixels:
    """A pale picture (H, W, 3) uint8 on which wrong pixels have the colour of the class found there.

    Ignored pixels of the truth are not wrong. The image is (C, H, W), both class maps are (H, W).
    """
    grey = blend(image, np.zeros_like(truth), classes).mean(axis=2, keepdims=True)
    picture: Pixels = np.repeat(PALEST + PALE * grey, 3, axis=2).astype(np.uint8)
    wrong = (truth != found) & (truth != IGNORE_INDEX)
    picture[wrong] = np.array([entry.rgb for entry in classes], np.uint8)[found[wrong]]
    return picture


def training_tiles(data: TimelapseData) -> Gallery:
    """Tiles of the first epoch with their labels, as they were cut and after augmentation.

    Of the first 48, those with most pixels of classes other than the background.
    """
    before, after = data.train_tiles(augmented=False), data.train_tiles()
    draws = [Draw(0, number) for number in range(TILES_LOOKED_AT)]
    labels = {draw: before[draw]["label"] for draw in draws}
    foreground = {draw: int(((of > 0) & (of != IGNORE_INDEX)).sum()) for draw, of in labels.items()}
    chosen = sorted(draws, key=lambda draw: -foreground[draw])[:TILES]
    pictures: list[Picture] = []
    for number, draw in enumerate(chosen, 1):
        pictures += _pair(number, before[draw], after[draw], data)
    caption = (
        f"Of the first {TILES_LOOKED_AT} tiles of the first epoch, those with most pixels of classes other "
        "than the background, with their labels, in the contrast of the tile as it was cut. Hatched: pixels "
        "that count nowhere, such as what augmentation brings in from outside of the image."
    )
    return Gallery(tuple(pictures), caption=caption)


def _chosen(counts: FrameCounts) -> dict[str, int]:
    """Places of the frames to show, by what they are."""
    mean = mean_over_classes(scores_of(counts.matrix).iou)
    order = [int(place) for place in np.argsort(mean, kind="stable") if np.isfinite(mean[place])]
    if not order:
        return {}
    if len(order) == 1:
        return {"The only frame": order[0]}
    middle = {"Median": order[len(order) // 2]} if len(order) > 2 else {}
    return {"Best": order[-1], **middle, "Worst": order[0]}


def _small_enough(frames: Sequence[_Frame], classes: Classes) -> tuple[Gallery, ...]:
    """Galleries of panels of up to `LONGEST` pixels, or of as many as keep to `MOST_BYTES`."""
    longest = LONGEST
    while True:
        galleries = []
        for frame in frames:
            panels = _panels(frame, classes, longest)
            shown = (Picture.of(pixels, f"{frame.title}: {text}", text) for text, pixels in panels)
            galleries.append(Gallery(tuple(shown), frame.title))
        pictures = [picture for gallery in galleries for picture in gallery.pictures]
        size = sum(len(picture.jpeg) for picture in pictures)
        if size <= MOST_BYTES:
            return tuple(galleries)
        side = max(max(picture.width, picture.height) for picture in pictures)
        longest = int(0.95 * side * math.sqrt(MOST_BYTES / size))


def _panels(frame: _Frame, classes: Classes, longest: int) -> Iterator[tuple[str, Pixels]]:
    image, truth = fit_panel(frame.image, frame.truth, longest)
    _, found = fit_panel(frame.image[:1], frame.found, longest)
    shown = blend(image, np.zeros_like(truth), classes)
    draw_scale_bar(shown, frame.truth.shape, frame.pixel_size)
    bar = None if frame.pixel_size is None else bar_length(frame.truth.shape[1], frame.pixel_size)
    yield "image" if bar is None else f"image, bar {bar:g} µm", shown
    yield "truth", blend(image, truth, classes)
    yield frame.what, blend(image, found, classes)
    yield f"errors: {frame.wrong}", errors_of(image, truth, found, classes)


def _pair(number: int, before: Sample, after: Sample, data: TimelapseData) -> Iterator[Picture]:
    own = own_channels(data.channels, data.context)
    contrast = contrast_of([before["image"][own].numpy()])
    series, t, row, column = before["origin"].tolist()
    place = f"{data.names[series]}, frame {t}, row {row}, column {column}"
    for sample, what in ((before, "as cut"), (after, "augmented")):
        labels = sample["label"].numpy().astype(np.uint8)
        pixels = blend(*fit_panel(sample["image"][own].numpy(), labels, TILE_SIDE), data.classes, contrast)
        yield Picture.of(pixels, f"Tile {number} {what}: {place}", f"{number} {what}")
