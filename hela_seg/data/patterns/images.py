"""The files of images by recording, frame, channel and plane."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hela_seg.data.patterns.files import Key, PatternFiles
from hela_seg.data.patterns.grammar import NUMBERS, Text
from hela_seg.data.stacks import Position, images_in, path_of
from hela_seg.system.errors import join_names

Channels = tuple[tuple[str, ...], ...]
"""The files of one frame, or of one stack: for each channel its planes, mostly one."""


class ImageFiles:
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


def by_recording(images: PatternFiles, wanted: Position) -> dict[Key, ImageFiles]:
    """Files by recording; a file with several positions belongs to one recording for each."""
    grouped: dict[Key, ImageFiles] = {}
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
                frames = grouped.setdefault((*own, position or ""), ImageFiles(position, is_meant=is_meant))
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


def _positions(places: Iterable[str], wanted: Position) -> dict[str, list[str]]:
    """The positions that are meant of each file that holds several, in its order."""
    several: dict[str, list[str]] = {}
    for image in images_in(map(path_of, places), wanted):
        if image.position is not None:
            several.setdefault(str(image.path), []).append(image.position)
    return several


def incomplete(grouped: Mapping[Key, ImageFiles]) -> list[str]:
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
