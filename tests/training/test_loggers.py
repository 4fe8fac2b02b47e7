"""MLflow and Weights & Biases without a network: one log a run, with scores and pictures."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from conftest import SMALL_NET

from hela_seg.cli import main
from hela_seg.training import loggers


@pytest.fixture
def train(cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]"]
    return [*data, *SMALL_NET, "model=unet", "trainer.max_epochs=1"]


@pytest.mark.parametrize("service", ["mlflow", "wandb"])
def test_without_the_package_it_says_what_to_install(
    service: str, train: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(f"pytorch_lightning.loggers.{service}._{service.upper()}_AVAILABLE", False)
    assert main("train", [*train, f"logger={service}"]) == 2
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error:")]
    assert said == [
        f"error: logger={service} needs the package {service}, which is not installed: run pip install "
        f'"hela-seg[{service}]", or choose logger=csv'
    ]


@pytest.mark.filterwarnings("ignore")  # of MLflow about its own parts
def test_mlflow_goes_on_in_one_run(train: list[str], tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="needs the extra [mlflow]")
    run = [*train, "logger=mlflow", "hydra.run.dir=run"]
    assert main("train", run) == 0
    assert main("train", [*run, "resume=true", "trainer.max_epochs=2"]) == 0
    client = mlflow.MlflowClient("sqlite:///outputs/mlflow.db")
    (logged,) = client.search_runs([client.get_experiment_by_name("hela_seg").experiment_id])
    assert len(client.get_metric_history(logged.info.run_id, "m-IoU/validation")) == 2
    settings = logged.data.params
    assert settings["model/_target_"] == "hela_seg.models.unet.UNet"
    assert settings["trainer/max_epochs"] == "1"  # as it began
    pictures = [file.path for file in client.list_artifacts(logged.info.run_id, "validation")]
    assert len(pictures) == 2
    assert (tmp_path / "run" / "logs" / "metrics.csv").is_file()


@pytest.mark.filterwarnings("ignore")  # of MLflow about its own parts
def test_mlflow_has_a_step_that_is_done_again_once(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="needs the extra [mlflow]")
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    for steps in ((5, 11), (11, 17)):
        log = loggers.mlflow(str(tmp_path), store, str(tmp_path / "pictures"))
        for step in steps:
            log.log_metrics({"m-IoU/validation": 0.1 * step, "epoch": 1.0}, step)
            if steps[0] == 11:
                log.log_metrics({"m-IoU/train": 0.2, "epoch": 1.0}, step)  # it ended between the two
    history = partial(mlflow.MlflowClient(store).get_metric_history, log.run_id)
    assert [point.step for point in history("m-IoU/validation")] == [5, 11, 17]
    assert [point.step for point in history("m-IoU/train")] == [11, 17]


@pytest.mark.filterwarnings("ignore")  # of wandb about its own parts
def test_wandb_has_a_log_a_run_and_stays_offline(train: list[str], tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="needs the extra [wandb]")
    assert main("train", [*train, "logger=wandb", "--multirun", "seed=0,1", "hydra.sweep.dir=sweep"]) == 0
    for job in ("0_unet", "1_unet"):
        (log,) = (tmp_path / "sweep" / job / "wandb").glob("offline-run-*/*.wandb")
        assert log.stem == f"run-{(tmp_path / 'sweep' / job / 'wandb_run.txt').read_text().strip()}"
        assert b"hela_seg.models.unet.UNet" in log.read_bytes()  # among the settings
        assert len(list(log.parent.glob("files/media/images/validation/*.png"))) == 2
