"""Fine-tuning takes over what has the same name, begins the rest anew, and says which is which."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from conftest import SMALL_NET
from small_checkpoints import INFO
from torch import nn

from hela_seg.cli import main
from hela_seg.models import build
from hela_seg.runs.checkpoint import ModelInfo, read_checkpoint, read_content, save_whole, write_checkpoint
from hela_seg.system.errors import InputError
from hela_seg.training.fine_tuning import Inputs, Transfer, plan

NETS: dict[str, dict[str, Any]] = {
    "residual_unet": {"_target_": "hela_seg.models.residual_unet.ResidualUNet", "width": 2, "levels": 3},
    "unet": {"_target_": "hela_seg.models.unet.UNet", "width": 2, "dropout": 0.0},
    "resnet34_unet": {"_target_": "hela_seg.models.resnet34_unet.ResNet34UNet", "width": 4},
}
HELD = ("background", "dim", "bright")
SLOWLY = ("start_from_lr_factor=0.1", "trainer.max_epochs=2")


def settled(net: nn.Module, channels: int) -> nn.Module:
    """A net whose batch normalisations have seen something, as it predicts."""
    with torch.no_grad():
        for _ in range(5):
            net(torch.rand(2, channels, 32, 32))
    return net.eval()


def written(path: Path, config: dict[str, Any], count: int, context: int = 0, **data: Any) -> nn.Module:
    """A net of three classes and so many channels, whose checkpoint is written with settings of data."""
    torch.manual_seed(0)
    shown = (2 * context + 1) * count
    complete = {**config, "in_channels": shown, "classes": len(HELD)}
    net = settled(build(complete), shown)
    info = ModelInfo(
        **(INFO.to_plain() | {"net": complete, "classes": [{"name": name} for name in HELD]})
        | {"channels": count, "config": {"data": {"context": context, **data}}}
    )
    write_checkpoint(path, info, net.state_dict())
    return net


def begun(
    path: Path, config: dict[str, Any], classes: tuple[str, ...], inputs: Inputs
) -> tuple[nn.Module, Transfer]:
    """A net that begins with what it takes over."""
    shown = (2 * inputs.context + 1) * inputs.channels
    complete = {**config, "in_channels": shown, "classes": len(classes)}
    transfer = plan(path, complete, classes, inputs)
    torch.manual_seed(1)
    net = build(complete)
    transfer.fill(net)
    return net.eval(), transfer


@pytest.mark.parametrize("name", NETS)
def test_classes_in_another_order_have_the_same_logits(name: str, tmp_path: Path) -> None:
    held = written(tmp_path / "a.ckpt", NETS[name], 1)
    net, transfer = begun(tmp_path / "a.ckpt", NETS[name], ("bright", "background", "dim"), Inputs(1))
    image = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(net(image), held(image)[:, [2, 0, 1]])
    assert transfer.kept(net) == [name for name, _ in net.named_parameters()]


@pytest.mark.parametrize("name", NETS)
def test_another_class_leaves_the_logits_of_the_others_as_they_were(name: str, tmp_path: Path) -> None:
    held = written(tmp_path / "a.ckpt", NETS[name], 1)
    net, transfer = begun(tmp_path / "a.ckpt", NETS[name], ("background", "dead", "dim"), Inputs(1))
    image = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(net(image)[:, [0, 2]], held(image)[:, [0, 1]])
    kept = transfer.kept(net)
    assert not any(name.startswith("head") for name in kept)  # it learns at the whole rate
    assert kept == [name for name, _ in net.named_parameters() if not name.startswith("head")]
    (line,) = [line for line in transfer.lines if line.startswith("head: ")]
    assert "background, dim taken over" in line
    assert "dead begin" in line
    assert "bright left out" in line


def test_channels_are_matched_by_their_names_where_both_sides_have_them(tmp_path: Path) -> None:
    config, path = NETS["residual_unet"], tmp_path / "a.ckpt"
    held = written(path, config, 2, channel_names=["phase", "red"])
    net, transfer = begun(path, config, HELD, Inputs(3, 0, ("red", "green", "phase")))
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(net(image), held(image[:, [2, 0]]))
    assert {name for name, _ in net.named_parameters()} - set(transfer.kept(net)) == {"stem.0.conv.weight"}
    assert any(line.startswith("stem: ") and "green" in line for line in transfer.lines)


def test_as_many_channels_of_other_names_are_taken_in_their_order_with_a_warning(tmp_path: Path) -> None:
    config, path = NETS["residual_unet"], tmp_path / "a.ckpt"
    held = written(path, config, 2, channel_names=["phase", "red", "blue"], channels=["red", 2])
    net, transfer = begun(path, config, HELD, Inputs(2, 0, ("DIC", "GFP")))
    image = torch.rand(1, 2, 32, 32)
    with torch.no_grad():
        assert torch.equal(net(image), held(image))
    assert transfer.lines == ("kept: stem, encoder, decoder, head",)
    assert "trained with red, blue" in transfer.warnings[0]


def test_another_number_of_nameless_channels_begins_the_first_layer_anew(tmp_path: Path) -> None:
    config, path = NETS["residual_unet"], tmp_path / "a.ckpt"
    held = written(path, config, 1)
    net, transfer = begun(path, config, HELD, Inputs(3))
    torch.manual_seed(1)
    new = build({**config, "in_channels": 3, "classes": 3}).state_dict()
    for name, value in net.state_dict().items():
        expected = new[name] if name == "stem.0.conv.weight" else held.state_dict()[name]
        assert torch.equal(value, expected)
    assert transfer.lines[0] == "kept: encoder, decoder, head"
    assert "the first layer begins anew" in transfer.lines[1]
    assert "3 channel(s)" in transfer.lines[1]


@pytest.mark.parametrize(("before", "now"), [(0, 1), (1, 0), (1, 2)])
def test_a_net_that_is_shown_other_frames_begins_with_those_that_both_see(
    before: int, now: int, tmp_path: Path
) -> None:
    config, path = NETS["residual_unet"], tmp_path / "a.ckpt"
    held = written(path, config, 2, before)
    net, _ = begun(path, config, HELD, Inputs(2, now))
    most = max(before, now)
    film = torch.rand(1, 2 * (2 * most + 1), 32, 32)
    if now < before:  # the frames that are not shown any more are black
        film[:, : 2 * (before - now)] = film[:, -2 * (before - now) :] = 0

    def shown(context: int) -> torch.Tensor:
        return film[:, 2 * (most - context) : film.shape[1] - 2 * (most - context)]

    with torch.no_grad():
        torch.testing.assert_close(net(shown(now)), held(shown(before)))


@pytest.mark.parametrize("other", [{**NETS["residual_unet"], "width": 4}, NETS["unet"]])
def test_another_net_is_refused(other: dict[str, Any], tmp_path: Path) -> None:
    written(tmp_path / "a.ckpt", NETS["residual_unet"], 1)
    with pytest.raises(InputError, match=r"a\.ckpt holds residual_unet with width=2 levels=3, but model is"):
        begun(tmp_path / "a.ckpt", other, HELD, Inputs(1))


def test_other_settings_of_the_same_weights_are_a_warning(tmp_path: Path) -> None:
    config = NETS["residual_unet"]
    written(tmp_path / "a.ckpt", {**config, "activation": "relu"}, 1)
    _, transfer = begun(tmp_path / "a.ckpt", {**config, "activation": "leaky_relu"}, HELD, Inputs(1))
    assert "model.activation is leaky_relu" in transfer.warnings[0]


def test_a_few_bytes_that_pretend_to_be_a_large_net_take_no_memory(tmp_path: Path) -> None:
    config = {**NETS["residual_unet"], "width": 30_000}
    with torch.device("meta"):
        sizes = {
            name: v.shape
            for name, v in build({**config, "in_channels": 1, "classes": 3}).state_dict().items()
        }
    path = tmp_path / "a.ckpt"
    written(path, NETS["residual_unet"], 1)
    content = read_content(path)
    content["hela_seg"]["net"]["width"] = 30_000
    content["state_dict"] = {f"net.{name}": torch.zeros(()).expand(size) for name, size in sizes.items()}
    save_whole(path, content)
    with pytest.raises(InputError, match="more than the file has"):
        begun(path, config, HELD, Inputs(1))


def train(folder: Path, *more: str) -> int:
    settings = [setting for setting in SMALL_NET if not setting.startswith("model")]
    return main("train", ["data=folder", *settings, *more, f"hydra.run.dir={folder}"])


@pytest.fixture(scope="module")
def renamed(cells: Path) -> list[str]:
    """The recordings that the shared checkpoint was trained on, with classes in another order."""
    classes = "[{name: bright, values: [2]},{name: background, values: [0]},{name: cell, values: [1]}]"
    return [f"data.root={cells}", f"data.classes={classes}", "scheduler=cosine"]


@pytest.fixture(scope="module")
def tuned(checkpoint: Path, renamed: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fine-tuning run of two epochs."""
    folder = tmp_path_factory.mktemp("tuned") / "run"
    assert train(folder, *renamed, f"start_from={checkpoint}", *SLOWLY) == 0
    return folder


def test_the_net_is_the_checkpoints_and_what_is_kept_learns_slowly(tuned: Path, checkpoint: Path) -> None:
    info = read_checkpoint(tuned / "checkpoints" / "best.ckpt")[0]
    before = read_checkpoint(checkpoint)[0]
    assert info.net == before.net
    assert info.config["start_from"] == str(checkpoint)
    content = read_content(tuned / "checkpoints" / "last.ckpt")
    kept, new = content["optimizer_states"][0]["param_groups"]
    assert (kept["initial_lr"], new["initial_lr"]) == pytest.approx((6e-4, 6e-3))
    assert len(new["params"]) == 4  # a convolution and a normalisation of the logits


def test_a_frozen_net_learns_nothing_but_what_is_new(
    checkpoint: Path, renamed: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    more = [
        f"start_from={checkpoint}",
        "start_from_lr_factor=0.0",
        "trainer.max_epochs=1",
        "scheduler=constant",
    ]
    assert train(tmp_path, *renamed, *more) == 0
    _, held = read_checkpoint(checkpoint)
    _, now = read_checkpoint(tmp_path / "checkpoints" / "last.ckpt")
    moved = {name for name in now if not torch.equal(now[name], held[name])}
    learned = {name for name in moved if "running" not in name and "num_batches" not in name}
    assert learned == {f"head.{name}" for name in ("conv.weight", "conv.bias", "norm.weight", "norm.bias")}
    said = capfd.readouterr().err
    assert "kept: encoder, decoder" in said
    assert "bright, background taken over" in said
    assert "learns at 0 of the learning rate" in said


def test_a_fine_tuning_that_goes_on_ends_like_one_that_was_never_interrupted(
    tuned: Path, checkpoint: Path, renamed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = shutil.copy(checkpoint, tmp_path / "start.ckpt")
    folder = tmp_path / "run"

    def fail(*_: object) -> None:
        raise KeyError("a fault")

    with monkeypatch.context() as patch:
        patch.setattr("hela_seg.training.callbacks.EpochLine.on_train_epoch_start", _in_second_epoch(fail))
        assert train(folder, *renamed, f"start_from={start}", *SLOWLY) == 1
    Path(start).unlink()  # its weights are in the run's own checkpoint
    assert main("train", [f"resume={folder}"]) == 0
    whole, again = (read_content(run / "checkpoints" / "last.ckpt") for run in (tuned, folder))
    assert all(torch.equal(value, again["state_dict"][name]) for name, value in whole["state_dict"].items())
    rates = [[group["lr"] for group in one["optimizer_states"][0]["param_groups"]] for one in (whole, again)]
    assert rates[0] == rates[1]


def _in_second_epoch(act: Any) -> Any:
    def look(_: object, trainer: Any, __: object) -> None:
        if trainer.current_epoch == 1:
            act()

    return look


def test_another_run_goes_on_with_a_fine_tuning_at_one_rate_for_all(
    tuned: Path, renamed: list[str], tmp_path: Path
) -> None:
    start = f"ckpt_path={tuned / 'checkpoints' / 'last.ckpt'}"
    more = [start, "model=unet", "model.width=4", "trainer.max_epochs=3", "scheduler=constant"]
    assert train(tmp_path, *renamed, *more) == 0
    content = read_content(tmp_path / "checkpoints" / "last.ckpt")
    assert [group["lr"] for group in content["optimizer_states"][0]["param_groups"]] == [6e-3, 6e-3]


def test_images_with_another_number_of_channels(
    cells: Path, checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(cells / "masks", tmp_path / "cells" / "masks")
    (tmp_path / "cells" / "images").mkdir()
    for path in (cells / "images").iterdir():
        grey = tifffile.imread(path)
        two = np.stack([grey, grey // 2], axis=1)
        tifffile.imwrite(
            tmp_path / "cells" / "images" / path.name,
            two,
            photometric="minisblack",
            metadata={"axes": "TCYX"},
        )
    more = [f"data.root={tmp_path / 'cells'}", "data.classes=[background,dim,bright]", "trainer.max_epochs=1"]
    assert train(tmp_path / "run", *more, f"start_from={checkpoint}") == 0
    said = capfd.readouterr().err
    assert "encoder: the first layer begins anew" in said
    assert "kept: decoder, head" in said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (["start_from=nowhere.ckpt"], "nowhere.ckpt is not there"),
        (["model=resnet34_unet"], "holds unet with"),
        (["ckpt_path={start}"], "ckpt_path and start_from are both set"),
        (["start_from_lr_factor=2"], "start_from_lr_factor is 2"),
    ],
)
def test_what_cannot_be_fine_tuned_is_one_line(
    changed: list[str],
    said: str,
    checkpoint: Path,
    renamed: list[str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    typed = [f"start_from={checkpoint}", *(word.format(start=checkpoint) for word in changed)]
    assert train(tmp_path, *renamed, *typed) == 2
    error = capfd.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert said in error


@pytest.mark.parametrize(
    "planted",
    [
        {"activation": "${oc.env:HOME}"},
        {"activation": "relu hydra.run.dir=/tmp"},
        {"a b": 1},
        {"levels": [1]},
    ],
)
def test_a_strangers_checkpoint_sets_nothing_but_plain_values(
    planted: dict[str, Any],
    checkpoint: Path,
    renamed: list[str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    content = read_content(checkpoint)
    content["hela_seg"]["net"] |= planted
    save_whole(tmp_path / "a.ckpt", content)
    assert train(tmp_path / "run", *renamed, f"start_from={tmp_path / 'a.ckpt'}") == 2
    assert f"sets model.{next(iter(planted))} to" in capfd.readouterr().err
    assert not (tmp_path / "run").exists()
