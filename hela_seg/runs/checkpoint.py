"""What a checkpoint holds, and how it is read and written."""

from __future__ import annotations

import errno
import math
import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from hela_seg.runs import run_folder
from hela_seg.system.errors import InputError
from hela_seg.system.files import whole_file
from hela_seg.system.settings import Count, checked

CHECKPOINT_KEY = "hela_seg"
"""Where in a checkpoint's dictionary lies what this program added."""

PROGRESS_KEY = "hela_seg_progress"
"""Where in a checkpoint's dictionary lies what only going on with the run needs."""

SCORE_KEY = "hela_seg_validation_score"
"""Where in a checkpoint's dictionary lies the m-IoU on the validation frames of its weights."""

TRANSFERRED_KEY = "hela_seg_transferred"
"""Where in a checkpoint's dictionary lie the names of the net's parameters that a fine-tuning took over."""

TEST_KEY = "hela_seg_test"
"""Where in a checkpoint's dictionary lie the counted pixels of the test frames, with its weights."""

CHECKPOINT_FORMAT = 2
"""Raised when an older program could no longer read a newer checkpoint."""

FORMER_NAMES = {"hela_seg.losses.": "hela_seg.training.losses.", "hela_seg.task.": "hela_seg.training.task."}
"""Beginnings of names in the settings of runs of version 0.1.0, and what they are called today."""

_UNREADABLE = (RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError, struct.error)
"""What reading bytes that are no checkpoint raises."""

_NET = "net."
"""What stands before the names of the net's weights, beside those of the loss."""


@dataclass(frozen=True)
class ModelInfo:
    """What a checkpoint says about its net, enough to rebuild and use it without any other file.

    Attributes:
        net: ``_target_`` and arguments of the net, as `hela_seg.models.build` takes them.
        classes: as `hela_seg.data.classes.Classes` takes them.
        normalisation: as `hela_seg.data.normalise.Normalisation.from_plain` takes it.
        channels: C of the images that it was trained on.
        axes: axes of the training files, for files that do not state their own.
        split: the rows of the split that it was trained with: series, start, stop (exclusive), part.
        config: the resolved configuration of the training run, as plain dicts.
        versions: name and version of the program and the libraries that trained it.
        format: `CHECKPOINT_FORMAT` of the program that wrote it.
        training_statistics: grey values and class shares of the training frames, as
            `hela_seg.data.intensity.TrainingStatistics.from_plain` takes them; None where they are not known,
            as in checkpoints of format 1.
    """

    net: dict[str, Any]
    classes: list[dict[str, Any]]
    normalisation: dict[str, Any]
    channels: Count
    axes: str
    split: list[dict[str, Any]]
    config: dict[str, Any]
    versions: dict[str, str]
    format: int = CHECKPOINT_FORMAT
    training_statistics: dict[str, Any] | None = None

    @property
    def data(self) -> Mapping[str, Any]:
        """The settings of the data that it was trained on; empty where it was converted."""
        data = self.config.get("data")
        return data if isinstance(data, Mapping) else {}

    @property
    def context(self) -> int:
        """How many frames before and after each the net is shown; see `hela_seg.data.context`."""
        found = self.data.get("context", 0)
        return found if isinstance(found, int) and found > 0 else 0

    @property
    def channel_names(self) -> list[str]:
        """Names of the channels in the training's files, as its settings gave them; empty without any."""
        files = self.data.get("images")
        return list(self.data.get("channel_names") or (files if isinstance(files, Mapping) else []))

    @property
    def input_channels(self) -> int:
        """Channels that the net takes: C of each frame that it is shown."""
        return (2 * self.context + 1) * self.channels

    def to_plain(self) -> dict[str, Any]:
        """Lists, dicts and primitives: all that ``torch.load(weights_only=True)`` lets through."""
        return asdict(self)


def option_of(target: object) -> str:
    """The name by which ``model=`` chooses a net: that of its module.

    Example:
        ``option_of("hela_seg.models.unet.UNet") == "unet"``
    """
    return str(target).split(".")[-2:][0]


def read_checkpoint(path: Path | str) -> tuple[ModelInfo, dict[str, Any]]:
    """Read a checkpoint: what it says about its net, and the net's weights by name.

    Raises:
        InputError: see `read_content`; or the file says too little or too much about its net.
    """
    content = read_content(path)
    return read_info(path, content), _weights(path, content)


def read_content(path: Path | str, *, mapped: bool = True) -> Any:
    """Read all that a checkpoint holds.

    Nothing in the file is executed: pickled code is refused.

    Args:
        path: of the checkpoint.
        mapped: whether tensors stay on the disk until they are used; the file must then stay as it is.

    Raises:
        InputError: no such file, no checkpoint, a damaged one, or one that holds code.
    """
    import torch  # here, so that commands answer --help without it

    path = Path(path)
    if not path.is_file():
        best = path / run_folder.CHECKPOINTS / run_folder.BEST_CHECKPOINT
        cure = f"did you mean {best}?" if best.is_file() else "check ckpt="
        found = "a folder" if path.is_dir() else "not there"
        raise InputError(f"{path} is {found}, expected a checkpoint such as {best.name}: {cure}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on foreign pickles, which are refused anyway
            return torch.load(
                path, map_location="cpu", weights_only=True, mmap=mapped and zipfile.is_zipfile(path)
            )
    except (*_UNREADABLE, pickle.UnpicklingError) as error:
        if _is_export(path):
            raise _not_ours(path, "is an export for other programs and no checkpoint") from None
        if isinstance(error, pickle.UnpicklingError):
            raise _not_ours(path, "is no checkpoint, or holds pickled code, which is never run") from None
        reason = str(error).split("\n", 1)[0]
        raise _not_ours(path, f"is no checkpoint or a damaged one ({reason})") from None


def _is_export(path: Path) -> bool:
    """Whether a file that is no checkpoint is of ONNX, TorchScript or ``torch.export``."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.rpartition("/")[2] for name in archive.namelist()}
            return not names.isdisjoint({"constants.pkl", "archive_format"})
    except (zipfile.BadZipFile, *_UNREADABLE):
        return path.suffix == ".onnx"


def validation_score(checkpoint: Path) -> float | None:
    """The m-IoU that a checkpoint's weights had on the validation frames; None where there is none.

    Raises:
        InputError: see `read_content`.
    """
    score = read_content(checkpoint).get(SCORE_KEY)
    return None if score is None or math.isnan(score) else float(score)


def rotate_checkpoints(folder: Path) -> None:
    """Make the next checkpoint in a folder the last one, and the last the previous one.

    A process that dies between the two moves leaves all of what was there, under these names.
    """
    last = folder / run_folder.LAST_CHECKPOINT
    if last.exists():
        last.replace(folder / run_folder.PREVIOUS_CHECKPOINT)
    (folder / run_folder.NEXT_CHECKPOINT).replace(last)


def write_checkpoint(path: Path, info: ModelInfo, weights: Mapping[str, Any]) -> None:
    """Write a checkpoint that `read_checkpoint` reads: for prediction and evaluation, not to go on training.

    It appears whole or not at all.

    Args:
        path: where to; what is there is replaced.
        info: what it says about its net.
        weights: the net's state dict.

    Raises:
        InputError: it cannot be written there.
    """
    state = {f"{_NET}{name}": value for name, value in weights.items()}
    save_whole(path, {"state_dict": state, CHECKPOINT_KEY: info.to_plain()})


def add_to_checkpoint(path: Path, key: str, value: Any) -> None:
    """Put one more entry into a checkpoint, in place of one of the same name; the file is whole at all times.

    Raises:
        InputError: see `read_content`; or it cannot be written there.
    """
    save_whole(path, {**read_content(path, mapped=False), key: value})


def save_whole(path: Path, content: Mapping[str, Any]) -> None:
    """Save with PyTorch; the file appears whole or not at all.

    Raises:
        InputError: it cannot be written there.
    """
    import torch

    with whole_file(path) as beside:
        beside.touch()  # of a folder without rights PyTorch says the same as of a full disk
        try:
            torch.save(content, beside)
        except RuntimeError as error:
            # PyTorch's own words for a full disk
            if "inline_container" not in str(error) and "PytorchStreamWriter" not in str(error):
                raise
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None


def read_info(path: Path | str, content: Any) -> ModelInfo:
    """What a checkpoint says about its net.

    Args:
        path: for the message.
        content: as `read_content` gives it.

    Raises:
        InputError: it says nothing, too little, too much, or was written by a newer program.
    """
    plain = content.get(CHECKPOINT_KEY) if isinstance(content, Mapping) else None
    if not isinstance(plain, Mapping):
        raise _not_ours(path, "does not say which net it holds")
    written = plain.get("format", 0)
    if isinstance(written, int) and written > CHECKPOINT_FORMAT:
        raise InputError(
            f"{path} has checkpoint format {plain['format']}, expected at most {CHECKPOINT_FORMAT}: "
            "update hela_seg"
        )
    names = {field.name for field in fields(ModelInfo)}
    plain = {"training_statistics": None, **plain}  # which format 1 lacks
    if set(plain) != names:
        odd = ", ".join(sorted(set(plain) ^ names))
        raise _not_ours(path, f"is damaged (missing or unknown: {odd})")
    try:
        info = checked(ModelInfo, {**plain, "config": _with_todays_names(plain["config"])})
    except (InputError, RecursionError) as error:
        reason = str(error).partition(":")[0]
        raise _not_ours(path, f"is damaged ({reason})") from None
    if info.context and info.net.get("in_channels") != info.input_channels:
        stated = f"data.context={info.context} and {info.channels} channels"
        raise _not_ours(path, f"is damaged (it states {stated}, but a net of {info.net.get('in_channels')})")
    return info


def _with_todays_names(settings: Any) -> Any:
    """Settings of a run, in which what has another name today than in version 0.1.0 has today's."""
    if isinstance(settings, Mapping):
        return {key: _with_todays_names(value) for key, value in settings.items()}
    if isinstance(settings, str):
        for former, today in FORMER_NAMES.items():
            if settings.startswith(former):
                return today + settings.removeprefix(former)
    return settings


def _weights(path: Path | str, content: Mapping[str, Any]) -> dict[str, Any]:
    held = content.get("state_dict", {}).items()
    weights = {name.removeprefix(_NET): value for name, value in held if name.startswith(_NET)}
    if not weights:
        raise _not_ours(path, "holds no weights")
    return weights


def _not_ours(path: Path | str, found: str) -> InputError:
    return InputError(f"{path} {found}, expected a file written by hela_seg.train")
