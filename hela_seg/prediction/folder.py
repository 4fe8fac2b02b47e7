"""The folder of results: the record of what is predicted in it, the parts done so far, who works there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any

from filelock import FileLock, Timeout

from hela_seg import runs
from hela_seg.data.stacks import Part, Series, read_part
from hela_seg.errors import InputError
from hela_seg.files import make_folder, whole_file
from hela_seg.prediction.job import Job, Shard, Unit


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
        self.path, self._parts = make_folder(folder), folder / runs.PREDICTION_PARTS
        self._record = folder / runs.PREDICTION_RECORD

    @contextmanager
    def taken_by(self, shard: Shard) -> Iterator[None]:
        """Keep others out while one job works here; the jobs of different shards let each other in.

        Raises:
            InputError: somebody else works here.
        """
        make_folder(self._parts)
        alone = shard.count == 1
        mine = "all.lock" if alone else f"{shard.number}-of-{shard.count}.lock"
        with ExitStack() as held:
            held.enter_context(self._locked(self._parts / mine))
            # each of two that start at once sees the other, whoever comes first
            for lock in sorted(self._parts.glob("*.lock")):
                if lock.name != mine and (alone or lock.name == "all.lock"):
                    with self._locked(lock):
                        pass
            yield
        recorded = self._recorded()
        if recorded is not None and recorded["finished"]:
            rmtree(self._parts, ignore_errors=True)  # whoever comes late sees the record and leaves

    @contextmanager
    def results_taken(self) -> Iterator[None]:
        """Wait until nobody else begins here or joins parts to results, and keep others from it."""
        make_folder(self._parts)
        with FileLock(self._parts / "results"):
            yield

    def group_size(self, series: Sequence[Series]) -> list[int] | None:
        """As an earlier start on recordings of the same names recorded it; None where there was none."""
        recorded = self._recorded()
        if recorded is None or list(recorded["shapes"]) != [one.name for one in series]:
            return None
        sizes: list[int] = recorded["group size"]
        return sizes

    def is_finished(self, job: Job) -> bool:
        """Whether all results of a job are here."""
        recorded = self._recorded()
        return recorded is not None and recorded == job.to_plain() | {"finished": True}

    def begin(self, job: Job, results: Sequence[Path], *, overwrite: bool) -> None:
        """Make the folder this job's: parts of an earlier start of the same job stay.

        Raises:
            InputError: results of something else, or of nobody knows what, are here, and ``overwrite`` is not
                set.
        """
        with self.results_taken():  # of several shards that start at once, the first begins
            recorded, plain = self._recorded(), job.to_plain()
            if recorded is not None and {**recorded, "finished": False} == plain | {"finished": False}:
                if not (recorded["finished"] and overwrite):
                    return
            elif not overwrite:
                self._refuse(recorded, plain, results)
            self._clear()
            self._write(plain, finished=False)

    def finish(self, job: Job) -> None:
        """Say that all results are here; the parts go when the folder is left."""
        self._write(job.to_plain(), finished=True)

    def _clear(self) -> None:
        """Drop all parts; locks stay with those who hold them."""
        for entry in self._parts.iterdir():
            if entry.is_dir():
                rmtree(entry)

    def record(self, job: Job, unit: Unit) -> UnitRecord | None:
        """What is known of a unit; None where it is not done."""
        path = self._of(job, unit, "json")
        if not path.is_file():
            return None
        plain = json.loads(path.read_text(encoding="utf-8"))
        plain["unreadable"] = {int(t): reason for t, reason in plain["unreadable"].items()}
        return UnitRecord(**plain)

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
        with whole_file(self._of(job, unit, "json")) as part:
            part.write_text(json.dumps(asdict(record)), encoding="utf-8")

    def part_path(self, job: Job, unit: Unit, kind: str) -> Path:
        """Where the part of a kind belongs."""
        return self._of(job, unit, f"{kind}.tif")

    def part(self, job: Job, unit: Unit, kind: str) -> Part:
        """A part of a unit that is done.

        Raises:
            InputError: it was damaged since.
        """
        return read_part(self.part_path(job, unit, kind))

    def _of(self, job: Job, unit: Unit, ending: str) -> Path:
        return self._parts / job.series[unit.series].name / f"{unit.number:06d}.{ending}"

    def _recorded(self) -> dict[str, Any] | None:
        if not self._record.is_file():
            return None
        try:
            recorded: dict[str, Any] = json.loads(self._record.read_text(encoding="utf-8"))
        except ValueError:
            raise InputError(
                f"{self._record} is damaged, expected the record of a prediction: choose another output "
                "folder, or delete it"
            ) from None
        return recorded

    def _write(self, plain: dict[str, Any], *, finished: bool) -> None:
        with whole_file(self._record) as part:
            part.write_text(json.dumps(plain | {"finished": finished}, indent=1), encoding="utf-8")

    def _refuse(
        self, recorded: dict[str, Any] | None, plain: dict[str, Any], results: Sequence[Path]
    ) -> None:
        if recorded is not None:
            raise InputError(
                f"{self.path} holds a prediction with {_difference(recorded, plain)}: choose another output "
                "folder or set overwrite=true"
            )
        existing = [path for path in results if path.exists()]
        if existing:
            raise InputError(
                f"{existing[0]} is already there: choose another output folder or set overwrite=true"
            )

    @contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        lock = FileLock(path, blocking=False)
        try:
            lock.acquire()
        except Timeout:
            raise InputError(
                f"{self.path} is being written by another prediction ({path.stem}): wait for it, or choose "
                "another output folder"
            ) from None
        try:
            yield
        finally:
            lock.release()


def _difference(recorded: dict[str, Any], plain: dict[str, Any]) -> str:
    """In words, what an earlier job had otherwise."""
    for name, found in plain["inputs"].items():
        former = recorded["inputs"].get(name)
        if former is not None and former != found:
            return f"another content of the input '{name}'"
    if recorded["inputs"] != plain["inputs"]:
        return "other inputs"
    for key, found in plain["made by"].items():
        if recorded["made by"].get(key) != found:
            return f"another {key.removesuffix(' sha256')}"
    return "other wanted results"
