"""Images with their masks, by patterns: each file is looked at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from hela_seg.data.patterns.files import Key, PatternFiles, assign
from hela_seg.data.patterns.grammar import FOLDERS, NUMBERS, Text, is_pattern, patterns_of
from hela_seg.data.splits.table import Part
from hela_seg.data.stacks import Position, Z, images_in, name_of
from hela_seg.data.stacks.numbering import natural_order, refuse_gaps
from hela_seg.data.stacks.outlines import COCO, is_annotated
from hela_seg.system.errors import InputError, join_names

Given = str | Sequence[str] | Mapping[str, str]
"""What ``data.images`` and ``data.masks`` may be."""

PARTS: Mapping[str, Part] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validate", "validation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What the wildcard ``{part}`` may stand for, in small letters."""

Channels = tuple[tuple[str, ...], ...]
"""The files of one frame, or of one stack: for each channel its planes, mostly one."""

Layers = tuple[tuple[str, tuple[str, ...]], ...]
"""The files of one mask: for each class by name its files; the name is empty where classes are not apart."""


@dataclass(frozen=True)
class Matched:
    """The files of one recording.

    Attributes:
        name: what the wildcards of the images stand for, joined by ``_``.
        images: one entry a frame, or one for a stack.
        masks: the same; as many as images, or one stack for all frames, or one a frame of a stack.
        is_sequence: frames lie in files of their own.
        is_by_cell: each file of a mask is a cell.
        group: recordings of one group belong together; None where nothing says so.
        part: what the recording is for, where its path says so.
        position: of the image files, where these hold several.
        mask_position: of the mask files, where these are those of all positions.
        mask_planes: how many planes of a stack within the image file have masks of their own, of which one
            is in `masks`; None where ``{z}`` links masks to image files, or to nothing.
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
            raise InputError(join_names(self.faults, between="; "))
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
        masks: the same; None finds images alone.
        sparse: images without a mask are left aside.
        setting: name of the setting with the images' pattern, for messages.
        position: of image files with several positions, names or numbers of those that are meant.
        z: plane of Z-stacks that is seen, which chooses masks with ``{z}``.

    Raises:
        InputError: patterns that cannot be used or match nothing.
    """
    found = Matches()
    of_images = PatternFiles(patterns_of(_whole(root, images), setting))
    of_masks = PatternFiles(
        {} if masks is None else patterns_of(_whole(root, masks), "data.masks"), several=True
    )
    _refuse_unlinked(of_images, of_masks, z)
    assign(root, of_images, of_masks)
    for files in (of_images, of_masks):
        files.refuse_empty(root)
        found.faults += files.faults()
        found.files |= files.places()
    of_images.leave_out_later_parts()
    search = _Masks(of_masks, of_images.names, sparse=sparse, plane=z if isinstance(z, int) else 0)
    found.recordings, faults = _recordings(root, of_images, search, position)
    found.faults += faults
    return found


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


class _Frames:
    """The image files of one recording, frame by frame."""

    def __init__(self, position: str | None, *, is_meant: bool) -> None:
        self.position, self.is_meant = position, is_meant
        self.files: dict[Key, dict[tuple[int, int], dict[int, str]]] = {}
        self.texts: dict[Key, Mapping[str, Text]] = {}

    def add(self, channel: int, texts: Mapping[str, Text], place: str) -> None:
        """A file of a channel; frames are told apart by ``{t}``."""
        t = (texts["t"],) if "t" in texts else ()
        planes = self.files.setdefault(t, {}).setdefault((channel, int(texts.get("c", 0))), {})
        planes[int(texts.get("z", 0))] = place
        self.texts[t] = texts

    def in_order(self) -> list[Key]:
        """The frames by number."""
        return sorted(self.files)

    def images(self, t: Key) -> Channels:
        """The files of a frame, channel by channel."""
        channels = self.files[t]
        return tuple(
            [tuple(channels[number][z] for z in sorted(channels[number])) for number in sorted(channels)]
        )

    def planes(self, t: Key) -> list[int]:
        """The numbers of a frame's planes that have files of their own."""
        return sorted(next(iter(self.files[t].values())))


def _recordings(
    root: Path, images: PatternFiles, search: _Masks, wanted: Position
) -> tuple[list[Matched], list[str]]:
    """Recordings by name; and lines about what is left over or incomplete."""
    grouped = _grouped(images, wanted)
    if not {"position"} & {*images.names} and all(frames.position is None for frames in grouped.values()):
        search.refuse_positions()
    found, faults = [], _incomplete(grouped)
    for key in sorted(grouped, key=lambda key: [natural_order(str(text)) for text in key]):
        try:
            recording = _recording(root, grouped[key], images, search)
        except InputError as error:
            faults.append(str(error))
            continue
        if recording is not None:
            found.append(recording)
    faults += [*search.faults(), *_namesakes(found)]
    return _with_shared_masks(found) if search.names else found, faults


def _positions(places: Iterable[str], wanted: Position) -> dict[str, list[str]]:
    """The positions that are meant of each file that holds several, in its order."""
    several: dict[str, list[str]] = {}
    for image in images_in([Path(place) for place in places], wanted):
        if image.position is not None:
            several.setdefault(str(image.path), []).append(image.position)
    return several


def _with_shared_masks(recordings: list[Matched]) -> list[Matched]:
    """Images of one mask, such as a field in two stains, as a group where nothing else says so."""
    first: dict[object, str] = {}
    groups = [one.group or first.setdefault((one.masks, one.mask_position), one.name) for one in recordings]
    if len(first) == len(recordings):
        return recordings
    return [replace(one, group=group) for one, group in zip(recordings, groups, strict=True)]


def _grouped(images: PatternFiles, wanted: Position) -> dict[Key, _Frames]:
    """Files by recording; a file with several positions belongs to one recording for each."""
    grouped: dict[Key, _Frames] = {}
    several = _positions(images.places(), None)
    meant = several if wanted is None or not several else _positions(several, wanted)
    told_apart = [index for index, name in enumerate(images.names) if name not in NUMBERS]
    for channel, by_key in enumerate(images.found.values()):
        for key, (place, *_) in by_key.items():
            own = tuple([key[index] for index in told_apart])
            texts = dict(zip(images.names, key, strict=True))
            positions: Sequence[str | None] = several.get(place) or [None]
            for position in positions:
                is_meant = position is None or position in meant.get(place, ())
                frames = grouped.setdefault((*own, position or ""), _Frames(position, is_meant=is_meant))
                frames.add(
                    channel, texts if position is None else _at(position, texts, several[place]), place
                )
    return grouped


def _at(position: str, texts: Mapping[str, Text], names: Sequence[str]) -> Mapping[str, Text]:
    """The texts of a position in a file; a file may itself be named by the first one that it holds."""
    of_file = texts.get("position")
    return {
        **texts,
        "position": position if of_file is None or of_file in names else f"{of_file}_{position}",
    }


def _recording(root: Path, frames: _Frames, images: PatternFiles, masks: _Masks) -> Matched | None:
    """One recording with its masks; None where it has none, or its position is not meant."""
    order = frames.in_order()
    texts = frames.texts[order[0]]
    is_sequence = "t" in texts
    texts = masks.with_part(texts, frames.images(order[0]))
    of_frames = {t: masks.of({**texts, **frames.texts[t]}, frames, t) for t in order}
    if is_sequence:
        refuse_gaps([frames.images(t)[0][0] for t in order], [int(t[0]) for t in order])
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
        tuple(frames.images(t) for t in (order if shared else labelled)),
        first.masks if shared or not is_sequence else tuple(m for t in labelled for m in of_frames[t].masks),
        is_sequence,
        masks.is_by_cell,
        str(texts["group"]) if "group" in texts else None,
        _part_of(texts),
        frames.position,
        first.position,
        first.planes,
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


class _MasksOf(NamedTuple):
    """The masks of one image: none, one, or one for each frame of a stack; see `Matched`."""

    masks: tuple[Layers, ...] = ()
    position: str | None = None
    planes: int | None = None


class _Masks:
    """Looks up the masks of images, and keeps account of what is left over on both sides.

    Args:
        masks: the files.
        of_images: the wildcards of the images.
        sparse: images need no mask.
        plane: number of the plane that is seen of Z-stacks.
    """

    def __init__(self, masks: PatternFiles, of_images: Sequence[str], *, sparse: bool, plane: int) -> None:
        self.names = masks.names
        self.is_by_cell = any(pattern.is_many for pattern in masks.patterns.values())
        self._masks, self._of_images, self._sparse, self._plane = masks, of_images, sparse, plane
        self._used: set[Key] = set()
        self._lone: list[str] = []
        # numbers of frames and planes that images have within a file, not in its name
        self._within = [name for name in ("t", "z") if name in self.names and name not in of_images]
        self._stacks: dict[Key, list[Key]] = {}
        for key in dict.fromkeys(key for by_key in masks.found.values() for key in by_key):
            texts = dict(zip(self.names, key, strict=True))
            self._stacks.setdefault(self._known(texts), []).append(key)

    def refuse_positions(self) -> None:
        """Refuse ``{position}`` where neither the names of image files nor the files themselves have any."""
        if "position" in self.names:
            pattern = next(iter(self._masks.patterns.values()))
            raise InputError(
                f"{pattern.setting} is '{pattern.text}', expected no {{position}} in it, for no image file "
                "holds several positions: write it in data.images too, or what it stands for"
            )

    def _known(self, texts: Mapping[str, Text]) -> Key:
        return tuple([texts.get(name, "") for name in self.names if name not in self._within])

    def with_part(self, texts: Mapping[str, Text], image: Channels) -> Mapping[str, Text]:
        """The texts, with the ``{part}`` of the file that knows the image, of files with masks of many."""
        if "part" not in self.names or "part" in texts:
            return texts
        name, place = name_of(Path(image[0][0])), self.names.index("part")
        files = [
            (key[place], files[0]) for by_key in self._masks.found.values() for key, files in by_key.items()
        ]
        return {**texts, "part": next((part for part, file in files if is_annotated(Path(file), name)), "")}

    def of(self, texts: Mapping[str, Text], frames: _Frames, t: Key) -> _MasksOf:
        """The mask of an image; all masks of a stack where it is one, and masks have ``{t}``."""
        if not self._masks.patterns:
            return _MasksOf(((),))
        if "z" in self.names and "z" not in self._within:
            planes = frames.planes(t)
            for z in planes:
                self._used.update(self._stacks.get(self._known({**texts, "z": z}), []))
            texts = {**texts, "z": planes[min(self._plane, len(planes) - 1)]}
        keys, position = self._keys(texts, frames.position)
        self._used.update(keys)
        keys, depth = self._in_plane(keys)
        found = [self._layers(key) for key in keys]
        if not found or None in found:
            if not self._sparse and frames.is_meant:
                where = "" if frames.position is None else f" (position {frames.position})"
                self._lone.append(f"{frames.images(t)[0][0]}{where}")
            return _MasksOf()
        return _MasksOf(tuple(layers for layers in found if layers is not None), position, depth)

    def _keys(self, texts: Mapping[str, Text], position: str | None) -> tuple[list[Key], str | None]:
        """The masks of an image, and the position in them; each position may have files of its own.

        Like images without patterns, ``dish_A1`` is the mask of A1 in ``dish.nd2``.
        """
        words = [name for name in self._of_images if name in self.names and name not in NUMBERS]
        if position is None or "position" in self.names:
            return sorted(self._stacks.get(self._known(texts), [])), None
        for name in reversed(words):
            own = {**texts, name: f"{texts[name]}_{position}"}
            if keys := self._stacks.get(self._known(own)):
                return sorted(keys), None
        return sorted(self._stacks.get(self._known(texts), [])), position

    def _in_plane(self, keys: list[Key]) -> tuple[list[Key], int | None]:
        """Of masks for each plane of a stack those of the plane that is seen, and the number of planes."""
        if "z" not in self._within or not keys:
            return keys, None
        place = self.names.index("z")
        of_frames: dict[Key, list[Key]] = {}
        for key in keys:
            of_frames.setdefault(key[:place] + key[place + 1 :], []).append(key)
        depths = {len(planes) for planes in of_frames.values()}
        if len(depths) > 1:
            raise InputError(
                f"{self._masks.any_of(keys[0])} and others are masks of {min(depths)} to {max(depths)} "
                "planes a frame, expected one for each plane of every frame: add what is missing"
            )
        (depth,) = depths
        ordered = [sorted(planes, key=lambda key: key[place]) for planes in of_frames.values()]
        return [planes[min(self._plane, depth - 1)] for planes in ordered], depth

    def _layers(self, key: Key) -> Layers | None:
        layers = [
            (name, tuple(sorted(by_key[key], key=natural_order) if by_key[key][1:] else by_key[key]))
            for name, by_key in self._masks.found.items()
            if key in by_key
        ]
        lacking = [name for name in self._masks.patterns if name not in [own for own, _ in layers]]
        if layers and lacking:
            raise InputError(
                f"{layers[0][1][0]} has no counterpart for {join_names(lacking)}, expected a file for each "
                "of data.masks: save an empty mask there"
            )
        return tuple(layers) or None

    def faults(self) -> list[str]:
        """A line for images without a mask, and one for masks without an image."""
        left = [
            files[0]
            for by_key in self._masks.found.values()
            for key, files in by_key.items()
            if key not in self._used
        ]
        lines = []
        if self._lone:
            lines.append(
                f"{len(self._lone)} image(s) have no mask, such as {join_names(sorted(self._lone), 3)}: add "
                "masks that data.masks matches, or set data.labels.sparse=true to leave these images aside"
            )
        if left:
            lines.append(
                f"{len(left)} mask(s) have no image, such as {join_names(sorted(left), 3)}: add images that "
                "data.images matches, or move the masks away"
            )
        return lines


def _incomplete(grouped: Mapping[Key, _Frames]) -> list[str]:
    """A line for frames with fewer channels than others have, or channels with unlike planes."""
    frames = [files for frames in grouped.values() for files in frames.files.values()]
    channels = set[tuple[int, int]]().union(*frames)
    lacking = [
        next(iter(next(iter(files.values())).values()))
        for files in frames
        if len(files) < len(channels) or len({tuple(sorted(planes)) for planes in files.values()}) > 1
    ]
    if not lacking:
        return []
    return [
        f"{len(lacking)} frame(s) lack a channel or plane that others have, such as the frame of "
        f"{join_names(sorted(lacking), 3)}: add the missing files, or leave them out of data.images"
    ]


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
