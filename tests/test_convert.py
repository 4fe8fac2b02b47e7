"""``convert`` makes checkpoints of Keras files, or says in one line why not."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import torch
from conftest import SMALL_NET, write_dryad
from keras_h5 import graph, moved, small_values, write_saved
from keras_parity import TARGETS, draw, read_manifest, reference
from near_ties import assert_same_but_for_near_ties

import hela_seg
from hela_seg.cli import main
from hela_seg.inference.trained import TrainedNet
from hela_seg.runs.checkpoint import read_checkpoint
from hela_seg.runs.records import read_record
from hela_seg.runs.run_folder import RUN_RECORD

each_net = pytest.mark.parametrize("net_name", TARGETS)
SMALL = ["model=unet", "model.width=4"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A small file of ``model.save``."""
    return write_saved(tmp_path / "My UNet.hdf5", small_values("unet"), graph("unet"))


def width(net_name: str) -> list[str]:
    return [f"model={net_name}", "model.width=4"]


def refused(
    arguments: list[str], said: str, capfd: pytest.CaptureFixture[str], folder: Path, left: set[str]
) -> None:
    """The command ends with status 2 and one line, and leaves nothing but what was there."""
    assert main("convert", arguments) == 2
    printed = capfd.readouterr()
    (line,) = printed.err.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert printed.out == ""
    assert {path.name for path in folder.iterdir()} == left


@each_net
def test_full_size_files_give_the_logits_of_keras(net_name: str, tmp_path: Path) -> None:
    values = draw(read_manifest(net_name))
    whole = write_saved(tmp_path / "whole.hdf5", values, graph(net_name, by=57), by=57)
    weights = write_saved(tmp_path / "weights.h5", values, by=995)
    assert main("convert", [f"weights={whole}", f"model={net_name}"]) == 0
    assert main("convert", [str(weights), f"model={net_name}"]) == 0
    image, expected = reference(net_name, torch.float32)
    trained = TrainedNet.from_checkpoint(tmp_path / "whole.ckpt")
    with torch.inference_mode():
        logits = trained.net.eval()(image)
    assert (logits - expected).abs().max() < 1e-5 * expected.abs().max()
    by_numbers = read_checkpoint(tmp_path / "weights.ckpt")[1]
    for key, value in read_checkpoint(tmp_path / "whole.ckpt")[1].items():
        assert by_numbers[key].equal(value), key


def test_a_checkpoint_knows_what_the_notebook_did(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main("convert", [f"weights={file}", *SMALL]) == 0
    printed = capfd.readouterr()
    assert printed.err == ""
    assert "38 layers with weights, matched by its graph" in printed.out
    info, _ = read_checkpoint(file.with_suffix(".ckpt"))
    assert [entry["name"] for entry in info.classes] == ["background", "round", "spread"]
    assert [entry["colour"] for entry in info.classes] == ["#202020", "#E69F00", "#56B4E9"]
    assert (info.normalisation["kind"], info.channels, info.axes) == ("dtype", 3, "YXC")
    assert info.net["_target_"] == TARGETS["unet"]
    assert (info.net["in_channels"], info.net["classes"], info.net["width"]) == (3, 3, 4)
    assert (info.split, info.versions["keras"]) == ([], "2.15.0")


def test_a_checkpoint_predicts_files_and_arrays(file: Path, tmp_path: Path) -> None:
    assert main("convert", [f"weights={file}", *SMALL, f"output={tmp_path / 'new' / 'a.ckpt'}"]) == 0
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "cells.tif", image, photometric="rgb")
    predictor = hela_seg.load(tmp_path / "new" / "a.ckpt")
    labels = predictor.predict(tmp_path / "cells.tif")
    net = TrainedNet.from_checkpoint(tmp_path / "new" / "a.ckpt").net.eval()
    with torch.inference_mode():
        logits = net(torch.from_numpy(image / np.float32(255)).permute(2, 0, 1)[None])
    assert_same_but_for_near_ties(labels, logits.argmax(1).numpy(), logits.numpy())


def test_settings_are_the_users(tmp_path: Path) -> None:
    values = small_values("vgg19_unet", width=8, classes=2, channels=1)
    file = write_saved(tmp_path / "a b.h5", values, by=3)
    chosen = ["classes=[{name: rest, colour: '#000000'}, cell]", "normalise=frame", "axes=YX"]
    more = ["model=vgg19_unet", "model.width=8", "model.activation=leaky_relu"]
    assert main("convert", [str(file), *more, *chosen, "-o", str(tmp_path / "c.ckpt")]) == 0
    info, _ = read_checkpoint(tmp_path / "c.ckpt")
    assert [(entry["name"], entry["colour"]) for entry in info.classes] == [
        ("rest", "#000000"),
        ("cell", "#E69F00"),
    ]
    assert (info.normalisation["kind"], info.channels, info.axes) == ("frame", 1, "YX")
    assert info.net["activation"] == "leaky_relu"


def test_what_is_there_stays_unless_the_user_says_so(
    file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    there = file.with_suffix(".ckpt")
    there.write_text("precious")
    refused([str(file), *SMALL], "is already there", capfd, tmp_path, {file.name, there.name})
    assert there.read_text() == "precious"
    assert main("convert", [str(file), *SMALL, "overwrite=true"]) == 0
    assert read_checkpoint(there)[0].channels == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "model is not given"),
        ([], "set model=unet model.activation=relu"),
        (["model=resnet34_unet"], "holds another net than resnet34_unet"),
        (["model=resnet34_unet"], "set model=unet model.activation=relu"),
        ([*SMALL, "model.activation=leaky_relu"], "set model=unet model.activation=relu"),
        (["model=unet"], "conv2d/kernel (3, 3, 3, 4) for (3, 3, 3, 64)"),
        (["model=unet"], "and 101 more: choose the model= and model.width= that were saved"),
        ([*SMALL, "classes=[background,cell]"], "tells 3 classes apart and 2 are named (background, cell)"),
        ([*SMALL, "+model.classes=4"], "model.classes is 4 but"),
        ([*SMALL, "+model.in_channels=1"], "model.in_channels is 1 but"),
        ([*SMALL, "normalise=percentile"], "normalise is 'percentile', expected dtype or frame"),
        ([*SMALL, "output=/proc/nowhere/a.ckpt"], "cannot write /proc/nowhere/a.ckpt"),
    ],
)
def test_settings_that_do_not_fit_the_file_are_one_line(
    arguments: list[str], said: str, file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    refused([str(file), *arguments], said, capfd, tmp_path, {file.name})


def _drop(values: dict[str, Any]) -> None:
    del values["conv2d_3"]["bias"]


def _add(values: dict[str, Any]) -> None:
    values["conv2d_3"]["extra"] = np.zeros(3, np.float32)


def _reshape(values: dict[str, Any]) -> None:
    values["conv2d_3"]["bias"] = np.zeros(9, np.float32)


def _claim(values: dict[str, Any]) -> None:
    values["conv2d_3"]["bias"] = np.broadcast_to(np.float32(0), (0, 10**12))


@pytest.mark.parametrize("by_graph", [True, False])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_drop, "lacks conv2d_3/bias"),
        (_add, "has left over conv2d_3/extra"),
        (_reshape, "has in another shape conv2d_3/bias (9,) for (8,)"),
        (_claim, "has in another shape conv2d_3/bias"),
    ],
)
def test_a_variable_more_or_fewer_or_of_another_shape_is_one_line(
    change: Callable[[dict[str, Any]], None],
    said: str,
    by_graph: bool,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    values = small_values("unet")
    change(values)
    path = write_saved(tmp_path / "a.h5", values, graph("unet") if by_graph else None)
    refused([str(path), *SMALL], said, capfd, tmp_path, {"a.h5"})


def test_layers_beside_the_graph_are_left_over(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with h5py.File(file, "a") as h5:
        group = h5["model_weights"].create_group("dense")
        group.attrs["weight_names"] = ["dense/kernel:0"]
        group["dense/kernel:0"] = np.zeros((3, 3), np.float32)
        h5["model_weights"].attrs["layer_names"] = [*h5["model_weights"].attrs["layer_names"], b"dense"]
    refused([str(file), *SMALL], "has left over dense/kernel", capfd, file.parent, {file.name})


def test_weights_that_are_no_numbers_leave_nothing_behind(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    values = small_values("unet")
    values["conv2d_18"]["bias"][:] = np.inf
    path = write_saved(tmp_path / "a.h5", values)
    refused([str(path), *SMALL], "conv2d_18/bias holds NaN or infinite", capfd, tmp_path, {"a.h5"})


@pytest.mark.parametrize("content", [pickle.dumps(print), b"no HDF5", b"\x89HDF\r\n\x1a\n" + bytes(900)])
def test_no_keras_file_is_one_line(content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.hdf5"
    path.write_bytes(content)
    refused([str(path), *SMALL], "expected an HDF5 file of Keras 2's model.save", capfd, tmp_path, {"a.hdf5"})


def test_a_net_that_keras_never_had_is_one_line(
    file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = [*SMALL, "model._target_=hela_seg.models.blocks.DoubleConv"]
    refused([str(file), *other], "which no Keras file is known of", capfd, tmp_path, {file.name})


def test_a_converted_checkpoint_has_no_data_of_its_own(
    file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main("convert", [str(file), *SMALL]) == 0
    capfd.readouterr()
    assert main("evaluate", [str(file.with_suffix(".ckpt")), f"hydra.run.dir={tmp_path / 'scores'}"]) == 2
    assert "knows no data of its own, expected some to score it on: set data=" in capfd.readouterr().err


def test_a_run_may_start_from_converted_weights(
    file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main("convert", [str(file), *SMALL]) == 0
    converted = file.with_suffix(".ckpt")
    data = ["data=dryad", f"data.root={write_dryad(tmp_path / 'dryad')}", *SMALL_NET]
    start = [*data, f"ckpt_path={converted}", "trainer.max_epochs=1", "optimizer.lr=0.0"]
    assert main("train", [*start, "model=unet", f"hydra.run.dir={tmp_path / 'run'}"]) == 0
    before, after = (
        read_checkpoint(path)[1] for path in (converted, tmp_path / "run" / "checkpoints" / "last.ckpt")
    )
    learned = [name for name in before if "running" not in name and "batches" not in name]
    assert all(torch.equal(before[name], after[name]) for name in learned)
    assert main("train", [*start, "model=resnet34_unet", f"hydra.run.dir={tmp_path / 'other'}"]) == 2
    assert "expected those of this run's net" in capfd.readouterr().err


def test_numbers_that_are_moved_still_say_which_layer_they_are_of() -> None:
    assert moved("conv2d", 57) == "conv2d_57"
    assert moved("re_lu_3", 57) == "re_lu_60"
    assert moved("block1_conv1", 57) == "block1_conv1"


def test_a_converted_checkpoint_is_scored_on_data_that_are_named(file: Path, tmp_path: Path) -> None:
    """Of what its training cost nothing is known here, but for its size."""
    assert main("convert", [str(file), *SMALL]) == 0
    drawing = "data.drawing={series: 1, frames: 1, height: 64, width: 64, seed: 0}"
    data = ["data=synthetic", f"data.root={tmp_path}/drawn", drawing]
    typed = [str(file.with_suffix(".ckpt")), *data, f"hydra.run.dir={tmp_path / 'scores'}"]
    assert main("evaluate", typed) == 0
    record = read_record(tmp_path / "scores" / RUN_RECORD)
    assert record.seed is None
    assert (record.costs.step_ms, record.costs.tile, record.costs.batch_size) == (None, None, None)
    assert record.costs.parameters is not None
    assert record.costs.parameters > 0
    assert (tmp_path / "scores" / "report.html").is_file()
