"""Class maps come back at the frame's own size, and tiles do not show in them."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_runs import INFO
from torch import Tensor, nn

import hela_seg
from hela_seg import inference
from hela_seg.cli import main
from hela_seg.data.labels import ValueLabels
from hela_seg.data.layouts import Recording
from hela_seg.data.splits import Block
from hela_seg.data.stacks import ArraySeries
from hela_seg.errors import InputError
from hela_seg.inference import Predictor, count_pixels
from hela_seg.runs import ModelInfo


class Pool(nn.Module):
    """A net of stride 4 whose output depends on 7 pixels around."""

    stride = 4

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(channels, 2, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        pooled = nn.functional.avg_pool2d(image, 4)
        return nn.functional.interpolate(self.conv(pooled), scale_factor=4.0) + image.mean(1, keepdim=True)


class Brightness(nn.Module):
    """Class 1 where the first channel is above one half; needs no context."""

    stride = 16

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat([0.5 - image[:, :1], image[:, :1] - 0.5], dim=1)


def info(channels: int = 1) -> ModelInfo:
    return ModelInfo(**(INFO.to_plain() | {"channels": channels}))


@pytest.mark.parametrize("size", [(1, 1), (37, 53), (16, 16), (70, 110)])
def test_frames_of_any_size_come_back_at_their_own(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, *size), dtype=np.uint8)
    labels = Predictor(Brightness(), info()).predict(image)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, image > 127)


@given(height=st.integers(1, 70), width=st.integers(1, 70), seed=st.integers(0, 9))
def test_tiles_do_not_show(height: int, width: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    predictor = Predictor(Pool(), info())
    with pytest.MonkeyPatch.context() as patch:
        whole = predictor.predict(image)
        patch.setattr(inference, "WHOLE_FRAME_PIXELS", 0)
        patch.setattr(inference, "TILE", (32, 32))
        patch.setattr(inference, "HALO", 8)
        np.testing.assert_array_equal(predictor.predict(image), whole)


@pytest.mark.parametrize(
    ("shape", "channels", "axes", "expected"),
    [
        ((8, 9), 1, None, (1, 8, 9)),
        ((2, 8, 9), 1, None, (2, 8, 9)),
        ((2, 1, 8, 9), 1, None, (2, 8, 9)),
        ((3, 8, 9), 3, None, (1, 8, 9)),
        ((8, 9, 3), 3, None, (1, 8, 9)),
        ((2, 3, 8, 9), 3, None, (2, 8, 9)),
        ((2, 8, 9, 3), 3, None, (2, 8, 9)),
        ((3, 8, 3), 3, "CYX", (1, 8, 3)),
        ((3, 8, 9, 3), 3, "TYXC", (3, 8, 9)),
    ],
)
def test_axes_of_arrays_follow_from_the_channels(
    shape: tuple[int, ...], channels: int, axes: str | None, expected: tuple[int, ...]
) -> None:
    labels = Predictor(Brightness(), info(channels)).predict(np.zeros(shape, np.uint8), axes)
    assert labels.shape == expected


def test_an_array_of_unknown_axes_is_refused() -> None:
    predictor = Predictor(Brightness(), info(3))
    for shape in ((3, 8, 3), (8, 9)):
        with pytest.raises(InputError, match="axes="):
            predictor.predict(np.zeros(shape, np.uint8))
    with pytest.raises(InputError, match="expected one of the letters"):
        predictor.predict(np.zeros((3, 8, 9), np.uint8), "XY")


def test_other_channels_than_trained_on_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "rgb.tif", np.zeros((8, 9, 3), np.uint8), photometric="rgb")
    with pytest.raises(InputError, match=r"rgb\.tif has 3 channel\(s\), expected 1"):
        Predictor(Brightness(), info()).predict(tmp_path / "rgb.tif")


def test_the_checkpoints_axes_settle_a_file_that_does_not_state_its_own(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (5, 8, 9), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "plain.tif", frames)
    np.testing.assert_array_equal(
        Predictor(Brightness(), info()).predict(tmp_path / "plain.tif"), frames > 127
    )


def test_counted_pixels_are_those_of_the_blocks() -> None:
    image = np.random.default_rng(0).integers(0, 256, (4, 20, 30), dtype=np.uint8)
    mask = (image > 100).astype(np.uint8)
    predictor = Predictor(Brightness(), info())
    recording = Recording(ArraySeries(image, "TYX", 1), ArraySeries(mask, "TYX", 1))
    matrix = count_pixels(
        predictor,
        [recording],
        [Block(0, 0, 1, "test"), Block(0, 3, 4, "test")],
        ValueLabels(predictor.classes),
    )
    chosen = image[[0, 3]]
    expected = [
        [(chosen <= 100).sum(), 0],
        [((chosen > 100) & (chosen <= 127)).sum(), (chosen > 127).sum()],
    ]
    np.testing.assert_array_equal(matrix, expected)


def test_load_gives_what_was_trained(checkpoint: Path, cells: Path) -> None:
    predictor = hela_seg.load(checkpoint)
    assert predictor.classes.names == ["background", "dim", "bright"]
    labels = predictor.predict(cells / "images" / "dish 0.tif")
    assert labels.shape == (2, 48, 64)
    array = tifffile.imread(cells / "images" / "dish 0.tif")
    np.testing.assert_array_equal(predictor.predict(array), labels)


def test_threads_may_share_one_predictor(checkpoint: Path, cells: Path) -> None:
    predictor = hela_seg.load(checkpoint)
    paths = sorted((cells / "images").iterdir())
    alone = [predictor.predict(path) for path in paths]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(predictor.predict, paths))
    np.testing.assert_array_equal(together, alone)


def test_weights_of_another_net_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    other = copy.deepcopy(content)
    other["hela_seg"]["net"]["width"] = 8
    torch.save(other, tmp_path / "other.ckpt")
    with pytest.raises(InputError, match="holds weights of another net than it names"):
        hela_seg.load(tmp_path / "other.ckpt")


def test_a_stranger_cannot_choose_what_is_called(checkpoint: Path, tmp_path: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content["hela_seg"]["net"] = {"_target_": "os.mkdir", "path": str(tmp_path / "made")}
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(InputError):
        hela_seg.load(tmp_path / "other.ckpt")
    assert not (tmp_path / "made").exists()


def test_a_device_that_is_not_there_is_refused(checkpoint: Path) -> None:
    with pytest.raises(InputError, match="device is 'abacus'"):
        hela_seg.load(checkpoint, device="abacus")


@pytest.mark.parametrize("name", ["hela-nucleolus/images/cell56.tif", "t98g-phase/stills/images/set01.tif"])
def test_real_frames_come_back_at_their_own_size(name: str, shared: Path, checkpoint: Path) -> None:
    labels = hela_seg.load(checkpoint).predict(shared / name)
    assert labels.shape[1:] == tifffile.imread(shared / name).shape


def test_a_real_stack_of_unstated_axes_is_predicted_as_time(
    shared: Path, checkpoint: Path, tmp_path: Path
) -> None:
    stack = shared / "hela-h2b-timelapse" / "images.tif"
    assert main("predict", [str(checkpoint), str(stack), "-o", str(tmp_path / "out")]) == 0
    with tifffile.TiffFile(tmp_path / "out" / "images.labels.tif") as file:
        assert (file.series[0].axes, file.series[0].shape) == ("TYX", (20, 700, 1100))
