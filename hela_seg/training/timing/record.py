"""What a benchmark found, as JSON for the record: read back to be compared with a later one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from hela_seg.system.errors import InputError
from hela_seg.system.files import whole_file

FORMAT = 1
FULL_STEP = "full step"
"""The stage that shares are stated of."""


@dataclass(frozen=True)
class Stage:
    """One thing that was timed, several times.

    Attributes:
        seconds: of each repeat.
        tiles: that one repeat has to do with; a frame counts as many tiles as cover its pixels.
        multiply_adds: of one repeat by the net's convolutions; None where no net, or another one, takes part.
    """

    seconds: list[float]
    tiles: float
    multiply_adds: float | None = None

    @property
    def median(self) -> float:
        """Median seconds."""
        return median(self.seconds)


@dataclass(frozen=True)
class NetTimes:
    """One net's stages by name, and the most bytes in use during full steps (None where nothing tells)."""

    stages: dict[str, Stage]
    peak_memory: int | None


@dataclass(frozen=True)
class Record:
    """All that a benchmark found.

    Attributes:
        hardware: see `hela_seg.system.machine.hardware`.
        versions: see `hela_seg.system.machine.versions`.
        settings: what else times depend on: tile, batch size, precision, and so on.
        peak: multiply-adds a second of matrix products.
        nets: by name.
    """

    hardware: dict[str, str]
    versions: dict[str, str]
    settings: dict[str, Any]
    peak: float
    nets: dict[str, NetTimes]


def write_record(path: Path, record: Record) -> None:
    """Write a record as JSON."""
    with whole_file(path) as beside:
        beside.write_text(json.dumps({"format": FORMAT, **asdict(record)}, indent=1) + "\n", encoding="utf-8")


def read_record(path: Path | str) -> Record:
    """Read a record back.

    Raises:
        InputError: no such file, or no record of a benchmark.
    """
    try:
        plain = json.loads(Path(path).read_text(encoding="utf-8"))
        if plain.pop("format") != FORMAT:
            raise ValueError("of another format")
        plain["nets"] = {name: _net_times(**found) for name, found in plain["nets"].items()}
        return Record(**plain)
    except OSError as error:
        raise InputError(
            f"compare={path}: {error.strerror}, expected a benchmark.json: check the path"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"compare={path} is no benchmark's record ({error}), expected a benchmark.json that this version "
            "of python -m hela_seg.benchmark wrote: make it anew"
        ) from None


def _net_times(stages: dict[str, Any], peak_memory: int | None) -> NetTimes:
    return NetTimes({name: Stage(**found) for name, found in stages.items()}, peak_memory)
