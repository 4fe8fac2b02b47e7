"""Where the pixels of each class lie: found once, kept in a file, shared by all processes that draw from it.

The index holds how many pixels of each class every frame has, and of each class but the background some of
their places: all, or `MOST_PIXELS` of them spread evenly over the frame. Of very many frames fewer are kept,
so that the file stays below about 100 MiB and the counts; and not all frames need have been looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.labels.readers import LabelReader
from hela_seg.data.labels.spans import Span, merged
from hela_seg.data.splits.split import Block
from hela_seg.data.stacks import Series
from hela_seg.system.files import whole_file

MOST_PIXELS = 1000
"""Most places of one class that are kept of one frame."""

MOST_PLACES = 25_000_000
"""Most places of all classes and frames together, 4 bytes each."""

Words = NDArray[np.uint32]

_FORMAT = (2, MOST_PIXELS, MOST_PLACES)
"""What an index of another version differs in."""

_KEY_WORDS = 8
_HEAD = _KEY_WORDS + 3
"""Words before the frames of each series: the key, then numbers of series and classes, and the limit."""


class FoundPixels(NamedTuple):
    """What was found in all masks, span by span of their frames.

    Attributes:
        classes: K.
        limit: most places kept of a class in a frame.
        spans: the frames, in the order of series and time.
        counts: for each span (t, K), the pixels of each class in each of its t frames.
        places: for each span, the places as `find_pixels` gives them, frame after frame.
    """

    classes: int
    limit: int
    spans: Sequence[Span]
    counts: Sequence[Words]
    places: Sequence[Words]


class ClassPositions:
    """Counts and places of the pixels of each class, frame by frame.

    Args:
        words: one array of uint32, in memory or mapped from a file: the key (8 words), S, K, the limit, T of
            each series, the counts (frames of all series, K), 1 for each frame that was looked at and 0 for
            the others, and the places as ``row * W + column`` in the order of series, frames and classes,
            ``min(limit, count)`` for each frame and class but 0.
        path: the file that the words are mapped from; a process that gets the index sent opens it anew.

    Raises:
        ValueError: there are more or fewer words than these numbers say.
    """

    def __init__(self, words: Words, path: Path | None = None) -> None:
        if words.ndim != 1 or words.dtype != np.uint32:
            raise ValueError(
                f"the index is {words.ndim}-dimensional of {words.dtype}, expected one of uint32"
            )
        self._words, self._path = np.asarray(words), path  # a memmap of its own would slow each slice
        series, self.class_count, self._limit = (int(word) for word in words[_KEY_WORDS:_HEAD])
        self._first_frame = _from_zero(words[_HEAD : _HEAD + series])
        begin, frames = _HEAD + series, int(self._first_frame[-1])
        end = begin + frames * self.class_count
        self.counts: Words = words[begin:end].reshape(frames, self.class_count)
        self._looked_at = words[end : end + frames]
        self._places = words[end + frames :]
        begins = _from_zero(np.minimum(self.counts[:, 1:], self._limit).sum(axis=1, dtype=np.int64))
        if begins[-1] != len(self._places):
            raise ValueError(f"the index holds {len(self._places)} places, expected {begins[-1]}")
        self._first_place = begins[self._first_frame]

    @property
    def key(self) -> bytes:
        """What was looked at, see `key_of`."""
        return self._words[:_KEY_WORDS].astype("<u4").tobytes()

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        # Sent as a name, so that processes that are started anew map the same file instead of copying it.
        return (ClassPositions, (self._words,)) if self._path is None else (_mapped, (self._path,))

    def of_series(self, series: int) -> Words:
        """Pixels of each class in each frame of a series, (T, K); 0 in frames that were not looked at."""
        return self.counts[self._first_frame[series] : self._first_frame[series + 1]]

    def looked_at(self, series: int) -> NDArray[np.bool_]:
        """Whether each frame of a series was looked at, (T,)."""
        return self._looked_at[self._first_frame[series] : self._first_frame[series + 1]].astype(bool)

    def places(self, series: int, t: int, class_index: int) -> Words:
        """Places of pixels of a class in frame t, as ``row * W + column``; at most the limit of them."""
        kept = np.minimum(self.of_series(series)[: t + 1, 1:], self._limit).astype(np.int64)
        begin = self._first_place[series] + kept[:t].sum() + kept[t, : class_index - 1].sum()
        return self._places[begin : begin + kept[t, class_index - 1]]


class Place(NamedTuple):
    """A pixel of a class; ``pixel`` is ``row * W + column``."""

    series: int
    t: int
    class_index: int
    pixel: int


class ForegroundPixels:
    """Draws pixels of foreground classes: a series, a class that is in it, a pixel of that class.

    Every series is equally likely, however long; within it every class that it holds, however rare; and of
    that class every pixel in all frames of the series. It is the rule by which nnU-Net oversamples foreground
    (Isensee et al. 2021), which draws from cases where this draws from series.

    Args:
        positions: where the classes lie in the masks.
        blocks: the frames to draw from.

    Raises:
        ValueError: no frame of the blocks holds a foreground pixel; see `foreground`.
    """

    def __init__(self, positions: ClassPositions, blocks: Sequence[Block]) -> None:
        self._positions = positions
        self._spans: dict[int, list[Span]] = {}
        for span in merged(blocks):
            if positions.of_series(span.series)[span.start : span.stop, 1:].any():
                self._spans.setdefault(span.series, []).append(span)
        self._series = np.array(list(self._spans), np.int64)
        if not len(self._series):
            raise ValueError("there is no pixel of a foreground class to draw")

    def draw(self, random: np.random.Generator) -> Place:
        """One pixel, by numbers of ``random`` alone."""
        series = int(random.choice(self._series))
        frames = np.concatenate([np.arange(span.start, span.stop) for span in self._spans[series]])
        counts = self._positions.of_series(series)[frames]
        class_index = int(random.choice(np.flatnonzero(counts[:, 1:].any(axis=0)))) + 1
        ends = np.cumsum(counts[:, class_index], dtype=np.int64)
        t = int(frames[np.searchsorted(ends, random.integers(ends[-1]), side="right")])
        return Place(
            series, t, class_index, int(random.choice(self._positions.places(series, t, class_index)))
        )


def labelled_frames(positions: ClassPositions, blocks: Sequence[Block]) -> NDArray[np.int64]:
    """The frames of some blocks that may have labels: all but those seen to hold ignored pixels alone.

    Returns:
        Their numbers, ascending, with the frames of all blocks counted from 0 in the order of the blocks.
    """
    may_have = [
        positions.of_series(block.series).any(axis=1) | ~positions.looked_at(block.series) for block in blocks
    ]
    inside = [frames[block.start : block.stop] for frames, block in zip(may_have, blocks, strict=True)]
    return np.flatnonzero(np.concatenate(inside))


def places_kept(frames: int, classes: int) -> int:
    """Most places to keep of a class in a frame, so that all frames together keep `MOST_PLACES` at most.

    ``places_kept(200, 3) == 1000`` and ``places_kept(1_000_000, 3) == 12``.
    """
    return int(np.clip(MOST_PLACES // max(frames * (classes - 1), 1), 1, MOST_PIXELS))


def find_pixels(labels: NDArray[np.uint8], classes: int, limit: int) -> tuple[Words, Words]:
    """Counts and places of the classes in one frame.

    Args:
        labels: (H, W) class indices.
        classes: K.
        limit: most places of a class.

    Returns:
        (K,) pixels of each class; and the places, ``row * W + column``, of class 1, then of class 2 and so
        on, those of each class in ascending order.

    Example:
        ``find_pixels(np.array([[0, 2, 1], [1, 0, 2]], np.uint8), 3, 10)`` gives ``[2, 2, 2]`` and
        ``[2, 3, 1, 5]``.
    """
    flat = labels.ravel()
    foreground = np.flatnonzero(flat)
    found = flat[foreground]
    # for the few classes that there are, quicker than sorting
    ranks = [np.flatnonzero(found == index) for index in range(1, classes)]
    places = [foreground[own[_spread(len(own), limit)]] for own in ranks]
    counts = np.array([flat.size - len(found), *map(len, ranks)], np.uint32)
    return counts, np.concatenate([*places, foreground[:0]]).astype(np.uint32)


def build_index(
    found: FoundPixels, lengths: Sequence[int], key: bytes | None, path: Path | None
) -> ClassPositions:
    """Make an index of what was found: in a file, or in memory where there is no path or no key.

    Args:
        found: all of it.
        lengths: T of every series.
        key: what was looked at, from `key_of`.
        path: where the file shall be; it appears whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    first, classes = _from_zero(np.asarray(lengths)), found.classes
    counts = np.zeros((int(first[-1]), classes), np.uint32)
    looked_at = np.zeros(len(counts), np.uint32)
    for span, of_span in zip(found.spans, found.counts, strict=True):
        frames = slice(first[span.series] + span.start, first[span.series] + span.stop, span.step)
        counts[frames], looked_at[frames] = of_span, 1
    key_words = np.frombuffer(key or bytes(4 * _KEY_WORDS), "<u4")
    head = np.array([*key_words, len(lengths), classes, found.limit, *lengths], np.uint32)
    words = np.concatenate([head, counts.ravel(), looked_at, *found.places])
    if path is None or key is None:
        return ClassPositions(words)
    with whole_file(path) as beside, beside.open("wb") as file:
        np.save(file, words)
    return _mapped(path)


def read_index(path: Path, key: bytes) -> ClassPositions | None:
    """The index that `build_index` wrote there for the same masks and labels; None where there is none."""
    try:
        positions = _mapped(path)
    except (OSError, ValueError, EOFError):
        return None
    return positions if positions.key == key else None


def key_of(masks: Sequence[Series], spans: Sequence[Span], reader: LabelReader) -> bytes | None:
    """Tells apart masks that changed (path, size, time of change), the frames looked at, and label settings.

    Returns:
        32 bytes; None for masks that lie in no file, of which nothing can be kept.
    """
    digest = sha256(repr((_FORMAT, reader.identity, reader.class_count)).encode())
    digest.update(np.array(spans, np.int64).tobytes())
    try:
        for mask in masks:
            digest.update(repr((mask.shape, [_state(path) for path in mask.paths])).encode())
    except OSError:
        return None
    return digest.digest()


def _state(path: Path) -> tuple[object, ...]:
    """What changes when a file does, or one in a folder that is read as a whole."""
    status = path.stat()
    inside = sorted(map(_state, path.iterdir())) if path.is_dir() else []
    return str(path), status.st_size, status.st_mtime_ns, *inside


def _mapped(path: Path) -> ClassPositions:
    return ClassPositions(np.load(path, mmap_mode="r"), path)


def _spread(count: int, limit: int) -> NDArray[np.int64]:
    """At most ``limit`` of ``count`` numbers: one of each of ``limit`` equal runs, at changing places in it.

    Equal steps would hit the same column of a cell again and again.
    """
    if count <= limit:
        return np.arange(count)
    runs = np.arange(limit + 1) * count // limit
    within = (np.arange(limit) * _GOLDEN) % 1.0
    return runs[:-1] + (within * np.diff(runs)).astype(np.int64)


_GOLDEN = (5**0.5 - 1) / 2
"""Its multiples leave no pattern behind the point."""


def _from_zero(lengths: NDArray[np.integer]) -> NDArray[np.int64]:
    """Where each of some runs begins, and where the last ends: ``[3, 2]`` gives ``[0, 3, 5]``."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
