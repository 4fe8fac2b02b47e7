"""What a reader of one microscope format offers, whatever library opens the file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from hela_seg.data.stacks.calibration import Calibration
from hela_seg.data.stacks.series import Pixels

UNKNOWN = "Q"
"""Letter of an axis that is neither time, channel, depth, row nor column, such as a wavelength."""


class Image(NamedTuple):
    """One image of a file, of one position of the stage.

    Attributes:
        name: as the microscope's program calls the position; empty where it has no name.
        axes: one letter an axis, slowest first: T, C, Z, Y, X, S for the samples of a colour, or `UNKNOWN`.
        shape: length of each axis.
        dtype: of the pixels.
        calibration: sizes, times and names, as far as the file states them.
    """

    name: str
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    calibration: Calibration = Calibration(None, None)


class Reader(ABC):
    """A file that one process holds open and its threads share.

    Attributes:
        format_name: of the format, for messages.
        package: the library that is imported to read it.
        extra: of this program that installs the library.
        images: all images of the file, in its order.
        files: other files that hold parts of it.
    """

    format_name: ClassVar[str]
    package: ClassVar[str]
    extra: ClassVar[str] = "formats"
    images: Sequence[Image]
    files: tuple[Path, ...] = ()

    @abstractmethod
    def __init__(self, path: Path) -> None:
        """Read the header of a file."""

    @abstractmethod
    def window(self, image: int, place: tuple[int, ...], rows: slice, columns: slice) -> Pixels:
        """Read a window of one plane; a view into the file or into a shared array will do.

        Args:
            image: number of the image.
            place: index along each axis but Y, X and S, in the order of `Image.axes`.
            rows: of the window, with start and stop.
            columns: of the window, with start and stop.

        Returns:
            (h, w), or (h, w, S) where the image has samples.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the file; also called when nothing uses the reader any more."""

    def __del__(self) -> None:
        if hasattr(self, "images"):  # what fails before closes by itself
            self.close()


@contextmanager
def closed_on_failure(file: Any) -> Iterator[None]:
    """Close a file that a library holds open if reading its header fails: nobody else could close it then."""
    try:
        yield
    except BaseException:
        file.close()
        raise
