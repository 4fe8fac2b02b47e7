"""From settings and data to the parts of a training run: the net's configuration, the loss, the trainer."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import Checkpoint
from torch import nn

from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.labels.balance import balanced_weights
from hela_seg.models import find_net
from hela_seg.runs.checkpoint import ModelInfo
from hela_seg.system import distributed
from hela_seg.system.errors import InputError, join_names
from hela_seg.system.hardware import OWN_KEYS
from hela_seg.system.machine import versions
from hela_seg.training import ddp
from hela_seg.training.callbacks import EpochBar, ValidateAtMaxSteps
from hela_seg.training.checkpoints import AtomicCheckpointIO
from hela_seg.training.costs import StepClock
from hela_seg.training.loggers import tell_settings
from hela_seg.training.task import logged_names

KNOWN_CALLBACKS = ("hela_seg.", "pytorch_lightning.")
"""Beginnings of the names of callbacks of which it is known what they log."""

OTHER_TRAINER = "Choose trainer=auto, or other trainer settings"
"""What to do about a trainer that Lightning refuses."""


def net_config(config: DictConfig, data: TimelapseData) -> dict[str, Any]:
    """The net's configuration with channels and classes as the data have them.

    Raises:
        InputError: it says otherwise itself.
    """
    plain: dict[str, Any] = OmegaConf.to_container(config.model, resolve=True)  # type: ignore[assignment]
    for key, found in (("in_channels", data.channels), ("classes", len(data.classes))):
        if plain.get(key) not in (None, found):
            raise InputError(
                f"model.{key} is {plain[key]} but the data have {found}: leave model.{key} "
                "out, it follows from the data"
            )
        plain[key] = found
    return plain


def net_of(config: Mapping[str, Any]) -> nn.Module:
    """A new net of this package, which is all that a checkpoint can be opened with.

    Args:
        config: see `net_config`.

    Raises:
        InputError: there is no such net, or its constructor cannot take what it is given.
    """
    find_net(str(config["_target_"]))
    try:
        net: nn.Module = instantiate(config)
    except InstantiationException as error:
        if isinstance(error.__cause__, TypeError | ValueError | ArithmeticError | RuntimeError):
            reason = str(error.__cause__).partition("\n")[0]
            raise InputError(
                f"model: {reason}; expected what {config['_target_']} can take, see --help for its keys"
            ) from None
        raise
    return net


def refuse_tile(tile: Sequence[int], net: nn.Module) -> None:
    """Make sure that tiles of h rows and w columns pass through a net.

    Raises:
        InputError: a side is no multiple of the net's stride.
    """
    stride = getattr(net, "stride", 1)
    if any(size % stride for size in tile):
        raise InputError(
            f"data.tile is {list(tile)}, expected multiples of {stride}, by which this net shrinks its input"
        )


def refuse_counts(trainer: DictConfig) -> None:
    """Make sure that a trainer is to train at all.

    Raises:
        InputError: a number of epochs, steps or batches that is not whole, or below 1; -1 epochs or steps are
            any number.
    """
    for key in ("max_epochs", "max_steps", "accumulate_grad_batches", "check_val_every_n_epoch"):
        number = trainer[key]
        any_number = key.startswith("max") and number == -1
        if not isinstance(number, int) or (number < 1 and not any_number):
            raise InputError(f"trainer.{key} is {number}, expected a whole number of 1 or more")


def refuse_seed(seed: object) -> None:
    """Make sure that a number can be a seed of all that is random.

    Raises:
        InputError: it is no whole number from 0 to 4294967295, which NumPy takes.
    """
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise InputError(f"seed is {seed}, expected a whole number from 0 to {2**32 - 1}")


def refuse_unlogged(config: DictConfig, class_names: Sequence[str]) -> None:
    """Make sure that what callbacks and schedule watch is logged; callbacks of others may log more.

    Args:
        config: all settings of the run.
        class_names: names of the classes.

    Raises:
        InputError: a name that nothing is logged under.
    """
    known, callbacks = logged_names(class_names), _chosen(config.callbacks)
    if not all(str(callback._target_).startswith(KNOWN_CALLBACKS) for callback in callbacks.values()):
        return
    groups = {f"callbacks.{name}": callback for name, callback in callbacks.items()}
    for name, group in (groups | {"scheduler": config.scheduler}).items():
        watched = group.get("monitor")
        if watched is not None and watched not in known:
            raise InputError(f"{name}.monitor is '{watched}', expected one of {join_names(known)}")


@contextmanager
def refused_by_lightning(what: str, cure: str) -> Iterator[None]:
    """Put what Lightning says of settings that it cannot use into a line for the user.

    Args:
        what: they are of.
        cure: what to do.

    Raises:
        InputError: Lightning refused them inside of the block.
    """
    try:
        yield
    except InstantiationException as error:
        if isinstance(error.__cause__, MisconfigurationException | ValueError | TypeError):
            raise InputError(f"{what}: {error.__cause__} {cure}") from None
        raise


def loss_of(config: DictConfig, data: TimelapseData) -> nn.Module:
    """The loss, with weights by the classes' shares of the training masks if these are asked for."""
    if config.loss.get("class_weights") == "balanced":
        counts = data.survey.pixels["train"].tolist()
        config.loss.class_weights = balanced_weights(counts)
    loss: nn.Module = instantiate(config.loss)
    return loss


def model_info(config: DictConfig, net: dict[str, Any], data: TimelapseData) -> ModelInfo:
    """What a checkpoint says about itself.

    Args:
        config: all settings of the run.
        net: see `net_config`.
        data: opened and split.
    """
    resolved: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    return ModelInfo(
        net=net,
        classes=data.classes.to_plain(),
        normalisation=data.normalisation.to_plain(),
        channels=data.channels,
        axes=data.axes,
        split=data.split_rows(),
        config=resolved,
        versions=versions("torch", "pytorch-lightning"),
        training_statistics=data.training_statistics().to_plain(),
    )


def trainer_of(config: DictConfig, folder: Path, clock: StepClock, *, validated: bool) -> pl.Trainer:
    """Lightning's trainer with the callbacks and logs that the settings name.

    Args:
        config: all settings of the run.
        folder: of the run.
        clock: takes the time of steps.
        validated: whether there are frames for validation; without, callbacks that watch them are left out.

    Raises:
        InputError: settings that Lightning refuses.
    """
    with refused_by_lightning("callbacks", "Choose another value, or callbacks=default"):
        callbacks = [
            instantiate(callback)
            for callback in _chosen(config.callbacks).values()
            if validated or callback.get("monitor") is None
        ]
    callbacks += [clock, ValidateAtMaxSteps()]
    if "strategy" in config.trainer:
        callbacks.append(ddp.DDPSyncCallback())
    on_terminal = config.trainer.enable_progress_bar and sys.stderr.isatty() and distributed.is_rank_zero()
    if on_terminal:
        callbacks.append(EpochBar())
    loggers = [instantiate(logger) for logger in _chosen(config.logger).values()]
    settings: Any = OmegaConf.to_container(config, resolve=True)
    tell_settings(loggers, settings)
    with refused_by_lightning("trainer", OTHER_TRAINER):
        trainer: pl.Trainer = instantiate(
            {key: value for key, value in config.trainer.items() if key not in OWN_KEYS},
            callbacks=callbacks,
            logger=loggers,
            plugins=[AtomicCheckpointIO(), *ddp.plugins(config.trainer)],
            enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
            default_root_dir=str(folder),
            limit_val_batches=1.0 if validated else 0,
            enable_progress_bar=on_terminal,
        )
    return trainer


def _chosen(group: DictConfig) -> dict[str, DictConfig]:
    """The entries of a group, but for those that are switched off with null."""
    return {str(name): entry for name, entry in group.items() if entry is not None}


def describe(net: nn.Module, config: DictConfig) -> str:
    """The line that a run begins with."""
    parameters = sum(parameter.numel() for parameter in net.parameters())
    return f"{type(net).__name__}, {parameters:,} trainable parameters, seed {config.seed}"
