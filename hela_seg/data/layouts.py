"""Recordings and what their files may be like; layouts on disk that need no patterns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hela_seg.data.labels.settings import LabelSettings
from hela_seg.data.patterns.auto import layouts_nearby
from hela_seg.data.patterns.files import PatternFiles
from hela_seg.data.patterns.grammar import patterns_of
from hela_seg.data.patterns.matching import Matched, Matches, match, pair_up
from hela_seg.data.splits.table import Part
from hela_seg.data.stacks import (
    ImageFile,
    Position,
    ReadOptions,
    Series,
    find_files,
    images_in,
    is_image,
    joined,
    name_of,
    numbered_sequence,
)
from hela_seg.data.stacks.channels import Channel
from hela_seg.data.stacks.numbering import by_value
from hela_seg.system.errors import InputError, join_names

DRYAD_FOLDERS: dict[Part, str] = {"train": "train", "validation": "validate", "test": "test"}
"""The paper's name of each part, as in ``X_train/train`` and ``y_train/train``."""


@dataclass(frozen=True)
class FileRules:
    """What images and masks may be like, and how they are read.

    Attributes:
        labels: how masks are read.
        class_values: by class name, the value that the pixels of a class with a file of its own get.
        reading: options for opening each file, see `hela_seg.data.stacks.open_series`.
        neighbours: frames of a sequence without a mask are opened too, to be shown beside others.
        position: names or numbers of the positions to read from files with several; None for all.
        channel_names: names of the image channels, where files do not name them.
        channels: numbers or names of the image channels that the net sees; None for all.
        grey: images in colours are made grey.
    """

    labels: LabelSettings = field(default_factory=LabelSettings)
    class_values: Mapping[str, int] = field(default_factory=dict)
    reading: ReadOptions = field(default_factory=ReadOptions)
    neighbours: bool = False
    position: Position = None
    channel_names: Sequence[str] = ()
    channels: Sequence[Channel] | None = None
    grey: bool = False

    @property
    def painted_dtype(self) -> np.dtype[Any]:
        """Of masks that are put together: the same for all, whatever is in them."""
        of_classes = np.min_scalar_type(max(self.class_values.values(), default=0))
        return np.dtype(np.uint32) if self.ids else of_classes

    @property
    def ids(self) -> bool:
        """Whether masks number cells, so that a value may have another colour in each."""
        return self.labels.kind == "instances"


@dataclass(frozen=True)
class Recording:
    """A series of images with its masks.

    Attributes:
        image: (T, C, H, W).
        mask: (T, 1, H, W), or (T, 3, H, W) where RGB, with values as found in the file.
        part: where the layout on disk itself says what the recording is for.
        group: recordings of one group stay together in a split; None where the layout says nothing.
    """

    image: Series
    mask: Series
    part: Part | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        frames, _, *size = self.image.shape
        mask_frames, _, *mask_size = self.mask.shape
        if (frames, size) != (mask_frames, mask_size):
            raise InputError(
                f"{self.mask.path} has {mask_frames} frame(s) of {_size(mask_size)}, expected {frames} of "
                f"{_size(size)} as its image {self.image.path.name} has: save the mask at the image's size, "
                "or set data.labels.resize=nearest where only the resolution differs"
            )

    @property
    def name(self) -> str:
        """The image file's name without its ending, after its part where the layout states one."""
        return self.image.name if self.part is None else f"{self.part}/{self.image.name}"


def by_name(root: Path, images: str, masks: str, rules: FileRules, *, sequence: bool = False) -> Matches:
    """Images and masks that share a file name up to its ending: ``images/a.tif`` and ``masks/a.png``.

    Of a file with several positions each is a recording: ``images/dish.nd2`` with the positions A1 and A2
    goes with ``masks/dish_A1.tif`` and ``masks/dish_A2.tif``, or with one ``masks/dish.ome.tif`` of both.
    Two files are a pair whatever their names.

    Args:
        root: the folder that both lie in.
        images: folder with images below root, or one file, or the address of an OME-Zarr.
        masks: folder with masks below root, or one file.
        rules: what the files may be like.
        sequence: the files are the frames of one series, in the order of their names, numbers by value.

    Raises:
        InputError: a missing folder, or one without images.
    """
    image_place, mask_place = joined(root, images), joined(root, masks)
    for setting, given, place in (("images", images, image_place), ("masks", masks, mask_place)):
        if not is_image(place) and not place.is_dir():
            raise _not_there(root, setting, given, place)
    if image_place == mask_place:
        raise InputError(
            f"data.images and data.masks are both {image_place}, expected files of their own: give patterns "
            "that tell them apart, such as 'data.images={name}.tif' 'data.masks={name}_mask.tif'"
        )
    are_two_files = is_image(image_place) and is_image(mask_place)
    below = "" if are_two_files else "/{name}"
    of_images, of_masks = (
        PatternFiles(patterns_of(re.sub("[{}]", "", given) + below, setting))
        for setting, given in (("data.images", images), ("data.masks", masks))
    )
    for path in _files(image_place):
        of_images.add("", {"name": name_of(path)}, str(path))
    # a file of masks may hold a position for each of several images
    held = [ImageFile(mask_place)] if are_two_files else images_in(_files(mask_place))
    for mask in held:
        of_masks.add("", {"name": mask.name}, str(mask.path))
    sparse, z = rules.labels.sparse, rules.reading.z
    found = pair_up(root, of_images, of_masks, sparse=sparse, position=rules.position, z=z)
    if not are_two_files:
        position_of = {mask.name: mask.position for mask in held}
        found.recordings = [
            replace(one, mask_position=position_of.get(one.name, one.mask_position), group=None)
            for one in found.recordings
        ]
    return _in_sequence(root, of_images.places(), found) if sequence else found


def _not_there(root: Path, setting: str, given: str, place: Path) -> InputError:
    """What to say where images or masks are not where they should be, with what is there instead."""
    folder = place.parent if place.parent.is_dir() else root
    names = sorted(entry.name for entry in folder.iterdir())
    near = get_close_matches(place.name, names, 1)
    cures = [f"data.{setting}='{Path(given).with_name(near[0])}'"] if near else layouts_nearby(folder)[:3]
    there = f"holds {join_names(names, 5)}" if names else "is empty"
    cure = f"type {' or '.join(cures)}" if cures else f"set data.root or data.{setting}"
    return InputError(
        f"{place} is not there, expected {setting} as data.{setting}={given} says, and {folder.absolute()} "
        f"{there}: {cure}"
    )


def _files(place: Path) -> list[Path]:
    return [place] if is_image(place) else find_files(place)


def _in_sequence(root: Path, places: Iterable[str], found: Matches) -> Matches:
    """Recordings of single files as the frames of one; frames without a mask have a number too."""
    files = sorted(map(Path, places), key=by_value)
    try:
        if len(files) > 1:
            numbered_sequence(files)
    except InputError as error:
        found.faults.insert(0, str(error))
    recordings = []
    for position in dict.fromkeys(one.position for one in found.recordings):
        own = {one.images[0][0][0]: one for one in found.recordings if one.position == position}
        numbers = tuple(number for number, path in enumerate(files) if str(path) in own)
        pairs = [own[str(files[number])] for number in numbers]
        recordings.append(
            replace(
                pairs[0],
                name=root.absolute().name + ("" if position is None else f"_{position}"),
                images=tuple(((str(path),),) for path in files),
                masks=tuple(pair.masks[0] for pair in pairs),
                is_sequence=True,
                numbers=numbers if len(numbers) < len(files) else None,
            )
        )
    return Matches(recordings, found.faults, found.files)


def dryad(root: Path, rules: FileRules) -> Matches:
    """The paper's layout: ``X_train/train/*.tiff`` with ``y_train/train/*.png``, and validate and test alike.

    Images and masks pair up in sorted order, one frame a file, as in the paper's notebook; by name, where any
    image has a mask of its own name: then files missing on both sides would go unseen.

    Args:
        root: the folder that all of it lies in.
        rules: what the files may be like.
    """

    def of_part(part: Part, folder: str) -> Matches:
        """The pairs of one part."""
        places = f"X_{folder}/{folder}", f"y_{folder}/{folder}"
        images, masks = (images_in(find_files(root / place), rules.position) for place in places)
        if {image.name for image in images} & {mask.name for mask in masks}:
            found = by_name(root, *places, rules)
            return replace(found, recordings=[replace(one, part=part) for one in found.recordings])
        if len(images) != len(masks):
            raise InputError(
                f"{root / places[0]} holds {len(images)} images and {root / places[1]} {len(masks)} masks, "
                "expected as many of both: add what is missing"
            )
        return Matches([_pair(image, mask, part) for image, mask in zip(images, masks, strict=True)])

    return _all_of(partial(of_part, part, folder) for part, folder in DRYAD_FOLDERS.items())


def _pair(image: ImageFile, mask: ImageFile, part: Part) -> Matched:
    layers = (("", (str(mask.path),)),)
    return Matched(
        image.name,
        (((str(image.path),),),),
        (layers,),
        is_sequence=False,
        is_by_cell=False,
        part=part,
        position=image.position,
        mask_position=mask.position,
    )


def ctc(root: Path, masks: str, rules: FileRules) -> Matches:
    """The Cell Tracking Challenge's layout: ``01/t000.tif`` with ``01_GT/SEG/man_seg000.tif``, 02 and so on.

    Each sequence is one recording, named as its folder. Few of its frames have a mask, and the others are
    left aside: frames of the recording are the annotated ones, in order of time.

    Args:
        root: the folder with 01, 02 and so on, and with the masks of each.
        masks: ``GT``, drawn by people, ``ST``, the challenge's computed ones (``01_ST/SEG``), or ``RES``,
            what a program found (``01_RES/mask000.tif``).
        rules: what the files may be like; masks may be sparse in any case.

    Raises:
        InputError: there is no sequence.
    """
    if masks not in ("GT", "ST", "RES"):
        raise InputError(f"data.masks is '{masks}', expected GT, ST or RES with data.layout=ctc")
    names = sorted(path.name for path in root.iterdir() if path.is_dir() and path.name.isdecimal())
    if not names:
        raise InputError(
            f"{root} holds no sequence of the Cell Tracking Challenge, expected folders 01, 02 and so on: "
            "set data.root"
        )

    def of_sequence(name: str) -> Matches:
        """The frames of one sequence that have masks; files named otherwise are those of 3D data."""
        mask = f"{name}_RES/mask" if masks == "RES" else f"{name}_{masks}/SEG/man_seg"
        listed = [path for place in (f"{name}/t", mask) for path in find_files((root / place).parent)]
        position, z = rules.position, rules.reading.z
        found = match(root, f"{name}/t{{t}}", f"{mask}{{t}}", sparse=True, position=position, z=z)
        found.faults += [
            f"{path} is named as no frame of a 2D sequence, expected {name}/t and {mask} with a number and "
            "an ending: move it away"
            for path in listed
            if str(path) not in found.files
        ]
        return replace(found, recordings=[replace(one, name=name) for one in found.recordings])

    return _all_of(partial(of_sequence, name) for name in names)


def _all_of(parts: Iterable[Callable[[], Matches]]) -> Matches:
    """What is found in all parts of a layout; what keeps one part from being read is a fault."""
    found = Matches()
    for part in parts:
        try:
            of_part = part()
        except InputError as error:
            found.faults.append(str(error))
        else:
            found.recordings += of_part.recordings
            found.faults += of_part.faults
    return found


def _size(size: Sequence[int]) -> str:
    return "x".join(map(str, size))
