"""Which known layout a folder has, and which settings that is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import ndimage

from hela_seg.data.patterns.listing import walk
from hela_seg.data.patterns.matching import Given, Matches, match
from hela_seg.data.stacks import SUFFIXES, name_of, open_series
from hela_seg.data.stacks.outlines import ENDINGS as OUTLINE_ENDINGS
from hela_seg.system.errors import InputError

INSTANCE_CLASSES = ("background", "interior", "border")
"""What the classes are called where masks number cells and the user names none."""

IMAGE_WORDS = ("image", "images", "img", "imgs", "raw", "phase", "frames")
"""What people call a folder of images, or the one file with all of them."""

INSTANCE_WORDS = ("instance", "instances", "instance_masks", "instance_labels")
MASK_WORDS = ("mask", "masks", "label", "labels", "gt", "seg", "segmentation", *INSTANCE_WORDS)
"""The same of masks; some of these words say that the masks number cells."""

ARCHIVES = (
    "data=folder 'data.images={part}.npz/X' 'data.masks={part}.npz/y[0]' data.axes=TYXC "
    "data.labels.kind=instances"
)
"""What to type for DeepCell's archives, whose arrays state neither axes nor what each mask is of."""

LOOKED_INTO = 3
"""Masks that are opened, to see whether they number cells."""

MOST_FILES = 200_000
"""Files that are looked at, to see whether a layout accounts for all images."""

MOST_FOLDERS, MOST_NEARBY = 20, 2000
"""Folders beside one without a known layout that are looked at in its place, and images in each."""


@dataclass(frozen=True)
class Known:
    """A layout that is recognised.

    Attributes:
        name: for messages.
        images: patterns, as ``data.images`` takes them.
        masks: patterns, as ``data.masks`` takes them.
        kind: kind of the labels (`LabelSettings.kind`); None where it does not follow from the layout.
        classes: names, where they follow from the layout.
        sparse: few images have masks.
        aside: a regular expression of paths below the folder that belong to the layout and are not used.
        is_spare: taken only where no other layout fits.
    """

    name: str
    images: Given
    masks: Given
    kind: Literal["instances", "values", "colours"] | None = None
    classes: tuple[str, ...] = ()
    sparse: bool = False
    aside: str | None = None
    is_spare: bool = False

    @property
    def settings(self) -> str:
        """What to type for it."""
        classes = [] if self.kind == "instances" else self.classes or ("background", "...")
        typed = {
            "data": "folder",
            "data.images": _typed(self.images),
            "data.masks": _typed(self.masks),
            "data.labels.kind": self.kind,
            "data.classes": f"[{','.join(classes)}]" if classes else None,
            "data.labels.sparse": "true" if self.sparse else None,
        }
        return " ".join(f"{key}={value}" for key, value in typed.items() if value)


def _typed(given: Given) -> str:
    if isinstance(given, Mapping):
        return "'{" + ", ".join(f"{name}: {text}" for name, text in given.items()) + "}'"
    return f"'{given}'"


KNOWN: Sequence[Known] = (
    Known("images with masks of Cellpose beside them", "**/{name}", "**/{name}_cp_masks", "instances"),
    Known("images with masks as Omnipose has them", "**/{name}", "**/{name}_masks", "instances"),
    Known("Cellpose's training data", "**/{name}_img", "**/{name}_masks", "instances"),
    Known(
        "one file a cell, as in the Data Science Bowl 2018", "{id}/images/{id}", "{id}/masks/*", "instances"
    ),
    Known("YeaZ", "{name}_im", "{name}_mask", "instances"),
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
        aside=r"\d+_(GT|ST|RES|ERR_SEG)/.*",
    ),
    Known("LIVECell", "images/**/{name}", "livecell_coco_{part}.json", "instances", sparse=True),
    Known("images with ROIs of ImageJ beside them", "{name}", "{name}.zip", "instances"),
    Known("images with outlines of QuPath beside them", "{name}", "{name}.geojson", "instances"),
    Known(  # Cellpose's window saves it beside other masks too
        "images with Cellpose's _seg.npy beside them",
        "**/{name}",
        "**/{name}_seg.npy",
        "instances",
        is_spare=True,
    ),
)
"""Layouts that are recognised by fixed names; of patterns without an ending, every image is meant."""


def _known_by_words(root: Path, images: Sequence[str]) -> Iterator[Known]:
    """Layouts in which files or folders are named after images and masks in one of several words."""
    paths = [Path(place).relative_to(root) for place in images]
    folders = {path.parts[0]: path.parts[0] for path in paths if len(path.parts) == 2}
    files = {path.name: name_of(path) for path in paths if len(path.parts) == 1}
    for words, named in (("in folders of their own", folders), ("in a file each", files)):
        of_images = [entry for entry, name in named.items() if name.lower() in IMAGE_WORDS]
        of_masks = [entry for entry, name in named.items() if name.lower() in MASK_WORDS]
        if len(of_images) == len(of_masks) == 1:
            kind = _kind_by_word(named[of_masks[0]].lower())
            yield Known(f"images and masks {words}", of_images[0], of_masks[0], kind)
    for word in dict.fromkeys(name_of(path).rpartition("_")[2] for path in paths):
        if word in MASK_WORDS and word != "masks":  # Omnipose's
            masks = f"**/{{name}}_{word}"
            yield Known("images with masks beside them", "**/{name}", masks, _kind_by_word(word))


def _kind_by_word(word: str) -> Literal["instances"] | None:
    return "instances" if word in INSTANCE_WORDS else None


def recognise(root: Path, axes: str | None = None) -> Known:
    """The one layout that accounts for all images in a folder.

    Args:
        root: the folder.
        axes: order of the axes in files that do not state it.

    Raises:
        InputError: there is none, or there are several; those that come near are listed. Or masks that would
            number cells hold one value alone.
    """
    if not root.is_dir():
        raise InputError(f"{root} is no folder, expected one with images and masks: set data.root")
    files = [entry.place for entry in islice(walk(str(root), lambda folder, depth: True), MOST_FILES)]
    images = [place for place in files if Path(place).suffix.lower() in SUFFIXES]
    fitting, near = _look(root, images)
    if len(fitting) == 1:
        (known, masks), *_ = fitting
        _refuse_unnumbered(root, known, masks, axes)
        return known
    listed = [f"{known.name}: {known.settings}" for known, _ in fitting] or near
    what = "could be several things" if fitting else "is laid out in no way that data=auto is sure of"
    listed = listed or [*_sparse(root, images)] or layouts_nearby(root)
    if not listed:
        listed = ["data=folder data.images='...' data.masks='...', with patterns of your own"]
        if any(place.endswith(".npz") for place in files):
            listed = [f"DeepCell's archives: {ARCHIVES}"]
    raise InputError(f"{root} {what} ({len(images)} images): choose {'; or '.join(listed)}")


def layouts_nearby(root: Path) -> list[str]:
    """What to type where a folder is not laid out as expected: its own layout, or where one is near it.

    Args:
        root: the folder, or a file.
    """
    root = root.absolute()
    above = root.parent if root.is_file() else root
    if above.name.lower() in (*IMAGE_WORDS, *MASK_WORDS):
        above = above.parent
    below = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    if own := _certain(root):
        return [own.settings]
    return [f"data.root={_typed(str(one))}" for one in [above, *below[:MOST_FOLDERS]] if _certain(one)]


def _certain(root: Path) -> Known | None:
    """The one layout of a small folder; None where it has none, or is large or cannot be read."""
    try:
        entries = [*islice(walk(str(root), lambda folder, depth: True), MOST_NEARBY + 1)]
    except InputError:
        return None
    images = [entry.place for entry in entries if Path(entry.place).suffix.lower() in SUFFIXES]
    fitting = _look(root, images)[0] if len(entries) <= MOST_NEARBY else []
    return fitting[0][0] if len(fitting) == 1 else None


def _look(root: Path, images: Sequence[str]) -> tuple[list[tuple[Known, list[str]]], list[str]]:
    """Layouts that account for all images, with their first masks; and a line for each that comes near."""
    fitting: list[tuple[Known, list[str]]] = []
    near: list[str] = []
    for known in [*_known_by_words(root, images), *KNOWN]:
        if fitting and known.is_spare:
            continue
        found = _recordings(root, known)
        left = sum(
            place not in found.files
            and not (known.aside and re.fullmatch(known.aside, Path(place).relative_to(root).as_posix()))
            for place in images
        )
        if found.recordings and not left:
            fitting.append((known, [one.masks[0][0][1][0] for one in found.recordings[:LOOKED_INTO]]))
        elif found.recordings:
            near.append(f"{known.name}, but for {left} file(s): {known.settings}")
    return fitting, near


def _sparse(root: Path, images: Sequence[str]) -> Iterator[str]:
    """Layouts that would fit if images without a mask were left aside, with their settings."""
    for known in (replace(known, sparse=True) for known in [*_known_by_words(root, images), *KNOWN]):
        if found := _recordings(root, known).recordings:
            yield f"{known.name}, {len(found)} with a mask, the others left aside: {known.settings}"


def _recordings(root: Path, known: Known) -> Matches:
    """What a layout finds; nothing where it leaves images or masks over."""
    try:
        found = match(root, known.images, known.masks, sparse=known.sparse)
    except InputError:
        return Matches()
    return Matches() if found.faults else found


def _refuse_unnumbered(root: Path, known: Known, masks: Sequence[str], axes: str | None) -> None:
    """Refuse masks of whole images that have one value for several cells: they do not number them."""
    if (
        known.kind != "instances"
        or "*" in str(known.masks).replace("**", "")
        or Path(masks[0]).suffix.lower() in OUTLINE_ENDINGS
    ):
        return
    frames = [open_series(place, axes, labels=True).frame(0)[0] for place in masks]
    if all(len(np.unique(frame[frame != 0])) <= 1 for frame in frames) and any(
        ndimage.label(frame)[1] > 1 for frame in frames
    ):
        value = max(int(frame.max()) for frame in frames)
        classes = f"'data.classes=[background,{{name: cell, values: [{value}]}}]'"
        raise InputError(
            f"{root} holds {known.name}, but the first masks have the value {value} for all cells, expected "
            "a number for each: if it stands for a class, type data=folder "
            f"data.images={_typed(known.images)} data.masks={_typed(known.masks)} {classes}"
        )
