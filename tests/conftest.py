"""Small data and a small trained net, made once for all tests."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import yaml
from crash_reports import (  # noqa: F401  # hooks of pytest
    pytest_configure,
    pytest_configure_node,
    pytest_handlecrashitem,
    pytest_testnodedown,
)
from hydra import compose, initialize_config_dir
from hypothesis import settings
from omegaconf import DictConfig
from PIL import Image

from hela_seg.cli import CONFIG, main

if "PYTEST_XDIST_WORKER" in os.environ:
    # one core for each process that runs tests and for those that it starts; read when torch is imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_finish() -> None:
    """Garbage collections leave out what modules made while they were imported: a million objects."""
    gc.collect()
    gc.freeze()


settings.register_profile("patient", deadline=None)  # a busy machine is not a slow function
settings.load_profile("patient")

SMALL_NET = [
    "model.width=4",
    "data.tile=[32,32]",
    "data.batch_size=2",
    "data.steps_per_epoch=2",
    "trainer=cpu",
    "report=false",
]
"""Overrides that make a run of a second out of any training."""


def composed(*typed: str) -> DictConfig:
    """The settings of ``train`` with what a user types."""
    with initialize_config_dir(str(CONFIG), version_base="1.3"):
        return compose("train", ["output_dir=out", *typed])


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real images, where this machine has them."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real images of ../shared/data are not on this machine")
    return folder


@pytest.fixture(autouse=True, scope="session")
def _composed_once() -> Iterator[None]:
    """Commands that run inside of tests compose their configuration once, of files that are parsed once.

    Hydra composes it a first time only to see whether it sets ``hydra.mode``, which no file of ours does, and
    parses the same files for every command; that is a third of a small training run. Commands in processes
    of their own do both.
    """
    load, parsed = yaml.load, dict[tuple[str, str], Any]()

    def parse_once(stream: Any, Loader: Any) -> Any:  # named as PyYAML does
        text = stream.read() if hasattr(stream, "read") else stream
        key = str(text), Loader.__name__
        if key not in parsed:
            parsed[key] = load(text, Loader)
        return deepcopy(parsed[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hydra._internal.hydra.Hydra.get_mode", lambda *_, **__: None)
        patch.setattr(yaml, "load", parse_once)
        yield


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluations write no report: its figures take longer than all else, and the test looks at none."""
    monkeypatch.setattr("hela_seg.evaluate.write_report", lambda *_: None)


@pytest.fixture(autouse=True)
def _loggers_left_alone() -> Iterator[None]:
    """Hydra points the root logger at the standard error of the test that ran it, which is closed later."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level


def draw_cells(seed: int, frames: int, height: int = 48, width: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Grey frames (T, H, W) uint8 with bright squares (class 2) and dim ones (class 1), and their labels."""
    random = np.random.default_rng(seed)
    labels = np.zeros((frames, height, width), np.uint8)
    for t in range(frames):
        for value in (1, 2):
            row, column = int(random.integers(height - 12)), int(random.integers(width - 12))
            labels[t, row : row + 12, column : column + 12] = value
    images = np.array([20, 110, 220])[labels] + random.integers(-15, 15, labels.shape)
    return images.astype(np.uint8), labels


def write_folder(root: Path, series: int = 5, frames: int = 2) -> Path:
    """The layout of ``data=folder``: stacks with stated axes, masks as TIFF."""
    for index in range(series):
        images, labels = draw_cells(index, frames)
        for name, stack in (("images", images), ("masks", labels)):
            path = root / name / f"dish {index}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, stack, photometric="minisblack", metadata={"axes": "TYX"})
    return root


def write_dryad(root: Path, size: int = 64) -> Path:
    """The paper's layout: RGB TIFF frames with PNG masks of other names that sort alike."""
    for part, count in (("train", 3), ("validate", 2), ("test", 2)):
        for index in range(count):
            images, labels = draw_cells(index, 1, size, size)
            image = root / f"X_{part}" / part / f"frame_{index:03}.tiff"
            mask = root / f"y_{part}" / part / f"mask_{index:03}.png"
            image.parent.mkdir(parents=True, exist_ok=True)
            mask.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(image, np.stack([images[0] // 3, images[0], images[0] // 2], axis=-1))
            Image.fromarray(labels[0]).save(mask)
    return root


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five short grey recordings with masks, as ``data=folder`` reads them."""
    return write_folder(tmp_path_factory.mktemp("cells"))


@pytest.fixture(scope="session")
def run(cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished training run on `cells`."""
    folder = tmp_path_factory.mktemp("run")
    arguments = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]", *SMALL_NET]
    # a loss and a rate with which two epochs do not end in one class nearly everywhere
    more = ["report=true", "model=unet", "loss=focal", "scheduler=constant", "trainer.max_epochs=2"]
    status = main("train", [*arguments, *more, f"hydra.run.dir={folder}"])
    assert status == 0
    return folder


@pytest.fixture(scope="session")
def checkpoint(run: Path) -> Path:
    """The best checkpoint of `run`."""
    return run / "checkpoints" / "best.ckpt"
