"""CZI files of Zeiss's ZEN, through the library ``czifile``.

Releases of 2019, the last ones for Python 3.11, and of 2026 find the file's subblocks. Their pixels are read
straight from the file: no release reads a part of a subblock, and those of 2019 lack zstd, which ZEN writes.
"""

from __future__ import annotations

import math
import struct
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import imagecodecs
import numpy as np

from hela_seg.data.stacks.calibration import Calibration, PixelSize
from hela_seg.data.stacks.microscope.reader import UNKNOWN, Image, Reader
from hela_seg.data.stacks.segments import cache, version_of
from hela_seg.data.stacks.series import Pixels

_SEGMENT = struct.Struct("<16sqqiiq")
"""Identity, sizes of a segment, then those of a subblock's metadata, attachment and pixels."""

_ENTRY_AT, _LEAST_ENTRY = _SEGMENT.size, 240
"""Where the entry of a subblock's directory lies in it, and its least size."""

_DAYS = (36526.0, 73050.0)
"""The years 2000 to 2100 in days since 1899."""


class _Tile(NamedTuple):
    """Pixels of one plane, or of a part of it: a subblock.

    Attributes:
        place: index along each axis but Y and X, by letter.
        top: first row, in the coordinates of all scenes.
        left: first column.
        shape: (h, w, S).
        file_position: of the subblock's segment.
        entry_size: bytes of its directory entry.
        compression: its number in the format.
    """

    place: dict[str, int]
    top: int
    left: int
    shape: tuple[int, int, int]
    file_position: int
    entry_size: int
    compression: int


class CziReader(Reader):
    """A file of one scene or several, whose planes may be mosaics of overlapping tiles.

    Tiles lie over one another in the order of their index, as ZEN shows them; where there is no tile, pixels
    are 0. Smaller copies (pyramids) are left aside.
    """

    format_name = "CZI"
    package = "czifile"

    def __init__(self, path: Path) -> None:
        import czifile

        self._path, self._version = path, version_of(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of parts that not every file has
            with czifile.CziFile(path) as file:
                entries: Sequence[Any] = file.subblock_directory
                metadata = file.metadata()
                times = _time_stamps(file)
        found = [(entry, *_tile_of(entry)) for entry in entries if _is_full_size(entry)]
        if not found:
            raise ValueError("it holds no pixels")
        found.sort(key=lambda one: one[1])  # by mosaic index
        if any(entry.file_part for entry, _, _ in found):
            raise ValueError("its pixels lie in several files, expected one: export it again to one file")
        dtypes = {np.dtype(entry.dtype).base.newbyteorder("=") for entry, _, _ in found}
        if len(dtypes) > 1:
            raise ValueError(f"its channels have pixels of several kinds ({', '.join(map(str, dtypes))})")
        (self._dtype,) = dtypes
        self._pixels = np.memmap(path, np.uint8, "r")
        tiles = [tile for _, _, tile in found]
        scenes = sorted({tile.place.get("S", 0) for tile in tiles})
        described = _Described(metadata, times, len(scenes))
        self._scenes = [_Scene([tile for tile in tiles if tile.place.get("S", 0) == n]) for n in scenes]
        self.images = [
            described.image(scene, number, self._dtype)
            for number, scene in zip(scenes, self._scenes, strict=True)
        ]

    def window(self, image: int, place: tuple[int, ...], rows: slice, columns: slice) -> Pixels:
        """Read a window of one plane, see `Reader.window`."""
        scene = self._scenes[image]
        tiles = scene.planes.get(place, [])
        if not tiles:
            raise ValueError(f"it lacks the plane {place} of the axes {scene.axes[: len(place)]}")
        height, width = rows.stop - rows.start, columns.stop - columns.start
        samples = 3 if tiles[0].shape[2] > 1 else 1
        pixels = np.zeros((height, width, samples), self._dtype)
        for tile in tiles:
            top, left = scene.top + rows.start - tile.top, scene.left + columns.start - tile.left
            down = slice(max(top, 0), min(top + height, tile.shape[0]))
            across = slice(max(left, 0), min(left + width, tile.shape[1]))
            if down.start < down.stop and across.start < across.stop:
                target = down.start - top, down.stop - top, across.start - left, across.stop - left
                pixels[target[0] : target[1], target[2] : target[3]] = self._tile(tile)[down, across]
        return pixels[..., 0] if samples == 1 else pixels

    def close(self) -> None:
        """Forget the mapped file."""
        del self._pixels

    def _tile(self, tile: _Tile) -> Pixels:
        """All pixels of a tile as (h, w, S), in the file where they are not compressed."""
        header = self._bytes(tile.file_position, _SEGMENT.size).tobytes()
        kind, _, _, metadata, _, size = _SEGMENT.unpack(header)
        if not kind.startswith(b"ZISRAWSUBBLOCK"):
            raise ValueError(f"at {tile.file_position} there is no subblock")
        offset = tile.file_position + _ENTRY_AT + max(_LEAST_ENTRY, tile.entry_size) + metadata
        if tile.compression:
            return cache.get((self._path, self._version, offset), lambda: self._decoded(tile, offset, size))
        needed = math.prod(tile.shape) * self._dtype.itemsize
        return _as_rgb(self._bytes(offset, needed).view(self._dtype).reshape(tile.shape))

    def _decoded(self, tile: _Tile, offset: int, size: int) -> Pixels:
        encoded = self._bytes(offset, size).tobytes()
        if tile.compression in _ENTIRE:
            # a decoder that makes an array knows its size from a header of its own
            decoded: Pixels = np.asarray(_ENTIRE[tile.compression](encoded))
            return decoded.reshape(tile.shape)[..., :3].astype(self._dtype, copy=False)
        if tile.compression not in _BYTES:
            raise ValueError(f"its compression {tile.compression} is not known")
        raw = _BYTES[tile.compression](encoded, math.prod(tile.shape) * self._dtype.itemsize)
        return _as_rgb(np.frombuffer(raw, self._dtype).reshape(tile.shape))

    def _bytes(self, offset: int, count: int) -> Pixels:
        if offset < 0 or count < 0 or offset + count > self._pixels.size:
            raise ValueError(f"it ends after {self._pixels.size} bytes, expected {count} from {offset} on")
        return self._pixels[offset : offset + count]


def _as_rgb(pixels: Pixels) -> Pixels:
    """Blue, green and red turned round; opacity, which has no meaning in the format, left out."""
    return pixels if pixels.shape[2] == 1 else pixels[..., 2::-1]


def _zstd_with_header(encoded: bytes, size: int) -> Any:
    """Zstd behind a header that says whether low and high bytes of 16-bit pixels lie apart."""
    header = encoded[0]
    apart = header == 3 and encoded[1] == 1 and encoded[2] & 1
    decoded = imagecodecs.zstd_decode(encoded[header:], out=size)
    if not apart:
        return decoded
    return np.frombuffer(decoded, np.uint8).reshape(2, -1).T.tobytes()


_BYTES: dict[int, Callable[[bytes, int], Any]] = {
    2: lambda encoded, size: imagecodecs.lzw_decode(encoded, out=size),
    5: lambda encoded, size: imagecodecs.zstd_decode(encoded, out=size),
    6: _zstd_with_header,
}
"""Decoders of the file's bytes, by the number of a compression."""

_ENTIRE: dict[int, Callable[[bytes], Any]] = {1: imagecodecs.jpeg8_decode, 4: imagecodecs.jpegxr_decode}
"""Decoders of pictures, which give RGB in its usual order."""


class _Scene:
    """The tiles of one scene by plane, and the rectangle that they cover."""

    def __init__(self, tiles: Sequence[_Tile]) -> None:
        self.top, self.left = min(tile.top for tile in tiles), min(tile.left for tile in tiles)
        bottom = max(tile.top + tile.shape[0] for tile in tiles)
        right = max(tile.left + tile.shape[1] for tile in tiles)
        letters = [axis for axis in tiles[0].place if axis != "S"]
        # not all files begin at 0 along each axis
        firsts = {axis: min(tile.place.get(axis, 0) for tile in tiles) for axis in letters}
        lengths = {
            axis: max(tile.place.get(axis, 0) for tile in tiles) - firsts[axis] + 1 for axis in letters
        }
        samples = 3 if tiles[0].shape[2] > 1 else 1
        self.axes = "".join(letters) + "YX" + ("S" if samples > 1 else "")
        self.shape = (*lengths.values(), bottom - self.top, right - self.left) + (samples,) * (samples > 1)
        self.planes: dict[tuple[int, ...], list[_Tile]] = {}
        for tile in tiles:
            place = tuple(tile.place.get(axis, 0) - firsts[axis] for axis in letters)
            self.planes.setdefault(place, []).append(tile)


class _Described:
    """What the metadata of a file say of its scenes."""

    def __init__(self, metadata: str | None, times: Sequence[float], scenes: int) -> None:
        root = ElementTree.fromstring("<none/>" if metadata is None else metadata)
        steps = {
            distance.get("Id", ""): float(distance.findtext("Value") or 0) * 1e6
            for distance in root.iterfind("./Metadata/Scaling/Items/Distance")
        }
        height, width = steps.get("Y", 0.0), steps.get("X", 0.0)
        self._size = PixelSize(height, width) if height > 0 and width > 0 else None
        # some programs write days since 1899 in place of seconds, which nothing in the file tells apart
        days = len(times) > 1 and _DAYS[0] < min(times) and max(times) < _DAYS[1]
        self._times = () if days else tuple(times)
        dimensions = "./Metadata/Information/Image/Dimensions/"
        self._channels = tuple(
            channel.get("Name") or channel.get("Id") or ""
            for channel in root.iterfind(dimensions + "Channels/Channel")
        )
        named = {
            int(scene.get("Index", -1)): scene.get("Name") or ""
            for scene in root.iterfind(dimensions + "S/Scenes/Scene")
        }
        self._names = named if scenes > 1 else {}

    def image(self, scene: _Scene, number: int, dtype: np.dtype[Any]) -> Image:
        """A scene of the file as an image."""
        axes = "".join(axis if axis in "TCZYXS" else UNKNOWN for axis in scene.axes)
        calibration = Calibration(self._size, None, self._times, self._channels)
        return Image(self._names.get(number, ""), axes, scene.shape, dtype, calibration)


def _entry_places(entry: Any) -> dict[str, tuple[int, int, int]]:
    """Start, size and stored size along each axis of a directory entry, scene and mosaic index among them."""
    if hasattr(entry, "dimension_entries"):  # the releases of 2019
        return {one.dimension: (one.start, one.size, one.stored_size) for one in entry.dimension_entries}
    extents = zip(entry.start, entry.shape, entry.stored_shape, strict=True)
    places = dict(zip(entry.dims, extents, strict=True))
    del places["S"]  # samples, where the format itself means scenes
    extra = {"S": entry.scene_index, "M": entry.mosaic_index}
    return {**{axis: (n, 1, 1) for axis, n in extra.items() if n >= 0}, **places}


def _is_full_size(entry: Any) -> bool:
    return int(entry.pyramid_type) == 0 and all(
        size == stored for _, size, stored in _entry_places(entry).values()
    )


def _tile_of(entry: Any) -> tuple[int, _Tile]:
    """The mosaic index of a subblock, and what is needed to read it."""
    places = _entry_places(entry)
    (top, height, _), (left, width, _) = places.pop("Y"), places.pop("X")
    mosaic = places.pop("M", (0, 1, 1))[0]
    samples = entry.shape[-1]
    if any(size != 1 for _, size, _ in places.values()):
        raise ValueError("its subblocks hold several planes each, which is not known of any program")
    place = {axis: start for axis, (start, _, _) in places.items()}
    size = (height, width, samples)
    return mosaic, _Tile(
        place, top, left, size, entry.file_position, entry.storage_size, int(entry.compression)
    )


def _time_stamps(file: Any) -> list[float]:
    """Seconds of each frame since the start, from the attachment of that name."""
    for entry in file.attachment_directory:
        if entry.content_file_type in ("CZTIMS", b"CZTIMS") or str(entry.name).startswith("TimeStamps"):
            is_old = hasattr(entry, "data_segment")  # the releases of 2019
            segment = entry.data_segment() if is_old else entry.read_segment_data(file)
            stamps: list[float] = np.asarray(segment.data(), np.float64).tolist()
            return stamps
    return []
