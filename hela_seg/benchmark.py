"""``python -m hela_seg.benchmark``: how fast this machine trains and predicts, and where the time goes."""

from __future__ import annotations

import sys

from hela_seg.cli import main

if __name__ == "__main__":
    # before the imports below, which take seconds that --help need not take
    sys.exit(main("benchmark"))

import json
import logging
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import pytorch_lightning as pl
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import CSVLogger
from rich.console import Console
from rich.text import Text

from hela_seg.cli import CONFIG
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.dataset import Sample
from hela_seg.report.tables import ABSENT, plain_table, print_files, print_plain
from hela_seg.runs.checkpoint import ModelInfo, option_of
from hela_seg.system.errors import InputError
from hela_seg.system.files import make_folder, whole_file
from hela_seg.system.hardware import OWN_KEYS, HardwareChoices, Machine, resolve_hardware
from hela_seg.system.machine import accelerator_of, hardware, versions
from hela_seg.training import assembly
from hela_seg.training.task import SegmentationTask
from hela_seg.training.timing import FULL_STEP, time_data, time_net

log = logging.getLogger(__name__)
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)

BENCHMARK_JSON = "benchmark.json"
OF_DATA = {
    "reading": "reading a batch",
    "augmentation": "augmenting it",
    "loader": "a batch from the loader",
}
OF_NET = {
    "forward": "forward",
    "forward and backward": "fwd+bwd",
    FULL_STEP: "step",
    "prediction of a frame": "frame",
}
"""Stages, with what each is called in print."""

MEBI = 2**20


def benchmark(config: DictConfig) -> dict[str, Any]:
    """Time reading, training and prediction as a configuration says; see ``conf/benchmark.yaml``.

    Prints one table of medians, and writes all times into ``benchmark.json`` in the run's folder.

    Returns:
        The content of ``benchmark.json``.

    Raises:
        InputError: data or settings that cannot be used.
    """
    if not isinstance(config.repeats, int) or config.repeats < 1:
        raise InputError(f"repeats is {config.repeats}, expected 1 or more")
    assembly.refuse_seed(config.seed)
    pl.seed_everything(config.seed, workers=True, verbose=False)
    choices = resolve_hardware(config.trainer, config.optimizer)
    choices.apply()
    folder = make_folder(Path(config.output_dir))
    augment = instantiate(config.augment)
    data: TimelapseData = instantiate(config.data, augment=augment)
    data.prepare()
    of_data, batch = time_data(data, augment, config.repeats)
    nets = _time_nets(config, choices, data, batch, folder)
    for net in nets.values():
        net["seconds"] |= of_data
    record = {
        "hardware": hardware(Machine.here(config.trainer.accelerator)) | {"choices": choices.why},
        "versions": versions(),
        "settings": {key: config.data[key] for key in ("batch_size", "workers")}
        | {"tile": list(config.data.tile), "repeats": config.repeats, "precision": choices.precision},
        "nets": nets,
    }
    with whole_file(folder / BENCHMARK_JSON) as beside:
        beside.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print_times(record)
    print_files({"record": folder / BENCHMARK_JSON})
    return record


def _time_nets(
    config: DictConfig, choices: HardwareChoices, data: TimelapseData, batch: Sample, folder: Path
) -> dict[str, dict[str, Any]]:
    """Times and most memory of each net, by name."""
    frame, info, loss = data.recordings[0].image.frame(0), _info(data), assembly.loss_of(config, data)
    trainer, times = partial(_trainer, config, folder), {}
    for name, settings in _nets(config).items():
        log.info("timing %s", name)
        net = assembly.net_of({**settings, "in_channels": data.channels, "classes": len(data.classes)})
        assembly.refuse_tile(config.data.tile, net)
        task = SegmentationTask(net, loss, instantiate(config.optimizer), info)
        if choices.compile:
            task.net.compile()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Lightning's advice on the loaders and loggers of a real run
            seconds, peak = time_net(task, trainer, batch, frame, info, config.repeats)
        times[name] = {"seconds": seconds, "peak_memory": peak}
    return times


def _nets(config: DictConfig) -> dict[str, Any]:
    """Settings of the nets to time, by name: the chosen one, or all of ``conf/model``."""
    if config.get("model") is not None:
        return {option_of(config.model._target_): config.model}
    return {path.stem: OmegaConf.load(path) for path in sorted((CONFIG / "model").glob("*.yaml"))}


def _trainer(config: DictConfig, folder: Path, **arguments: Any) -> pl.Trainer:
    settings = {key: value for key, value in config.trainer.items() if key not in OWN_KEYS}
    settings |= {"enable_progress_bar": False, "enable_checkpointing": False}
    settings["accelerator"] = accelerator_of(config.trainer.accelerator)
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


def print_times(record: Mapping[str, Any], console: Console | None = None) -> None:
    """Print median milliseconds: a line of making batches, and a table with a row a net.

    Args:
        record: see `benchmark`.
        console: where to print; standard output by default.
    """
    console = console or Console()
    settings, nets = record["settings"], record["nets"]
    (height, width), batch = settings["tile"], settings["batch_size"]
    medians = {
        name: {stage: median(times) for stage, times in net["seconds"].items()} for name, net in nets.items()
    }
    of_data = next(iter(medians.values()))
    lines = [
        record["hardware"]["processor"],
        record["hardware"]["choices"],
        f"Tiles of {height}x{width}, {batch} a batch; milliseconds, medians of {settings['repeats']} repeats",
        ", ".join(f"{words} {1000 * of_data[stage]:,.1f}" for stage, words in OF_DATA.items()),
    ]
    print_plain(Text("\n".join(lines)), console)
    table = plain_table(["net"], [*OF_NET.values(), "tiles/s", "MiB"], console)
    for name, net in nets.items():
        times, peak = medians[name], net["peak_memory"]
        table.add_row(
            Text(name),
            *(f"{1000 * times[stage]:,.1f}" for stage in OF_NET),
            f"{batch / times[FULL_STEP]:,.1f}",
            ABSENT if peak is None else f"{peak / MEBI:,.0f}",
        )
    print_plain(table, console)
