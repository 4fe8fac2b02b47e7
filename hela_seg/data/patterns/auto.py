"""Which known layout a folder has, and which settings that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from hela_seg.data.patterns.listing import walk
from hela_seg.data.patterns.matching import Given, match
from hela_seg.data.stacks import SUFFIXES
from hela_seg.system.errors import InputError

INSTANCE_CLASSES = ("background", "interior", "border")
"""What the classes are called where masks number cells and the user names none."""

MOST_FILES = 200_000
"""Files that are looked at, to see whether a layout accounts for all images."""


@dataclass(frozen=True)
class Known:
    """A layout that is recognised.

    Attributes:
        name: for messages.
        images: patterns, as ``data.images`` takes them.
        masks: patterns, as ``data.masks`` takes them.
        kind: of the masks; None where it does not follow from the layout.
        classes: names, where they follow from the layout.
        sparse: few images have masks.
    """

    name: str
    images: Given
    masks: Given
    kind: Literal["instances", "values"] | None = None
    classes: tuple[str, ...] = ()
    sparse: bool = False

    @property
    def settings(self) -> str:
        """What to type for it."""
        classes = self.classes or (INSTANCE_CLASSES if self.kind == "instances" else ("background", "..."))
        typed = {
            "data": "folder",
            "data.images": _typed(self.images),
            "data.masks": _typed(self.masks),
            "data.labels.kind": self.kind or "values or instances",
            "data.classes": f"[{','.join(classes)}]",
        } | ({"data.labels.sparse": "true"} if self.sparse else {})
        return " ".join(f"{key}={value}" for key, value in typed.items())


def _typed(given: Given) -> str:
    if isinstance(given, Mapping):
        return "'{" + ", ".join(f"{name}: {text}" for name, text in given.items()) + "}'"
    return f"'{given}'"


KNOWN: Sequence[Known] = (
    Known("images and masks in folders of their own", "images/{name}", "masks/{name}"),
    Known("images with masks of Cellpose beside them", "**/{name}", "**/{name}_cp_masks", "instances"),
    Known("images with masks as Omnipose has them", "**/{name}", "**/{name}_masks", "instances"),
    Known("Cellpose's training data", "**/{name}_img", "**/{name}_masks", "instances"),
    Known("images with masks beside them", "**/{name}", "**/{name}_mask"),
    Known("one file a cell, as in the Data Science Bowl 2018", "{id}/images/*", "{id}/masks/*", "instances"),
    Known("Usiigaci's folders", "{set}/raw", "{set}/instances_ids", "instances"),
    Known(
        "DeepCell's folders",
        "{set}/phase",
        {"border": "{set}/feature_0", "interior": "{set}/feature_1"},
        "values",
        ("background", "border", "interior"),
    ),
    Known(
        "the Cell Tracking Challenge's folders",
        "{series}/t{t}",
        "{series}_GT/SEG/man_seg{t}",
        "instances",
        sparse=True,
    ),
    Known("images with ROIs of ImageJ beside them", "{name}", "{name}.zip", "instances"),
    Known("images with outlines of QuPath beside them", "{name}", "{name}.geojson", "instances"),
)
"""Layouts that are recognised; of patterns without an ending, every image is meant."""


def recognise(root: Path) -> Known:
    """The one layout that accounts for all images in a folder.

    Args:
        root: the folder.

    Raises:
        InputError: there is none, or there are several; those that come near are listed.
    """
    if not root.is_dir():
        raise InputError(f"{root} is no folder, expected one with images and masks: set data.root")
    images = [
        entry.place
        for entry in islice(walk(str(root), lambda folder, depth: True), MOST_FILES)
        if Path(entry.path).suffix.lower() in SUFFIXES
    ]
    fitting: list[Known] = []
    near: list[str] = []
    for known in KNOWN:
        left = _left_over(root, known, images)
        if left == 0:
            fitting.append(known)
        elif left is not None:
            near.append(f"{known.name}, but for {left} file(s): {known.settings}")
    if len(fitting) == 1:
        return fitting[0]
    listed = [f"{known.name}: {known.settings}" for known in fitting] or near
    what = "could be several things" if fitting else "is laid out in no way that data=auto is sure of"
    if not listed:
        listed = ["data=folder data.images='...' data.masks='...', with patterns of your own"]
    raise InputError(f"{root} {what} ({len(images)} images): choose {'; or '.join(listed)}")


def _left_over(root: Path, known: Known, images: Sequence[str]) -> int | None:
    """How many images a layout does not account for; None where it does not fit at all."""
    try:
        found = match(root, known.images, known.masks, sparse=known.sparse)
    except InputError:
        return None
    if found.faults or not found.recordings:
        return None
    return sum(place not in found.files for place in images)
