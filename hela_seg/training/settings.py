"""The settings of a training run: checked and resolved once, and frozen from then on."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Literal

from hela_seg.system.errors import InputError
from hela_seg.system.hardware import HardwareChoices, Machine, choose, on_gpu, take_gpu
from hela_seg.system.machine import accelerator_of
from hela_seg.system.ranks import RankInfo
from hela_seg.system.settings import (
    Count,
    Group,
    Length,
    Positive,
    Seed,
    Share,
    check_group,
    checked,
    to_plain,
)
from hela_seg.system.trust import Trust, module_of, modules_of

PLANNED = ("max_steps", "max_epochs", "check_val_every_n_epoch")
"""Settings of the trainer whose place ``minutes`` takes."""

TORCHRUN = "torchrun --standalone --nproc-per-node=2 -m hela_seg.train trainer=ddp"


@dataclass(frozen=True)
class TrainerSettings:
    """The group ``trainer``; see ``conf/trainer/auto.yaml`` for what each field means.

    Args:
        further: more arguments of Lightning's trainer, and its class as ``_target_``.
    """

    accelerator: str = "auto"
    devices: int | Sequence[int] | Literal["auto"] = 1
    precision: str = "auto"
    tf32: bool | Literal["auto"] = "auto"
    compile: bool = False
    batch_size: Count | Literal["auto"] | None = None
    max_epochs: Length = 100
    max_steps: Length = -1
    gradient_clip_val: float | None = None
    accumulate_grad_batches: Count = 1
    check_val_every_n_epoch: Count = 1
    enable_progress_bar: bool = True
    strategy: Group | None = None
    num_nodes: int | Literal["auto"] | None = None
    sync_batchnorm: bool | Literal["auto"] | None = None
    further: Group = field(default_factory=dict)

    @classmethod
    def of(cls, group: Group) -> TrainerSettings:
        """Settings of the configuration group.

        Raises:
            InputError: a value of another type, or an argument that Lightning's trainer lacks.
        """
        own = {entry.name for entry in fields(cls)} - {"further"}
        further = {key: value for key, value in group.items() if key not in own}
        check_group(further, "trainer")
        return checked(cls, {key: group[key] for key in own & set(group)} | {"further": further}, "trainer")

    @property
    def is_distributed(self) -> bool:
        """Whether several processes train together."""
        return self.strategy is not None

    def to_plain(self) -> dict[str, Any]:
        """The group as it is kept in a checkpoint."""
        plain = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "further"}
        if not self.is_distributed:
            del plain["strategy"], plain["num_nodes"], plain["sync_batchnorm"]
        return {**self.further, **plain}

    def for_lightning(self) -> dict[str, Any]:
        """What Lightning's trainer is made of: its class as ``_target_``, and its arguments."""
        own = ("tf32", "compile", "batch_size", "sync_batchnorm")
        return {key: value for key, value in self.to_plain().items() if key not in own}


@dataclass(frozen=True)
class TrainSettings:
    """All settings of ``hela_seg.train``; see ``conf/train.yaml`` and its groups for what each means.

    `resolve` makes them; nothing changes them afterwards.
    """

    data: Group
    augment: Group
    model: Group
    loss: Group
    optimizer: Group
    scheduler: Group
    trainer: TrainerSettings
    callbacks: Mapping[str, Group | None]
    logger: Mapping[str, Group | None]
    output_dir: str
    seed: Seed = 0
    minutes: Positive | None = None
    resume: bool = False
    ckpt_path: str | None = None
    start_from: str | None = None
    start_from_lr_factor: Share = 1.0
    report: bool = True
    trust: Trust = None

    @property
    def trusted(self) -> tuple[str, ...]:
        """The modules that the user trusts by name, and that of the net that the user names."""
        return (*modules_of(self.trust), module_of(str(self.model["_target_"])))

    def to_plain(self) -> dict[str, Any]:
        """As a checkpoint keeps them: dicts, lists and primitives; whom the user trusts is no one else's."""
        plain = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "trust"}
        if self.start_from is None:
            del plain["start_from"], plain["start_from_lr_factor"]
        return plain | {"trainer": self.trainer.to_plain()}

    def with_tiles_of(self, data: Mapping[str, Any]) -> TrainSettings:
        """The settings with the tiles that other settings of data have, where these were left open."""
        kept = {key: data[key] for key in ("tile", "batch_size") if self.data[key] is None and key in data}
        return replace(self, data={**self.data, **kept})

    def with_plan_of(self, trainer: Mapping[str, Any]) -> TrainSettings:
        """The settings with the length that ``minutes`` gave a run, of the ``trainer`` that it began with."""
        kept = {key: trainer[key] for key in PLANNED if self.minutes is not None and key in trainer}
        return replace(self, trainer=replace(self.trainer, **kept))

    def chosen(self, group: Literal["callbacks", "logger"]) -> dict[str, Group]:
        """The callbacks or loggers by name, without those that are switched off with null."""
        entries: Mapping[str, Group | None] = getattr(self, group)
        return {name: entry for name, entry in entries.items() if entry is not None}


def resolve(config: Mapping[str, Any], ranks: RankInfo) -> tuple[TrainSettings, HardwareChoices]:
    """Check the settings of a run, and settle all that follows from the machine and from how it was started.

    Args:
        config: as Hydra composed it; see ``conf/train.yaml``.
        ranks: the place of this process among those that were started together.

    Returns:
        The settings, without any ``auto`` but that of ``trainer.batch_size``, and what is switched on.

    Raises:
        InputError: settings that cannot be used, or that do not belong together.
    """
    plain = to_plain(config)
    plain["callbacks"], plain["logger"] = plain.get("callbacks") or {}, plain.get("logger") or {}
    trainer = TrainerSettings.of(plain["trainer"])
    settings = checked(TrainSettings, plain | {"trainer": trainer})
    for name in ("data", "augment", "model", "loss", "optimizer", "scheduler", "callbacks", "logger"):
        check_group(plain[name], name, complete=name == "data")  # all else takes something from the data
    if settings.start_from is not None and settings.ckpt_path is not None:
        raise InputError(
            "ckpt_path and start_from are both set, expected one: ckpt_path goes on with a training of the "
            "same net, start_from begins one with its weights"
        )
    trainer = for_ranks(trainer, ranks, settings.data["batch_size"])
    if on_gpu(trainer.accelerator):
        take_gpu(trainer.devices)
    hardware, trainer, optimizer = for_hardware(trainer, settings.optimizer, ranks.count)
    data = {**settings.data, "root": str(Path(settings.data["root"]).absolute())}
    folder = str(Path(settings.output_dir).absolute())
    resolved = replace(settings, trainer=trainer, optimizer=optimizer, data=data, output_dir=folder)
    return resolved, hardware


def for_hardware(
    trainer: TrainerSettings, optimizer: Group, processes: int = 1
) -> tuple[HardwareChoices, TrainerSettings, Group]:
    """What is switched on for this machine, and the settings with it in place of ``auto``.

    Args:
        trainer: as set; ``auto`` as the accelerator is replaced, because Lightning would take Apple's GPU for
            it, which lacks the float64 of losses.
        optimizer: as set; ``fused`` is added where its class takes it.
        processes: that train together.

    Raises:
        InputError: see `hela_seg.system.hardware.choose`.
    """
    machine = Machine.here(trainer.accelerator)
    fusible = "fused" in inspect.signature(resolve_name(optimizer["_target_"])).parameters
    choices = choose(
        machine,
        precision=trainer.precision,
        tf32=trainer.tf32,
        compiled=trainer.compile,
        clipped=bool(trainer.gradient_clip_val),
        fused=optimizer.get("fused", "auto") if fusible else False,
        processes=processes,
    )
    accelerator = accelerator_of(trainer.accelerator)
    resolved = replace(trainer, accelerator=accelerator, precision=choices.precision, tf32=choices.tf32)
    return choices, resolved, {"fused": choices.fused, **optimizer} if fusible else optimizer


def for_ranks(trainer: TrainerSettings, ranks: RankInfo, batch: int | None) -> TrainerSettings:
    """The settings with what follows from how the processes were started.

    Args:
        trainer: as set.
        ranks: the place of this process among those that were started together.
        batch: tiles that a step of the optimiser learns from, of all processes together; None where it
            follows from the data.

    Raises:
        InputError: the processes and the settings do not belong together, or cannot share a batch.
    """
    if not trainer.is_distributed:
        _refuse_several(trainer, ranks)
        return trainer
    if ranks.launcher is None:
        raise InputError(
            "trainer=ddp was started as a single process, expected torchrun or srun to start one for each "
            f"device: {TORCHRUN}"
        )
    for key, found in (("devices", ranks.local_count), ("num_nodes", ranks.nodes)):
        if getattr(trainer, key) not in ("auto", found):
            raise InputError(
                f"trainer.{key} is {getattr(trainer, key)}, but {ranks.launcher} started {ranks.local_count} "
                f"processes on each of {ranks.nodes} machine(s): leave trainer.{key} out, it follows from "
                "that"
            )
    if batch is not None and batch % ranks.count:
        raise InputError(
            f"data.batch_size is {batch}, but {ranks.count} processes share each batch, expected a multiple "
            "of their number: change one of the two"
        )
    gpu = on_gpu(trainer.accelerator)
    if trainer.sync_batchnorm is True and not gpu:
        raise InputError(
            "trainer.sync_batchnorm is true, but PyTorch synchronises batch normalisation on GPUs alone, "
            "expected auto or false on a CPU"
        )
    synced = gpu if trainer.sync_batchnorm == "auto" else trainer.sync_batchnorm
    return replace(trainer, devices=ranks.local_count, num_nodes=ranks.nodes, sync_batchnorm=synced)


def _refuse_several(trainer: TrainerSettings, ranks: RankInfo) -> None:
    if ranks.count > 1:
        raise InputError(
            f"{ranks.launcher} started {ranks.count} processes, but this trainer is for a single one, "
            "which would train the same net so many times: add trainer=ddp"
        )
    one = len(trainer.devices) == 1 if isinstance(trainer.devices, list | tuple) else trainer.devices == 1
    if not one:
        raise InputError(
            f"trainer.devices is {trainer.devices}, but this trainer is for one device, expected 1: for "
            f"several, {TORCHRUN}"
        )
