"""The files of masks, looked up by image, and what is left over on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hela_seg.data.patterns.files import Key, PatternFiles
from hela_seg.data.patterns.grammar import NUMBERS, Text
from hela_seg.data.patterns.images import Channels, ImageFiles
from hela_seg.data.stacks import name_of
from hela_seg.data.stacks.numbering import natural_order
from hela_seg.data.stacks.outlines import is_annotated
from hela_seg.system.errors import InputError, join_names

Layers = tuple[tuple[str, tuple[str, ...]], ...]
"""The files of one mask: for each class by name its files; the name is empty where classes are not apart."""


class MasksOf(NamedTuple):
    """The masks of one image: none, one, or one for each frame of a stack; see `Matched`."""

    masks: tuple[Layers, ...] = ()
    position: str | None = None
    planes: int | None = None


class MaskFiles:
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

    def of(self, texts: Mapping[str, Text], frames: ImageFiles, t: Key) -> MasksOf:
        """The mask of an image; all masks of a stack where it is one, and masks have ``{t}``."""
        if not self._masks.patterns:
            return MasksOf(((),))
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
                file, position = frames.images(t)[0][0], frames.position
                named = "" if "position" in self.names else f", as in {name_of(Path(file))}_{position}"
                self._lone.append(file if position is None else f"{file} (position {position}{named})")
            return MasksOf()
        return MasksOf(tuple(layers for layers in found if layers is not None), position, depth)

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
        left = sorted(
            files[0]
            for by_key in self._masks.found.values()
            for key, files in by_key.items()
            if key not in self._used
        )
        lines = []
        if self._lone:
            lines.append(
                f"{len(self._lone)} image(s) have no mask, such as {join_names(self._lone)}: add "
                "masks that data.masks matches, or set data.labels.sparse=true to leave these images aside"
            )
        if left:
            lines.append(
                f"{len(left)} mask(s) have no image, such as {join_names(left)}: add images that "
                "data.images matches, or move the masks away"
            )
        return lines
