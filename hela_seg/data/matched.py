"""Recordings out of the files that belong to them: channels and planes joined, masks painted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, repeat
from pathlib import Path

from hela_seg.data.labels.painted import Layer, PaintedSeries
from hela_seg.data.labels.resized import NearestSeries
from hela_seg.data.layouts import FileRules, Recording
from hela_seg.data.patterns.images import Channels
from hela_seg.data.patterns.masks import Layers
from hela_seg.data.patterns.matching import Matched
from hela_seg.data.stacks import FrameSequence, SelectedFrames, Series, name_of, open_with, path_of
from hela_seg.data.stacks.channels import JoinedChannels, JoinedPlanes, choose_channels
from hela_seg.data.stacks.outlines import ENDINGS as OUTLINE_ENDINGS
from hela_seg.data.stacks.outlines import Outline, OutlineSeries, is_annotated
from hela_seg.system.errors import InputError


def open_matched(found: Matched, rules: FileRules) -> Recording:
    """Open the files that belong to one recording, headers alone.

    Args:
        found: by `hela_seg.data.patterns.matching.match`.
        rules: what the files may be like.

    Raises:
        InputError: channels, planes, frames or masks that are unlike.
    """
    frames, numbers = _frames(found, rules), found.numbers
    image = _strung_together(found, frames)
    if numbers is not None and rules.neighbours:
        image, frames = SelectedFrames(image, numbers), [frames[number] for number in numbers]
    # of single masks each belongs to one frame, which may be of a stack
    length, own = (1, cycle(frames)) if len(found.masks) > 1 else (image.shape[0], repeat(image))
    if found.mask_planes not in (None, image.depth):
        raise InputError(
            f"{image.path} has {image.depth} plane(s) and data.masks matches {found.mask_planes} masks "
            "of a frame with {z}, expected one for each plane: add what is missing, or write the number of "
            "one plane in place of {z}"
        )
    masks = [
        _mask_of(layers, one, length, rules, found) for layers, one in zip(found.masks, own, strict=False)
    ]
    mask = FrameSequence(masks, found.name) if len(masks) > 1 else masks[0]
    return Recording(image, mask, found.part, found.group)


def has_mask(found: Matched) -> bool:
    """Whether the mask file of a recording knows its image, of files that hold the masks of many."""
    image = name_of(Path(found.images[0][0][0]))
    return all(
        is_annotated(Path(place), image) for layers in found.masks for _, places in layers for place in places
    )


def matched_image(found: Matched, rules: FileRules) -> Series:
    """The images of one recording alone, under its name; see `open_matched`."""
    return _strung_together(found, _frames(found, rules))


def _frames(found: Matched, rules: FileRules) -> list[Series]:
    shown = found.images
    if found.numbers is not None and not rules.neighbours:
        shown = tuple(shown[number] for number in found.numbers)
    return [_joined(channels, rules, found.position) for channels in shown]


def _strung_together(found: Matched, frames: Sequence[Series]) -> Series:
    image = FrameSequence(frames, found.name) if found.is_sequence else frames[0]
    image.name = found.name
    return image


def _joined(channels: Channels, rules: FileRules, position: str | None) -> Series:
    """The channels that a net sees of one frame, or of a stack, out of the files of channels and planes."""
    joined = []
    for planes in channels:
        opened = [open_with(path_of(place), replace(rules.reading, position=position)) for place in planes]
        joined.append(opened[0] if len(opened) == 1 else JoinedPlanes(opened, rules.reading.z))
    image = joined[0] if len(joined) == 1 else JoinedChannels(joined)
    if rules.channel_names:
        if len(rules.channel_names) != image.shape[1]:
            raise InputError(
                f"{image.path} has {image.shape[1]} channel(s), expected {len(rules.channel_names)} as "
                f"data.channel_names says ({', '.join(rules.channel_names)}): give a name for each"
            )
        image.channel_names = tuple(rules.channel_names)
    return choose_channels(image, rules.channels, grey=rules.grey)


def _mask_of(layers: Layers, image: Series, length: int, rules: FileRules, found: Matched) -> Series:
    """The mask of one frame, or of a stack of some length, out of its files."""
    opened = [
        _outlined(Path(place), image, length, rules, name, number if found.is_by_cell else None)
        if Path(place).suffix.lower() in OUTLINE_ENDINGS
        else _pixels(Path(place), rules, name, number if found.is_by_cell else None, found.mask_position)
        for name, places in layers
        for number, place in enumerate(places, start=1)
    ]
    if len(opened) == 1 and opened[0].value is None and rules.labels.threshold is None:
        mask = opened[0].mask
    else:
        background = next(iter(rules.class_values.values()), 0)
        mask = PaintedSeries(opened, background, rules.labels.threshold, rules.painted_dtype)
    size = (image.shape[2], image.shape[3])
    return NearestSeries(mask, size) if rules.labels.resize == "nearest" and mask.shape[2:] != size else mask


def _pixels(path: Path, rules: FileRules, name: str, cell: int | None, position: str | None) -> Layer:
    """A mask file, and what it paints: its class, its cell, or the values that it holds itself."""
    value = rules.class_values[name] if name else cell if rules.ids else None
    if value is None and rules.labels.threshold is not None and not rules.ids:
        value = list(rules.class_values.values())[1]
    colours, soft = rules.labels.kind == "colours", rules.labels.threshold is not None
    options = replace(rules.reading, position=position, labels=not colours, colours=colours, soft=soft)
    mask = open_with(path, options)
    if mask.position != position:
        raise InputError(
            f"{path} is one mask for several positions of its image, expected one for {position}: write "
            "{position} in data.masks where file names have it, or save the masks of all positions in one "
            "file, with positions of the same names"
        )
    return Layer(mask, value)


def _outlined(path: Path, image: Series, length: int, rules: FileRules, name: str, cell: int | None) -> Layer:
    """Outlines, and what they paint: their class or their cell, or numbers or classes of their own."""
    values, colours = rules.class_values, rules.labels.kind == "colours"
    if colours or rules.labels.threshold is not None:
        what = "data.labels.kind=colours" if colours else f"data.labels.threshold={rules.labels.threshold:g}"
        raise InputError(
            f"{path} holds outlines, expected pixels with {what}: set data.labels.kind=values or instances, "
            "and no threshold"
        )

    def class_of(number: int, outline: Outline) -> int:
        """The value of the class that an outline is named after; of two classes the second one."""
        if outline.name in values or len(values) == 2:
            return values.get(outline.name, list(values.values())[1])
        raise InputError(
            f"{path} holds an outline of '{outline.name}', expected one of the classes {', '.join(values)}: "
            "name it so in data.classes, or set data.labels.kind=instances"
        )

    if rules.ids or name:
        numbered = OutlineSeries(path, image, length, lambda number, outline: number)
        return Layer(numbered, values[name] if name else cell)
    background = next(iter(values.values()), 0)
    return Layer(OutlineSeries(path, image, length, class_of, background, rules.painted_dtype), None)
