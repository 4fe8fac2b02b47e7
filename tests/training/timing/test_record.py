"""Records of benchmarks survive being written and read; what is no record is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hela_seg.system.errors import InputError
from hela_seg.training.timing.record import NetTimes, Record, Stage, read_record, write_record


def record(step: float = 0.2, **versions: str) -> Record:
    stages = {"forward": Stage([0.1, 0.3, 0.1], 4, 2e9), "full step": Stage([step], 4, 6e9)}
    return Record(
        {"processor": "abacus"},
        {"torch": "2.6", **versions},
        {"tile": [128, 96], "batch_size": 4, "hardware": "two beads"},
        1e11,
        {"unet": NetTimes(stages, 3 * 2**20), "other": NetTimes({"full step": Stage([1.0], 4)}, None)},
    )


def test_the_median_repeat_counts() -> None:
    assert Stage([0.1, 9.0, 0.2], 1).median == 0.2


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "benchmark.json"
    write_record(path, record())
    assert read_record(path) == record()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", json.dumps({"format": 0}), json.dumps({"format": 1, "nets": {}, "speed": 3})],
)
def test_what_is_no_record_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "old.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"old\.json is no benchmark's record"):
        read_record(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json: No such file"):
        read_record(tmp_path / "none.json")
