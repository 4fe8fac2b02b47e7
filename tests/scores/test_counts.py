"""The table of frames is read back as it was written, and whatever else lies there is refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hela_seg.scores.counts import FrameCounts, read_counts, write_counts
from hela_seg.system.errors import InputError

NAMES = ("background", "round, small", 'so-called "spread"')


def counts(matrix: np.ndarray) -> FrameCounts:
    frames = len(matrix)
    series = tuple("dish, 1" if t < frames / 2 else "Zelle für Müller" for t in range(frames))
    return FrameCounts(series, np.arange(frames), np.arange(frames) // 2, matrix)


@given(
    arrays.arrays(
        np.int64, st.tuples(st.integers(1, 4), st.just(3), st.just(3)), elements=st.integers(0, 2**62)
    )
)
def test_what_was_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, matrix: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("counts") / "frames.csv"
    write_counts(path, counts(matrix), NAMES)
    found = read_counts(path, NAMES)
    np.testing.assert_array_equal(found.matrix, matrix)
    assert found.places == counts(matrix).places
    assert found.matrix.dtype == np.int64
    from_checkpoint = FrameCounts.from_plain(counts(matrix).to_plain(), len(NAMES))
    np.testing.assert_array_equal(from_checkpoint.matrix, matrix)
    assert from_checkpoint.places == found.places


def test_a_row_a_frame_with_truth_and_prediction_by_name(tmp_path: Path) -> None:
    write_counts(tmp_path / "frames.csv", counts(np.array([[[5, 1], [2, 7]]])), ("a", "b"))
    assert (tmp_path / "frames.csv").read_text().splitlines() == [
        "series,frame,block,a as a,a as b,b as a,b as b",
        '"dish, 1",0,0,5,1,2,7',
    ]


def test_the_pooled_matrix_is_the_sum() -> None:
    assert counts(np.arange(8).reshape(2, 2, 2)).pooled.tolist() == [[4, 6], [8, 10]]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "is empty or no table"),
        ("series,frame\n", "has other columns than those of a, b"),
        ("series,frame,block,a as a,a as b,b as a,b as b\n", "is damaged"),
        ("series,frame,block,a as a,a as b,b as a,b as b\ndish,0,0,5,1,2\n", "is damaged"),
        ("series,frame,block,a as a,a as b,b as a,b as b\ndish,0,0,5,1,2,-7\n", "is damaged"),
        ("series,frame,block,a as a,a as b,b as a,b as b\ndish,0,0,5,1,2,0.5\n", "is damaged"),
        (f"series,frame,block,a as a,a as b,b as a,b as b\ndish,0,0,5,1,2,{10**30}\n", "is damaged"),
    ],
)
def test_damaged_tables_are_refused(content: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "frames.csv").write_text(content)
    with pytest.raises(InputError, match=expected) as error:
        read_counts(tmp_path / "frames.csv", ("a", "b"))
    assert "hela_seg.evaluate writes it anew" in str(error.value)


def test_missing_tables_and_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_counts(tmp_path / "frames.csv", NAMES)
    (tmp_path / "frames.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no table"):
        read_counts(tmp_path / "frames.csv", NAMES)


def test_counts_of_unlike_lengths_are_a_programming_error() -> None:
    with pytest.raises(ValueError, match="counts of"):
        FrameCounts(("a",), np.arange(2), np.arange(2), np.zeros((2, 2, 2), np.int64))
