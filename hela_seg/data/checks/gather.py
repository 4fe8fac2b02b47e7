"""All that is wrong with the files of a data set, where opening it as a whole stops at the first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from hela_seg.data.ctc import ctc_folders, paired_by_number
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.layouts import DRYAD_FOLDERS, Recording
from hela_seg.data.on_disk import DataOnDisk, blocks_as_stated, groups_as_stated
from hela_seg.data.patterns.matching import Matches
from hela_seg.data.splits.split import Split
from hela_seg.data.splits.table import Block, Part
from hela_seg.data.stacks import (
    FrameSequence,
    ImageFile,
    Series,
    find_files,
    images_in,
    is_image,
    joined,
    name_of,
    names_left_out,
    numbered_sequence,
)
from hela_seg.system.errors import InputError

_Result = TypeVar("_Result")

_ANY_LENGTH = 10**9
"""Stands for the number of frames of a file that cannot be opened; its series is dealt out all the same."""


@dataclass(frozen=True)
class Gathered:
    """What could be opened of a data set.

    Attributes:
        recordings: images and masks.
        blocks: how their frames are split; none where that cannot be known.
        faults: one line each.
    """

    recordings: list[Recording]
    blocks: list[Block]
    faults: list[str]


@dataclass(frozen=True)
class _Pair:
    name: str
    image: ImageFile
    mask: ImageFile
    part: Part | None = None


def gather(data: TimelapseData, plain: Mapping[str, Any]) -> Gathered:
    """Open a data set; where that fails, open each image with its mask by itself and say what fails.

    Series are dealt out as they will be when all files are mended.

    Args:
        data: as configured, not yet opened.
        plain: its configuration: the arguments of `TimelapseData`.
    """
    try:
        data.open()
    except InputError as error:
        first = str(error)
    else:
        return Gathered(data.recordings, data.blocks, [])
    faults: list[str] = []
    opened: Mapping[str, Recording | None]
    if data.files.has_patterns:
        opened = _open_matched(data.files, faults)
    elif plain["layout"] == "ctc" or plain.get("sequence"):
        sequences = _sequences(plain, faults)
        opened = {name: _open_sequence(name, pairs, plain, faults) for name, pairs in sequences.items()}
    else:
        opened = {pair.name: _open(pair, plain, faults) for pair in _pairs(plain, faults)}
    recordings = [recording for recording in opened.values() if recording is not None]
    faults += _unlike_channels(recordings)
    blocks = _deal(opened, plain, faults)
    return Gathered(recordings, blocks, list(dict.fromkeys(faults)) or [first])


def _open_matched(files: DataOnDisk, faults: list[str]) -> dict[str, Recording | None]:
    """Recordings of patterns by name; what is left over or cannot be opened becomes a fault."""
    found = _tried(files.matches, faults) or Matches()
    faults += found.faults
    return {one.name: _tried(partial(files.open_matched, one), faults) for one in found.recordings}


def _pairs(plain: Mapping[str, Any], faults: list[str]) -> list[_Pair]:
    """Images and masks that belong together; what has no counterpart becomes a fault."""
    root, layout = Path(plain["root"]), plain["layout"]
    if layout == "dryad":
        return [
            pair
            for part, folder in DRYAD_FOLDERS.items()
            for pair in _pairs_in(
                root / f"X_{folder}" / folder, root / f"y_{folder}" / folder, part, plain, faults
            )
        ]
    if layout not in ("folder", "timelapse"):
        return []
    images, masks = (joined(root, plain.get(key, key)) for key in ("images", "masks"))
    return _pairs_in(images, masks, None, plain, faults)


def _sequences(plain: Mapping[str, Any], faults: list[str]) -> dict[str, list[_Pair]]:
    """Images and masks of each sequence, one file a frame; what keeps them from being paired is a fault."""
    root = Path(plain["root"])
    if plain["layout"] == "ctc":
        folders = _tried(lambda: ctc_folders(root, plain.get("masks", "masks")), faults) or {}
        paired = {name: _tried(partial(paired_by_number, *pair), faults) for name, pair in folders.items()}
        return {
            name: [_Pair(name_of(image), ImageFile(image), ImageFile(mask)) for image, mask in pairs or []]
            for name, pairs in paired.items()
        }
    images = root / plain.get("images", "images")
    if images.is_dir():
        _tried(lambda: numbered_sequence(find_files(images)), faults)
    return {root.absolute().name: _pairs(plain, faults)}


def _pairs_in(
    images: Path, masks: Path, part: Part | None, plain: Mapping[str, Any], faults: list[str]
) -> list[_Pair]:
    sparse, wanted = bool((plain.get("labels") or {}).get("sparse")), plain.get("position")
    try:
        paths = [[folder] if is_image(folder) else find_files(folder) for folder in (images, masks)]
        files = [images_in(found, wanted) for found in paths]
        left_out = names_left_out(paths[0], wanted)
    except InputError as error:
        faults.append(str(error))
        return []
    prefix = "" if part is None else f"{part}/"
    image_of, mask_of = ({image.name: image for image in found} for found in files)
    in_order = part is not None and not set(image_of) & set(mask_of) and len(files[0]) == len(files[1])
    if in_order or (is_image(images) and is_image(masks) and len(files[0]) == len(files[1])):
        return [_Pair(prefix + image.name, image, mask, part) for image, mask in zip(*files, strict=True)]
    for found, kept in ((files[0], image_of), (files[1], mask_of)):
        twice = [image for image in found if kept[image.name] is not image]
        faults += [
            f"{image.where} has the name of another file up to the ending: move one away" for image in twice
        ]
    lone = [] if sparse else [image for name, image in image_of.items() if name not in mask_of]
    faults += [
        f"{image.where} has no mask, expected one {image.namesake} in {masks}: add it" for image in lone
    ]
    faults += [
        f"{mask.where} has no image, expected one {mask.namesake} in {images}: add it, or move the mask away"
        for name, mask in mask_of.items()
        if name not in image_of.keys() | left_out
    ]
    return [
        _Pair(prefix + name, image, mask_of[name], part)
        for name, image in image_of.items()
        if name in mask_of
    ]


def _open(pair: _Pair, plain: Mapping[str, Any], faults: list[str]) -> Recording | None:
    """One pair opened as the data set would open it."""
    image, mask = str(pair.image.path.absolute()), str(pair.mask.path.absolute())
    alone = {**plain, "layout": "folder", "images": image, "masks": mask, "sequence": False, "context": 0}
    alone["position"] = pair.image.position or pair.mask.position

    def open_alone() -> Recording:
        """The pair as a data set of its own."""
        data = TimelapseData.from_plain(alone)
        data.open_all()
        return replace(data.recordings[0], part=pair.part)

    return _tried(open_alone, faults)


def _open_sequence(
    name: str, pairs: Sequence[_Pair], plain: Mapping[str, Any], faults: list[str]
) -> Recording | None:
    """A sequence strung together; None where a frame cannot be opened or is unlike the others."""
    opened = [_open(pair, plain, faults) for pair in pairs]
    frames = [frame for frame in opened if frame is not None]
    images, masks = ([getattr(frame, kind) for frame in frames] for kind in ("image", "mask"))
    unlike = [*_unlike_frames(images), *_unlike_frames(masks)]
    faults += unlike
    if unlike or not frames or len(frames) < len(pairs):
        return None
    return Recording(FrameSequence(images, name), FrameSequence(masks, name))


def _unlike_frames(frames: Sequence[Series]) -> list[str]:
    """One line for each file that is no single frame of the usual size, channels and dtype."""
    kinds = [(*frame.shape[1:], frame.dtype) for frame in frames]
    if not kinds:
        return []
    usual = frames[kinds.index(Counter(kinds).most_common(1)[0][0])]
    faults: list[str] = []
    for frame in frames:
        _tried(partial(FrameSequence, [usual, frame], ""), faults)
    return faults


def _tried(call: Callable[[], _Result], faults: list[str]) -> _Result | None:
    """What a call gives; where it refuses its input, that is a fault."""
    try:
        return call()
    except InputError as error:
        faults.append(str(error))
        return None


def _unlike_channels(recordings: Sequence[Recording]) -> list[str]:
    counts = Counter(recording.image.shape[1] for recording in recordings)
    usual = counts.most_common(1)[0][0] if counts else 0
    return [
        f"{recording.image.path} has {recording.image.shape[1]} channel(s), expected {usual} as most series "
        "have: pick some with data.channels, set data.grey=true for colours among grey images, or move it "
        "away"
        for recording in recordings
        if recording.image.shape[1] != usual
    ]


def _deal(opened: Mapping[str, Recording | None], plain: Mapping[str, Any], faults: list[str]) -> list[Block]:
    """The split of all series, less those that cannot be opened; numbers are those of the opened ones."""
    recordings = [found for found in opened.values() if found is not None]
    if all(found.part is not None for found in recordings):
        return blocks_as_stated(recordings)
    lengths = [_ANY_LENGTH if found is None else found.image.shape[0] for found in opened.values()]
    groups = groups_as_stated(recordings) if len(recordings) == len(opened) else None
    try:
        blocks = Split(**(plain.get("split") or {})).blocks(lengths, list(opened), groups)
    except InputError as error:
        faults.append(str(error))
        return []
    there = [index for index, found in enumerate(opened.values()) if found is not None]
    new_number = {old: new for new, old in enumerate(there)}
    return [replace(block, series=new_number[block.series]) for block in blocks if block.series in new_number]
