"""Leaks that file names tell of: single frames of one time-lapse, and tiles of one picture, on two sides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import median

from hela_seg.data.checks.looks import FrameLook
from hela_seg.data.checks.near_duplicates import similarity
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.table import Block, Part
from hela_seg.data.stacks import name_of

STEADY = 0.5
"""Correlation of neighbouring frames, the median, from which on numbered files can be a time-lapse."""

DRIFT = 0.1
"""By which it is higher than that of frames far apart, which only what all frames have in common keeps up."""

_MOST_PAIRS = 20

_FRAME = re.compile(
    r"(?P<stem>.*?)(?P<time>(?<![a-z])(?:t|tp|time|timepoint|frame)[_ -]?)?(?P<number>\d+)", re.I
)
_TILE = re.compile(
    r"(?P<source>.+?)(?P<one>[_ -](?:(?:row|r|x|y)[_-]?)?)(?P<row>\d+)"
    r"(?P<two>[_ -](?:(?:column|col|c|x|y)[_-]?)?)(?P<column>\d+)",
    re.I,
)


def leaks_by_name(
    recordings: Sequence[Recording], blocks: Sequence[Block], looks: Mapping[Part, Sequence[FrameLook]]
) -> list[str]:
    """Say which series belong together by their names and are in different parts.

    Args:
        recordings: images and masks.
        blocks: how their frames are split.
        looks: of the frames, by part; where names leave it open, neighbours in a time-lapse look alike.

    Returns:
        A line for time-lapses and a line for tiles, with the setting that keeps them together.
    """
    parts = {block.series: block.part for block in blocks}
    look_of = {look.series: look for of_part in looks.values() for look in of_part}
    single = [number for number in parts if recordings[number].image.shape[0] == 1]
    split, lapses = {}, {}
    for stem, frames in _numbered(recordings, single).items():
        pairs = [(frames[t], frames[t + 1]) for t in sorted(frames) if t + 1 in frames]
        apart = [pair for pair in pairs if parts[pair[0]] != parts[pair[1]]]
        if apart and (stem[1] or _drifts([*frames.values()], pairs, look_of)):
            split[stem], lapses[stem] = apart, frames
    told = {number for frames in lapses.values() for number in frames.values()}
    return [
        *_lapse_line(recordings, parts, split, alone=len(told) == len(recordings)),
        *_tile_line(recordings, {number: part for number, part in parts.items() if number not in told}),
    ]


def _numbered(
    recordings: Sequence[Recording], single: Sequence[int]
) -> dict[tuple[str, str], dict[int, int]]:
    """Series by what stands before their number, and its word for time; by number, in its order."""
    found: dict[tuple[str, str], dict[int, int]] = {}
    for series in single:
        if match := _FRAME.fullmatch(recordings[series].name):
            found.setdefault((match["stem"], match["time"] or ""), {})[int(match["number"])] = series
    return {stem: dict(sorted(frames.items())) for stem, frames in found.items()}


def _drifts(
    frames: Sequence[int], pairs: Sequence[tuple[int, int]], look_of: Mapping[int, FrameLook]
) -> bool:
    """Whether neighbours look alike, and more so than frames half of all apart."""
    half = len(frames) // 2
    far = [(frames[place], frames[place + half]) for place in range(len(frames) - half)]
    values = [
        [similarity(look_of[one], look_of[two]) for one, two in some[:: -(-len(some) // _MOST_PAIRS)]]
        for some in ([p for p in given if p[0] in look_of and p[1] in look_of] for given in (pairs, far))
        if some
    ]
    if len(values) < 2 or half < 2:
        return False
    near, apart = map(median, values)
    return near >= STEADY and near >= apart + DRIFT


def _lapse_line(
    recordings: Sequence[Recording],
    parts: Mapping[int, Part],
    split: Mapping[tuple[str, str], Sequence[tuple[int, int]]],
    *,
    alone: bool,
) -> list[str]:
    if not split:
        return []
    (stem, time), pairs = next(iter(split.items()))
    separator = re.search(r"[_ -]*$", stem)
    only = alone and len(split) == 1
    series = stem if only or separator is None else "{series}" + separator[0]
    patterns = _patterns(recordings[pairs[0][0]], f"{series}{time}{{t}}") or (
        "patterns with {t} for the number of the frame in data.images and data.masks"
    )
    sequence = "data.sequence=true or " if only else ""
    count = sum(map(len, split.values()))
    return [
        f"single frames of {len(split)} time-lapse(s) by their names are in different parts, {count} time(s) "
        f"next to each other, such as {_pair(recordings, parts, pairs[0])}: take {sequence}{patterns}, "
        "which keep the frames of a recording together and leave a gap between parts"
    ]


def _tile_line(recordings: Sequence[Recording], parts: Mapping[int, Part]) -> list[str]:
    tiles: dict[str, dict[tuple[int, int], int]] = {}
    matches = {number: match for number in parts if (match := _TILE.fullmatch(recordings[number].name))}
    for number, match in matches.items():
        tiles.setdefault(match["source"], {})[int(match["row"]), int(match["column"])] = number
    tiles = {source: at for source, at in tiles.items() if _is_grid(at, matches, alone=len(tiles) == 1)}
    split = [[*at.values()] for at in tiles.values() if len({parts[number] for number in at.values()}) > 1]
    if not split:
        return []
    first = split[0][0]
    pair = first, next(number for number in split[0] if parts[number] != parts[first])
    match = matches[first]
    cure = "test on tiles of another picture"
    if len(tiles) > 1:
        patterns = _patterns(recordings[first], f"{{group}}{match['one']}{{row}}{match['two']}{{column}}")
        cure = (
            f"keep them together with {patterns or 'patterns with {group} for the name of the picture'}, or "
            "with a table and its column in data.split.table and data.split.column"
        )
    return [
        f"tiles of {len(split)} picture(s) by their names are in different parts, such as "
        f"{_pair(recordings, parts, pair)}: scores will flatter, {cure}"
    ]


def _is_grid(
    tiles: Mapping[tuple[int, int], int], matches: Mapping[int, re.Match[str]], *, alone: bool
) -> bool:
    """Whether numbers are places: they are called so, or fill more than half of the rows and columns."""
    match = matches[next(iter(tiles.values()))]
    if re.search("[a-z]", match["one"] + match["two"], re.I):
        return True
    rows, columns = ({place[axis] for place in tiles} for axis in (0, 1))
    filled = len(tiles) > len(rows) * len(columns) / 2
    # of one source alone, numbers from 1 on may be of days and of fields of view
    return filled and min(len(rows), len(columns)) > 1 and not (alone and min(rows) + min(columns) > 0)


def _patterns(recording: Recording, name: str) -> str:
    """The settings of images and masks, to be typed as they are; empty where names do not tell the masks."""
    own, files = recording.image.name, {"images": recording.image.path, "masks": recording.mask.path}
    if name_of(files["images"]) != own or any(own not in path.name for path in files.values()):
        return ""
    return " ".join(
        f"data.{which}='{path.absolute().with_name(path.name.replace(own, name, 1)).as_posix()}'"
        for which, path in files.items()
    )


def _pair(recordings: Sequence[Recording], parts: Mapping[int, Part], pair: tuple[int, int]) -> str:
    return " and ".join(f"'{recordings[number].name}' ({parts[number]})" for number in pair)
