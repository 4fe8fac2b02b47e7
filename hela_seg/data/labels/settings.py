"""How masks are read, as ``data.labels`` says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hela_seg.data.classes import Classes
from hela_seg.data.labels.readers import ColourLabels, InstanceLabels, LabelReader, ValueLabels
from hela_seg.system.errors import InputError, join_names
from hela_seg.system.settings import Count


@dataclass(frozen=True)
class LabelSettings:
    """What ``data.labels`` says of the masks.

    Args:
        kind: ``values``: each class has values of its own; ``colours``: each is painted in its colour;
            ``instances``: one id a cell.
        border_width: width of the border class in pixels, with ``instances``.
        ignore_value: value of pixels that count nowhere; a colour such as ``#ff00ff`` with ``kind=colours``.
        sparse: whether images without a mask are left aside.
        resize: ``nearest`` for masks of another size than their image; None refuses them.
        threshold: least value of foreground in soft masks, such as probabilities or JPEG, whose lower values
            are background; None where masks hold their values exactly.
    """

    kind: Literal["values", "colours", "instances"] = "values"
    border_width: Count = 2
    ignore_value: int | str | None = None
    sparse: bool = False
    resize: Literal["nearest"] | None = None
    threshold: float | None = None


def label_reader(classes: Classes, settings: LabelSettings) -> LabelReader:
    """The reader of masks that ``data.labels`` describes.

    Raises:
        InputError: a colour to ignore where masks hold numbers, or another number of classes than instances
            make.
    """
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


def class_values(classes: Classes, settings: LabelSettings, masks: object) -> dict[str, int]:
    """The value that stands for each class where a file of its own, or a threshold, says where it is.

    Returns:
        By name, in the order of the classes; empty where masks hold ids or colours.

    Raises:
        InputError: files for a class that there is none of, or more classes than a threshold tells apart.
    """
    by_class = isinstance(masks, Mapping)
    if settings.kind != "values" and (
        by_class or (settings.kind == "colours" and settings.threshold is not None)
    ):
        what = "data.masks gives a file for each class" if by_class else "data.labels.threshold is given"
        raise InputError(
            f"{what} with data.labels.kind={settings.kind}, expected data.labels.kind=values: set it"
        )
    if settings.kind != "values":
        return {}
    unknown = [str(name) for name in masks if name not in classes.names] if isinstance(masks, Mapping) else []
    if unknown:
        raise InputError(
            f"data.masks has files for {join_names(unknown)}, expected classes of data.classes "
            f"({', '.join(classes.names)}): name them there"
        )
    if settings.threshold is not None and not by_class and len(classes) != 2:
        raise InputError(
            f"data.labels.threshold tells two classes apart and data.classes has {len(classes)}, expected 2: "
            "leave it out, or give data.masks a pattern for each class"
        )
    return {entry.name: entry.values[0] for entry in classes}
