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
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import pytorch_lightning as pl
from hydra.utils import instantiate
from omegaconf import OmegaConf
from pytorch_lightning.loggers import CSVLogger
from rich.console import Console

from hela_seg.cli.commands import CONFIG
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.dataset import Sample
from hela_seg.report.tables import Cell, Sheet, number_cell, print_files, print_sheet
from hela_seg.runs.checkpoint import option_of
from hela_seg.system.files import make_folder, write_whole
from hela_seg.system.hardware import Machine
from hela_seg.system.machine import hardware, versions
from hela_seg.system.settings import Count, Group, Seed, build, checked, to_plain
from hela_seg.system.trust import module_of
from hela_seg.training import assembly
from hela_seg.training.settings import TrainerSettings, for_hardware
from hela_seg.training.task import SegmentationTask, info_of
from hela_seg.training.timing import FULL_STEP, time_data, time_net

log = logging.getLogger(__name__)
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)

BENCHMARK_JSON = "benchmark.json"
OF_DATA = {"reading": "reading a batch", "augmentation": "augmenting it", "loader": "a batch from the loader"}
OF_NET = {
    "forward": "forward",
    "forward and backward": "fwd+bwd",
    FULL_STEP: "step",
    "prediction of a frame": "frame",
}
"""Stages, with what each is called in print."""

MEBI = 2**20


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
    seed: Seed = 0


def benchmark(config: Mapping[str, Any]) -> dict[str, Any]:
    """Time reading, training and prediction as a configuration says; see ``conf/benchmark.yaml``.

    Prints one table of medians, and writes all times into ``benchmark.json`` in the run's folder.

    Returns:
        The content of ``benchmark.json``.

    Raises:
        InputError: data or settings that cannot be used.
    """
    settings = checked(BenchmarkSettings, config)
    pl.seed_everything(settings.seed, workers=True, verbose=False)
    choices, trainer, optimizer = for_hardware(TrainerSettings.of(settings.trainer), settings.optimizer)
    settings = replace(settings, optimizer=optimizer)
    choices.apply()
    folder = make_folder(Path(settings.output_dir))
    augment = build(settings.augment, "augment")
    data: TimelapseData = build(settings.data, "data", augment=augment)
    data.prepare()
    of_data, batch = time_data(data, augment, settings.repeats)
    nets = _time_nets(settings, trainer, data, batch, folder)
    for net in nets.values():
        net["seconds"] |= of_data
    record = {
        "hardware": hardware(Machine.here(trainer.accelerator)) | {"choices": choices.why},
        "versions": versions(),
        "settings": {"batch_size": data.batch_size, "workers": settings.data["workers"], "tile": data.tile}
        | {"repeats": settings.repeats, "precision": choices.precision},
        "nets": nets,
    }
    write_whole(folder / BENCHMARK_JSON, json.dumps(record, indent=1) + "\n")
    print_times(record)
    print_files({"record": folder / BENCHMARK_JSON})
    return record


def _time_nets(
    settings: BenchmarkSettings, trainer: TrainerSettings, data: TimelapseData, batch: Sample, folder: Path
) -> dict[str, dict[str, Any]]:
    """Times and most memory of each net, by name."""
    frame = data.recordings[0].image.frame(0)
    info = replace(info_of(data, {}), training_statistics=None)  # to which predictions would be compared
    loss = build(assembly.loss_config(settings.loss, data), "loss")
    times = {}
    for name, model in _nets(settings.model).items():
        log.info("timing %s", name)
        net = assembly.net_of(assembly.net_config(model, data), [module_of(str(model["_target_"]))])
        assembly.refuse_tile(data.tile, net)
        task = SegmentationTask(net, loss, build(settings.optimizer, "optimizer"), info)
        if trainer.compile:
            task.net.compile()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Lightning's advice on the loaders and loggers of a real run
            make = partial(_trainer, trainer, folder)
            seconds, peak = time_net(task, make, batch, frame, info, settings.repeats)
        times[name] = {"seconds": seconds, "peak_memory": peak}
    return times


def _nets(model: Group | None) -> dict[str, Group]:
    """Settings of the nets to time, by name: the chosen one, or all of ``conf/model``."""
    if model is not None:
        return {option_of(model["_target_"]): model}
    return {
        path.stem: to_plain(OmegaConf.create(path.read_text("utf-8")))
        for path in sorted((CONFIG / "model").glob("*.yaml"))
    }


def _trainer(settings: TrainerSettings, folder: Path, **arguments: Any) -> pl.Trainer:
    plain = settings.for_lightning() | {"enable_progress_bar": False, "enable_checkpointing": False}
    logger = CSVLogger(folder, name="", version="logs")
    with assembly.refused_by_lightning("trainer", assembly.OTHER_TRAINER):
        trainer: pl.Trainer = instantiate(plain, logger=logger, default_root_dir=str(folder), **arguments)
    return trainer


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
    rows = []
    for name, net in nets.items():
        times, peak = medians[name], net["peak_memory"]
        numbers = [*(1000 * times[stage] for stage in OF_NET), batch / times[FULL_STEP]]
        memory = number_cell(None if peak is None else peak / MEBI, ",.0f")
        rows.append((Cell(name), *(number_cell(number, ",.1f") for number in numbers), memory))
    headings = ("net", *OF_NET.values(), "tiles/s", "MiB")
    print_sheet(Sheet("\n".join(lines), headings, rows), console)
