"""bioimage.io packages: the zoo's own library tests them and refuses what it should."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import pytest
import tifffile
import torch
from near_ties import assert_same_but_for_near_ties
from omegaconf import OmegaConf
from packaging.version import Version

from hela_seg.cli import main
from hela_seg.data.classes import Classes
from hela_seg.data.normalise import Normalisation
from hela_seg.inference import Predictor, TrainedNet
from hela_seg.interchange import package
from hela_seg.interchange.description import HALO, WEIGHTS
from hela_seg.interchange.package import write_package
from hela_seg.models import build
from hela_seg.runs.checkpoint import ModelInfo
from hela_seg.system.errors import InputError

if Version(pydantic.VERSION) >= Version("2.14"):
    pytest.skip("bioimageio.spec 0.5.12 does not load with pydantic 2.14", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore")
"""The zoo's library warns of its own dependencies."""

RESIDUAL_UNET = "hela_seg.models.residual_unet.ResidualUNet"
NORMALISATIONS = {
    "dtype": Normalisation("dtype"),
    "percentile": Normalisation("percentile", (10.0, 20.0, 30.0), (200.0, 180.0, 190.0)),
    "zscore": Normalisation("zscore", (90.0, 100.0, 80.0), (120.0, 130.0, 115.0)),
    "frame": Normalisation("frame"),
}


def made(kind: str, classes: int = 3, context: int = 0) -> TrainedNet:
    """A small net, with each kind of normalisation."""
    channels = 3 * (2 * context + 1)
    net = {"_target_": RESIDUAL_UNET, "width": 4, "levels": 3, "in_channels": channels, "classes": classes}
    torch.manual_seed(1)
    built = build(net)
    with torch.no_grad():
        for _ in range(10):
            built(torch.rand(2, channels, 64, 96))
    named = Classes(["background", "dim", "bright", "dead", "blurred"][:classes]).to_plain()
    config = {"data": {"context": context}}
    info = ModelInfo(net, named, NORMALISATIONS[kind].to_plain(), 3, "YXC", [], config, {"hela_seg": "0"})
    return TrainedNet(built.eval(), info, "best.ckpt")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainedNet, Path]:
    trained, path = made("percentile"), tmp_path_factory.mktemp("zoo") / "cells.bioimageio.zip"
    write_package(trained, path)
    return trained, path


def test_the_zoos_own_test_passes_for_each_kind_of_weights(written: tuple[TrainedNet, Path]) -> None:
    from bioimageio.core import test_description as run_test

    assert [run_test(written[1], weight_format=weights).status for weights in WEIGHTS] == ["passed"] * 3


@pytest.mark.slow
def test_the_zoos_command_passes(written: tuple[TrainedNet, Path]) -> None:
    command = [sys.executable, "-m", "bioimageio.core", "test", str(written[1])]
    for weights in WEIGHTS:
        subprocess.run([*command, f"--weight_format={weights}"], check=True, capture_output=True)


@pytest.mark.slow
def test_blocks_at_the_stated_halo_are_the_whole_image(written: tuple[TrainedNet, Path]) -> None:
    trained, path = written
    image = grey(512, 560)
    whole, blocks = computed(path, image, mirrored=True), computed(path, image, block=400)
    assert blocks.shape == whole.shape == (1, 3, 512, 560)
    np.testing.assert_allclose(blocks, whole, atol=1e-5)
    np.testing.assert_allclose(blocks.sum(axis=1), 1, atol=1e-5)
    # nearer to the image's borders one sees what is mirrored there, the other nothing
    inner = np.s_[..., HALO:-HALO, HALO:-HALO]
    here = Predictor([trained])
    scores = here.predict_proba(image, "YXC")[inner]
    found, expected = blocks.argmax(axis=1)[inner], here.predict(image, "YXC")[inner]
    assert_same_but_for_near_ties(found, expected, scores, within=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", NORMALISATIONS)
@pytest.mark.parametrize("image_type", ["uint8", "uint16"])
def test_a_tile_has_the_labels_that_it_has_here(kind: str, image_type: str, tmp_path: Path) -> None:
    trained, path = made(kind, classes=5), tmp_path / "a.zip"
    write_package(trained, path, image_type)
    image = grey(512, 544).astype(image_type) * (200 if image_type == "uint16" and kind == "dtype" else 1)
    here = Predictor([trained])
    for weights in WEIGHTS:
        there = computed(path, image, weights)
        scores = here.predict_proba(image, "YXC")
        np.testing.assert_allclose(there, scores, atol=1e-4)
        assert_same_but_for_near_ties(there.argmax(axis=1), here.predict(image, "YXC"), scores, within=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["percentile", "frame"])
def test_a_net_that_sees_frames_before_and_after_takes_them_as_channels(kind: str, tmp_path: Path) -> None:
    trained, path = made(kind, context=1), tmp_path / "a.zip"
    write_package(trained, path)
    film = np.stack([np.roll(grey(512, 544), 8 * t, axis=1) for t in range(3)])
    here, channels = Predictor([trained]), np.concatenate(list(film), axis=-1)
    expected, scores = here.predict(film, "TYXC")[1:2], here.predict_proba(film, "TYXC")[1:2]
    for weights in WEIGHTS:
        there = computed(path, channels, weights)
        np.testing.assert_allclose(there, scores, atol=1e-4)
        assert_same_but_for_near_ties(there.argmax(axis=1), expected, scores, within=2e-4)


def grey(height: int, width: int) -> np.ndarray:
    """Squares (H, W, C) uint8 of many brightnesses."""
    coarse = np.random.default_rng(3).integers(0, 256, (height // 16, width // 16, 3), np.uint8)
    return coarse.repeat(16, axis=0).repeat(16, axis=1)


def computed(
    path: Path, image: np.ndarray, weights: Any = "torchscript", block: int = 0, mirrored: bool = False
) -> np.ndarray:
    """Probabilities (1, K, H, W) of an image (H, W, C) by bioimageio.core, as a whole or block by block."""
    from bioimageio.core import create_prediction_pipeline
    from bioimageio.core.digest_spec import create_sample_for_model
    from bioimageio.spec import load_model_description

    # the form in which ilastik loads it too
    model = load_model_description(path, format_version="latest")
    with create_prediction_pipeline(model, weights_format=weights) as pipeline:
        pixels = image.transpose(2, 0, 1)[None].astype(np.float32)
        sample = create_sample_for_model(model, inputs={"image": pixels})
        if block:
            shape: Any = {"image": {"batch": 1, "channel": 3, "y": block, "x": block}}
            found = pipeline.predict_sample_with_fixed_blocking(sample, shape)
        else:
            found = pipeline.predict_sample_without_blocking(
                sample, skip_input_padding=not mirrored, skip_output_cropping=not mirrored
            )
        return np.asarray(found.as_arrays()["probabilities"])


def test_the_package_holds_what_the_zoo_asks_for(written: tuple[TrainedNet, Path]) -> None:
    from bioimageio.spec import load_description
    from bioimageio.spec.model import v0_4

    found = load_description(written[1])
    assert isinstance(found, v0_4.ModelDescr)
    assert found.format_version == "0.4.10"
    assert found.outputs[0].halo == [0, 0, HALO, HALO]
    assert found.outputs[0].description.startswith("of each class, in this order: background, dim, bright")
    assert found.config["hela_seg"]["classes"][1]["name"] == "dim"
    assert found.license == "MIT"
    assert {entry.doi for entry in found.cite} >= {"10.3390/sym16020227"}
    with zipfile.ZipFile(written[1]) as archive:
        assert archive.testzip() is None
        readme = archive.read("README.md").decode()
        assert "## Scores" in readme
        assert "no image of the training data" in readme
        assert archive.read("cover.png").startswith(b"\x89PNG")
        sample = tifffile.imread(io.BytesIO(archive.read("sample_output.tif")))
        assert (sample == np.load(io.BytesIO(archive.read("test_output.npy")))[0]).all()


def test_the_type_of_images_is_taken_from_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_here = made("dtype")
    known = replace(made_here, info=replace(made_here.info, training_statistics={"dtypes": ["uint16"]}))
    monkeypatch.setattr(package, "write_onnx", lambda _, path, __: path.touch())
    monkeypatch.setattr(package, "_refuse_failing", lambda *_: None)  # it is run by the tests above
    write_package(known, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        content = OmegaConf.create(archive.read("rdf.yaml").decode())
        assert "type uint16: 0 to 65535 becomes" in archive.read("README.md").decode()
    (step,) = content.inputs[0].preprocessing
    assert step.kwargs.gain == pytest.approx(1 / 65535)
    with pytest.raises(InputError, match="image_type is None"):
        write_package(made_here, tmp_path / "b.zip")


def test_a_package_that_fails_the_zoos_test_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "_normalised", lambda *_: np.zeros((1, 3, 512, 512), np.float32))
    # what the exporters do is not at stake, and takes seconds
    monkeypatch.setattr(package, "write_onnx", lambda _, path, __: path.touch())
    with pytest.raises(InputError, match="as pytorch_state_dict fails the test of bioimageio"):
        write_package(made("percentile"), tmp_path / "a.zip")
    assert not list(tmp_path.iterdir())


def test_what_is_wrong_with_the_file_is_one_line(
    checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "there.zip"
    there.write_text("mine")
    for said, output in {"cannot be made": "/proc/nowhere/a.zip", "already there": str(there)}.items():
        assert main("export", [str(checkpoint), "format=bioimageio", f"output={output}"]) == 2
        (line,) = capfd.readouterr().err.splitlines()
        assert said in line
    assert there.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["there.zip"]
