"""A job finds its folder, and a command its sweep, by their settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from hela_seg.runs.sweep.folders import job_folder, key_of, last_sweep, typed_before


def held(sweep: Path, folder: str, *settings: str) -> None:
    (sweep / folder / ".hydra").mkdir(parents=True)
    OmegaConf.save(OmegaConf.create(list(settings)), sweep / folder / ".hydra" / "overrides.yaml")


def folder_of(sweep: Path, number: int, *settings: str, resume: bool = True) -> str:
    hydra = {
        "job": {"num": number},
        "runtime": {"choices": {"model": "unet"}},
        "sweep": {"dir": str(sweep)},
        "overrides": {"task": list(settings)},
    }
    return job_folder(_root_=OmegaConf.create({"resume": resume, "hydra": hydra}))


def begun(sweep: Path, age: int, hydra: list[str], task: list[str]) -> Path:
    sweep.mkdir(parents=True)
    record = sweep / "multirun.yaml"
    OmegaConf.save(OmegaConf.create({"hydra": {"overrides": {"hydra": hydra, "task": task}}}), record)
    os.utime(record, (1000 - age, 1000 - age))
    return sweep


@pytest.mark.parametrize(
    "override", ["data", "data=folder", "+data=folder", "++data=a=b", "~data", "data@other=folder"]
)
def test_an_override_is_known_by_its_key(override: str) -> None:
    assert key_of(override) == "data"


def test_a_new_sweep_numbers_its_jobs(tmp_path: Path) -> None:
    held(tmp_path, "0_unet", "seed=1")
    assert folder_of(tmp_path, 1, "seed=1", resume=False) == "1_unet"


def test_a_job_of_a_net_of_ones_own_is_called_by_its_module(tmp_path: Path) -> None:
    for target, name in (("my_nets.MyNet", "my_nets"), ("lab.nets.wide.Net", "wide"), ("../a.Net", "unet")):
        assert folder_of(tmp_path, 3, f"++model._target_={target}", resume=False) == f"3_{name}"


def test_settings_decide_and_not_the_number_nor_the_order(tmp_path: Path) -> None:
    held(tmp_path, "0_unet", "seed=1", "model=unet", "resume=True")
    assert folder_of(tmp_path, 5, "model=unet", "seed=1", "resume=true") == "0_unet"
    assert folder_of(tmp_path, 5, "model=unet", "seed=2") == "5_unet"


def test_a_folder_of_another_job_is_left_alone(tmp_path: Path) -> None:
    held(tmp_path, "0_unet", "seed=1")
    held(tmp_path, "0_unet-again", "seed=2")
    assert folder_of(tmp_path, 0, "seed=3") == "0_unet-again-again"


def test_a_folder_whose_job_never_began_is_free(tmp_path: Path) -> None:
    (tmp_path / "0_unet").mkdir()
    assert folder_of(tmp_path, 0, "seed=3") == "0_unet"


def test_the_newest_sweep_of_the_same_settings_is_the_one(tmp_path: Path) -> None:
    settings = ["model=unet,vgg19_unet", "seed=0,1"]
    begun(tmp_path / "old", 30, [], settings)
    same = begun(tmp_path / "newer", 20, ["hydra/launcher=joblib"], [*settings, "resume=true"])
    begun(tmp_path / "newest", 10, [], ["model=unet", "seed=0,1"])
    again = ["seed=0,1", "model=unet,vgg19_unet", "resume=true", "hydra/launcher=basic"]
    assert last_sweep(again, tmp_path) == same
    assert last_sweep(["seed=0,1,2"], tmp_path) is None


def test_what_a_sweep_was_begun_with_comes_without_its_place(tmp_path: Path) -> None:
    hydra = ["hydra.sweep.dir='a'", "hydra.mode=MULTIRUN", "hydra/launcher=joblib"]
    sweep = begun(tmp_path / "a", 0, hydra, ["seed=0,1", "resume=true"])
    assert typed_before(sweep) == ["hydra/launcher=joblib", "seed=0,1"]
