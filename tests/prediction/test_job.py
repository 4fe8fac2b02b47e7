"""Units and shards cover the work once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs import film, job, levels

from hela_seg.prediction.job import Shard, Unit, Wanted
from hela_seg.system.errors import InputError
from hela_seg.system.settings import checked


def test_units_cover_every_frame_once(tmp_path: Path) -> None:
    found = job(tmp_path, levels(batch_size=3), film(7), film(2)).units
    assert found == [
        Unit(0, 0, range(3)),
        Unit(0, 1, range(3, 6)),
        Unit(0, 2, range(6, 7)),
        Unit(1, 0, range(2)),
    ]


@given(count=st.integers(1, 9), units=st.integers(0, 30))
def test_each_unit_belongs_to_one_shard(count: int, units: int) -> None:
    every = [Unit(0, number, range(number, number + 1)) for number in range(units)]
    shares = [Shard(number, count).own(every) for number in range(1, count + 1)]
    assert sorted(unit for share in shares for unit in share) == every
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_shard_is_read_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Shard.parse("3/8") == Shard(3, 8)
    assert Shard.parse(None) == Shard(1, 1)
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert Shard.parse(None) == Shard(3, 4)
    assert Shard.parse("1/1") == Shard(1, 1)


def test_tasks_of_slurm_are_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "2", "SLURM_LOCALID": "0"}.items():
        monkeypatch.setenv(name, value)
    assert Shard.parse(None) == Shard(3, 4)


@pytest.mark.parametrize("text", ["3", "0/8", "9/8", "a/b", "3/", "-1/3"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"expected one of several such as 3/8"):
        Shard.parse(text)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"cells": ["csv", "tables"]}, "cells is \\['csv', 'tables'\\], expected csv, parquet"),
        ({"labels": "png"}, "labels is 'png', expected tiff, zarr or both"),
        ({"cells": "xlsx"}, "cells is 'xlsx'"),
        ({"film": "gif"}, "film is 'gif'"),
        ({"majority": 4}, "majority is 4, expected an odd number"),
        ({"majority": 3.0}, r"majority is 3\.0, expected an odd number"),
        ({"majority": None}, "majority is null, expected an odd number"),
        ({"least_area": 0.5}, r"least_area is 0\.5, expected a whole number"),
        ({"label_next": 1.5}, r"label_next is 1\.5, expected a whole number"),
        ({"neck": None}, "neck is null, expected a number from 0 to 1"),
        ({"neck": 1.5}, r"neck is 1\.5, expected a number from 0 to 1"),
        ({"least_area": -1}, "least_area is -1"),
        ({"label_next": -1}, "label_next is -1"),
        ({"track": True, "cells": "none"}, "track=true follows cells"),
    ],
)
def test_results_that_cannot_be_made_are_refused(wanted: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        checked(Wanted, wanted)


def test_what_made_a_result_is_all_there(tmp_path: Path) -> None:
    """SHA-256 of b"weights", from sha256sum."""
    found = job(tmp_path, levels(), film(1)).provenance_of(0)
    assert found["checkpoint"] == "net.ckpt"
    assert found["checkpoint sha256"] == "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"
    assert found["input"] == "film0"
    assert len(found["input sha256"]) == 64
    assert json.loads(found["settings"]) == {"tile": "auto"}
    assert found["program"].startswith("hela_seg ")
