"""Every configuration file that is shipped does what it says: each is run here, and its traces looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import tifffile
import torch
from conftest import SMALL_NET, draw_cells, write_dryad
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from hela_seg.cli import CONFIG, main
from hela_seg.runs.checkpoint import ModelInfo, read_checkpoint

CASES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "augment/light": (["augment=light"], {"augment._target_": "hela_seg.data.augment.light"}),
    "augment/exposure": (["augment=exposure"], {"augment.probability": 0.3}),
    "augment/microscopy": (["augment=microscopy"], {"augment.probability": 0.3}),
    "augment/rotations": (["augment=rotations"], {"augment.probability": 0.3}),
    "augment/none": (["augment=none"], {"augment._target_": "hela_seg.data.augment.none"}),
    "callbacks/default": (["callbacks=default"], {"callbacks.best.monitor": "loss/validation"}),
    "callbacks/miou": (["callbacks=miou"], {"callbacks.early_stopping.monitor": "m-IoU/validation"}),
    "logger/csv": (["logger=csv"], {}),
    "logger/default": (["logger=default"], {}),
    "logger/tensorboard": (["logger=tensorboard"], {}),
    "loss/cross_entropy": (["loss=cross_entropy"], {}),
    "loss/dice": (["loss=dice"], {}),
    "loss/dice_ce": (["loss=dice_ce"], {}),
    "loss/focal": (["loss=focal"], {"loss.alpha": 0.25, "loss.gamma": 2.0}),
    "loss/focal_dice": (["loss=focal_dice"], {}),
    "model/attention_unet": (["model=attention_unet"], {"model.activation": "leaky_relu"}),
    "model/inception_unet": (["model=inception_unet"], {"model.width": 4}),
    "model/resnet34_unet": (["model=resnet34_unet"], {}),
    "model/residual_unet": (["model=residual_unet"], {"model.levels": 5}),
    "model/residual_attention_unet": (["model=residual_attention_unet"], {"model.dropout": 0.0}),
    "model/unet": (["model=unet"], {"model.dropout": 0.05}),
    "model/vgg19_unet": (["model=vgg19_unet"], {}),
    "optimizer/adam": (["optimizer=adam"], {"optimizer.lr": 6e-3}),
    "optimizer/adamw": (["optimizer=adamw"], {}),
    "optimizer/sgd": (["optimizer=sgd"], {}),
    "scheduler/constant": (["scheduler=constant"], {}),
    "scheduler/cosine": (["scheduler=cosine"], {"scheduler.decay.warm_up": 0.05}),
    "scheduler/plateau": (["scheduler=plateau"], {}),
    "scheduler/polynomial": (["scheduler=polynomial"], {}),
    "trainer/auto": (
        ["trainer=auto"],
        {"trainer.accelerator": "cuda" if torch.cuda.is_available() else "cpu"},
    ),
    "trainer/cpu": (["trainer=cpu"], {"trainer.accelerator": "cpu"}),
}
"""For each configuration file the arguments that choose it, and values that the checkpoint then states."""

ELSEWHERE = {
    "train",
    "evaluate",
    "predict",
    "track",
    "check",
    "convert",
    "export",
    "benchmark",
    "compare",
    "data/folder",
    "data/synthetic",
    "data/timelapse",
    "data/dryad",
    "data/ctc",
    "data/auto",
    "logger/mlflow",
    "logger/wandb",
    "search/optimizer",
    "search/recipe",
    "search/training",
    "model/smp",
    "experiment/paper",
    "experiment/paper_notebook",
    "trainer/gpu",
    "trainer/ddp",
    "hydra/hydra_logging/plain",
    "hydra/job_logging/plain",
}
"""Configuration files that the other tests here, and those of the commands, run."""

RATES = {"constant": 1, "cosine": 0, "plateau": 1, "polynomial": 0}
"""Learning rate after the last epoch, over the optimiser's own."""


def trained(folder: Path, arguments: Sequence[str]) -> ModelInfo:
    assert main("train", [*arguments, "trainer.max_epochs=1", f"hydra.run.dir={folder}"]) == 0
    return read_checkpoint(folder / "checkpoints" / "best.ckpt")[0]


def small(arguments: Sequence[str]) -> list[str]:
    """Small settings, less those that an argument makes itself."""
    chosen = [argument.split("=")[0] for argument in arguments]
    return [setting for setting in SMALL_NET if setting.split("=")[0] not in chosen]


def stated(info: ModelInfo, key: str) -> Any:
    value: Any = info.config
    for part in key.split("."):
        value = value[part]
    return value


def composed(arguments: list[str]) -> Any:
    """The configuration of ``train`` as the files have it."""
    with initialize_config_dir(str(CONFIG), version_base="1.3"):
        return OmegaConf.to_container(compose("train", arguments))


def test_every_file_is_run_by_a_test() -> None:
    files = {str(path.relative_to(CONFIG).with_suffix("")) for path in CONFIG.rglob("*.yaml")}
    assert files == set(CASES) | ELSEWHERE


def together() -> list[list[str]]:
    """Choices to train with, one of each group at a time, until every choice has been in a run."""
    groups: dict[str, list[str]] = {}
    for name in sorted(CASES):
        groups.setdefault(name.split("/")[0], []).append(name)
    longest = max(len(names) for names in groups.values())
    return [[names[number % len(names)] for names in groups.values()] for number in range(longest)]


@pytest.mark.parametrize("names", together(), ids=lambda names: "-".join(Path(name).name for name in names))
def test_choices_train_and_are_on_record(names: list[str], cells: Path, tmp_path: Path) -> None:
    arguments = [argument for name in names for argument in CASES[name][0]]
    expected = {key: value for name in names for key, value in CASES[name][1].items()}
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]"]
    info = trained(tmp_path, [*data, *small(arguments), *arguments])
    assert {key: stated(info, key) for key in expected} == expected
    chosen = dict(name.split("/") for name in names)
    content = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    rate = content["optimizer_states"][0]["param_groups"][0]["lr"]
    assert rate == pytest.approx(RATES[chosen["scheduler"]] * stated(info, "optimizer.lr"))
    assert (tmp_path / "logs" / "metrics.csv").is_file()
    assert (tmp_path / "logs" / "tensorboard").is_dir() == (chosen["logger"] != "csv")
    assert len(list((tmp_path / "logs" / "validation").glob("epoch_001 *.png"))) == 2


def test_timelapse_reads_what_lies_there(cells: Path, tmp_path: Path) -> None:
    data = ["data=timelapse", f"data.root={cells}", "data.classes=[background,dim,bright]"]
    info = trained(tmp_path, [*data, *SMALL_NET, "model=unet"])
    assert info.config["data"]["layout"] == "timelapse"
    assert [row["stop"] for row in info.split] == [2] * 5


def test_ctc_reads_the_cell_tracking_challenges_layout(tmp_path: Path) -> None:
    for sequence in ("01", "02", "03"):
        images, _ = draw_cells(int(sequence), 3)
        (tmp_path / "ctc" / sequence).mkdir(parents=True)
        (tmp_path / "ctc" / f"{sequence}_GT" / "SEG").mkdir(parents=True)
        for t, image in enumerate(images):
            tifffile.imwrite(tmp_path / "ctc" / sequence / f"t{t:03}.tif", image)
        mask = tmp_path / "ctc" / f"{sequence}_GT" / "SEG" / "man_seg001.tif"
        tifffile.imwrite(mask, (images[1] > 60).astype("uint16"))
    info = trained(tmp_path / "run", ["data=ctc", f"data.root={tmp_path / 'ctc'}", *SMALL_NET])
    assert {row["series"] for row in info.split} == {"01", "02", "03"}
    assert info.config["data"]["labels"]["kind"] == "instances"


def test_synthetic_draws_what_it_trains_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    drawing = "data.drawing={series: 3, frames: 2, height: 64, width: 64, seed: 0}"
    info = trained(tmp_path / "run", ["data=synthetic", drawing, *SMALL_NET])
    assert (info.channels, info.net["_target_"]) == (3, "hela_seg.models.residual_unet.ResidualUNet")
    assert len(list((tmp_path / "outputs" / "synthetic").glob("*/images/*.tif"))) == 3


@pytest.mark.parametrize(
    ("experiment", "epochs", "patience", "steps", "activation"),
    [("paper", 100, 15, 100, "leaky_relu"), ("paper_notebook", 200, 30, 52, "relu")],
)
def test_experiments_are_the_papers_columns(
    experiment: str, epochs: int, patience: int, steps: int, activation: str, tmp_path: Path
) -> None:
    root = write_dryad(tmp_path / "dryad")
    arguments = [f"experiment={experiment}", f"data.root={root}", *SMALL_NET]
    info = trained(tmp_path / "run", arguments)
    config = info.config
    assert config["data"]["layout"] == "dryad"
    assert config["callbacks"]["early_stopping"]["patience"] == patience
    assert config["model"]["activation"] == info.net["activation"] == activation
    assert config["augment"]["_target_"].endswith("none")
    assert (config["loss"]["alpha"], config["loss"]["gamma"], config["optimizer"]["lr"]) == (0.25, 2.0, 1e-3)
    assert {row["part"]: row["series"] for row in info.split}["test"] == "test/frame_001"
    as_written = composed([f"experiment={experiment}", f"data.root={root}"])
    assert as_written["trainer"]["max_epochs"] == epochs
    assert (as_written["data"]["tile"], as_written["data"]["batch_size"]) == ([512, 512], 8)
    assert as_written["data"]["steps_per_epoch"] == steps
    assert as_written["model"]["_target_"].endswith("ResNet34UNet")
    assert as_written["loss"]["_target_"].endswith("FocalLoss")
    assert as_written["optimizer"]["_target_"] == "torch.optim.Adam"
    assert as_written["scheduler"] == {"_target_": "hela_seg.training.task.Schedule", "build": None}
    other_net = composed([f"experiment={experiment}", f"data.root={root}", "model=unet"])
    assert other_net["model"]["_target_"].endswith("UNet")
    assert other_net["model"]["width"] == 64


def test_a_gpu_is_not_invented(cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]"]
    assert main("train", [*data, *small(["trainer=gpu"]), "trainer=gpu", f"hydra.run.dir={tmp_path}"]) == 2
    assert "No supported gpu backend found! Choose trainer=auto" in capfd.readouterr().err
