"""What every series of frames offers, whatever file it lies in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.stacks.calibration import PixelSize
from hela_seg.system.errors import InputError
from hela_seg.system.files import digest

Pixels = NDArray[Any]


class Series(ABC):
    """A recording of T frames, read window by window.

    Cheap to make and to pickle: a subclass opens its file at the first read, once in each process.

    Attributes:
        name: file name without its ending, for tables and messages.
        path: the file, or the first of several.
        shape: (T, C, H, W).
        dtype: as stored in the file.
        axes: the order in which the file holds its axes, e.g. ``"TYX"``.
        pixel_size: height and width of a pixel in micrometres, where the file states them.
        frame_interval: seconds from frame to frame, where the file states it.
        frame_times: seconds of each frame since the first one, where the file has a time stamp for each; they
            need not be regular.
        position: name of the position, of a file that holds several.
        channel_names: one a channel, where they are known.
        depth: planes of the Z-stack that each frame is one of, or a projection of.
    """

    name: str
    path: Path
    shape: tuple[int, int, int, int]
    dtype: np.dtype[Any]
    axes: str
    pixel_size: PixelSize | None = None
    frame_interval: float | None = None
    frame_times: tuple[float, ...] | None = None
    position: str | None = None
    channel_names: tuple[str, ...] = ()
    depth: int = 1

    def state_as(self, source: Series) -> None:
        """State all that another series states; what differs is set afterwards."""
        vars(self).update({name: getattr(source, name) for name in Series.__annotations__})

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files that the series is read from."""
        return (self.path,)

    @abstractmethod
    def read(self, t: int, rows: slice, columns: slice) -> Pixels:
        """Read one window of frame t as (C, h, w), in the file's dtype and in memory of its own.

        Raises:
            InputError: the file is damaged there.
        """

    def frame(self, t: int) -> Pixels:
        """Read the whole frame t as (C, H, W)."""
        return self.read(t, slice(0, self.shape[2]), slice(0, self.shape[3]))

    def whole(self) -> tuple[Series, Sequence[int]]:
        """The recording that these frames are of, and the number in it of each of them."""
        return self, range(self.shape[0])

    def path_of(self, t: int) -> Path:
        """The file that holds frame t."""
        return self.path

    def where(self, t: int) -> str:
        """File, position and number of a frame, for messages."""
        position = "" if self.position is None else f" (position {self.position})"
        return f"{self.path_of(t)}{position}, frame {t}"

    def sha256(self) -> str:
        """SHA-256 of all files, see `hela_seg.system.files.digest`.

        Raises:
            InputError: a file cannot be read.
        """
        return digest(self.paths)

    def time_of(self, t: int) -> float | None:
        """Seconds of frame t since the first one; None where neither time stamps nor interval are known."""
        if self.frame_times is not None:
            return self.frame_times[t]
        return None if self.frame_interval is None else t * self.frame_interval

    def colour_table(self, t: int) -> NDArray[np.uint8] | None:
        """Colours (n, 3) that the file shows the values of frame t in; None where it has no colour table.

        Only where pixels are read as the values of such a table, not as its colours.
        """
        return None

    def refuse_colours(self) -> None:
        """Refuse to be a mask with channels that are neither one grey nor the three of RGB.

        Raises:
            InputError: there is another number of them.
        """
        if self.shape[1] not in (1, 3):
            raise InputError(
                f"{self.path} is a mask of {self.shape[1]} channels, expected one (grey) or three (RGB): "
                "save it as a grey label image"
            )


def refuse_oversized(path: Path, shape: tuple[int, int, int, int], limit: int) -> None:
    """Refuse frames of more values than the limit, before memory is asked for.

    Raises:
        InputError: rows x columns x channels of the shape (T, C, H, W) are more than the limit.
    """
    _, channels, height, width = shape
    if channels * height * width > limit:
        raise InputError(
            f"{path} states frames of {height}x{width} with {channels} channel(s), expected at most {limit} "
            "values: export the file again if it is damaged, or raise data.max_frame_pixels"
        )


def channels_first(pixels: Pixels, letters: str) -> Pixels:
    """A window with one axis a letter, those but C, Y and X of length 1, as (C, h, w)."""
    order = [letters.index(letter) for letter in "CYX" if letter in letters]
    dropped = [axis for axis in range(len(letters)) if axis not in order]
    arranged = pixels.transpose(*dropped, *order)
    return arranged.reshape(-1, *arranged.shape[-2:])


def name_of(path: Path) -> str:
    """File name without its ending; ``name_of(Path("a/b.ome.tif")) == "b"``.

    In Unicode's composed form (NFC), for macOS and some archives take letters and accents apart (NFD), which
    looks the same.
    """
    return normalize("NFC", path.stem).removesuffix(".ome")


def named(path: Path, position: str | None) -> str:
    """Name of a recording: of the file, and of the position where the file has several."""
    return name_of(path) if position is None else f"{name_of(path)}_{position}"


class DerivedSeries(Series):
    """Another series whose pixels a subclass changes or picks from; all else is as that one states it.

    Args:
        source: the other one.
    """

    def __init__(self, source: Series) -> None:
        self._source = source
        self.state_as(source)

    def origin(self, t: int) -> tuple[Series, int]:
        """The series that frame t is read from, and its number there."""
        return self._source, t

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files that the series is read from."""
        return self._source.paths

    def read(self, t: int, rows: slice, columns: slice) -> Pixels:
        """Read one window of frame t as (C, h, w); see `Series.read`."""
        source, number = self.origin(t)
        return source.read(number, rows, columns)

    def path_of(self, t: int) -> Path:
        """The file that holds frame t."""
        source, number = self.origin(t)
        return source.path_of(number)

    def colour_table(self, t: int) -> NDArray[np.uint8] | None:
        """Colours (n, 3) that the file shows the values of frame t in."""
        source, number = self.origin(t)
        return source.colour_table(number)


class FrameSequence(DerivedSeries):
    """Single-frame series strung together in time.

    Args:
        frames: at least one series of one frame each, of one shape and dtype.
        name: name of the whole.

    Raises:
        InputError: frames that differ in size, channels or dtype, or that hold several frames.
    """

    def __init__(self, frames: Sequence[Series], name: str) -> None:
        first = frames[0]
        rule = "the frames of one series must be single and alike"
        refuse_unlike(frames, [(frame.shape, frame.dtype) for frame in frames], rule)
        if first.shape[0] != 1:
            raise InputError(f"{first.path} has {_extent(first)}: {rule}")
        super().__init__(first)
        self._frames = tuple(frames)
        self.name, self.frame_times, self.position = name, None, None
        self.shape, self.axes = (len(frames), *first.shape[1:]), "T" + first.axes.replace("T", "")

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of all frames."""
        return tuple(path for frame in self._frames for path in frame.paths)

    def origin(self, t: int) -> tuple[Series, int]:
        """The series of frame t alone."""
        return self._frames[t], 0


class SelectedFrames(DerivedSeries):
    """Some frames of a recording, such as those with masks; the others remain within reach (`Series.whole`).

    Args:
        recording: all frames.
        numbers: which of them, rising.
    """

    def __init__(self, recording: Series, numbers: Sequence[int]) -> None:
        super().__init__(recording)
        self._numbers, times = tuple(numbers), recording.frame_times
        self.path, self.shape = recording.path_of(numbers[0]), (len(numbers), *recording.shape[1:])
        self.frame_times = None if times is None else tuple(times[number] for number in numbers)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of the selected frames."""
        return tuple(dict.fromkeys(map(self.path_of, range(len(self._numbers)))))

    def whole(self) -> tuple[Series, Sequence[int]]:
        """The recording, and the numbers of the selected frames."""
        return self._source, self._numbers

    def origin(self, t: int) -> tuple[Series, int]:
        """The recording, and the number of the selected frame t in it."""
        return self._source, self._numbers[t]


def refuse_infinite(pixels: Pixels, holder: str, t: int) -> None:
    """Refuse pixels that are no finite numbers.

    Args:
        pixels: of any shape and dtype.
        holder: file or array that they were read from, for the message.
        t: number of their frame.

    Raises:
        InputError: one of them is NaN or infinite.
    """
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise InputError(
            f"{holder} holds pixels that are NaN or infinite in frame {t}, expected finite numbers: "
            "replace them, for they would spread through every net"
        )


def refuse_unlike(series: Sequence[Series], kinds: Sequence[object], rule: str) -> None:
    """Refuse series that belong together and are not of one kind.

    Args:
        series: one or more.
        kinds: for each series, what must be the same for all.
        rule: the end of the message: what is expected, and what to do.

    Raises:
        InputError: one differs from most; it is named beside one of these.
    """
    usual, count = Counter(kinds).most_common(1)[0]
    if count == len(series):
        return
    odd, one = series[next(n for n, kind in enumerate(kinds) if kind != usual)], series[kinds.index(usual)]
    others = len(series) - count - 1
    more = f" (and {others} more are unlike it)" if others else ""
    raise InputError(f"{odd.path} has {_extent(odd)} but {one.path.name} has {_extent(one)}{more}: {rule}")


def _extent(series: Series) -> str:
    frames, channels, height, width = series.shape
    return f"{frames} frame(s) of {height}x{width}, {channels} channel(s), {series.dtype}"
