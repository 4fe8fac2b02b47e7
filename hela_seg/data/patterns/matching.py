"""Images with their masks, by patterns: each file is looked at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hela_seg.data.patterns.files import PatternFiles, assign
from hela_seg.data.patterns.grammar import FOLDERS, NUMBERS, Text, is_pattern, patterns_of
from hela_seg.data.patterns.images import Channels, ImageFiles, by_recording, incomplete
from hela_seg.data.patterns.masks import Layers, MaskFiles
from hela_seg.data.splits.table import Part
from hela_seg.data.stacks import Position, Z, name_of
from hela_seg.data.stacks.numbering import natural_order, refuse_gaps
from hela_seg.data.stacks.outlines import COCO
from hela_seg.system.errors import InputError, one_line

Given = str | Sequence[str] | Mapping[str, str]
"""What ``data.images`` and ``data.masks`` may be."""

PARTS: Mapping[str, Part] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validate", "validation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What the wildcard ``{part}`` may stand for, in small letters."""


@dataclass(frozen=True)
class Matched:
    """The files of one recording.

    Attributes:
        name: what the wildcards of the images stand for, joined by ``_``.
        images: one entry a frame, or one for a stack.
        masks: the same; as many as images, or as `numbers`, or one stack for all frames, or one a frame of a
            stack.
        is_sequence: frames lie in files of their own.
        is_by_cell: each file of a mask is a cell.
        group: recordings of one group belong together; None where nothing says so.
        part: what the recording is for, where its path says so.
        position: of the image files, where these hold several.
        mask_position: of the mask files, where these are those of all positions.
        mask_planes: how many planes of a stack within the image file have masks of their own, of which one
            is in `masks`; None where ``{z}`` links masks to image files, or to nothing.
        numbers: which of the images have a mask, where not all have; the others may be shown beside them.
    """

    name: str
    images: tuple[Channels, ...]
    masks: tuple[Layers, ...]
    is_sequence: bool
    is_by_cell: bool
    group: str | None = None
    part: Part | None = None
    position: str | None = None
    mask_position: str | None = None
    mask_planes: int | None = None
    numbers: tuple[int, ...] | None = None


@dataclass
class Matches:
    """What was found.

    Attributes:
        recordings: by name.
        faults: one line for each kind of what is wrong.
        files: all files that a pattern matches.
    """

    recordings: list[Matched] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    files: set[str] = field(default_factory=set)

    def or_raise(self) -> list[Matched]:
        """The recordings.

        Raises:
            InputError: anything is wrong.
        """
        if self.faults:
            raise InputError(one_line(self.faults))
        return self.recordings


def match(
    root: Path,
    images: Given,
    masks: Given | None,
    *,
    sparse: bool = False,
    setting: str = "data.images",
    position: Position = None,
    z: Z = None,
) -> Matches:
    """Find all images with their masks.

    Args:
        root: the folder that patterns start from.
        images: see `hela_seg.data.patterns`.
        masks: the same for the masks; None finds images alone.
        sparse: images without a mask are left aside.
        setting: name of the setting with the images' pattern, for messages.
        position: names or numbers of the positions to read from image files with several; None for all.
        z: plane of Z-stacks that is seen, which chooses masks with ``{z}``.

    Raises:
        InputError: patterns that cannot be used or match nothing.
    """
    of_images = PatternFiles(patterns_of(_whole(root, images), setting))
    of_masks = PatternFiles(
        {} if masks is None else patterns_of(_whole(root, masks), "data.masks"), several=True
    )
    _refuse_unlinked(of_images, of_masks, z)
    assign(root, of_images, of_masks)
    for files in (of_images, of_masks):
        files.refuse_empty(root)
    all_files = of_images.places() | of_masks.places()
    of_images.leave_out_later_parts()
    found = pair_up(root, of_images, of_masks, sparse=sparse, position=position, z=z)
    return replace(found, files=all_files)


def pair_up(
    root: Path, images: PatternFiles, masks: PatternFiles, *, sparse: bool, position: Position, z: Z
) -> Matches:
    """Recordings out of files of which is known what their wildcards stand for; see `match`."""
    search = MaskFiles(masks, images.names, sparse=sparse, plane=z if isinstance(z, int) else 0)
    recordings, faults = _recordings(root, images, search, position)
    return Matches(recordings, [*images.faults(), *masks.faults(), *faults], images.places() | masks.places())


def _whole(root: Path, given: Given) -> Given:
    """A folder without wildcards stands for all files in it."""
    if isinstance(given, str) and not is_pattern(given) and (root / given).is_dir():
        return given if given.lower().endswith(".zarr") else given.rstrip("/") + "/{name}"
    return given


def _refuse_unlinked(images: PatternFiles, masks: PatternFiles, z: Z) -> None:
    """Refuse wildcards of masks that nothing in images answers to."""
    of_many = any(pattern.ending.lower() == COCO for pattern in masks.patterns.values())
    # frames, planes and positions may lie in one image file
    known = {*images.names, "t", "z", "position", *(["part"] if of_many else [])} - {"c"}
    unknown = [name for name in masks.names if name not in known]
    pattern = next(iter(masks.patterns.values()), None)
    if pattern is not None and unknown:
        named = ", ".join("**" if name == FOLDERS else f"{{{name}}}" for name in unknown)
        raise InputError(
            f"{pattern.setting} is '{pattern.text}', expected no {named} in it, "
            + (
                "since one mask is for all channels: write one number in its place"
                if unknown == ["c"]
                else "which the images do not have: write what it stands for, or give data.images the same "
                "wildcard"
            )
        )
    if pattern is not None and "z" in masks.names and isinstance(z, str):
        raise InputError(
            f"{pattern.setting} is '{pattern.text}', a mask for each plane, which have no {z}: set data.z to "
            "the number of a plane, or give one mask of the projection without {z}"
        )


def _recordings(
    root: Path, images: PatternFiles, search: MaskFiles, wanted: Position
) -> tuple[list[Matched], list[str]]:
    """Recordings by name; and lines about what is left over or incomplete."""
    grouped = by_recording(images, wanted)
    if not {"position"} & {*images.names} and all(frames.position is None for frames in grouped.values()):
        search.refuse_positions()
    found, faults = [], incomplete(grouped)
    for key in sorted(grouped, key=lambda key: [natural_order(str(text)) for text in key]):
        try:
            recording = _recording(root, grouped[key], images, search)
            if recording is not None:
                found.append(recording)
            files, order = grouped[key], grouped[key].in_order()
            if "t" in files.texts[order[0]]:
                refuse_gaps([files.images(t)[0][0] for t in order], [int(t[0]) for t in order])
        except InputError as error:
            faults.append(str(error))
    faults += [*search.faults(), *_namesakes(found)]
    return _with_shared_masks(found) if search.names else found, faults


def _with_shared_masks(recordings: list[Matched]) -> list[Matched]:
    """Images of one mask, such as a field in two stains, as a group where nothing else says so."""
    first: dict[object, str] = {}
    groups = [one.group or first.setdefault((one.masks, one.mask_position), one.name) for one in recordings]
    if len(first) == len(recordings):
        return recordings
    return [replace(one, group=group) for one, group in zip(recordings, groups, strict=True)]


def _recording(root: Path, frames: ImageFiles, images: PatternFiles, masks: MaskFiles) -> Matched | None:
    """One recording with its masks; None where it has none, or its position is not meant."""
    order = frames.in_order()
    texts = frames.texts[order[0]]
    is_sequence = "t" in texts
    texts = masks.with_part(texts, frames.images(order[0]))
    of_frames = {t: masks.of({**texts, **frames.texts[t]}, frames, t) for t in order}
    labelled = [t for t in order if of_frames[t].masks]
    if not labelled or not frames.is_meant:
        return None
    first = of_frames[labelled[0]]
    shared = is_sequence and "t" not in masks.names
    words = [
        str(texts[name]).replace("/", "_").strip("_")
        for name in images.names
        if name not in {*NUMBERS, "part"}
    ]
    file = frames.images(order[0])[0][0]
    name = "_".join(filter(None, words)) or (root.absolute().name if is_sequence else name_of(Path(file)))
    if frames.position is not None and "position" not in images.names:
        name = f"{name}_{frames.position}"
    return Matched(
        name,
        tuple(frames.images(t) for t in order),
        first.masks if shared or not is_sequence else tuple(m for t in labelled for m in of_frames[t].masks),
        is_sequence,
        masks.is_by_cell,
        str(texts["group"]) if "group" in texts else None,
        _part_of(texts),
        frames.position,
        first.position,
        first.planes,
        None if shared or labelled == order else tuple(map(order.index, labelled)),
    )


def _part_of(texts: Mapping[str, Text]) -> Part | None:
    if "part" not in texts:
        return None
    part = PARTS.get(str(texts["part"]).lower())
    if part is None:
        raise InputError(
            f"{{part}} stands for '{texts['part']}', expected one of {', '.join(PARTS)}: use another word "
            "for this wildcard, or rename the folder"
        )
    return part


def _namesakes(recordings: Sequence[Matched]) -> list[str]:
    first: dict[tuple[Part | None, str], Matched] = {}
    for recording in recordings:
        former = first.setdefault((recording.part, recording.name), recording)
        if former is not recording:
            files = " and ".join(one.images[0][0][0] for one in (former, recording))
            return [
                f"{files} would both be named '{recording.name}', expected names of their own: rename one"
            ]
    return []
