"""What the user settles about files that leave something open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hela_seg.system.errors import InputError

Z = int | Literal["max", "mean"] | None
"""What is seen of a Z-stack: one plane by its number from 0, or a projection. None refuses Z-stacks."""

MAX_FRAME_PIXELS = 2**31
"""Most values of one frame, rows x columns x channels: 46340 x 46340 in grey."""


@dataclass(frozen=True)
class ReadOptions:
    """How files are to be read; the arguments of `hela_seg.data.stacks.open_series`.

    Raises:
        InputError: a z that is no plane and no projection.
    """

    axes: str | None = None
    assumed_axes: str | None = None
    labels: bool = False
    z: Z = None
    max_frame_pixels: int = MAX_FRAME_PIXELS
    fill_missing_chunks: bool = False
    colours: bool = False
    position: str | None = None
    soft: bool = False

    def __post_init__(self) -> None:
        plane = isinstance(self.z, int) and not isinstance(self.z, bool) and self.z >= 0
        if not (plane or self.z in (None, "max", "mean")):
            raise InputError(
                f"data.z (z, to predict) is {self.z!r}, expected the number of a plane (0 is the first), "
                "max or mean"
            )
