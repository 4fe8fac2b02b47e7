"""Pictures show the frames that they name, in the colours of the classes, and fit into a page."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hela_seg.data.classes import Classes
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.frames import LabelFrames
from hela_seg.data.layouts import Recording
from hela_seg.data.sampler import Draw
from hela_seg.data.splits.split import Block
from hela_seg.data.stacks import ArraySeries, PixelSize
from hela_seg.inference import Predictor, count_frames
from hela_seg.report.page import Picture
from hela_seg.report.pictures.blending import blend, fit_panel
from hela_seg.report.run import examples
from hela_seg.report.run.examples import MOST_BYTES, errors_of, examples_of, predicted, training_tiles
from hela_seg.scores.counts import FrameCounts

CLASSES = Classes(["background", "round", "spread"])


def counts_of(shares: list[float]) -> FrameCounts:
    """Frames of two classes of 100 pixels each, with these shares right; NaN has no pixels at all."""
    matrices = np.zeros((len(shares), 3, 3), np.int64)
    for matrix, share in zip(matrices, shares, strict=True):
        if not np.isnan(share):
            right = round(100 * share)
            matrix[:2, :2] = [[right, 100 - right], [100 - right, right]]
    place = np.arange(len(shares))
    return FrameCounts(("dish",) * len(shares), place, np.zeros_like(place), matrices)


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([0.5, 0.9, 0.7], {"Best": 1, "Median": 2, "Worst": 0}),
        ([0.9, np.nan, 0.2], {"Best": 0, "Worst": 2}),
        ([np.nan, 0.5], {"The only frame": 1}),
        ([np.nan], {}),
    ],
)
def test_frames_are_chosen_by_their_own_score(shares: list[float], expected: dict[str, int]) -> None:
    assert examples._chosen(counts_of(shares)) == expected


def test_wrong_pixels_have_the_colour_of_the_class_predicted_there() -> None:
    truth = np.array([[0, 1, 2, 255]], np.uint8)
    prediction = np.array([[1, 1, 0, 2]], np.uint8)
    picture = errors_of(np.zeros((1, 1, 4), np.uint8), truth, prediction, CLASSES)
    assert picture[0, 0].tolist() == list(CLASSES[1].rgb)
    assert picture[0, 2].tolist() == list(CLASSES[0].rgb)
    assert picture[0, 1].tolist() == picture[0, 3].tolist() == [150, 150, 150]


def test_a_picture_keeps_the_colour_of_thin_lines() -> None:
    pixels = np.full((64, 64, 3), 90, np.uint8)
    pixels[:, 32] = CLASSES[1].rgb
    picture = Picture.of(pixels, "a line", "line")
    found = np.asarray(Image.open(io.BytesIO(picture.jpeg)))
    assert found.shape == (64, 64, 3) == (picture.height, picture.width, 3)
    assert np.abs(found[:, 32].astype(int) - CLASSES[1].rgb).mean() < 12


def test_the_image_has_a_scale_bar_where_the_pixel_size_is_known() -> None:
    """A frame of 100 columns of 0.5 µm, enlarged to 400: 10 µm are 20 columns, and 80 of those shown."""
    image, labels = np.zeros((1, 100, 100), np.uint8), np.zeros((100, 100), np.uint8)
    sized, unsized = (
        list(
            examples._panels(
                examples._Frame("a", image, labels, labels, "prediction", "0 %", size), CLASSES, 1024
            )
        )
        for size in (PixelSize(0.5, 0.5), None)
    )
    caption, shown = sized[0]
    assert caption == "image, bar 10 µm"
    assert shown.shape == (400, 400, 3)
    assert (shown == 255).all(axis=2).sum(axis=1).max() == 80
    assert unsized[0][0] == "image"
    assert not (unsized[0][1] == 255).any()
    assert [caption for caption, _ in sized[1:]] == ["truth", "prediction", "errors: 0 %"]


def test_frames_of_pure_noise_are_shrunk_until_they_fit() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, (2, 640, 640)).astype(np.uint8)
    image = random.integers(0, 255, (3, 640, 640)).astype(np.uint8)
    frames = [examples._Frame("noise", image, labels[0], labels[1], "prediction", "all")] * 3
    galleries = examples._small_enough(frames, CLASSES)
    sizes = [len(picture.jpeg) for gallery in galleries for picture in gallery.pictures]
    assert len(sizes) == 12
    assert sum(sizes) <= MOST_BYTES
    assert min(picture.width for gallery in galleries for picture in gallery.pictures) > 200


def test_panels_show_the_frame_that_their_title_names(run: Path) -> None:
    net = Predictor.from_checkpoint(run / "checkpoints" / "best.ckpt")
    data = TimelapseData.from_plain(net.info.config["data"])
    data.open(net.info.split)
    blocks = data.blocks_of("test")
    counts = count_frames(net, data.recordings, blocks, data.labels).frames
    best, _ = examples_of(data, blocks, predicted(net, data.recordings), counts)
    t = int(best.title.split("frame ")[1].split(",")[0])
    recording = data.recordings[blocks[0].series]
    truth = LabelFrames(recording.mask, data.labels).whole(t)
    (prediction,) = net.predict(recording.image.frame(t)[0])
    for picture, labels in zip(best.pictures, (np.zeros_like(truth), truth, prediction), strict=False):
        expected = blend(*fit_panel(recording.image.frame(t), labels, 1024), data.classes)
        found = np.asarray(Image.open(io.BytesIO(picture.jpeg)))
        assert found.shape == expected.shape
        assert np.abs(found.astype(int) - expected).mean() < 8


class Tiles:
    """Tiles of 8x8 pixels, as many of them of the second class as the tile's number says."""

    names = ("dish",)
    classes = CLASSES
    channels, context = 1, 0

    def __init__(self, *, labelled: bool = True) -> None:
        self.labelled = labelled

    def train_tiles(self, *, augmented: bool = True) -> Tiles:
        return Tiles(labelled=not augmented)

    def __getitem__(self, draw: Draw) -> dict[str, torch.Tensor]:
        label = torch.zeros(64, dtype=torch.int64)
        if self.labelled:
            label[: draw.number] = 1
            label[draw.number :] = 255 if draw.number < 10 else 0  # ignored, and no foreground
        image = torch.full((1, 8, 8), 0.5)
        return {"image": image, "label": label.view(8, 8), "origin": torch.tensor([0, draw.number, 5, 6])}


def test_tiles_with_most_foreground_are_shown_as_cut_and_then_augmented() -> None:
    data: Any = Tiles()
    pictures = training_tiles(data).pictures
    assert [picture.caption for picture in pictures[:3]] == ["1 as cut", "1 augmented", "2 as cut"]
    assert [picture.alt for picture in pictures[::2]] == [
        f"Tile {number} as cut: dish, frame {48 - number}, row 5, column 6" for number in range(1, 7)
    ]
    cut, augmented = (
        np.asarray(Image.open(io.BytesIO(picture.jpeg))).astype(int) for picture in pictures[:2]
    )
    assert np.ptp(augmented.reshape(-1, 3), axis=0).max() == 0  # no label, so all of one grey
    assert np.ptp(cut.reshape(-1, 3), axis=0).max() > 50


class Recorder:
    """Stands for a net that takes two frames at a time; what it predicts is the frame's number."""

    def __init__(self) -> None:
        self.groups_seen: list[list[int]] = []
        self.parts_seen: list[range] = []

    def groups(self, _: Any, frames: range) -> Iterator[list[int]]:
        return (list(frames[start : start + 2]) for start in range(0, len(frames), 2))

    def frames(
        self, image: ArraySeries, group: Sequence[int], parts: Sequence[range]
    ) -> Iterator[np.ndarray]:
        self.groups_seen.append(list(group))
        self.parts_seen += parts
        return (np.full(image.shape[2:], t, np.uint8) for t in group)


def test_the_frames_group_is_that_of_its_block() -> None:
    frames = [ArraySeries(np.zeros((9, 1, 2 + number), np.uint8), "TYX", 1) for number in range(2)]
    net: Any = Recorder()
    maps = predicted(net, [Recording(series, series) for series in frames])
    assert maps(Block(1, 3, 8, "test"), 6).tolist() == [[6, 6, 6]]
    assert maps(Block(0, 3, 8, "test"), 7).tolist() == [[7, 7]]
    assert net.groups_seen == [[5, 6], [7]]
    assert net.parts_seen == [range(3, 8)] * 2
