"""``python -m hela_seg.benchmark``: how fast this machine trains and predicts, and where the time goes."""

from __future__ import annotations

import sys

from hela_seg.cli import main

if __name__ == "__main__":
    # before the imports below, which take seconds that --help need not take
    sys.exit(main("benchmark"))

import logging
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import CSVLogger

from hela_seg.cli import CONFIG
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.dataset import Sample
from hela_seg.report.tables import print_files
from hela_seg.runs.checkpoint import ModelInfo, option_of
from hela_seg.system.errors import InputError
from hela_seg.system.files import make_folder
from hela_seg.system.hardware import OWN_KEYS, HardwareChoices, Machine, resolve_hardware
from hela_seg.system.machine import hardware, matrix_product_peak, versions
from hela_seg.training import assembly
from hela_seg.training.timing.data_stages import time_data
from hela_seg.training.timing.net_stages import Setting, time_net
from hela_seg.training.timing.record import NetTimes, Record, Stage, read_record, write_record
from hela_seg.training.timing.tables import print_ratios, print_times

log = logging.getLogger(__name__)
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)

BENCHMARK_JSON = "benchmark.json"
PRODUCT_DTYPES = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
"""What convolutions are computed in by precision; float32 in the others."""


def benchmark(config: DictConfig) -> Record:
    """Time reading, training and prediction as a configuration says; see ``conf/benchmark.yaml``.

    Writes tables to standard output and benchmark.json into the run's folder.

    Raises:
        InputError: data or settings that cannot be used, or no record to compare with.
    """
    before = None if config.compare is None else read_record(config.compare)
    if not isinstance(config.repeats, int) or config.repeats < 1:
        raise InputError(f"repeats is {config.repeats}, expected 1 or more")
    assembly.refuse_seed(config.seed)
    pl.seed_everything(config.seed, workers=True, verbose=False)
    choices = resolve_hardware(config.trainer, config.optimizer)
    choices.apply()
    folder = make_folder(Path(config.output_dir))
    data_stages, batch, data = _time_data(config)
    setting = Setting(
        batch,
        data.recordings[0].image.frame(0),
        _info(data),
        assembly.loss_of(config, data),
        instantiate(config.optimizer),
        config.repeats,
        config.peers,
    )
    record = Record(
        hardware(Machine.here(config.trainer.accelerator)),
        versions(),
        _settings(config, choices),
        _peak(config, choices),
        {
            name: _time_net(net, config, choices, setting, data_stages, folder)
            for name, net in _nets(config).items()
        },
    )
    write_record(folder / BENCHMARK_JSON, record)
    print_times(record)
    if before is not None:
        print_ratios(record, before)
    print_files({"record": folder / BENCHMARK_JSON})
    return record


def _nets(config: DictConfig) -> dict[str, Any]:
    """Configurations of the nets to time, by name: the chosen one, or all that there are."""
    if config.get("model") is not None:
        return {option_of(config.model._target_): config.model}
    return {path.stem: OmegaConf.load(path) for path in sorted((CONFIG / "model").glob("*.yaml"))}


def _time_data(config: DictConfig) -> tuple[dict[str, Stage], Sample, TimelapseData]:
    augment = instantiate(config.augment)
    plain: TimelapseData = instantiate(config.data)
    augmented: TimelapseData = instantiate(config.data, augment=augment)
    for data in (plain, augmented):
        data.prepare()
    stages, batch = time_data(plain, augmented, augment, config.data.batch_size, config.repeats)
    return stages, batch, plain


def _time_net(
    net: DictConfig,
    config: DictConfig,
    choices: HardwareChoices,
    setting: Setting,
    data_stages: dict[str, Stage],
    folder: Path,
) -> NetTimes:
    log.info("timing %s", net._target_.rpartition(".")[2])
    channels, classes = setting.info.channels, len(setting.info.classes)
    settings = {str(key): value for key, value in net.items()}
    build = partial(assembly.net_of, settings | {"in_channels": channels, "classes": classes})
    assembly.refuse_tile(config.data.tile, build())
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # Lightning's advice on loaders and loggers, which are not a run's here
        times = time_net(build, partial(_trainer, config, folder), setting, compiled=choices.compile)
    return NetTimes(data_stages | times.stages, times.peak_memory)


def _trainer(config: DictConfig, folder: Path, **arguments: Any) -> pl.Trainer:
    settings = {key: value for key, value in config.trainer.items() if key not in OWN_KEYS}
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


def _settings(config: DictConfig, choices: HardwareChoices) -> dict[str, Any]:
    return {
        "tile": list(config.data.tile),
        "batch_size": config.data.batch_size,
        "workers": config.data.workers,
        "repeats": config.repeats,
        "precision": choices.precision,
        "hardware": choices.why,
    }


def _peak(config: DictConfig, choices: HardwareChoices) -> float:
    device = torch.device("cpu" if Machine.here(config.trainer.accelerator).gpu is None else "cuda")
    return matrix_product_peak(device, PRODUCT_DTYPES.get(choices.precision, torch.float32))
