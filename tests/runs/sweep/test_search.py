"""Searches vary settings that there are, look for the highest score, and go on where they were."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import SMALL_NET, composed
from omegaconf import OmegaConf

from hela_seg.cli import CONFIG, main
from hela_seg.runs.sweep.jobs import configure_sweeper, jobs_in

SEARCHES = sorted(path.stem for path in (CONFIG / "search").glob("*.yaml"))


def test_a_search_looks_for_the_highest_score() -> None:
    plain = OmegaConf.create({"max_batch_size": None})
    configure_sweeper(plain)
    assert plain == {"max_batch_size": None}
    asked = {"direction": "minimize", "max_failure_rate": 0.0, "sampler": {"seed": None}}
    search = OmegaConf.create(asked)
    configure_sweeper(search)
    assert search == {"direction": "maximize", "max_failure_rate": 1.0, "sampler": {"seed": 0}}


@pytest.mark.parametrize("search", SEARCHES)
def test_what_a_search_varies_is_there(search: str) -> None:
    params = OmegaConf.load(CONFIG / "search" / f"{search}.yaml").hydra.sweeper.params
    for key, space in params.items():
        for value in re.findall(r"[\w.-]+(?=[,)])", space):
            composed(f"{key}={value}")


@pytest.mark.parametrize(
    "search", [*SEARCHES[:1], *(pytest.param(name, marks=pytest.mark.slow) for name in SEARCHES[1:])]
)
def test_a_search_that_is_repeated_asks_for_the_same_and_then_more(
    search: str, cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="needs the extra [sweep]")
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]"]
    settings = [*SMALL_NET, "model=unet", "trainer.max_epochs=1", "logger=csv", f"search={search}"]
    settings.append("minutes=null")  # the recipe's trials are planned to take five
    sweep = [*data, *settings, "--multirun", f"hydra.sweep.dir={tmp_path}", "hydra.sweeper.n_jobs=1"]
    assert main("train", [*sweep, "hydra.sweeper.n_trials=1"]) == 0
    assert "setup plugin alembic" not in capfd.readouterr().err
    assert main("train", [*sweep, "hydra.sweeper.n_trials=2", "resume=true"]) == 0
    assert f"{tmp_path / '0_unet'} is finished" in capfd.readouterr().err
    found = OmegaConf.load(tmp_path / "optimization_results.yaml")
    assert found.best_value == max(job.validation_score or 0 for job in jobs_in(tmp_path))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_trial_that_fails_is_one_of_many(
    cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="needs the extra [sweep]")
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]"]
    settings = [*SMALL_NET, "model=unet", "trainer.max_epochs=1", "logger=csv", "hydra/sweeper=optuna"]
    search = ["data.split.validation=choice(1,9)", "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=1"]
    assert main("train", [*data, *settings, *search, "--multirun", f"hydra.sweep.dir={tmp_path}"]) == 3
    assert {job.state for job in jobs_in(tmp_path)} == {"finished", "failed"}
    assert OmegaConf.load(tmp_path / "optimization_results.yaml").best_params == {"data.split.validation": 1}
