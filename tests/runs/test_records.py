"""What lies beside the scores of a run: written, read back, and refused where it is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hela_seg.runs.records import (
    MEASURED,
    RECORD_FORMAT,
    Costs,
    RunRecord,
    read_json,
    read_record,
    write_record,
)
from hela_seg.system.errors import InputError

RECORD = RunRecord(
    net={"_target_": "hela_seg.models.unet.UNet", "classes": 4},
    seed=3,
    split=[{"series": "a", "start": 0, "stop": 2, "part": "test"}],
    config={"seed": 3, "data": {"batch_size": 4}},
    hardware={"device": "cpu"},
    versions={"hela_seg": "1.0"},
    costs=Costs(parameters=12, tile=(64, 32), step_ms=1.5),
)


def changed(path: Path, **entries: object) -> Path:
    write_record(path, RECORD)
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))
    return path


def test_a_record_is_read_back_and_says_how_costs_were_measured(tmp_path: Path) -> None:
    write_record(tmp_path / "run.json", RECORD)
    assert read_record(tmp_path / "run.json") == RECORD
    assert json.loads((tmp_path / "run.json").read_text())["measured"] == MEASURED


def test_the_kind_of_a_record_is_its_nets_module_or_the_name_of_its_labels() -> None:
    labels = RunRecord({"name": "by hand"}, None, [], {}, {}, {}, Costs())
    assert (RECORD.of_net, RECORD.kind) == (True, "unet")
    assert (labels.of_net, labels.kind) == (False, "by hand (labels)")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ({"format": RECORD_FORMAT + 1}, "it is from a newer version, update hela_seg"),
        ({"format": "two"}, "has format two"),
        ({"weights": 1}, "is damaged"),
        ({"costs": {"tile": None, "price": 1}}, "is damaged"),
        ({"costs": None}, "is damaged"),
    ],
)
def test_a_record_of_another_kind_is_refused(
    tmp_path: Path, entries: dict[str, object], expected: str
) -> None:
    with pytest.raises(InputError, match=expected):
        read_record(changed(tmp_path / "run.json", **entries))


@pytest.mark.parametrize(
    ("written", "expected"), [("[1]", "holds list"), ("{", "is no JSON"), (None, "cannot be read")]
)
def test_what_is_no_object_of_json_is_refused(tmp_path: Path, written: str | None, expected: str) -> None:
    path = tmp_path / "run.json"
    if written is not None:
        path.write_text(written)
    with pytest.raises(InputError, match=expected):
        read_json(path)


def test_a_record_that_nests_without_end_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("[" * 200_000 + "]" * 200_000)
    with pytest.raises(InputError, match=r"run\.json is no JSON"):
        read_json(tmp_path / "run.json")
