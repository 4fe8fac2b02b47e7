"""Pixels counted frame by frame: a confusion matrix each, in memory and as the table ``frames.csv`` of a run.

Their sum is the pooled matrix that every score of the run comes from, so whatever is computed from frames,
an interval for instance, belongs to those scores.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.system.errors import InputError
from hela_seg.system.files import as_cell, from_cell, whole_file

REMEDY = "python -m hela_seg.evaluate writes it anew"

PLACE = ("series", "frame", "block")
"""Columns of the table before those of the counts."""


@dataclass(frozen=True, eq=False)
class FrameCounts:
    """Counted pixels of T frames.

    Attributes:
        series: name of the recording of each frame.
        frame: (T,) int64, place of each in its recording, from 0.
        block: (T,) int64, number of the span of the split that each lies in; frames of one block follow on
            each other without a gap.
        matrix: (T, K, K) int64; rows are the truth, columns the prediction.
    """

    series: tuple[str, ...]
    frame: NDArray[np.int64]
    block: NDArray[np.int64]
    matrix: NDArray[np.int64]

    def __post_init__(self) -> None:
        frames, rows, columns = self.matrix.shape
        lengths = {len(self.series), len(self.frame), len(self.block), frames}
        if len(lengths) > 1 or rows != columns:
            raise ValueError(f"counts of {sorted(lengths)} frames, matrices of {rows} x {columns}")

    def __len__(self) -> int:
        return len(self.series)

    @property
    def pooled(self) -> NDArray[np.int64]:
        """The sum over all frames, (K, K)."""
        return np.asarray(self.matrix.sum(axis=0))

    @property
    def places(self) -> list[tuple[str, int, int]]:
        """Series, frame and block of each frame: equal for two nets that were scored on the same frames."""
        return list(zip(self.series, self.frame.tolist(), self.block.tolist(), strict=True))

    def to_plain(self) -> dict[str, list[Any]]:
        """As lists and primitives, for checkpoints."""
        return {
            "series": list(self.series),
            "frame": self.frame.tolist(),
            "block": self.block.tolist(),
            "matrix": self.matrix.reshape(len(self), -1).tolist(),
        }

    @classmethod
    def from_plain(cls, plain: Any, classes: int) -> FrameCounts:
        """What `to_plain` gave, read back.

        Args:
            plain: of a checkpoint.
            classes: K.

        Raises:
            InputError: it holds something else.
        """
        try:
            frame, block, matrix = (np.array(plain[key], np.int64) for key in ("frame", "block", "matrix"))
            counts = cls(tuple(map(str, plain["series"])), frame, block, matrix.reshape(-1, classes, classes))
            if (matrix < 0).any():
                raise ValueError("negative counts")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(
                f"the checkpoint's test scores are damaged ({type(error).__name__}), expected counted pixels "
                "that hela_seg.train writes"
            ) from None
        return counts


def write_counts(path: Path, counts: FrameCounts, names: Sequence[str]) -> None:
    """Write a row a frame: series, frame, block, pixels of each pair of classes, ``TRUTH as PREDICTION``."""
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(map(as_cell, _header(names)))
        for place, matrix in zip(counts.places, counts.matrix, strict=True):
            table.writerow([*map(as_cell, place), *matrix.ravel().tolist()])


def read_counts(path: Path, names: Sequence[str]) -> FrameCounts:
    """Read what `write_counts` wrote for classes of these names.

    Raises:
        InputError: no such file, other columns, or a row that is cut short or holds no counts.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): {REMEDY}") from None
    except (ValueError, csv.Error):
        raise InputError(f"{path} is empty or no table, expected a row a frame: {REMEDY}") from None
    if [*map(from_cell, header)] != _header(names):
        raise InputError(f"{path} has other columns than those of {', '.join(names)}: {REMEDY}")
    classes, width = len(names), len(header)
    try:
        numbers = np.array([row[1:] for row in rows], dtype=np.int64).reshape(len(rows), width - 1)
    except (ValueError, OverflowError):
        numbers = np.full((1, width - 1), -1)
    if not rows or (numbers < 0).any():
        raise InputError(f"{path} is damaged, expected rows of {width} cells with whole numbers: {REMEDY}")
    matrix = numbers[:, 2:].reshape(-1, classes, classes)
    return FrameCounts(tuple(from_cell(row[0]) for row in rows), numbers[:, 0], numbers[:, 1], matrix)


def _header(names: Sequence[str]) -> list[str]:
    return [*PLACE, *(f"{true} as {predicted}" for true, predicted in itertools.product(names, repeat=2))]
