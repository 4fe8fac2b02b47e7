"""What a configuration says of the data, checked before any file is opened."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from hela_seg.data.classes import Classes
from hela_seg.data.labels.readers import ColourLabels, InstanceLabels, LabelReader, ValueLabels
from hela_seg.data.layouts import FileRules
from hela_seg.data.stacks import MAX_FRAME_PIXELS, Z
from hela_seg.data.tiles import Size
from hela_seg.system.errors import InputError

MOST_WORKERS = 8
"""Beside a GPU; more processes seldom read faster."""


def arguments_of(
    taker: Callable[..., Any], key: str, given: Mapping[str, Any] | None, besides: Sequence[str] = ()
) -> dict[str, Any]:
    """What is given below a key of ``data``, made sure to be arguments of what takes it.

    Args:
        taker: a function or class.
        key: for the message, e.g. ``split`` for ``data.split``.
        given: names and values; None for none.
        besides: arguments of the taker that do not come from there.

    Raises:
        InputError: names that are no argument of the taker.
    """
    known = [name for name in inspect.signature(taker).parameters if name not in besides]
    unknown = [str(name) for name in given or {} if name not in known]
    if unknown:
        raise InputError(
            f"data.{key} has the unknown key(s) {', '.join(unknown)}, expected some of {', '.join(known)}: "
            "correct or remove them"
        )
    return dict(given or {})


def label_reader(classes: Classes, given: Mapping[str, Any] | None) -> LabelReader:
    """The reader of masks that ``data.labels`` describes.

    Args:
        classes: of the data.
        given: ``kind`` (``values``, ``colours`` or ``instances``), ``border_width`` in pixels, for instances,
            ``ignore_value`` of pixels that count nowhere (a colour for colours), and what `file_rules` takes;
            all may be left out.

    Raises:
        InputError: unknown keys or kinds, or another number of classes than instances make.
    """
    settings = _label_settings(given)
    kind, ignore_value = settings.kind, settings.ignore_value
    if kind == "colours":
        return ColourLabels(classes, None if ignore_value is None else str(ignore_value))
    if isinstance(ignore_value, str):
        raise InputError(
            f"data.labels.ignore_value is '{ignore_value}', expected a whole number with "
            f"data.labels.kind={kind}"
        )
    if kind == "values":
        return ValueLabels(classes, ignore_value)
    reader = InstanceLabels(settings.border_width, ignore_value)
    if len(classes) != reader.class_count:
        raise InputError(
            f"data.classes has {len(classes)} entries but data.labels.kind=instances makes "
            f"{reader.class_count}: name background, interior and border"
        )
    return reader


def file_rules(
    labels: Mapping[str, Any] | None,
    z: Z = None,
    max_frame_pixels: int = MAX_FRAME_PIXELS,
    fill_missing_chunks: bool = False,
) -> FileRules:
    """What ``data.labels`` says of the mask files, and other keys of ``data`` of how files are read.

    Args:
        labels: ``sparse`` (images without a mask are left aside), ``resize`` (``nearest``, or null to refuse
            masks of another size), and what `label_reader` takes; all may be left out.
        z: see `hela_seg.data.layouts.FileRules`, as of the other two.
        max_frame_pixels: most values of one frame.
        fill_missing_chunks: whether missing chunks of Zarr hold its fill value.

    Raises:
        InputError: unknown keys, or another way to resize.
    """
    settings = _label_settings(labels)
    colours = settings.kind == "colours"
    ids = settings.kind == "instances"
    return FileRules(colours, settings.sparse, settings.resize, z, max_frame_pixels, fill_missing_chunks, ids)


@dataclass(frozen=True)
class _LabelSettings:
    """The keys of ``data.labels``."""

    kind: str = "values"
    border_width: int = 2
    ignore_value: int | str | None = None
    sparse: bool = False
    resize: Literal["nearest"] | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("values", "colours", "instances"):
            raise InputError(f"data.labels.kind is '{self.kind}', expected values, colours or instances")
        if self.resize not in (None, "nearest"):
            raise InputError(f"data.labels.resize is '{self.resize}', expected nearest or null")


def _label_settings(given: Mapping[str, Any] | None) -> _LabelSettings:
    return _LabelSettings(**arguments_of(_LabelSettings, "labels", given))


def tile_size(given: Sequence[int]) -> Size:
    """Rows and columns of a tile.

    Raises:
        InputError: not two positive numbers.
    """
    if not isinstance(given, Sequence) or len(given) != 2 or min(given) < 1:
        raise InputError(f"data.tile is {given}, expected rows and columns of a tile, such as [128,128]")
    return int(given[0]), int(given[1])


def cores() -> int:
    """How many cores this process may use: of those of a cluster's machine a job often has a few."""
    if hasattr(os, "sched_getaffinity"):  # on Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_workers() -> int:
    """Processes that read tiles: none where the net itself needs the CPU, else one for each spare core."""
    return min(MOST_WORKERS, cores() - 1) if torch.cuda.is_available() else 0
