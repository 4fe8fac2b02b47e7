"""Answers of lives by hand, and recordings that cannot be compared."""

from __future__ import annotations

from dataclasses import replace

import pytest
from followed_cells import PHASES, one_division

from hela_seg.system.errors import InputError
from hela_seg.tracking.answers import answer_rows
from hela_seg.tracking.tables import Followed


def test_recordings_with_and_without_an_interval_are_not_compared() -> None:
    lives = one_division()
    one, other = Followed("a", lives, PHASES, 1, 60.0), Followed("b", lives, PHASES, 1)
    assert {row["unit"] for row in answer_rows([one, other]) if row["what"].startswith("median")} == {
        "frames"
    }
    with pytest.raises(InputError, match="expected both or neither") as caught:
        answer_rows([replace(one, condition="drug"), replace(other, condition="control")])
    assert "\n" not in str(caught.value)


def test_recordings_of_two_intervals_are_compared_in_hours() -> None:
    one, other = (
        Followed(name, one_division(), PHASES, 1, step) for name, step in (("a", 3600.0), ("b", 1800.0))
    )
    rows = answer_rows([replace(one, condition="slow"), replace(other, condition="fast")])
    found = {
        row["condition"]: row for row in rows if row.get("class") == "round" and row["began"] == "change"
    }
    assert (found["slow"]["value"], found["fast"]["value"]) == ("3", "1.5")
    assert {row["unit"] for row in rows if row["what"].startswith("median")} == {"h"}


def test_answers_of_a_division_by_hand() -> None:
    rows = answer_rows([Followed("a", one_division(), PHASES, 1, 3600.0)])
    by_what = {(row["what"], row.get("class"), row.get("began")): row for row in rows}
    # 5 cell-frames of the mother, 8 of the daughters: round in 3 + 4 + 2
    assert float(by_what["mitotic index", None, None]["value"]) == pytest.approx(9 / 13, abs=1e-3)
    assert float(by_what["divisions", None, None]["value"]) == pytest.approx(1 / 13, abs=1e-4)
    mitosis = by_what["median time in class", "round", "change"]
    assert (mitosis["value"], mitosis["lives"], mitosis["censored"], mitosis["unit"]) == ("3", 1, 0, "h")
    born = by_what["median time in class", "round", "division"]
    assert (born["lives"], born["censored"]) == (2, 1)
    assert by_what["median time in class", "spread", "any"]["beginning_unseen"] == 1
    assert not any(
        row["what"] == "mitotic index" for row in answer_rows([Followed("a", one_division(), PHASES)])
    )
