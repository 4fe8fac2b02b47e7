"""Where the files of a data set lie: found, opened, and the parts that their layout itself states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hela_seg.data.labels.palettes import refuse_unlike_palettes
from hela_seg.data.layouts import FileRules, Recording, by_name, ctc, dryad
from hela_seg.data.matched import has_mask, open_matched
from hela_seg.data.patterns.auto import layouts_nearby
from hela_seg.data.patterns.grammar import is_pattern
from hela_seg.data.patterns.matching import Given, Matched, Matches, match
from hela_seg.data.splits.table import Block
from hela_seg.data.synthetic.recordings import DrawingSettings, folder_of, write
from hela_seg.system.errors import InputError, one_line

PATTERN_LAYOUTS = ("folder", "timelapse")
"""Those in which ``data.images`` and ``data.masks`` may be patterns."""


@dataclass(frozen=True)
class DataOnDisk:
    """Where a data set lies and how its files are read; nothing is opened before `recordings`.

    Args:
        layout: ``folder``, ``timelapse``, ``dryad``, ``ctc`` or ``synthetic``; see `hela_seg.data.layouts`.
        root: the folder with all of it; ``synthetic`` draws it there.
        images: folder below root with the images, one file, or patterns (`hela_seg.data.patterns`).
        masks: the same for the masks; ``GT``, ``ST`` or ``RES`` for ``ctc``.
        sequence: all files are the frames of one series, in the order of their names.
        rules: what the files may be like.
        drawing: the recordings to draw for ``synthetic``.

    Raises:
        InputError: patterns with settings that they make no sense with.
    """

    layout: str
    root: Path
    images: Given = "images"
    masks: Given = "masks"
    sequence: bool = False
    rules: FileRules = field(default_factory=FileRules)
    drawing: DrawingSettings = field(default_factory=DrawingSettings)

    def __post_init__(self) -> None:
        places = (self.images, "masks" if self.layout == "ctc" else self.masks)
        if self.layout not in PATTERN_LAYOUTS and (self.has_patterns or places != ("images", "masks")):
            raise InputError(
                f"data.images or data.masks is given with data.layout={self.layout}, which knows its files "
                "itself, expected data=folder: add it"
            )
        if self.has_patterns and self.sequence:
            raise InputError(
                "data.sequence is true with patterns, expected {t} in data.images where the number of the "
                "frame stands: leave data.sequence out"
            )

    @property
    def has_patterns(self) -> bool:
        """Whether images or masks are given by patterns."""
        return is_pattern(self.images) or is_pattern(self.masks)

    @property
    def drawn_before(self) -> bool:
        """Whether the files are there, as far as this program would have to draw them."""
        return self.layout != "synthetic" or folder_of(self.root, self.drawing).is_dir()

    def recordings(self) -> list[Recording]:
        """Open the header of every file, each image paired with its mask; ``synthetic`` draws them first.

        Raises:
            InputError: files that are missing, damaged or without a partner, or masks with colour tables that
                contradict each other.
        """
        found = [self.open_matched(one) for one in self.matches().or_raise()]
        if not self.rules.ids:
            refuse_unlike_palettes(recording.mask for recording in found)
        return found

    def matches(self) -> Matches:
        """The files of each recording, none of them opened, and what is wrong with them as far as names tell.

        Raises:
            InputError: folders that are missing, or patterns that cannot be used or match nothing.
        """
        found = self._found()
        if self.rules.labels.sparse:
            found.recordings = [one for one in found.recordings if has_mask(one)]
        if not found.recordings and not found.faults:
            found.faults.append(
                f"{self.root} holds no image with a mask by data.images and data.masks, expected one or "
                "more: correct these settings, or name images as data.masks has them"
            )
        return found

    def open_matched(self, found: Matched) -> Recording:
        """Open the files of one recording; see `hela_seg.data.matched.open_matched`."""
        rules = self.rules
        if isinstance(self.images, Mapping):
            rules = replace(rules, channel_names=tuple(self.images))
        return open_matched(found, rules)

    def _found(self) -> Matches:
        rules = self.rules
        if self.has_patterns:
            sparse, position, z = rules.labels.sparse, rules.position, rules.reading.z
            return match(self.root, self.images, self.masks, sparse=sparse, position=position, z=z)
        drawn = self.layout == "synthetic"
        if not drawn and not self.root.is_dir():
            cure = " or ".join(layouts_nearby(self.root)) or "data.root"
            raise InputError(f"{self.root} is no folder, expected one with images and masks: set {cure}")
        if self.layout == "dryad":
            return dryad(self.root, rules)
        if self.layout == "ctc":
            return ctc(self.root, str(self.masks), rules)
        root = write(self.root, self.drawing) if drawn else self.root
        return by_name(root, str(self.images), str(self.masks), rules, sequence=self.sequence)


def common_channels(recordings: Sequence[Recording]) -> int:
    """C, which is the same in all images.

    Raises:
        InputError: it is not.
    """
    if unlike := unlike_channels(recordings):
        raise InputError(one_line(unlike))
    return recordings[0].image.shape[1]


def unlike_channels(recordings: Sequence[Recording]) -> list[str]:
    """A line for each recording whose images have more or fewer channels than those of most."""
    counts = Counter(recording.image.shape[1] for recording in recordings)
    usual = counts.most_common(1)[0][0] if counts else 0
    return [
        f"{recording.image.path} has {recording.image.shape[1]} channel(s), expected {usual} as most series "
        "have: pick some with data.channels, set data.grey=true for colours among grey images, or move it "
        "away"
        for recording in recordings
        if recording.image.shape[1] != usual
    ]


def blocks_as_stated(recordings: Sequence[Recording]) -> list[Block]:
    """Each whole recording for the part that the layout on disk states; without one it is left out."""
    return [
        Block(index, 0, recording.image.shape[0], recording.part)
        for index, recording in enumerate(recordings)
        if recording.part is not None
    ]


def groups_as_stated(recordings: Sequence[Recording]) -> list[str] | None:
    """The group of each recording as ``{group}`` in a pattern states it; None where no pattern has it."""
    groups = [recording.group for recording in recordings if recording.group is not None]
    return groups if len(groups) == len(recordings) else None
