"""What decides how a prediction comes out, and the units that it is done in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

from hela_seg.cells import NECK
from hela_seg.data.classes import Classes
from hela_seg.data.stacks import Series, is_remote
from hela_seg.inference import Predictor
from hela_seg.runs import run_folder
from hela_seg.system.errors import InputError
from hela_seg.system.ranks import RankInfo
from hela_seg.system.settings import Expected, NonNegative, Share
from hela_seg.system.version import __version__
from hela_seg.tracking.follow import FollowSettings

LARGE_FRAME = 8192 * 8192
"""Frames of more pixels are written, but neither taken apart into cells nor compared in time: what a frame's
cells take of memory is about thirty times what its class map does."""

TrackFile = Literal["ctc", "trackmate", "geff"]
"""Forms of other programs that tracks are written in."""

CellFile = Literal["csv", "parquet", "image", "rois", "geojson"]
"""Kinds of files that cells are written to."""


class Unit(NamedTuple):
    """Frames that go through the net together.

    Attributes:
        series: number of the recording.
        number: of the unit in its recording.
        frames: which ones.
    """

    series: int
    number: int
    frames: range


@dataclass(frozen=True)
class Wanted:
    """What is written.

    Args:
        labels: class maps as ``tiff`` (OME-TIFF), ``zarr`` (OME-Zarr: recording and labels) or ``both``.
        probabilities: the probability of each class, 0 to 255.
        entropy: how undecided the nets are at each pixel, 0 to 255 for even odds.
        cells: one row a cell and frame as ``csv`` or ``parquet``, cell numbers as ``image`` (OME-TIFF),
            outlines as ``rois`` of ImageJ or ``geojson`` of QuPath; one of them, a list, or ``none``.
        neck: where touching cells are cut apart, see `hela_seg.cells.split_cells`.
        least_area: regions of fewer pixels are no cells.
        track: follow cells from frame to frame.
        gap: frames that a cell may be missing for and be the same one afterwards.
        mitotic: name of the class that cells are in when they divide; None where no class says so.
        tracks: forms of other programs in which tracks are written too: ``ctc`` (results of the Cell Tracking
            Challenge), ``trackmate`` (for Fiji), ``geff``; one of them, a list, or ``none``.
        majority: frames in the window of a majority filter over time; 1 leaves class maps as predicted.
        film: overlays of all frames as ``mp4``, animated ``png``, or ``none``.
        label_next: how many frames to suggest for labelling.

    Raises:
        InputError: a value that is none of these.
    """

    labels: Literal["tiff", "zarr", "both"] = "tiff"
    probabilities: bool = False
    entropy: bool = False
    cells: CellFile | Literal["none"] | Sequence[CellFile] = ("csv", "image")
    neck: Share = NECK
    least_area: NonNegative = 0
    track: bool = False
    gap: NonNegative = 2
    mitotic: str | None = None
    tracks: TrackFile | Literal["none"] | Sequence[TrackFile] = "none"
    majority: Annotated[int, Expected("an odd number of frames such as 3 or 5")] = 1
    film: Literal["none", "mp4", "png"] = "none"
    label_next: NonNegative = 0

    def __post_init__(self) -> None:
        if self.majority < 1 or self.majority % 2 == 0:
            raise InputError(f"majority is {self.majority}, expected an odd number of frames such as 3 or 5")
        if self.track and not self.cell_files:
            raise InputError("track=true follows cells, but cells is none: set cells=csv or cells=image")
        for setting, is_set in (("mitotic", self.mitotic is not None), ("tracks", bool(self.track_files))):
            if is_set and not self.track:
                value = getattr(self, setting)
                raise InputError(f"{setting}={value} is for cells that are followed: add track=true")

    @property
    def follow(self) -> FollowSettings:
        """How cells are followed."""
        return FollowSettings(mitotic=self.mitotic, gap=self.gap)

    @property
    def cell_files(self) -> tuple[CellFile, ...]:
        """Kinds of files of cells, in one order; none where cells are not looked for."""
        wanted = [self.cells] if isinstance(self.cells, str) else self.cells
        return tuple(kind for kind in get_args(CellFile) if kind in wanted)

    @property
    def track_files(self) -> tuple[TrackFile, ...]:
        """Forms of other programs in which tracks are written, in one order."""
        wanted = [self.tracks] if isinstance(self.tracks, str) else self.tracks
        return tuple(kind for kind in get_args(TrackFile) if kind in wanted)

    @property
    def cell_tables(self) -> list[str]:
        """Names of the tables of cells."""
        return [f"{run_folder.CELLS_TABLE}.{kind}" for kind in self.cell_files if kind in ("csv", "parquet")]

    @property
    def cell_maps(self) -> bool:
        """Whether results are made from maps of cell numbers."""
        return not {"image", "rois", "geojson"}.isdisjoint(self.cell_files) or "ctc" in self.track_files

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of parts that results are made from."""
        optional = (("probabilities", self.probabilities), ("entropy", self.entropy))
        return ("labels", *(kind for kind, wanted in optional if wanted))

    @property
    def needs_probabilities(self) -> bool:
        """Whether more than class maps is asked of the nets."""
        return self.probabilities or self.entropy or self.label_next > 0


@dataclass(frozen=True)
class Job:
    """Recordings, and all that decides what is predicted of them.

    Attributes:
        series: the recordings, as the nets can take them.
        classes: of the nets.
        wanted: what is written.
        group_size: for each recording, frames that go through the nets together.
        provenance: what made the results, without the recordings, by name.
        inputs: name and SHA-256 of each recording.
    """

    series: Sequence[Series]
    classes: Classes
    wanted: Wanted
    group_size: Sequence[int]
    provenance: Mapping[str, str]
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def units(self) -> list[Unit]:
        """All units, in order of recordings and time."""
        return [unit for index in range(len(self.series)) for unit in self.units_of(index)]

    def units_of(self, series: int) -> Iterator[Unit]:
        """The units of one recording."""
        length, size = self.series[series].shape[0], self.group_size[series]
        for number, start in enumerate(range(0, length, size)):
            yield Unit(series, number, range(start, min(start + size, length)))

    @cached_property
    def is_sized(self) -> bool:
        """Whether a recording states how large its pixels are."""
        return any(series.pixel_size for series in self.series)

    @cached_property
    def is_timed(self) -> bool:
        """Whether a recording states the times of its frames."""
        return any(series.time_of(0) is not None for series in self.series)

    def is_large(self, series: int) -> bool:
        """Whether frames are too large for what looks at all of one at once; see `LARGE_FRAME`."""
        return self.series[series].shape[2] * self.series[series].shape[3] > LARGE_FRAME

    def provenance_of(self, series: int) -> dict[str, str]:
        """What a recording's results say about how they were made."""
        name = self.series[series].name
        return {**self.provenance, "input": name, "input sha256": self.inputs[name]}

    @property
    def filtered(self) -> dict[str, str]:
        """What results that rest on class maps say besides, where these are not as predicted."""
        frames = self.wanted.majority
        return {} if frames == 1 else {"majority": f"of {frames} frames"}

    def to_plain(self) -> dict[str, Any]:
        """What two starts must have in common for the second to go on with the first one's parts.

        Where the recordings' files lie need not be the same: it serves those who show results beside them.
        """
        shapes = {series.name: list(series.shape) for series in self.series}
        files = {
            series.name: {
                "paths": [str(path if is_remote(path) else path.absolute()) for path in series.paths],
                "axes": series.axes,
                "position": series.position,
            }
            for series in self.series
        }
        return {
            "made by": dict(self.provenance),
            "inputs": dict(self.inputs),
            "files": files,
            "shapes": shapes,
            "group size": list(self.group_size),
            "wanted": asdict(self.wanted)
            | {"cells": list(self.wanted.cell_files), "tracks": list(self.wanted.track_files)},
        }


def make_job(
    predictor: Predictor,
    series: Sequence[Series],
    wanted: Wanted,
    checkpoints: Sequence[tuple[str, str]],
    settings: Mapping[str, Any],
) -> Job:
    """Gather what decides the outcome; reads every recording once, for its SHA-256.

    Args:
        predictor: the nets.
        series: the recordings, of different names.
        wanted: what is written.
        checkpoints: name and SHA-256 of the nets' files, in their order.
        settings: of the prediction, plain.
    """
    wanted.follow.mitotic_index(predictor.classes)  # refused now, not after hours
    made_by = {
        "program": f"hela_seg {__version__}",
        "checkpoint": ", ".join(name for name, _ in checkpoints),
        "checkpoint sha256": ", ".join(sha256 for _, sha256 in checkpoints),
        "settings": json.dumps(dict(settings), sort_keys=True),
    }
    sizes = [predictor.group_size(one.shape[2:]) for one in series]
    digests: dict[tuple[Path, ...], str] = {}  # positions share a file, which is read once
    for one in series:
        if one.paths not in digests:
            digests[one.paths] = one.sha256()
    inputs = {one.name: digests[one.paths] for one in series}
    return Job(series, predictor.classes, wanted, sizes, made_by, inputs)


@dataclass(frozen=True)
class Shard:
    """One of several jobs that share the work.

    Args:
        number: of this job, from 1.
        count: how many there are.
    """

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str | None) -> Shard:
        """``3/8`` is the third of eight; without a text, what ``torchrun`` or ``srun`` say of this process.

        Raises:
            InputError: anything else.
        """
        if text is None:
            here = RankInfo.here()
            return cls(here.rank + 1, here.count)
        number, slash, count = str(text).partition("/")
        if not (slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            raise InputError(f"shard is {text}, expected one of several such as 3/8")
        return cls(int(number), int(count))

    def own(self, units: Sequence[Unit]) -> list[Unit]:
        """This job's units: every one belongs to one job."""
        return list(units[self.number - 1 :: self.count])
