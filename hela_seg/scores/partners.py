"""Which label file belongs to which frame of the truth, by their names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from unicodedata import normalize

from hela_seg.data.layouts import Recording
from hela_seg.data.splits.split import Block
from hela_seg.data.stacks import Series, find_files, name_of, numbered_sequence, open_series
from hela_seg.system.errors import InputError

APPENDED = (".labels", "_cp_masks", "_Simple Segmentation", "_Object Identities", "_Object Predictions")
"""What `hela_seg.predict`, Cellpose and ilastik append to an image's name for its labels."""

FIRST_CHANNEL = "_0000"
"""What nnU-Net appends to the image's name, and leaves out of its prediction's."""

RESULT_FOLDERS = ("{name}", "{name}_RES")
"""Folders for the frames of one recording; the second is the Cell Tracking Challenge's."""


@dataclass(frozen=True)
class Partners:
    """Label images of frames.

    Attributes:
        frames: by the numbers of a recording and of its frame: a series of labels, and the frame in it.
        faults: a line for each file or recording that cannot be used or lacks labels.
        left_aside: label files that belong to no frame that is scored.
    """

    frames: dict[tuple[int, int], tuple[Series, int]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    left_aside: list[Path] = field(default_factory=list)


def find_partners(
    labels: Path,
    recordings: Sequence[Recording],
    blocks: Sequence[Block],
    *,
    files: str | None = None,
    axes: str | None = None,
    colours: bool = False,
) -> Partners:
    """Find and open the label image of every frame that is to be scored; only headers are read.

    A recording has one file of as many frames, named as its image up to the ending, with or without what
    programs append. Or it has files of single frames: named as the images of these; or, where they are in a
    folder of the recording's name or it is the only recording, with the same numbers as these, or all in the
    order of their numbers where one file has all images.

    Args:
        labels: the folder, or one file where there is one recording.
        recordings: with the truth.
        blocks: frames to score.
        files: see `hela_seg.scores.reading.Reading`.
        axes: order of the axes in files that do not state it.
        colours: classes are painted in colours.

    Raises:
        InputError: no such folder or file, an empty folder, or several recordings of one name.
    """
    wanted: dict[int, list[int]] = {}
    for block in blocks:
        wanted.setdefault(block.series, []).extend(range(block.start, block.stop))
    search = _Search(labels, files, axes, colours, alone=len(wanted) == 1)
    counted = Counter(recordings[number].image.name for number in wanted)
    name, count = counted.most_common(1)[0]
    if count > 1:
        raise InputError(
            f"{count} recordings are named {name}, so that their label files cannot be told apart, expected "
            "a name each: score one part of the data, with part=test"
        )
    found = Partners()
    for number, which in wanted.items():
        try:
            partners = search.partners_of(recordings[number], which)
            found.frames.update({(number, t): partner for t, partner in partners.items()})
        except InputError as error:
            found.faults.append(str(error))
    used = {path for series, _ in found.frames.values() for path in series.paths}
    found.left_aside.extend(path for path in search.seen if path not in used)
    return found


class _Search:
    """Looks for the label files of one recording after another.

    Attributes:
        seen: all files that were looked at.
    """

    def __init__(
        self, labels: Path, files: str | None, axes: str | None, colours: bool, *, alone: bool
    ) -> None:
        self._folder, self._pattern = labels, files
        self._axes, self._colours, self._alone = axes, colours, alone
        self._is_file = labels.is_file() or labels.suffix.lower() == ".zarr"
        self.seen = [labels] if self._is_file else _files(labels)

    def partners_of(self, recording: Recording, which: Sequence[int]) -> dict[int, tuple[Series, int]]:
        """The labels of these frames of a recording.

        Raises:
            InputError: there is none of some frame, more than one file of a name, or one of another size.
        """
        name, frames = recording.image.name, recording.image.shape[0]
        whole = self.seen[0] if self._is_file and self._alone else self._named(self.seen, name)
        if whole is not None:
            series = self._open(whole, recording, frames)
            return {t: (series, t) for t in which}
        found = self._single_frames(recording.image, which) if frames > 1 else {}
        missing = [t for t in which if t not in found]
        if missing:
            raise InputError(
                f"{self._folder} holds no label image for {_frames(missing, frames)}'{name}', expected a "
                "file of this name up to the ending: add it, say with reading.files how label files are "
                "named, or leave such frames out with on_error=skip"
            )
        return {t: (self._open(found[t], recording, 1), 0) for t in which}

    def _single_frames(self, images: Series, which: Sequence[int]) -> dict[int, Path]:
        """Files of single frames: by the names of the frames' images, else by number or order."""
        entries = {normalize("NFC", folder.name): folder for folder in self._folder.glob("*/")}
        names = [pattern.replace("{name}", images.name) for pattern in RESULT_FOLDERS]
        inside = next((find_files(entries[name], labels=True) for name in names if name in entries), [])
        self.seen += inside
        files = inside or self.seen
        own = [images.path_of(t) for t in range(images.shape[0])]
        in_one_file = len(set(own)) < len(own)
        named = {} if in_one_file else {t: self._named(files, name_of(own[t])) for t in which}
        if any(named.values()):
            return {t: path for t, path in named.items() if path is not None}
        if not inside and not self._alone:
            return {}  # numbers say nothing where the frames of several recordings lie together
        if in_one_file:
            return _in_order(files, len(own))
        by_number, numbers = _by_number(files), {t: _last_number(own[t]) for t in which}
        return {t: by_number[number] for t, number in numbers.items() if number in by_number}

    def _named(self, files: Iterable[Path], name: str) -> Path | None:
        """The one file of such a name; what a program appended goes first, for images may lie beside."""
        by_name: dict[str, list[Path]] = {}
        for path in files:
            by_name.setdefault(name_of(path), []).append(path)
        for names in _label_names(name, self._pattern):
            hits = list(chain.from_iterable(by_name.get(one, ()) for one in names))
            if len(hits) > 1:
                raise InputError(
                    f"{hits[0].parent} holds {hits[0].name} and {hits[1].name} for {name}, expected one "
                    "label image: move one away, or say with reading.files which are meant"
                )
            if hits:
                return hits[0]
        return None

    def _open(self, path: Path, recording: Recording, frames: int) -> Series:
        series = open_series(path, assumed_axes=self._axes, labels=not self._colours, colours=self._colours)
        found, expected = (series.shape[0], *series.shape[2:]), (frames, *recording.image.shape[2:])
        if found != expected:
            raise InputError(
                f"{path} has {_size(found)}, expected {_size(expected)} as {recording.mask.path.name} has: "
                "export the labels of this image at its own size"
            )
        return series


def _label_names(name: str, pattern: str | None) -> list[list[str]]:
    """Names that a label file may have, by priority."""
    if pattern is not None:
        return [[normalize("NFC", pattern).replace("{name}", name)]]
    names = [name, *([name.removesuffix(FIRST_CHANNEL)] if name.endswith(FIRST_CHANNEL) else [])]
    return [[one + ending for one in names for ending in APPENDED], names]


def _files(folder: Path) -> list[Path]:
    try:
        return find_files(folder, labels=True)
    except InputError:
        if any(path.suffix.lower() != ".zarr" for path in folder.glob("*/")):
            return []  # those of single frames lie in folders below
        raise


def _in_order(files: Sequence[Path], frames: int) -> dict[int, Path]:
    """As many files as a recording has frames, numbered without a gap."""
    if len(files) != frames:
        return {}
    numbered_sequence(files)
    return dict(enumerate(files))


def _by_number(files: Sequence[Path]) -> dict[str, Path]:
    """Files by the last number in their names, but for numbers that several have."""
    counted = Counter(map(_last_number, files))
    return {number: path for path in files if counted[number := _last_number(path)] == 1 and number}


def _last_number(path: Path) -> str:
    """In digits without leading zeros; empty for a name without a number."""
    numbers = re.findall(r"[0-9]+", name_of(path))
    return str(int(numbers[-1])) if numbers else ""


def _frames(missing: Sequence[int], of: int) -> str:
    if len(missing) == of:
        return ""
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"frame {missing[0]}{more} of "


def _size(shape: Sequence[int]) -> str:
    frames, height, width = shape
    return f"{frames} frame(s) of {height}x{width}"
