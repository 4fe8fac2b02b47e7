"""``python -m hela_seg.benchmark``: how fast this machine trains and predicts, and where the time goes."""

from __future__ import annotations

import sys

from hela_seg.cli import main

if __name__ == "__main__":
    # before the imports below, which take seconds that --help need not take
    sys.exit(main("benchmark"))

import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from pytorch_lightning.loggers import CSVLogger

from hela_seg.cli import CONFIG
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.dataset import Sample
from hela_seg.report.tables import print_files
from hela_seg.runs.checkpoint import ModelInfo, option_of
from hela_seg.system.files import make_folder
from hela_seg.system.hardware import HardwareChoices, Machine
from hela_seg.system.machine import hardware, matrix_product_peak, versions
from hela_seg.system.settings import Count, Group, Seed, build, checked
from hela_seg.training import assembly
from hela_seg.training.settings import TrainerSettings, for_hardware
from hela_seg.training.timing.data_stages import time_data
from hela_seg.training.timing.net_stages import Setting, time_net
from hela_seg.training.timing.record import NetTimes, Record, Stage, read_record, write_record
from hela_seg.training.timing.tables import print_ratios, print_times

log = logging.getLogger(__name__)
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)

BENCHMARK_JSON = "benchmark.json"
PRODUCT_DTYPES = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
"""What convolutions are computed in by precision; float32 in the others."""


@dataclass(frozen=True)
class BenchmarkSettings:
    """All settings; see ``conf/benchmark.yaml``."""

    trainer: Group
    data: Group
    augment: Group
    loss: Group
    optimizer: Group
    output_dir: str
    model: Group | None = None
    repeats: Count = 3
    peers: bool = True
    compare: str | None = None
    seed: Seed = 0


def benchmark(config: Mapping[str, Any]) -> Record:
    """Time reading, training and prediction as a configuration says; see ``conf/benchmark.yaml``.

    Writes tables to standard output and benchmark.json into the run's folder.

    Raises:
        InputError: data or settings that cannot be used, or no record to compare with.
    """
    settings = checked(BenchmarkSettings, config)
    before = None if settings.compare is None else read_record(settings.compare)
    pl.seed_everything(settings.seed, workers=True, verbose=False)
    choices, trainer, optimizer = for_hardware(TrainerSettings.of(settings.trainer), settings.optimizer)
    choices.apply()
    folder = make_folder(Path(settings.output_dir))
    data_stages, batch, data = _time_data(settings)
    setting = Setting(
        batch,
        data.recordings[0].image.frame(0),
        _info(data),
        build(assembly.loss_config(settings.loss, data), "loss"),
        build(optimizer, "optimizer"),
        settings.repeats,
        settings.peers,
    )
    record = Record(
        hardware(Machine.here(trainer.accelerator)),
        versions(),
        _settings(settings, choices),
        _peak(trainer, choices),
        {
            name: _time_net(net, settings, trainer, choices, setting, data_stages, folder)
            for name, net in _nets(settings.model).items()
        },
    )
    write_record(folder / BENCHMARK_JSON, record)
    print_times(record)
    if before is not None:
        print_ratios(record, before)
    print_files({"record": folder / BENCHMARK_JSON})
    return record


def _nets(model: Group | None) -> dict[str, Any]:
    """Configurations of the nets to time, by name: the chosen one, or all that there are."""
    if model is not None:
        return {option_of(model["_target_"]): model}
    return {path.stem: dict(OmegaConf.load(path)) for path in sorted((CONFIG / "model").glob("*.yaml"))}


def _time_data(settings: BenchmarkSettings) -> tuple[dict[str, Stage], Sample, TimelapseData]:
    augment = build(settings.augment, "augment")
    plain: TimelapseData = build(settings.data, "data")
    augmented: TimelapseData = build(settings.data, "data", augment=augment)
    for data in (plain, augmented):
        data.prepare()
    stages, batch = time_data(plain, augmented, augment, plain.batch_size, settings.repeats)
    return stages, batch, plain


def _time_net(
    net: Group,
    benchmark_settings: BenchmarkSettings,
    trainer: TrainerSettings,
    choices: HardwareChoices,
    setting: Setting,
    data_stages: dict[str, Stage],
    folder: Path,
) -> NetTimes:
    log.info("timing %s", str(net["_target_"]).rpartition(".")[2])
    channels, classes = setting.info.channels, len(setting.info.classes)
    settings = {str(key): value for key, value in net.items()}
    make = partial(assembly.net_of, settings | {"in_channels": channels, "classes": classes})
    assembly.refuse_tile(benchmark_settings.data["tile"], make())
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # Lightning's advice on loaders and loggers, which are not a run's here
        times = time_net(make, partial(_trainer, trainer, folder), setting, compiled=choices.compile)
    return NetTimes(data_stages | times.stages, times.peak_memory)


def _trainer(settings_of_trainer: TrainerSettings, folder: Path, **arguments: Any) -> pl.Trainer:
    settings = settings_of_trainer.for_lightning()
    settings |= {"enable_progress_bar": False, "enable_checkpointing": False}
    logger = CSVLogger(folder, name="", version="logs")
    with assembly.refused_by_lightning("trainer", assembly.OTHER_TRAINER):
        trainer: pl.Trainer = instantiate(settings, logger=logger, default_root_dir=str(folder), **arguments)
    return trainer


def _info(data: TimelapseData) -> ModelInfo:
    return ModelInfo(
        net={},
        classes=data.classes.to_plain(),
        normalisation=data.normalisation.to_plain(),
        channels=data.channels,
        axes=data.axes,
        split=[],
        config={},
        versions={},
    )


def _settings(settings: BenchmarkSettings, choices: HardwareChoices) -> dict[str, Any]:
    return {
        "tile": list(settings.data["tile"]),
        "batch_size": settings.data["batch_size"],
        "workers": settings.data["workers"],
        "repeats": settings.repeats,
        "precision": choices.precision,
        "hardware": choices.why,
    }


def _peak(trainer: TrainerSettings, choices: HardwareChoices) -> float:
    device = torch.device("cpu" if Machine.here(trainer.accelerator).gpu is None else "cuda")
    return matrix_product_peak(device, PRODUCT_DTYPES.get(choices.precision, torch.float32))
