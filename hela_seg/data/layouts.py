"""How images and masks lie on disk: which file belongs to which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hela_seg.data.labels.painted import Layer, PaintedSeries
from hela_seg.data.labels.resized import NearestSeries
from hela_seg.data.splits.split import Part
from hela_seg.data.stacks import (
    MAX_FRAME_PIXELS,
    FrameSequence,
    ImageFile,
    Position,
    SelectedFrames,
    Series,
    Z,
    find_files,
    images_in,
    is_image,
    joined,
    names_left_out,
    numbered_sequence,
    open_series,
)
from hela_seg.data.stacks.channels import Channel, choose_channels
from hela_seg.system.errors import InputError, join_names

DRYAD_FOLDERS: dict[Part, str] = {"train": "train", "validation": "validate", "test": "test"}
"""The paper's name of each part, as in ``X_train/train`` and ``y_train/train``."""


@dataclass(frozen=True)
class FileRules:
    """What images and masks may be like, and how they are read.

    Attributes:
        colours: classes are painted in colours, so that a PNG's colour table means colours, not values.
        sparse: images without a mask are left aside; else each image needs one.
        resize: ``"nearest"`` takes masks of another size than their image; None refuses them.
        z: of Z-stacks, the plane that is seen, or ``"max"`` or ``"mean"`` over all; None refuses them.
        max_frame_pixels: most values of one frame, rows x columns x channels.
        fill_missing_chunks: whether chunks of Zarr that are not on disk hold the fill value.
        ids: masks number cells, so that a value may have another colour in each.
        neighbours: frames of a sequence without a mask are opened too, to be shown beside others.
        position: of files with several positions, names or numbers of those that are read; None for all.
        class_values: of each class by name, the value that its pixels get where it has a file of its own.
        threshold: least value of foreground in soft masks; None where masks are not soft.
        channel_names: of the images, where files do not name them.
        channels: those that are picked, by number or name; None for all.
        grey: images in colours are made grey.
        assumed_axes: order of the axes in files that do not state it, where no axes are given.
    """

    colours: bool = False
    sparse: bool = False
    resize: Literal["nearest"] | None = None
    z: Z = None
    max_frame_pixels: int = MAX_FRAME_PIXELS
    fill_missing_chunks: bool = False
    ids: bool = False
    neighbours: bool = False
    position: Position = None
    class_values: Mapping[str, int] = field(default_factory=dict)
    threshold: float | None = None
    channel_names: Sequence[str] = ()
    channels: Sequence[Channel] | None = None
    grey: bool = False
    assumed_axes: str | None = None

    @property
    def painted_dtype(self) -> np.dtype[Any]:
        """Of masks that are put together: the same for all, whatever is in them."""
        return (
            np.dtype(np.uint32)
            if self.ids
            else np.min_scalar_type(max(self.class_values.values(), default=0))
        )


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


def paired_by_stem(
    root: Path,
    images: str,
    masks: str,
    axes: str | None = None,
    *,
    sequence: bool = False,
    rules: FileRules = FileRules(),
) -> list[Recording]:
    """Images and masks that share a file name up to its ending: ``images/a.tif`` and ``masks/a.png``.

    Of a file with several positions each is a recording: ``images/dish.nd2`` with the positions A1 and A2
    goes with ``masks/dish_A1.tif`` and ``masks/dish_A2.tif``, or with one ``masks/dish.ome.tif`` of both.

    Args:
        root: the folder that both lie in.
        images: folder with images below root, or one file, or the address of an OME-Zarr.
        masks: folder with masks below root, or one file.
        axes: order of the axes in files that do not state it.
        sequence: the files are the frames of one series, in the order of their names, numbers by value.
        rules: what the files may be like.

    Raises:
        InputError: a missing folder, an image without mask, a mask without image, a pair of unlike sizes, or
            a gap in the numbers of a sequence.
    """
    if not root.is_dir():
        raise InputError(f"{root} is no folder, expected one with {images} and {masks}: set data.root")
    places = joined(root, images), joined(root, masks)
    pair_up = _pairs_of_two_files if all(map(is_image, places)) else _pairs_by_name
    pairs = pair_up(*places, rules)
    if sequence:
        files: Sequence[Path] = find_files(places[0]) if places[0].is_dir() else [places[0]]
        if places[0].is_dir():
            numbered_sequence(files)
        return [sequence_of(pairs, axes, rules, root.absolute().name, files)]
    return [Recording(*_opened(pair, axes, rules)) for pair in pairs]


def dryad(root: Path, axes: str | None = None, *, rules: FileRules = FileRules()) -> list[Recording]:
    """The paper's layout: ``X_train/train/*.tiff`` with ``y_train/train/*.png``, and validate and test alike.

    Images and masks pair up in sorted order, one frame a file, as in the paper's notebook; by name, where any
    image has a mask of its own name.

    Args:
        root: the folder that all of it lies in.
        axes: order of the axes in files that do not state it.
        rules: what the files may be like.

    Raises:
        InputError: a missing folder, another number of masks than of images, or a pair of unlike sizes.
    """
    if not root.is_dir():
        raise InputError(f"{root} is no folder, expected one with X_train, y_train and so on: set data.root")
    recordings = []
    for part, folder in DRYAD_FOLDERS.items():
        pairs = _pairs_in_order(root / f"X_{folder}" / folder, root / f"y_{folder}" / folder, rules)
        recordings += [Recording(*_opened(pair, axes, rules), part) for pair in pairs]
    return recordings


def sequence_of(
    pairs: Sequence[tuple[ImageFile, ImageFile]],
    axes: str | None,
    rules: FileRules,
    name: str,
    files: Sequence[Path],
) -> Recording:
    """Pairs as one recording; ``files`` are all its images in order of time, with and without a mask."""
    images, masks = zip(*(_opened(pair, axes, rules) for pair in pairs), strict=True)
    image: Series = FrameSequence(images, name)
    if rules.neighbours and len(files) > len(pairs):
        opened = {file.path: frame for (file, _), frame in zip(pairs, images, strict=True)}
        frames = [opened[path] if path in opened else open_image(path, axes, rules) for path in files]
        numbers = [number for number, path in enumerate(files) if path in opened]
        image = SelectedFrames(FrameSequence(frames, name), numbers)
    return Recording(image, FrameSequence(masks, name))


def _pairs_of_two_files(images: Path, masks: Path, rules: FileRules) -> list[tuple[ImageFile, ImageFile]]:
    """A file of images and one of masks: a single pair, or one for each position that both have."""
    found = [images_in([path], rules.position) for path in (images, masks)]
    if [len(files) for files in found] == [1, 1]:
        return [(found[0][0], found[1][0])]
    image_of, mask_of = ({image.position: image for image in files} for files in found)
    if image_of.keys() != mask_of.keys():
        there, masked = (join_names([image.position or "(one)" for image in files]) for files in found)
        raise InputError(
            f"{images} holds the positions {there} and {masks} {masked}, expected the same in both: set "
            f"data.masks to a folder with a mask of each, such as {found[0][0].name}.tif"
        )
    return [(image, mask_of[position]) for position, image in image_of.items()]


def _pairs_by_name(images: Path, masks: Path, rules: FileRules) -> list[tuple[ImageFile, ImageFile]]:
    image_of, mask_of = (_by_name(folder, rules) for folder in (images, masks))
    for name in names_left_out(_files(images), rules.position):
        mask_of.pop(name, None)
    if rules.sparse and mask_of.keys() & image_of.keys():
        image_of = {name: path for name, path in image_of.items() if name in mask_of}
    lone = {
        "mask": [str(image) for name, image in image_of.items() if name not in mask_of],
        "image": [str(image) for name, image in mask_of.items() if name not in image_of],
    }
    if any(lone.values()):
        missing = "; ".join(f"no {other} for {join_names(names)}" for other, names in lone.items() if names)
        raise InputError(
            f"{images} and {masks} do not pair up, expected an image and a mask of each name up to the "
            f"ending: {missing}"
        )
    return [(image_of[name], mask_of[name]) for name in image_of]


def _pairs_in_order(images: Path, masks: Path, rules: FileRules) -> list[tuple[ImageFile, ImageFile]]:
    """Pairs by order, unless some names are the same: then files missing on both sides would go unseen."""
    image_files, mask_files = (images_in(find_files(folder), rules.position) for folder in (images, masks))
    if {image.name for image in image_files} & {mask.name for mask in mask_files}:
        return _pairs_by_name(images, masks, rules)
    if len(image_files) != len(mask_files):
        raise InputError(
            f"{images} holds {len(image_files)} images and {masks} {len(mask_files)} masks, expected as many "
            "of both: add what is missing"
        )
    return list(zip(image_files, mask_files, strict=True))


def _files(place: Path) -> list[Path]:
    return [place] if is_image(place) else find_files(place)


def _by_name(folder: Path, rules: FileRules) -> dict[str, ImageFile]:
    files: dict[str, ImageFile] = {}
    for image in images_in(_files(folder), rules.position):
        former = files.setdefault(image.name, image)
        if former is not image:
            raise InputError(
                f"{folder} holds {former} and {image}, expected one file of each name up to the ending: move "
                "one away"
            )
    return files


def _opened(pair: tuple[ImageFile, ImageFile], axes: str | None, rules: FileRules) -> tuple[Series, Series]:
    image = open_image(pair[0].path, axes, rules, pair[0].position)
    mask = open_mask(pair[1].path, axes, rules, pair[1].position)
    if rules.threshold is not None:
        value = None if rules.ids else list(rules.class_values.values())[1]
        mask = painted([Layer(mask, value)], rules)
    return image, at_size_of(image, mask, rules)


def open_image(path: Path, axes: str | None, rules: FileRules, position: str | None = None) -> Series:
    """An image with the channels that a net sees of it."""
    image = open_series(
        path,
        axes,
        assumed_axes=rules.assumed_axes,
        z=rules.z,
        max_frame_pixels=rules.max_frame_pixels,
        fill_missing_chunks=rules.fill_missing_chunks,
        position=position,
    )
    return chosen(image, rules)


def chosen(image: Series, rules: FileRules) -> Series:
    """The channels of an image that a net sees."""
    if rules.channel_names:
        if len(rules.channel_names) != image.shape[1]:
            raise InputError(
                f"{image.path} has {image.shape[1]} channel(s), expected {len(rules.channel_names)} as "
                f"data.channel_names says ({', '.join(rules.channel_names)}): give a name for each"
            )
        image.channel_names = tuple(rules.channel_names)
    return choose_channels(image, rules.channels, grey=rules.grey)


def open_mask(path: Path, axes: str | None, rules: FileRules, position: str | None = None) -> Series:
    """A mask as the file holds it."""
    return open_series(
        path,
        axes,
        labels=not rules.colours,
        z=rules.z,
        max_frame_pixels=rules.max_frame_pixels,
        fill_missing_chunks=rules.fill_missing_chunks,
        colours=rules.colours,
        soft=rules.threshold is not None,
        position=position,
    )


def painted(layers: Sequence[Layer], rules: FileRules) -> Series:
    """Mask files painted over each other."""
    background = next(iter(rules.class_values.values()), 0)
    return PaintedSeries(layers, background, rules.threshold, rules.painted_dtype)


def at_size_of(image: Series, mask: Series, rules: FileRules) -> Series:
    """A mask as it is, or at its image's size where that is allowed."""
    size = (image.shape[2], image.shape[3])
    return NearestSeries(mask, size) if rules.resize == "nearest" and mask.shape[2:] != size else mask


def _size(size: Sequence[int]) -> str:
    return "x".join(map(str, size))
