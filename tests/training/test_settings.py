"""A run's settings are resolved once, from what was set, the machine and the way processes were started."""

from __future__ import annotations

import copy
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
import torch
from conftest import composed
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ReadonlyConfigError

from hela_seg.cli import main
from hela_seg.system.errors import InputError
from hela_seg.system.ranks import RankInfo
from hela_seg.system.settings import to_plain
from hela_seg.training.settings import TrainerSettings, for_hardware, for_ranks, resolve


def test_nothing_is_left_to_be_found_and_what_was_given_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("hela_seg.system.hardware.cpu_has_bfloat16", lambda: False)
    config = composed("model.width=8", "data.root=cells")
    OmegaConf.set_readonly(config, True)
    before = copy.deepcopy(to_plain(config))
    settings, hardware = resolve(config, RankInfo())
    assert to_plain(config) == before
    plain = settings.to_plain()
    assert (plain["trainer"]["accelerator"], plain["trainer"]["precision"]) == ("cpu", "32-true")
    assert (plain["trainer"]["tf32"], plain["optimizer"]["fused"]) == (False, True)
    assert plain["data"]["root"].startswith("/")
    assert plain["output_dir"].startswith("/")
    assert hardware.precision == "32-true"
    # those of fine-tuning, and of whom to trust, are no settings of a run that begins from nothing
    assert set(plain) == set(before) - {"start_from", "start_from_lr_factor", "trust"}


def test_settings_cannot_be_changed() -> None:
    settings, _ = resolve(composed(), RankInfo())
    with pytest.raises(FrozenInstanceError):
        settings.seed = 1  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        settings.trainer.batch_size = 1  # type: ignore[misc]


def test_a_command_cannot_change_what_was_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    def write(config: DictConfig) -> None:
        with pytest.raises(ReadonlyConfigError):
            config.data.root = "elsewhere"

    monkeypatch.setattr("hela_seg.train.train", write)
    assert main("train", [f"hydra.run.dir={tmp_path}"]) == 0


def test_a_step_is_fused_where_the_optimiser_can_and_nothing_else_is_said() -> None:
    cpu = TrainerSettings(accelerator="cpu")
    for name, expected in (("torch.optim.Adam", True), ("torch.optim.Rprop", None)):
        assert for_hardware(cpu, {"_target_": name, "lr": 0.1})[2].get("fused") is expected
    assert for_hardware(cpu, {"_target_": "torch.optim.Adam", "fused": False})[2]["fused"] is False


def test_a_trainer_has_lightnings_further_arguments_and_no_others() -> None:
    trainer = TrainerSettings.of({"_target_": "pytorch_lightning.Trainer", "val_check_interval": 0.5})
    assert trainer.for_lightning()["val_check_interval"] == 0.5
    with pytest.raises(InputError, match=r"^trainer has the unknown key\(s\) max_epoch, expected some of"):
        TrainerSettings.of({"_target_": "pytorch_lightning.Trainer", "max_epoch": 3})


@pytest.mark.parametrize("devices", [2, "auto", [0, 1], []])
def test_other_devices_than_one_are_refused(devices: Any) -> None:
    with pytest.raises(InputError, match=r"trainer\.devices is .*, but this trainer is for one device"):
        for_ranks(TrainerSettings(devices=devices), RankInfo(), batch=4)
    for_ranks(TrainerSettings(devices=[1]), RankInfo(), batch=4)


@pytest.mark.parametrize("devices", [None, 1.5])
def test_devices_that_are_no_number_or_list_are_refused(devices: Any) -> None:
    with pytest.raises(
        InputError, match=r"trainer\.devices is .*, expected a whole number, a list in brackets or auto"
    ):
        TrainerSettings.of({"_target_": "pytorch_lightning.Trainer", "devices": devices})


def test_devices_and_nodes_follow_from_the_launch() -> None:
    trainer = TrainerSettings("cpu", "auto", strategy={}, num_nodes="auto", sync_batchnorm="auto")
    ranks = RankInfo(rank=5, count=8, local_rank=1, local_count=4, launcher="srun")
    found = for_ranks(trainer, ranks, batch=16)
    assert (found.devices, found.num_nodes, found.sync_batchnorm) == (4, 2, False)
    with pytest.raises(InputError, match=r"data\.batch_size is 12, but 8 processes"):
        for_ranks(trainer, RankInfo(count=8, local_count=4, launcher="srun"), batch=12)
