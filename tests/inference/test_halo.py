"""At the default halo the full nets predict real frames in tiles as they do whole.

An untrained net is no judge: its scores lie so close together that the last bit decides on a class, and batch
normalisation that has seen nothing lets far pixels count. So each net is trained a little, on real frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from hela_seg.cli import main
from hela_seg.inference import Predictor, Tiling

NETS = ("unet", "vgg19_unet", "inception_unet", "resnet34_unet")
SMALL_STEPS = ["data.tile=[128,128]", "data.batch_size=4", "data.steps_per_epoch=60", "trainer.max_epochs=1"]
MOST = 0.001
"""Share of pixels that may differ."""


def trained(net: str, shared: Path, folder: Path) -> Path:
    """A checkpoint of a net that tells nuclei and their borders, more or less."""
    recording = [f"data.root={shared / 'hela-h2b-timelapse'}", "data.images=images.tif", "data.axes=TYX"]
    masks = ["data.masks=instances.tif", "data.labels.kind=instances"]
    classes = ["data.classes=[background,interior,border]", "data.normalise=frame"]
    split = ["data.split.validation=0", "data.split.test=4"]
    typed = ["data=timelapse", *recording, *masks, *classes, *split, *SMALL_STEPS, f"model={net}"]
    assert main("train", [*typed, "trainer=cpu", "logger=csv", f"hydra.run.dir={folder}"]) == 0
    return folder / "checkpoints" / "last.ckpt"


def real_frames(shared: Path) -> Iterator[np.ndarray]:
    """Frames (H, W) of fluorescence and of phase contrast, which the nets were not trained on."""
    yield from tifffile.imread(shared / "hela-h2b-timelapse" / "images.tif")[[0, -1]]
    stills = sorted((shared / "t98g-phase" / "stills" / "images").iterdir())
    yield tifffile.imread(stills[0])


@pytest.mark.slow
@pytest.mark.parametrize("net", NETS)
def test_tiles_do_not_show_in_real_frames(net: str, shared: Path, tmp_path: Path) -> None:
    checkpoint = trained(net, shared, tmp_path)
    whole = Predictor.from_checkpoint(checkpoint)
    tiled = Predictor.from_checkpoint(checkpoint, tiling=Tiling(tile=(512, 512)))
    for frame in real_frames(shared):
        expected, found = whole.predict(frame), tiled.predict(frame)
        assert np.bincount(expected.ravel()).max() < 0.99 * expected.size  # else there is nothing to see
        assert (found != expected).mean() <= MOST
