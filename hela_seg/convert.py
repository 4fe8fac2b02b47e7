"""``python -m hela_seg.convert weights=...``: a Keras file of one of the paper's nets into a checkpoint."""

from __future__ import annotations

import sys

from hela_seg.cli import main

if __name__ == "__main__":
    # before the imports below, which take seconds that --help need not take
    sys.exit(main("convert"))

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from hela_seg.data.classes import Classes
from hela_seg.data.normalise import Normalisation
from hela_seg.interchange.keras.match import Match, fitting, match
from hela_seg.interchange.keras.saved import open_saved
from hela_seg.models import NothingDrawn, build
from hela_seg.report.tables import print_files
from hela_seg.runs.checkpoint import ModelInfo, write_checkpoint
from hela_seg.system.errors import InputError
from hela_seg.system.files import refuse_existing
from hela_seg.system.machine import versions
from hela_seg.system.settings import Group, checked


@dataclass(frozen=True)
class ConvertSettings:
    """All settings; see ``conf/convert.yaml``."""

    weights: str
    output: str | None = None
    overwrite: bool = False
    classes: Sequence[str | Mapping[str, Any]] = ("background", "round", "spread")
    normalise: Literal["dtype", "frame"] = "dtype"
    axes: str = "YXC"
    model: Group | None = None


def convert(config: Mapping[str, Any]) -> Path:
    """Convert a Keras file as a configuration says; see ``conf/convert.yaml`` for its keys.

    Returns:
        The checkpoint that was written.

    Raises:
        InputError: a file that is none of Keras 2, that holds another net, or that is damaged; settings that
            cannot be used; or a checkpoint that is already there.
    """
    settings = checked(ConvertSettings, config)
    source = Path(settings.weights)
    target = Path(settings.output) if settings.output is not None else source.with_suffix(".ckpt")
    refuse_existing(target, overwrite=settings.overwrite)
    with open_saved(source) as saved:
        if settings.model is None:
            hint = fitting(saved) or "set model= to one of those that --help lists"
            raise InputError(f"model is not given, expected the net that {saved.path} holds: {hint}")
        found = match(saved, settings.model)
        info = _model_info(settings, found)
        with NothingDrawn(), torch.device("meta"):
            net = build(info.net)
        write_checkpoint(target, info, found.state_dict(net))
    way = "the numbers of its layers" if saved.graph is None else "its graph"
    read = f"{saved.path}, {len(saved.variables)} layers with weights, matched by {way}"
    print_files({"read": read, "checkpoint": target})
    return target


def _model_info(settings: ConvertSettings, found: Match) -> ModelInfo:
    classes = Classes(settings.classes)
    if found.classes != len(classes):
        raise InputError(
            f"{found.saved.path} tells {found.classes} classes apart and {len(classes)} are named "
            f"({', '.join(classes.names)}): name each with classes=[background,...]"
        )
    return ModelInfo(
        net=_net_config(dict(settings.model or {}), found),
        classes=classes.to_plain(),
        normalisation=Normalisation(settings.normalise).to_plain(),
        channels=found.channels,
        axes=settings.axes,
        split=[],
        config=asdict(settings),
        versions=versions("torch") | {"keras": found.saved.keras_version},
    )


def _net_config(model: dict[str, Any], found: Match) -> dict[str, Any]:
    """The net's configuration with channels and classes as the file has them."""
    sizes = {"in_channels": found.channels, "classes": found.classes}
    for key, size in sizes.items():
        if model.get(key) not in (None, size):
            raise InputError(
                f"model.{key} is {model[key]} but {found.saved.path} has {size}: leave model.{key} out, it "
                "follows from the file"
            )
    return model | sizes
