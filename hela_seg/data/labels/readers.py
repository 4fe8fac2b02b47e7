"""Masks as found in files -> class indices.

Value maps, masks painted in colours, and instances turned into interior and border.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hela_seg.data.classes import IGNORE_INDEX, LARGEST_VALUE, Classes, listed_values
from hela_seg.system.errors import InputError, join_names

MOST_LISTED = 10
"""Values that a message names; masks with more that are in no class seem to number cells."""

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.uint8]


class LabelReader(Protocol):
    """What turns a mask into class indices, a window at a time."""

    @property
    def margin(self) -> int:
        """Pixels around a window to convert with it and crop afterwards, for its labels to be right."""

    @property
    def class_count(self) -> int:
        """How many classes the labels can hold, background included."""

    @property
    def identity(self) -> str:
        """Two readers with the same one label every mask alike; kept with what was found out with them."""

    def convert(self, raw: Array) -> Labels:
        """Class indices of a mask.

        Args:
            raw: mask of whole numbers as the file holds it, (h, w) where grey, (3, h, w) where RGB.

        Returns:
            (h, w) uint8 class indices, ``IGNORE_INDEX`` where a pixel counts nowhere.

        Raises:
            InputError: the mask is no image of whole numbers, or holds values that stand for nothing; the
                message names neither file nor frame, which the caller puts before it.
        """


class ValueLabels:
    """Masks in which each class has values of its own, such as 0, 127 and 255.

    Grey masks that a program saved as RGB are read as what they are.

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
        self._known = ", ".join(f"{c.name}: {' '.join(map(str, listed_values(c.values)))}" for c in classes)
        self._last = classes[-1]
        self._index_of = _lookup_table(classes, ignore_value)
        self.identity = f"values {[listed_values(c.values) for c in classes]}, ignored {ignore_value}"

    def convert(self, raw: Array) -> Labels:
        """Class indices of a mask, see :meth:`LabelReader.convert`."""
        raw = _grey(raw)
        labels = _looked_up(self._index_of, _table_positions(raw))
        # No class has the index 255, so it marks the ignored and the unknown pixels alone.
        unknown = labels == IGNORE_INDEX
        if self._ignore_value is not None:
            unknown &= raw != self._ignore_value
        if unknown.any():
            beyond, listed = np.unique(raw[unknown]), listed_values(self._last.values)
            cure = (
                "set data.labels.kind=instances where each cell has a number of its own, else add them to a "
                "class"
                if len(beyond) > MOST_LISTED
                else "name a further class for each, or add them to one, as in "
                f"'data.classes=[...,{{name: {self._last.name}, values: {[*listed, int(beyond[0])]}}}]'"
            )
            raise _unknown_values(raw[unknown], f"are in no class of data.classes ({self._known}): {cure}")
        return labels


class ColourLabels:
    """Masks painted in colours: the colour of a class is what its pixels have in the mask.

    A grey mask counts as RGB with three equal numbers, so that black and white may be among the colours.

    Args:
        classes: the classes, with their colours.
        ignore_colour: ``#rrggbb`` of pixels that count nowhere.

    Raises:
        InputError: two classes of one colour, or an ignored colour that is none or also stands for a class.

    Example:
        With the class ``{"name": "round", "colour": "#ff0000"}`` of index 1, a pixel (255, 0, 0) becomes 1.
    """

    margin = 0

    def __init__(self, classes: Classes, ignore_colour: str | None = None) -> None:
        self.class_count = len(classes)
        index_of = {_code_of(c.colour): c.index for c in classes}
        if len(index_of) < len(classes):
            raise InputError(
                f"data.classes gives two classes one colour ({_painted(classes)}), expected a colour of its "
                "own for each with data.labels.kind=colours: set data.classes[...].colour"
            )
        if ignore_colour is not None:
            _refuse_ignored_colour(ignore_colour, classes)
            index_of[_code_of(ignore_colour)] = IGNORE_INDEX
        self._codes = np.array(sorted(index_of), np.uint32)
        self._indices = np.array([index_of[int(code)] for code in self._codes], np.uint8)
        self._known, self._first = _painted(classes), classes.names[0]
        self.identity = f"colours {sorted(index_of.items())}"

    def convert(self, raw: Array) -> Labels:
        """Class indices of a painted mask, see :meth:`LabelReader.convert`."""
        codes = _colour_codes(raw)
        nearest = np.searchsorted(self._codes[:-1], codes)
        unknown = self._codes[nearest] != codes
        if unknown.any():
            found, colour = _tally(codes[unknown], "#{:06x}"), f"#{codes[unknown].min():06x}"
            raise InputError(
                f"colours {found} are in no class of data.classes ({self._known}): give classes their colour "
                f"in masks, as in 'data.classes=[{{name: {self._first}, colour: \"{colour}\"}},...]', name "
                "one for nothing as ignore_value, or paint without soft edges and save without JPEG"
            )
        labels: Labels = self._indices[nearest]
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

    Example:
        ``InstanceLabels(border_width=1).convert(np.array([[0, 5, 5, 5]]))`` is ``[[0, 2, 1, 1]]``.
    """

    class_count = 3

    def __init__(self, border_width: int = 2, ignore_value: int | None = None) -> None:
        self.margin = border_width
        self._ignore_value = ignore_value
        self.identity = f"instances, border {border_width}, ignored {ignore_value}"

    def convert(self, raw: Array) -> Labels:
        """Class indices of a mask of instance ids, see :meth:`LabelReader.convert`."""
        raw = _grey(raw)
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
    # in a type that holds all of it: NumPy 2.5 refuses what does not fit the type of the file
    return np.where(inside, raw.astype(np.intp), LARGEST_VALUE + 1)


def _looked_up(table: Labels, positions: Array) -> Labels:
    """``table[positions]`` by blocks of rows: NumPy's 64-bit copies of positions are to stay in the cache."""
    blocks = np.array_split(positions, max(1, min(len(positions), positions.size // 2**15)))
    return np.concatenate([np.take(table, block) for block in blocks])


def _code_of(colour: str) -> int:
    """``#rrggbb`` as one number."""
    return int(colour[1:], 16)


def _painted(classes: Classes) -> str:
    return ", ".join(f"{c.name}: {c.colour}" for c in classes)


def _refuse_ignored_colour(colour: str, classes: Classes) -> None:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", str(colour)):
        raise InputError(
            f"ignore_value is '{colour}', expected a colour such as '#ff00ff' with data.labels.kind=colours"
        )
    for cell_class in classes:
        if _code_of(cell_class.colour) == _code_of(colour):
            raise InputError(
                f"the colour {colour} stands for '{cell_class.name}' in data.classes and is also "
                "ignore_value: choose one of the two"
            )


def _colour_codes(raw: Array) -> npt.NDArray[np.uint32]:
    """(h, w) colours of a mask, each as the one number that ``#rrggbb`` is."""
    if raw.dtype != np.uint8 or not (raw.ndim == 2 or (raw.ndim == 3 and len(raw) == 3)):
        raise InputError(
            f"the mask is {_described(raw)}, expected 8-bit colours: save it as 8-bit RGB, or set "
            "data.labels.kind=values or instances"
        )
    red, green, blue = (raw if raw.ndim == 3 else np.stack([raw] * 3)).astype(np.uint32)
    codes: npt.NDArray[np.uint32] = (red << 16) | (green << 8) | blue
    return codes


def _grey(raw: Array) -> Array:
    """A mask as (h, w), also where a program saved its greys as RGB."""
    if raw.dtype.kind in "bui":
        if raw.ndim == 2:
            return raw
        if raw.ndim == 3 and len(raw) == 3:
            coloured = (raw != raw[0]).any(axis=0)
            if not coloured.any():
                red: Array = raw[0]
                return red
            raise InputError(
                f"the mask has {np.count_nonzero(coloured)} pixels that are not grey, expected one value a "
                "class or cell: set data.labels.kind=colours, or save it as a grey image"
            )
    raise InputError(
        f"the mask is {_described(raw)}, expected rows x columns of whole numbers: "
        "save it as an 8-bit or 16-bit grey image with one value a class or cell"
    )


def _described(raw: Array) -> str:
    return f"{' x '.join(map(str, raw.shape))} of {raw.dtype}"


def _unknown_values(pixels: Array, why: str) -> InputError:
    return InputError(
        f"values {_tally(pixels, '{}')} {why}, or set data.labels.ignore_value={pixels.min()} if that stands "
        "for nothing"
    )


def _tally(pixels: Array, form: str) -> str:
    """Values, of many the first few, with their numbers of pixels: ``3 (2 pixels), 7 (1 pixel)``."""
    values, counts = np.unique(pixels, return_counts=True)
    listed = [
        f"{form.format(value)} ({count} pixel{'s' if count > 1 else ''})"
        for value, count in zip(values, counts, strict=True)
    ]
    return join_names(listed, MOST_LISTED)
