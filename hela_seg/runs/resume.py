"""Going on with an interrupted run: which of its checkpoints is taken up, and what else is put in order."""

from __future__ import annotations

import json
import logging
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from hela_seg.data.classes import is_reordered
from hela_seg.runs import logs, run_folder
from hela_seg.runs.checkpoint import (
    PROGRESS_KEY,
    TRANSFERRED_KEY,
    ModelInfo,
    option_of,
    read_checkpoint,
    read_content,
    read_info,
    validation_score,
)
from hela_seg.system.errors import InputError
from hela_seg.system.files import HALVES, write_whole
from hela_seg.system.settings import flatten

log = logging.getLogger(__name__)

FREE = ("trainer", "callbacks", "logger", "output_dir", "ckpt_path", "start_from", "resume", "report")
"""Settings that a run may go on with changed, with all below them."""

FREE_KEYS = ("data.root", "data.workers", "optimizer.fused")
"""Further ones, which say where the run happens rather than what it is."""

ADDED_KEYS = {"data.context": 0}
"""Settings that version 0.1.0 did not have, with the values that its runs correspond to."""

_DAMAGE = (
    zipfile.BadZipFile,
    InputError,
    OSError,
    EOFError,
    LookupError,
    ValueError,  # names that are no text
    RuntimeError,  # an encryption that there is none of
    struct.error,
)
"""What reading a checkpoint of which some bytes are wrong raises, according to which these are."""


def starting_point(folder: Path, *, resume: bool, ckpt_path: str | None) -> Path | None:
    """The checkpoint with whose training a run goes on; None where it begins its own.

    Args:
        folder: of the run.
        resume: go on with the run that the folder holds, where it has a checkpoint.
        ckpt_path: a checkpoint that the run begins with; of one that holds weights alone see `take_weights`.

    Raises:
        InputError: the folder holds a run that is not to be gone on with, or one without a whole checkpoint;
            or the checkpoint given by name cannot be used.
    """
    checkpoints = folder / run_folder.CHECKPOINTS
    held = [checkpoints / name for name in (run_folder.BEST_CHECKPOINT, *run_folder.RESUMABLE)]
    found = next((path for path in held if path.exists()), None)
    if found is not None and not resume:
        raise InputError(
            f"{found} is there from an earlier run: go on with that run by resume=true, or choose another "
            "output_dir"
        )
    own = newest(checkpoints) if resume else None
    if own is not None or ckpt_path is None:
        return own
    content = read_content(ckpt_path)
    read_info(ckpt_path, content)  # refuses what is no checkpoint before anything else is done
    return Path(ckpt_path) if "optimizer_states" in content else None


def newest(checkpoints: Path) -> Path | None:
    """The newest checkpoint in a folder that is whole, by the steps that it holds; None where there is none.

    Those that were cut short or are damaged are left aside, which is said.

    Raises:
        InputError: there are some, but none is whole.
    """
    found = [checkpoints / name for name in run_folder.RESUMABLE if (checkpoints / name).exists()]
    steps = {path: steps for path in found if (steps := _steps_if_whole(path)) is not None}
    for path in found:
        if path not in steps:
            log.warning("warning: %s is cut short or damaged and left aside", path)
    if found and not steps:
        raise InputError(
            f"{checkpoints} holds no whole checkpoint to go on from: start anew in another output_dir"
        )
    return max(steps, key=lambda path: steps[path], default=None)


def check_same_settings(begun: ModelInfo, settings: Mapping[str, Any], checkpoint: Path) -> None:
    """Refuse to go on with other settings than a run began with, but for those that may change.

    Args:
        begun: of the run's checkpoint.
        settings: of now, before the data are looked at.
        checkpoint: for the message.

    Raises:
        InputError: names the first setting that differs.
    """
    before, now = (ADDED_KEYS | flatten(plain) for plain in (begun.config, settings))
    if now.get("loss.class_weights") == "balanced":
        before.pop("loss.class_weights"), now.pop("loss.class_weights")
    for key in sorted(before.keys() | now.keys()):
        if key.split(".")[0] in FREE or key in FREE_KEYS or before.get(key) == now.get(key):
            continue
        if key not in before and not now[key]:
            continue  # what no version knew then, and what is switched off now
        raise InputError(
            f"{key} is {now.get(key)}, but this run began with {before.get(key)}: leave it as it was, or "
            f"start a run of its own with ckpt_path={checkpoint} and another output_dir"
        )


def check_compatible(
    checkpoint: Path, net: nn.Module, classes: Sequence[str], settings: Mapping[str, Any], *, goes_on: bool
) -> None:
    """Make sure that a run can take over what a checkpoint holds.

    Args:
        checkpoint: of this run or another one.
        net: of this run.
        classes: names of this run's classes, in their order.
        settings: of this run.
        goes_on: whether the checkpoint is of this run.

    Raises:
        InputError: the weights are those of another net or of classes in another order, the optimiser's state
            is that of another one, or the checkpoint is as many epochs or steps old as the run is to last.
    """
    info, _ = _of_this_net(checkpoint, net, classes)
    # a training by Lightning's trainer alone does not state its optimiser
    before = info.config.get("optimizer", {}).get("_target_", "an optimiser that it does not name")
    now = settings["optimizer"]["_target_"]
    if before != now:
        raise InputError(
            f"{checkpoint} holds the state of {before}, but optimizer is {now}, expected the same: choose it"
        )
    content = read_content(checkpoint)
    for key, unit, done in (("max_epochs", "epochs", "epoch"), ("max_steps", "steps", "global_step")):
        length, behind = settings["trainer"][key], int(content[done])
        if 0 <= length < behind + (not goes_on):
            raise InputError(
                f"trainer.{key} is {length}, but {checkpoint} has {behind} {unit} behind it, which count: "
                "choose more"
            )


def transferred(checkpoint: Path | None) -> list[str]:
    """Names of the parameters that the run of a checkpoint had taken over from another one, if any.

    Their learning rate is one of its own, and so the state of the optimiser has them in a group of their own.
    """
    return [] if checkpoint is None else list(read_content(checkpoint).get(TRANSFERRED_KEY, []))


def take_weights(checkpoint: Path, net: nn.Module, classes: Sequence[str]) -> None:
    """Fill a net with the weights of a checkpoint that holds nothing else of a training, as a converted one.

    Raises:
        InputError: they are those of another net, or of the net's classes in another order.
    """
    _, weights = _of_this_net(checkpoint, net, classes)
    net.load_state_dict(weights)


def _of_this_net(
    checkpoint: Path, net: nn.Module, classes: Sequence[str]
) -> tuple[ModelInfo, dict[str, Any]]:
    """What a checkpoint says and its weights, made sure to be for this net and these names of classes."""
    info, weights = read_checkpoint(checkpoint)
    if _shapes(weights) != _shapes(net.state_dict()):
        held = " ".join(f"{key}={value}" for key, value in info.net.items() if key != "_target_")
        model = option_of(info.net["_target_"])
        raise InputError(
            f"{checkpoint} holds weights of model={model} with {held}, expected "
            "those of this run's net: choose that model, and data with so many channels and classes and the "
            "same data.context, or start_from= in place of ckpt_path=, which takes over what fits"
        )
    names = [str(entry["name"]) for entry in info.classes]
    held, now = ", ".join(names), ", ".join(classes)
    if is_reordered(names, classes):
        raise InputError(
            f"{checkpoint} was trained with the classes {held}, but data.classes names {now}, expected the "
            "same order: give that one, with values= where masks hold others, or take start_from= in place "
            "of ckpt_path=, which goes by the names"
        )
    if names != list(classes):
        change = f"the classes {held}, and its outputs now stand for {now}"
        log.warning("warning: %s was trained with %s", checkpoint, change)
    return info, weights


def tidy(folder: Path, checkpoint: Path | None) -> None:
    """Take away what a run wrote after its checkpoint: lines of its logs, halves of files, its last word.

    Args:
        folder: of the run.
        checkpoint: that it goes on from; None where it begins.
    """
    for half in folder.rglob(HALVES):
        half.unlink()
    (folder / run_folder.FINISHED).unlink(missing_ok=True)
    written: dict[str, int] = {}
    if checkpoint is not None and checkpoint.parent == folder / run_folder.CHECKPOINTS:
        written = read_content(checkpoint)[PROGRESS_KEY]["logs"]
    logs.cut_back(folder / run_folder.LOGS, written)


def mark_finished(folder: Path, checkpoint: Path, trainer: Mapping[str, Any]) -> None:
    """Leave word that a run has come to its end, for whoever would go on with it.

    Args:
        folder: of the run.
        checkpoint: that it ended with.
        trainer: the group ``trainer`` of its settings.
    """
    word = {
        "checkpoint": str(checkpoint.relative_to(folder)),
        "trainer": _length(trainer),
        "validation_score": validation_score(checkpoint),
    }
    write_whole(folder / run_folder.FINISHED, json.dumps(word, indent=2) + "\n")


def finished(folder: Path, trainer: Mapping[str, Any] | None) -> Path | None:
    """The checkpoint that a run ended with, if it has ended; not where it is now to be longer than it was.

    Args:
        folder: of the run.
        trainer: the group ``trainer`` of its settings now; None where its length follows from ``minutes``.
    """
    try:
        word = json.loads((folder / run_folder.FINISHED).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    same = trainer is None or word["trainer"] == _length(trainer)
    return folder / word["checkpoint"] if same else None


def _length(trainer: Mapping[str, Any]) -> dict[str, Any]:
    return {key: trainer[key] for key in ("max_epochs", "max_steps")}


def _steps_if_whole(path: Path) -> int | None:
    """How many steps a checkpoint holds; None where a byte of it is missing or wrong."""
    try:
        with zipfile.ZipFile(path) as archive:
            compressed = any(entry.compress_type for entry in archive.infolist())  # which PyTorch never does
            if compressed or archive.testzip() is not None:
                return None
        content = read_content(path)
        return int(content["global_step"]) if isinstance(content, Mapping) else None
    except _DAMAGE:
        return None


def _shapes(weights: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in weights.items()}
