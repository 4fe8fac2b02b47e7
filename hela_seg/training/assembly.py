"""From settings and data to the parts of a training run: the net's configuration, the loss, the trainer."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Checkpoint
from torch import Tensor, nn

from hela_seg.data.context import own_channels
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.labels.balance import balanced_weights
from hela_seg.data.normalise import AUTO
from hela_seg.models import build as build_net
from hela_seg.models import is_own
from hela_seg.system import distributed
from hela_seg.system.errors import InputError, join_names
from hela_seg.system.settings import Group, build
from hela_seg.training import ddp
from hela_seg.training.callbacks import Deadline, EpochBar, ValidateAtMaxSteps
from hela_seg.training.checkpoints import AtomicCheckpointIO
from hela_seg.training.costs import StepClock
from hela_seg.training.loggers import MlflowLog, WandbLog
from hela_seg.training.settings import TrainSettings
from hela_seg.training.task import logged_names

KNOWN_CALLBACKS = ("hela_seg.", "pytorch_lightning.")
"""Beginnings of the names of callbacks of which it is known what they log."""

OTHER_TRAINER = "Choose trainer=auto, or other trainer settings"
"""What to do about a trainer that Lightning refuses."""


def net_config(model: Group, data: TimelapseData) -> dict[str, Any]:
    """The net's configuration with channels (of all frames that are shown) and classes as the data have them.

    With ``norm=auto`` a net normalises each image by itself where the data do so too: single images are
    hardly ever exposed alike, and frames of one series are.

    Raises:
        InputError: it says otherwise itself.
    """
    plain = dict(model)
    for key, found in (("in_channels", data.input_channels), ("classes", len(data.classes))):
        if plain.get(key) not in (None, found):
            raise InputError(
                f"model.{key} is {plain[key]} but the data have {found}: leave model.{key} "
                "out, it follows from the data"
            )
        plain[key] = found
    if plain.get("norm") == AUTO and is_own(str(plain["_target_"])):
        plain["norm"] = "instance" if data.normalisation.kind == "frame" else "batch"
    return plain


def net_of(config: Mapping[str, Any], trust: Sequence[str] = ()) -> nn.Module:
    """A new net, made as one that a checkpoint describes is made again.

    Args:
        config: see `net_config`.
        trust: see `hela_seg.models.find_net`.

    Raises:
        InputError: there is no such net, or its constructor cannot take what it is given.
    """
    for key, value in config.items():
        if isinstance(value, Mapping) and "_target_" in value:
            raise InputError(
                f"model.{key} names a class of its own, expected plain values: let the net's constructor "
                "make that part"
            )
    return build_net(config, trust)


def refuse_output(net: nn.Module, config: Mapping[str, Any], tile: Sequence[int]) -> None:
    """Make sure that a net that is not of this package gives a score for each class and pixel.

    Args:
        net: (N, C, H, W) -> logits.
        config: see `net_config`.
        tile: H and W.

    Raises:
        InputError: it gives something else, or fails.
    """
    if is_own(str(config["_target_"])):
        return
    shape = (1, config["in_channels"], *tile)
    expected = (1, config["classes"], *tile)
    training = net.training
    try:
        with torch.no_grad():
            found = net.eval()(torch.zeros(shape))
    except Exception as error:  # whatever code that is not ours raises
        raise InputError(
            f"model {config['_target_']} fails on images (N, C, H, W) of {shape} "
            f"({type(error).__name__}: {error}): correct it, or set data.tile="
        ) from error
    net.train(training)
    given = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
    if given != expected:
        raise InputError(
            f"model {config['_target_']} gives {given} of images {shape}, expected logits (N, K, H, W) of "
            f"{expected}: correct it"
        )


def begin_with_own_frame(net: nn.Module, channels: int, context: int) -> None:
    """Let a new net with context begin as one that is shown frame t alone.

    The weights with which its first layer looks at the other frames become 0, those for frame t as large as
    without others, so that the sum over all frames has the variance that it was drawn for. Else all frames
    count alike at first, and cells are found where they were before and after.

    Args:
        net: (N, (2 context + 1) C, H, W) -> logits; its first layer is what looks at the image first.
        channels: C of one frame.
        context: see `hela_seg.data.context`; with 0 nothing changes.
    """
    if not context:
        return
    first: list[tuple[Tensor, nn.Conv2d]] = []
    count, own = 2 * context + 1, own_channels(channels, context)

    def note(module: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        """A forward hook: remember each convolution that looks at the image first, with its input."""
        if isinstance(module, nn.Conv2d) and (not first or inputs[0] is first[0][0]):
            first.append((inputs[0], module))

    hooks = [module.register_forward_hook(note) for module in net.modules()]
    side, training = 4 * int(getattr(net, "stride", 1)), net.training
    with torch.no_grad():
        net.eval()(torch.zeros(1, count * channels, side, side))
        for hook in hooks:
            hook.remove()
        for _, convolution in first:
            weight = convolution.weight
            if weight.shape[1] == count * channels:  # of several groups none is shown all frames
                kept = weight[:, own] * count**0.5
                weight.zero_()[:, own] = kept
    net.train(training)


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


def refuse_unlogged(settings: TrainSettings, class_names: Sequence[str], *, validated: bool) -> None:
    """Make sure that what callbacks and schedule watch is logged; callbacks of others may log more.

    Args:
        settings: of the run.
        class_names: of the classes, whose scores are logged.
        validated: whether there are frames for validation, which a schedule may watch.

    Raises:
        InputError: a name that nothing is logged under, or a schedule that would wait for ever.
    """
    monitor = str(settings.scheduler.get("monitor"))
    if monitor.endswith("/validation") and not validated:
        raise InputError(
            f"scheduler.monitor is {monitor} but no frame is for validation (data.split.validation=0), "
            "expected some: validate, or choose a schedule that waits for nothing, such as scheduler=cosine"
        )
    known, callbacks = logged_names(class_names), settings.chosen("callbacks")
    if not all(str(callback["_target_"]).startswith(KNOWN_CALLBACKS) for callback in callbacks.values()):
        return
    groups = {f"callbacks.{name}": callback for name, callback in callbacks.items()}
    for name, group in (groups | {"scheduler": settings.scheduler}).items():
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


def loss_config(loss: Group, data: TimelapseData) -> Group:
    """The loss's configuration, with weights by the classes' shares of the training masks if asked for."""
    if loss.get("class_weights") != "balanced":
        return loss
    return {**loss, "class_weights": balanced_weights(data.survey.pixels["train"].tolist())}


def trainer_of(
    settings: TrainSettings, folder: Path, clock: StepClock, *, validated: bool, seconds: float | None = None
) -> pl.Trainer:
    """Lightning's trainer with the callbacks and logs that the settings name.

    Args:
        settings: of the run.
        folder: of the run.
        clock: takes the time of steps.
        validated: whether there are frames for validation; without, callbacks that watch them are left out.
        seconds: after which training ends in any case.

    Raises:
        InputError: settings that Lightning refuses.
    """
    with refused_by_lightning("callbacks", "Choose another value, or callbacks=default"):
        callbacks = [
            build(callback, f"callbacks.{name}")
            for name, callback in settings.chosen("callbacks").items()
            if validated or callback.get("monitor") is None
        ]
    if seconds is not None:
        callbacks.insert(0, Deadline(seconds))
    callbacks += [clock, ValidateAtMaxSteps()]
    if settings.trainer.is_distributed:
        callbacks.append(ddp.DDPSyncCallback())
    on_terminal = settings.trainer.enable_progress_bar and sys.stderr.isatty() and distributed.is_rank_zero()
    if on_terminal:
        callbacks.append(EpochBar())
    loggers = [build(logger, f"logger.{name}") for name, logger in settings.chosen("logger").items()]
    for logger in loggers:
        if isinstance(logger, MlflowLog | WandbLog):  # in the run's folder the settings already are
            logger.log_hyperparams(settings.to_plain())
    with refused_by_lightning("trainer", OTHER_TRAINER):
        trainer: pl.Trainer = instantiate(
            settings.trainer.for_lightning()
            | {"enable_progress_bar": on_terminal, "limit_val_batches": 1.0 if validated else 0},
            callbacks=callbacks,
            logger=loggers,
            plugins=[AtomicCheckpointIO(), *ddp.plugins(settings.trainer)],
            enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
            default_root_dir=str(folder),
        )
    return trainer


def describe(net: nn.Module, seed: int) -> str:
    """The line that a run begins with."""
    parameters = sum(parameter.numel() for parameter in net.parameters())
    return f"{type(net).__name__}, {parameters:,} trainable parameters, seed {seed}"
