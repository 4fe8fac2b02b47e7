"""Misspelt keys, groups and choices, and words of other programs -> what they are called here."""

from __future__ import annotations

import re
import shlex
from difflib import get_close_matches
from pathlib import Path

from hela_seg.cli.commands import COMMANDS
from hela_seg.cli.keys import all_keys, choices_of, groups_of

_SAME = {
    "ckpt": "checkpoint model_path",
    "data.batch_size": "batch batch_size bs",
    "data.channels": "channels",
    "data.classes": "num_classes",
    "data.images": "images",
    "data.labels.kind=instances": "instances",
    "data.masks": "labels masks",
    "data.root": "data_dir dataset folder input path",
    "data.tile": "crop_size image_size img_size patch_size",
    "data.workers": "num_workers threads",
    "experiment": "config",
    "minutes": "time",
    "optimizer.lr": "learning_rate",
    "output": "out",
    "output_dir": "output",
    "start_from": "pretrained weights",
    "trainer.accelerator": "gpu",
    "trainer.devices": "gpus",
    "trainer.max_epochs": "epoch epochs",
    "trainer.max_steps": "steps",
}
"""Keys, or settings, and words of other programs that mean the same."""

CALLED_HERE = {word: key for key, words in _SAME.items() for word in words.split()}
"""The key, or setting, by each such word."""

_UNKNOWN = re.compile(r"there is no key or group '([^']+)'")
_NO_CHOICE = re.compile(r"Could not find '(\w+)/(.+?)'")
_TO_PREDICT = re.compile(r" \(([\w ]+), to predict\)")
_NO_BRACKETS = re.compile(r"Ambiguous value for argument '([^=]+)=([^']+)'")


def nearest(command: str, word: str) -> str | None:
    """The key or group of a command that ``word`` may have meant; None where none is near."""
    wanted = word.strip("-+~").replace("-", "_")
    known = [*groups_of(command), *(key.path for key in all_keys(command))]
    if wanted in known:
        return wanted
    last = wanted.rpartition(".")[2]
    ends = {path.rpartition(".")[2]: path for path in reversed(known)}
    candidates = [
        CALLED_HERE.get(wanted),
        CALLED_HERE.get(last),
        ends.get(last),
        *get_close_matches(wanted, known, 1, 0.75),
        *(CALLED_HERE[word] for word in get_close_matches(wanted, CALLED_HERE, 1, 0.8)),
        *(ends[end] for end in get_close_matches(last, ends, 1, 0.75)),
        *(path for path in known if last in path.rpartition(".")[2].split("_")),
    ]
    return next((path for path in candidates if path and path.partition("=")[0] in known), None)


def setting_of_folder(folder: str) -> str:
    """What to type for a folder of images and masks that stands where no path belongs."""
    return f"data=auto {shlex.quote(f'data.root={folder}')}"


def did_you_mean(command: str, word: str) -> str:
    """``did you mean model?``, or how to look for a key where none is near."""
    meant = nearest(command, word)
    return f"did you mean {meant}?" if meant else f"see hela-seg {command} --help for the groups and keys"


def no_option(command: str, option: str, value: str | None) -> str:
    """What to say of ``--epochs 5``: options of other programs are settings here."""
    name, equals, given = option.partition("=")
    meant, value = nearest(command, name), given if equals else value or "..."
    if meant == "data" and value not in choices_of("data"):
        meant = setting_of_folder(value)
    elif meant and "=" not in meant:
        meant = f"{meant}={value}"
    cure = f"did you mean {meant}?" if meant else f"see hela-seg {command} --help"
    return f"{name} is no option, expected settings as key=value: {cure}"


def with_suggestion(command: str, message: str) -> str:
    """A message with the command's own keys, and for an unknown key or choice what may have been meant."""
    if note := _TO_PREDICT.search(message):
        message = message.replace(note[0], "")
        if command in ("predict", "track"):
            message = re.sub(rf"\bdata\.(?=({note[1].replace(' and ', '|')})\b)", "", message)
    without = message.removesuffix(": see --help for the groups and keys")
    unknown = _UNKNOWN.search(message)
    if unknown and command in COMMANDS:
        return f"{without}: {did_you_mean(command, unknown[1])}"
    choice = _NO_CHOICE.search(message)
    if choice and (choices := choices_of(choice[1])):
        near = get_close_matches(choice[2], choices, 1)
        meant = f"{choice[1]}={near[0]}" if near else ""
        if choice[1] == "data" and Path(choice[2]).is_dir():
            meant = setting_of_folder(choice[2])
        cure = f"did you mean {meant}?" if meant else "correct it"
        return f"{choice[1]}={choice[2]} is no choice, expected one of {', '.join(choices)}: {cure}"
    if listed := _NO_BRACKETS.search(message):
        key, value = listed.groups()
        return f"{key}={value} is a list without brackets, expected {key}=[{value}]: type that"
    return message
