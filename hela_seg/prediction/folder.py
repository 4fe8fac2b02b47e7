"""The folder of results: the record of what is predicted in it, the parts done so far, who works there."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from shutil import rmtree
from typing import Any

from filelock import FileLock, Timeout

from hela_seg.data.stacks import Part, read_part
from hela_seg.prediction.job import Job, Shard, Unit
from hela_seg.runs import run_folder
from hela_seg.system.errors import InputError, join_names
from hela_seg.system.files import make_folder, write_whole

RECORDED = {"made by", "inputs", "files", "shapes", "group size", "wanted", "finished"}
"""Keys of the record: what `Job.to_plain` gives, and whether all results are here."""

_UNFINISHED = re.compile(r"\.(.+)\.\d+\.(part|former)")
"""Hidden names that files and folders have while they are written; see `hela_seg.system.files.whole_file`."""


@dataclass
class UnitRecord:
    """What is known of a unit beside its parts; its file is written last and says that the unit is done.

    Attributes:
        frames: the unit's frames, one entry each in the lists below.
        pixels: pixels of each class.
        entropy: mean entropy of each frame's probabilities, 0 to 1, where it was asked for.
        unreadable: why a frame could not be read, by its number.
    """

    frames: list[int] = field(default_factory=list)
    pixels: list[list[int]] = field(default_factory=list)
    entropy: list[float] = field(default_factory=list)
    unreadable: dict[int, str] = field(default_factory=dict)


class ResultFolder:
    """A folder of results.

    Args:
        folder: made where it is missing.

    Raises:
        InputError: it cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self.path, self._parts = make_folder(folder), folder / run_folder.PREDICTION_PARTS
        # apart, for a recording may have any name, also that of a lock
        self._recordings, self._locks = self._parts / "recordings", self._parts / "locks"
        self._record = folder / run_folder.PREDICTION_RECORD

    @contextmanager
    def taken_by(self, shard: Shard) -> Iterator[ResultFolder]:
        """Keep others out while one job works here; the jobs of different shards let each other in.

        Raises:
            InputError: somebody else works here.
        """
        make_folder(self._locks)
        alone = shard.count == 1
        mine = self._locks / ("all.lock" if alone else f"{shard.number}-of-{shard.count}.lock")
        with ExitStack() as held:
            held.enter_context(self._locked(mine))
            # each of two that start at once sees the other, whoever comes first
            for lock in sorted(self._locks.glob("*.lock")):
                if lock != mine and (alone or lock.name == "all.lock"):
                    with self._locked(lock):
                        pass
            if alone:
                _remove_unfinished(self._parts.rglob(".*"))
            try:
                yield self
            finally:
                with self.results_taken():  # one leaves at a time, so that the last one knows that it is
                    held.close()
                    self._tidy()

    def _tidy(self) -> None:
        """Remove the parts where they have served or there are none, and nobody works here any more."""
        recorded = self._recorded()
        if recorded is not None and not recorded["finished"]:
            return
        with ExitStack() as held:
            try:
                for lock in sorted(self._locks.glob("*.lock")):
                    held.enter_context(self._locked(lock))
            except InputError:
                return
            rmtree(self._parts, ignore_errors=True)

    @contextmanager
    def results_taken(self) -> Iterator[None]:
        """Wait until nobody else begins here or joins parts to results, and keep others from it."""
        make_folder(self._locks)
        with FileLock(self._locks / "results"):
            yield

    def is_finished(self, job: Job) -> bool:
        """Whether all results of a job are here."""
        recorded = self._recorded()
        return recorded is not None and recorded["finished"] and _is_same(recorded, job.to_plain())

    def begin(self, job: Job, results: Sequence[Path], *, overwrite: bool) -> Job:
        """Make the folder this job's: parts of an earlier start of the same job stay.

        Returns:
            The job to do: as many frames go through the nets together as in the earlier start, which may
            have had more memory or less.

        Raises:
            InputError: results of something else, or of nobody knows what, are here, and ``overwrite`` is not
                set.
        """
        with self.results_taken():  # of several shards that start at once, the first begins
            earlier, plain = self._recorded(), job.to_plain()
            is_same = earlier is not None and _is_same(earlier, plain)
            if not (is_same or overwrite):
                self._refuse(earlier, plain, results)
            names = {path.name for path in [*results, self._record]}
            _remove_unfinished(self.path.iterdir(), names)
            if earlier is not None and is_same and not (earlier["finished"] and overwrite):
                return replace(job, group_size=earlier["group size"])
            for entry in self._parts.iterdir():  # but locks, which stay with those who hold them
                if entry != self._locks:
                    rmtree(entry) if entry.is_dir() else entry.unlink()
            self._write(plain, finished=False)
            return job

    def finish(self, job: Job) -> None:
        """Say that all results are here; the parts go when the folder is left."""
        self._write(job.to_plain(), finished=True)

    def record(self, job: Job, unit: Unit) -> UnitRecord | None:
        """What is known of a unit; None where it is not done, or its record is damaged."""
        path = self._of(job, unit, "json")
        if not path.is_file():
            return None
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
            plain["unreadable"] = {int(t): reason for t, reason in plain["unreadable"].items()}
            return UnitRecord(**plain)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def is_done(self, job: Job, unit: Unit) -> bool:
        """Whether a unit's parts are all here and whole; a damaged one is as good as none."""
        if self.record(job, unit) is None:
            return False
        try:
            for kind in job.wanted.kinds:
                self.part(job, unit, kind)
        except InputError:
            return False
        return True

    def write_record(self, job: Job, unit: Unit, record: UnitRecord) -> None:
        """Say that a unit is done; to be called when its parts are written."""
        write_whole(self._of(job, unit, "json"), json.dumps(asdict(record)))

    def part_path(self, job: Job, unit: Unit, kind: str) -> Path:
        """Where the part of a kind belongs."""
        return self._of(job, unit, f"{kind}.tif")

    def part(self, job: Job, unit: Unit, kind: str) -> Part:
        """A part of a unit that is done.

        Raises:
            InputError: it was damaged since.
        """
        return read_part(self.part_path(job, unit, kind))

    def cell_maps_path(self, job: Job, series: int) -> Path:
        """Where the maps of a recording's cells are kept until all of its frames are analysed."""
        return self._recordings / job.series[series].name / "cells"

    def _of(self, job: Job, unit: Unit, ending: str) -> Path:
        return self._recordings / job.series[unit.series].name / f"{unit.number:06d}.{ending}"

    def _recorded(self) -> dict[str, Any] | None:
        if not self._record.is_file():
            return None
        try:
            recorded = json.loads(self._record.read_text(encoding="utf-8"))
        except ValueError:
            recorded = None
        if not isinstance(recorded, dict) or set(recorded) | {"files"} != RECORDED:
            raise InputError(
                f"{self._record} is damaged or something else, expected the record of a prediction: choose "
                "another output folder, or delete it"
            )
        return recorded

    def _write(self, plain: dict[str, Any], *, finished: bool) -> None:
        write_whole(self._record, json.dumps(plain | {"finished": finished}, indent=1))

    def _refuse(
        self, recorded: dict[str, Any] | None, plain: dict[str, Any], results: Sequence[Path]
    ) -> None:
        cure = "choose another output folder or set overwrite=true"
        if recorded is not None:
            raise InputError(f"{self.path} holds a prediction with {_difference(recorded, plain)}: {cure}")
        existing = [path for path in results if path.exists()]
        if existing:
            raise InputError(f"{existing[0]} is already there: {cure}")

    @contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        try:
            with FileLock(path, blocking=False):
                yield
        except Timeout:
            raise InputError(
                f"{self.path} is being written by another prediction ({path.stem}): wait for it, or choose "
                "another output folder"
            ) from None


def recorded_names(folder: Path) -> set[str]:
    """Names of the recordings whose results lie in a folder, as its record says; none without a record."""
    try:
        recorded = json.loads((folder / run_folder.PREDICTION_RECORD).read_text(encoding="utf-8"))
        return set(recorded["inputs"])
    except (OSError, ValueError, TypeError, KeyError):
        return set()


def _is_same(recorded: dict[str, Any], plain: dict[str, Any]) -> bool:
    """Whether an earlier start's parts are of use; the number of frames at once is taken over from it."""
    return all(recorded[key] == found for key, found in plain.items() if key not in {"group size", "files"})


def _remove_unfinished(entries: Iterable[Path], names: Container[str] | None = None) -> None:
    """Remove what a killed process was writing, here of all files or of some."""
    for entry in list(entries):
        unfinished = _UNFINISHED.fullmatch(entry.name)
        if unfinished is None or (names is not None and unfinished[1] not in names):
            continue
        if entry.is_dir():
            rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _difference(recorded: dict[str, Any], plain: dict[str, Any]) -> str:
    """In words, what an earlier job had otherwise."""
    for name, found in plain["inputs"].items():
        former = recorded["inputs"].get(name)
        if former is not None and former != found:
            return f"another content of the input '{name}'"
    if recorded["inputs"] != plain["inputs"]:
        return "other inputs"
    for key, found in plain["made by"].items():
        former = recorded["made by"].get(key, "{}")
        if former == found:
            continue
        if key != "settings":
            return f"another {key.removesuffix(' sha256')}"
        return _changed(json.loads(former), json.loads(found))
    if recorded["shapes"] != plain["shapes"]:
        return "frames of another size"
    return _changed(recorded["wanted"], plain["wanted"])


def _changed(former: dict[str, Any], now: dict[str, Any]) -> str:
    """Settings that an earlier job had otherwise, as they were then and as they are typed."""
    keys = [key for key in now if former.get(key) != now[key]]
    return join_names([f"{key}={json.dumps(former.get(key))}".replace('"', "") for key in keys])
