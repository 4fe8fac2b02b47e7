"""Masks as found in files -> class indices: value maps, and instances turned into interior and border."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hela_seg.classes import IGNORE_INDEX, Classes
from hela_seg.errors import InputError

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.uint8]

LARGEST_VALUE = 65535
"""Largest value of a mask that can stand for a class: the largest that a 16-bit image holds."""


class LabelReader(Protocol):
    """What turns a mask into class indices, a window at a time."""

    @property
    def margin(self) -> int:
        """Pixels around a window to convert with it and crop afterwards, for its labels to be right."""

    @property
    def class_count(self) -> int:
        """How many classes the labels can hold, background included."""

    def convert(self, raw: Array) -> Labels:
        """Class indices of a mask.

        Args:
            raw: (h, w) mask of whole numbers, as the file holds it.

        Returns:
            (h, w) uint8 class indices, ``IGNORE_INDEX`` where a pixel counts nowhere.

        Raises:
            InputError: the mask is no image of whole numbers, or holds values that stand for nothing; the
                message names neither file nor frame, which the caller puts before it.
        """


class ValueLabels:
    """Masks in which each class has values of its own, such as 0, 127 and 255.

    Args:
        classes: the classes, with the values that stand for them.
        ignore_value: value of pixels that count nowhere.

    Raises:
        InputError: a value lies outside 0 to 65535, or the ignored value also stands for a class.
    """

    margin = 0

    def __init__(self, classes: Classes, ignore_value: int | None = None) -> None:
        self.class_count = len(classes)
        self._ignore_value = ignore_value
        self._known = ", ".join(f"{c.name}: {' '.join(map(str, c.values))}" for c in classes)
        self._index_of = _lookup_table(classes, ignore_value)

    def convert(self, raw: Array) -> Labels:
        """Class indices of a mask, see :meth:`LabelReader.convert`."""
        _refuse_no_mask(raw)
        labels: Labels = np.take(self._index_of, _table_positions(raw))
        # No class has the index 255, so it marks the ignored and the unknown pixels alone.
        unknown = labels == IGNORE_INDEX
        if self._ignore_value is not None:
            unknown &= raw != self._ignore_value
        if unknown.any():
            raise _unknown_values(
                raw[unknown], f"are in no class of data.classes ({self._known}): add them to a class"
            )
        return labels


class InstanceLabels:
    """Masks in which every cell has an id: background 0, interior 1, border 2.

    A pixel of a cell is border when a pixel of another id, background included, lies within ``border_width``
    pixels of it, counting diagonal steps as one (Chebyshev distance). Along a straight edge the border is
    ``border_width`` pixels wide, and where two cells touch both have one. The frame's own edge makes no
    border: what lies beyond it is not known. Ignored pixels count as another id.

    Args:
        border_width: in pixels; 0 makes no border.
        ignore_value: value of pixels that count nowhere.

    Raises:
        InputError: a negative width.

    Example:
        ``InstanceLabels(border_width=1).convert(np.array([[0, 5, 5, 5]]))`` is ``[[0, 2, 1, 1]]``.
    """

    class_count = 3

    def __init__(self, border_width: int = 2, ignore_value: int | None = None) -> None:
        if border_width < 0:
            raise InputError(f"border_width is {border_width}, expected 0 or more pixels")
        self.margin = border_width
        self._ignore_value = ignore_value

    def convert(self, raw: Array) -> Labels:
        """Class indices of a mask of instance ids, see :meth:`LabelReader.convert`."""
        _refuse_no_mask(raw)
        ids = raw.astype(np.uint8) if raw.dtype == bool else raw
        ignored = np.zeros(ids.shape, bool) if self._ignore_value is None else ids == self._ignore_value
        negative = (ids < 0) & ~ignored
        if negative.any():
            raise _unknown_values(ids[negative], "are no ids of cells: number cells from 1")
        labels: Labels = (ids != 0).astype(np.uint8)
        labels[(labels == 1) & self._near_another(ids)] = 2
        labels[ignored] = IGNORE_INDEX
        return labels

    def _near_another(self, ids: Array) -> npt.NDArray[np.bool_]:
        """Where a square of ``2 border_width + 1`` pixels, cut off at the frame, holds more than one id."""
        size = 2 * self.margin + 1
        # "nearest" repeats pixels of the same square beyond the edge, and so adds no id to it.
        highest = ndimage.maximum_filter(ids, size, mode="nearest")
        lowest = ndimage.minimum_filter(ids, size, mode="nearest")
        differ: npt.NDArray[np.bool_] = highest != lowest
        return differ


def _lookup_table(classes: Classes, ignore_value: int | None) -> Labels:
    """Class index by mask value, and one entry more for all values beyond."""
    table = np.full(LARGEST_VALUE + 2, IGNORE_INDEX, np.uint8)
    for cell_class in classes:
        for value in cell_class.values:
            if not 0 <= value <= LARGEST_VALUE:
                raise InputError(
                    f"data.classes gives '{cell_class.name}' the mask value {value}, "
                    f"expected 0 to {LARGEST_VALUE}"
                )
            if value == ignore_value:
                raise InputError(
                    f"the mask value {value} stands for '{cell_class.name}' in data.classes and is also "
                    "ignore_value: choose one of the two"
                )
            table[value] = cell_class.index
    return table


def _table_positions(raw: Array) -> Array:
    if raw.dtype in (np.uint8, np.uint16):
        return raw
    if raw.dtype == bool:
        return raw.view(np.uint8)
    inside = (raw >= 0) & (raw <= LARGEST_VALUE)
    return np.where(inside, raw, LARGEST_VALUE + 1).astype(np.intp)


def _refuse_no_mask(raw: Array) -> None:
    if raw.ndim != 2 or raw.dtype.kind not in "bui":
        shape = " x ".join(map(str, raw.shape))
        raise InputError(
            f"the mask is {shape} of {raw.dtype}, expected rows x columns of whole numbers: "
            "save it as an 8-bit or 16-bit grey image with one value a class or cell"
        )


def _unknown_values(pixels: Array, why: str) -> InputError:
    """The error that lists values, at most ten of them, with their numbers of pixels."""
    values, counts = np.unique(pixels, return_counts=True)
    listed = [
        f"{value} ({count} pixel{'s' if count > 1 else ''})"
        for value, count in zip(values[:10], counts[:10], strict=True)
    ]
    more = f" and {len(values) - 10} more" if len(values) > 10 else ""
    return InputError(
        f"values {', '.join(listed)}{more} {why}, or name the one that stands for nothing as ignore_value"
    )
