"""bioimage.io packages: the zoo's own library tests them and refuses what it should."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import pytest
import torch
from packaging.version import Version

from hela_seg.classes import Classes
from hela_seg.cli import main
from hela_seg.data.normalise import Normalisation
from hela_seg.errors import InputError
from hela_seg.formats import package
from hela_seg.formats.package import WEIGHTS, preprocessing, write_package
from hela_seg.inference import TrainedNet
from hela_seg.models import build
from hela_seg.runs import ModelInfo

if Version(pydantic.VERSION) >= Version("2.14"):
    pytest.skip("bioimageio.spec 0.5.12 does not load with pydantic 2.14", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore")
"""The zoo's library warns of its own dependencies."""

NORMALISATIONS = {
    "dtype": Normalisation("dtype"),
    "percentile": Normalisation("percentile", (10.0, 20.0, 30.0), (200.0, 180.0, 190.0)),
    "zscore": Normalisation("zscore", (90.0, 100.0, 80.0), (120.0, 130.0, 115.0)),
    "frame": Normalisation("frame"),
}


def made(kind: str) -> TrainedNet:
    """A small net that tells dark from bright, with each kind of normalisation."""
    net = {"_target_": "hela_seg.models.unet.UNet", "width": 4, "in_channels": 3}
    torch.manual_seed(1)
    built = build(net)
    with torch.no_grad():
        for _ in range(10):
            built(torch.rand(2, 3, 64, 96))
    classes = Classes(["background", "dim", "bright"]).to_plain()
    info = ModelInfo(net, classes, NORMALISATIONS[kind].to_plain(), 3, "YXC", [], {}, {"hela_seg": "0"})
    return TrainedNet(built.eval(), info, "best.ckpt")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainedNet, Path]:
    trained, path = made("percentile"), tmp_path_factory.mktemp("zoo") / "cells.bioimageio.zip"
    write_package(trained, path)
    return trained, path


@pytest.mark.parametrize("weights", WEIGHTS)
def test_the_zoos_own_test_passes_for_each_kind_of_weights(
    weights: Any, written: tuple[TrainedNet, Path]
) -> None:
    from bioimageio.core import test_description as run_test

    assert run_test(written[1], weight_format=weights).status == "passed"


def test_the_package_holds_what_the_zoo_asks_for(written: tuple[TrainedNet, Path]) -> None:
    from bioimageio.spec import load_description
    from bioimageio.spec.model import v0_4

    found = load_description(written[1])
    assert isinstance(found, v0_4.ModelDescr)
    assert found.format_version == "0.4.10"
    assert found.outputs[0].halo == [0, 0, 128, 128]
    assert found.config["hela_seg"]["classes"][1]["name"] == "dim"
    assert found.license == "MIT"
    assert {entry.doi for entry in found.cite} >= {"10.3390/sym16020227"}
    with zipfile.ZipFile(written[1]) as archive:
        assert archive.testzip() is None
        assert "## Scores" in archive.read("README.md").decode()
        assert archive.read("cover.png").startswith(b"\x89PNG")


def test_without_contrast_nothing_is_divided_by_zero() -> None:
    info = made("zscore").info
    flat = Normalisation("percentile", (5.0, 5.0, 5.0), (5.0, 9.0, 9.0)).to_plain()
    (step,) = preprocessing(ModelInfo(**(info.to_plain() | {"normalisation": flat})))
    assert step["kwargs"]["std"] == [1.0, 4.0, 4.0]


def test_a_package_that_fails_the_zoos_test_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "_normalised", lambda *_: np.zeros((1, 3, 272, 272), np.float32))
    with pytest.raises(InputError, match="as pytorch_state_dict fails the test of bioimageio"):
        write_package(made("percentile"), tmp_path / "a.zip")
    assert not list(tmp_path.iterdir())


def test_a_folder_without_rights_is_one_line(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("_fill", "_refuse_failing"):
        monkeypatch.setattr(package, name, lambda *_: None)
    typed = [str(checkpoint), "format=bioimageio", "output=/proc/nowhere/a.zip"]
    assert main("export", typed) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "cannot write /proc/nowhere/a.zip" in line
