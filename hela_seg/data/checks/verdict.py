"""What the findings mean for training: faults would make it wrong, warnings would make it poor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hela_seg.data.checks.examine import Examination, SeriesFacts
from hela_seg.data.checks.names import leaks_by_name
from hela_seg.data.checks.near_duplicates import NearDuplicate, find_near_duplicates
from hela_seg.data.classes import Classes
from hela_seg.data.exposure import Exposure, unlike_exposures
from hela_seg.data.grey_values import figures_of
from hela_seg.data.labels.balance import never_trained
from hela_seg.data.splits.table import PARTS, Block
from hela_seg.system.errors import join_names

RARE = 0.001
"""Share of all pixels below which a class is rare."""


@dataclass(frozen=True)
class Verdict:
    """Faults and warnings, one line each, and the frames that look alike across the split."""

    faults: list[str]
    warnings: list[str]
    twins: list[NearDuplicate]


def judge(
    faults: Sequence[str], examination: Examination, blocks: Sequence[Block], classes: Classes
) -> Verdict:
    """Judge what was found.

    Args:
        faults: lines about files that could not be opened.
        examination: of the files that could be opened.
        blocks: the split.
        classes: of the data.
    """
    twins = find_near_duplicates(examination.looks)
    recordings = [facts.recording for facts in examination.series]
    names = [recording.name for recording in recordings]
    return Verdict(
        [
            *faults,
            *(fault for facts in examination.series for fault in facts.faults),
            *_same_pictures(twins, names),
            *_empty_parts(examination, classes),
        ],
        [
            *_alike(twins, names),
            *leaks_by_name(recordings, blocks, examination.looks),
            *_classes_in_want(examination, blocks, classes),
            *_unlike_series(examination.series),
            *_odd_frames(examination.series),
        ],
        twins,
    )


def _same_pictures(twins: Sequence[NearDuplicate], names: Sequence[str]) -> list[str]:
    """One line for each two series that share pictures."""
    shared: dict[tuple[int, int], list[NearDuplicate]] = {}
    for pair in twins:
        if pair.same:
            shared.setdefault((pair.first.series, pair.second.series), []).append(pair)
    return [
        f"the same picture is in two parts, {len(pairs)} time(s): {_places(pairs[0], names)}: remove one of "
        "the two, or keep both series in one part"
        for pairs in shared.values()
    ]


def _empty_parts(examination: Examination, classes: Classes) -> list[str]:
    pixels = examination.pixels.get("train")
    if pixels is None:
        return []
    if not pixels.any():
        return ["no training pixel is of any class, expected some: the masks are ignored throughout"]
    present = [entry.name for entry in classes if pixels[entry.index]]
    if len(present) == 1 < len(classes):
        return [
            f"all training pixels are of the class '{present[0]}', expected two classes or more: look at the "
            "masks, which may be empty, and at the values of the classes in data.classes"
        ]
    return []


def _alike(twins: Sequence[NearDuplicate], names: Sequence[str]) -> list[str]:
    """A line for nearly the same images and one for the same masks, for each pair of parts."""
    lines = []
    for parts in dict.fromkeys(pair.parts for pair in twins):
        of_parts = [pair for pair in twins if pair.parts == parts and not pair.same]
        near = [pair for pair in of_parts if pair.is_alike]
        masks = [pair for pair in of_parts if not pair.is_alike]
        if near:
            of_one_series = near[0].first.series == near[0].second.series
            cure = "raise data.split.gap" if of_one_series else "keep both in one part"
            lines.append(
                f"{len(near)} frame(s) for {parts[1]} look nearly like one for {parts[0]}, such as "
                f"{_places(near[0], names)}: scores will flatter, {cure}"
            )
        if masks:
            lines.append(
                f"{len(masks)} frame(s) for {parts[1]} have the mask of one for {parts[0]}, not its image, "
                f"such as {_places(masks[0], names)}: one field in two stains flatters scores, keep both in "
                "one part, as with data.split.table and data.split.column"
            )
    return lines


def _classes_in_want(examination: Examination, blocks: Sequence[Block], classes: Classes) -> list[str]:
    total = sum(examination.pixels.values(), np.zeros(len(classes), np.int64))
    lines = [
        f"class '{entry.name}' has {total[entry.index] / total.sum():.3%} of the pixels, below {RARE:.1%}: "
        "a net learns it poorly, consider data.foreground_share=0.67"
        for entry in classes
        if 0 < total[entry.index] < RARE * total.sum()
    ]
    if examination.pixels.get("train", total * 0).any():
        lines += never_trained(examination.pixels, classes)
    used = {block.part for block in blocks}
    for entry in classes:
        absent = [
            part
            for part in PARTS
            if part != "train"
            and part in used
            and part in examination.pixels
            and not examination.pixels[part][entry.index]
        ]
        if absent:
            lines.append(f"class '{entry.name}' is absent from {', '.join(absent)}: it gets no score there")
    return lines


def _unlike_series(series: Sequence[SeriesFacts]) -> list[str]:
    """Series of another type of values than most, or exposed otherwise."""
    exposures = [
        Exposure(
            facts.recording.name,
            str(facts.recording.image.dtype),
            facts.recording.image.shape[2:],
            figures_of(facts.percentiles),
        )
        for facts in series
        if facts.percentiles is not None
    ]
    return [
        f"{line}: convert all alike, or if exposure differs, take data.normalise=auto or frame"
        for line in unlike_exposures(exposures)
    ]


def _odd_frames(series: Sequence[SeriesFacts]) -> list[str]:
    constant = [f"{facts.recording.name} frame {t}" for facts in series for t in facts.constant]
    saturated = [f"{facts.recording.name} frame {t}" for facts in series for t in facts.saturated]
    lines = []
    if constant:
        lines.append(
            f"{len(constant)} frame(s) of one grey value ({join_names(constant, 5)}): "
            "was a lamp or shutter off?"
        )
    if saturated:
        lines.append(
            f"{len(saturated)} saturated frame(s) ({join_names(saturated, 5)}): structure is lost there"
        )
    return lines


def _places(pair: NearDuplicate, names: Sequence[str]) -> str:
    first, second = (f"'{names[look.series]}' frame {look.t}" for look in (pair.first, pair.second))
    return f"{first} ({pair.parts[0]}) and {second} ({pair.parts[1]})"
