"""Validation frames as image, truth and prediction, for each logger that takes pictures."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from conftest import SMALL_NET
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from hela_seg.cli import main
from hela_seg.data.classes import Classes
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.frames import LabelFrames
from hela_seg.data.normalise import Normalisation
from hela_seg.data.splits.split import Block
from hela_seg.data.tiles import Window
from hela_seg.runs.checkpoint import read_checkpoint
from hela_seg.training.pictures import GAP, _inside, _middle, _picture, panels, spread

CLASSES = Classes(["background", "dim", "bright"])


def test_frames_are_spread_over_all_blocks() -> None:
    assert spread([Block(0, 0, 10, "validation")], 2) == [(0, 2), (0, 7)]
    blocks = [Block(4, 5, 6, "validation"), Block(7, 0, 1, "validation")]
    assert spread(blocks, 3) == [(4, 5), (7, 0)]
    assert spread([], 3) == []


def test_the_panels_are_image_truth_and_prediction_in_our_colours() -> None:
    image = np.random.default_rng(0).random((1, 480, 480), np.float32)
    truth, prediction = np.zeros((2, 480, 480), np.uint8)
    truth[10:40, 10:40], prediction[10:40, 10:40] = 1, 2
    picture = panels(image, truth, prediction, CLASSES)
    assert picture.shape == (480, 3 * 480 + 2 * GAP, 3)
    step = 480 + GAP
    assert (picture[10, 10] == picture[10, 10, 0]).all()
    assert tuple(picture[10, step + 10]) == CLASSES[1].rgb
    assert tuple(picture[10, 2 * step + 10]) == CLASSES[2].rgb
    assert (picture[:, 480 : 480 + GAP] == 255).all()


@pytest.mark.parametrize(
    ("size", "window", "shown"),
    [
        ((48, 64), Window(-8, 0, 64, 64), (slice(8, 56), slice(0, 64))),
        ((700, 1100), Window(94, 294, 512, 512), (slice(0, 512), slice(0, 512))),
        ((1, 512), Window(-16, 0, 32, 512), (slice(16, 17), slice(0, 512))),
    ],
)
def test_the_middle_of_a_frame_has_sides_that_the_net_takes(
    size: tuple[int, int], window: Window, shown: tuple[slice, slice]
) -> None:
    assert _middle(size, 32) == window
    assert _inside(window, size) == shown


class DimIsBackground:
    """A task that takes what is bright for the third class and all else for the first."""

    net = SimpleNamespace(stride=32)
    device = torch.device("cpu")

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        bright = (images > 0.6).float()
        return torch.cat([1 - bright, torch.zeros_like(bright), bright], dim=1)


def test_a_picture_is_of_the_frame_that_it_names(checkpoint: Path) -> None:
    info, _ = read_checkpoint(checkpoint)
    data = TimelapseData.from_plain(info.config["data"])
    data.open(info.split)
    data.normalisation = Normalisation("dtype")
    trainer: Any = SimpleNamespace(precision_plugin=SimpleNamespace(forward_context=nullcontext))
    task: Any = DimIsBackground()
    picture = _picture(data, 1, 1, trainer, task)
    image = (data.recordings[1].image.frame(1) / np.float32(255)).astype(np.float32)
    truth = LabelFrames(data.recordings[1].mask, data.labels).whole(1)
    prediction = np.where(image[0] > 0.6, 2, 0).astype(np.uint8)
    expected = panels(image, truth, prediction, data.classes)
    assert np.abs(picture.astype(int) - expected).max() <= 1


def test_every_few_epochs_they_are_beside_the_csv_and_in_tensorboard_and_change_nothing_that_is_learned(
    cells: Path, tmp_path: Path
) -> None:
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]"]
    settings = [*data, *SMALL_NET, "model=unet", "model.dropout=0.3", "trainer.max_epochs=3"]
    shown = ["callbacks.validation_pictures.every_epochs=2", "callbacks.validation_pictures.frames=1"]
    for name, choice in (("with", shown), ("without", ["~callbacks.validation_pictures"])):
        assert main("train", [*settings, *choice, f"hydra.run.dir={tmp_path / name}"]) == 0
    tables = [(tmp_path / name / "logs" / "metrics.csv").read_text() for name in ("with", "without")]
    assert tables[0] == tables[1]
    files = sorted((tmp_path / "with" / "logs" / "validation").iterdir())
    assert [file.name.split(" ")[0] for file in files] == ["epoch_001", "epoch_003"]
    with Image.open(files[0]) as picture:
        assert picture.size == (3 * 448 + 2 * GAP, 336)
    log = EventAccumulator(str(tmp_path / "with" / "logs" / "tensorboard"))
    log.Reload()
    (tag,) = log.Tags()["images"]
    assert f"epoch_001 {tag.removeprefix('validation/')}.png" == files[0].name
    assert [event.step for event in log.Images(tag)] == [2, 6]
