"""Random pixels written as TIFF in many ways, for the tests of its reader."""

import json
import struct

import numpy as np
import tifffile

SHAPES = {
    "YX": (37, 53),
    "TYX": (5, 37, 53),
    "CYX": (2, 37, 53),
    "TCYX": (3, 2, 37, 53),
    "YXS": (37, 53, 3),
    "TYXS": (3, 37, 53, 3),
    "TSYX": (2, 3, 37, 53),
}
COMPRESSIONS = ("none", "zlib", "lzw", "zstd", "jpeg")
CUTS = {"one strip": {}, "strips": {"rowsperstrip": 5}, "tiles": {"tile": (16, 32)}}


def frames_of(series):
    """All frames (T, C, H, W)."""
    return np.stack([series.frame(t) for t in range(series.shape[0])])


def draw(axes, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, SHAPES[axes], dtype, endpoint=True)


def write(path, axes, dtype=np.uint8, compression="none", cut="strips", **options):
    """Write random pixels as TIFF that states no axes, and its shape only where pages alone leave it open."""
    options["metadata"] = {} if axes == "TCYX" else None
    options |= {"photometric": "rgb" if "S" in axes else "minisblack", **CUTS[cut]}
    if axes == "TSYX":
        options["planarconfig"] = "separate"
    tifffile.imwrite(path, draw(axes, dtype), compression=compression, **options)
    return path


def write_stk(path, array, seconds=(), z_steps=(), pixel=(0.0, 0.0)):
    """A MetaMorph stack: one page, whose tags say how many more planes lie behind its pixels."""
    count = len(array)
    seconds, z_steps = seconds or [0] * count, z_steps or [0] * count
    # of each plane the step in Z as a fraction, then day and milliseconds of its making and its last change
    planes = b"".join(
        struct.pack("<6I", z, 1, 2451545, int(1000 * time), 2451545, 0)
        for z, time in zip(z_steps, seconds, strict=True)
    )
    entries = [(3, int(pixel[0] > 0)), (4, 0), (5, 0), (6, 0)]  # X, Y and their unit lie at offsets
    settings = b"".join(struct.pack("<2I", *entry) for entry in entries)
    tags = [(33629, 5, None, planes, True), (33628, 4, None, settings, True)]
    tifffile.imwrite(path, array[0], photometric="minisblack", metadata=None, byteorder="<", extratags=tags)
    with tifffile.TiffFile(path) as file:
        found, pixels = file.pages[0].tags, file.pages[0].dataoffsets[0]
        places = found[33629].offset, found[33628].offset, found[33628].valueoffset
    data = bytearray(path.read_bytes()[: pixels + array[0].nbytes] + array[1:].tobytes())
    struct.pack_into("<I", data, places[0] + 4, count)
    struct.pack_into("<I", data, places[1] + 4, len(entries))
    for number, size in enumerate(pixel, start=1):
        struct.pack_into("<I", data, places[2] + 8 * number + 4, len(data))
        data += struct.pack("<2I", int(1000 * size), 1000)
    struct.pack_into("<I", data, places[2] + 3 * 8 + 4, len(data))
    path.write_bytes(data + struct.pack("<I", 3) + b"um\0")
    return path


def write_lsm(path, array, pixel=(0.5, 0.25), seconds=(), channels=()):
    """A Zeiss LSM of time and channels (T, C, Y, X), or of positions too (P, T, C, Y, X).

    It has a page of planes and a thumbnail for each frame.
    """
    *positions, frames, count, height, width = array.shape
    array = array.reshape(-1, count, height, width)
    info = np.zeros(1, np.dtype([entry for entry in tifffile.TIFF.CZ_LSMINFO if entry[0]]))
    info["MagicNumber"], info["StructureSize"] = 67127628, info.itemsize
    info["DimensionX"], info["DimensionY"], info["DimensionZ"] = width, height, 1
    info["DimensionChannels"], info["DimensionTime"] = count, frames
    info["VoxelSizeY"], info["VoxelSizeX"] = (size * 1e-6 for size in pixel)
    info["DimensionP"] = positions[0] if positions else 0
    info["ScanType"] = 3  # frames in time
    options = {"photometric": "minisblack", "metadata": None, "contiguous": False, "byteorder": "<"}
    with tifffile.TiffWriter(path, byteorder="<") as file:
        del options["byteorder"]
        for t in range(len(array)):
            tag = [(34412, 1, None, info.tobytes(), True)] if t == 0 else []
            file.write(array[t], planarconfig="separate", extratags=tag, **options)
            file.write(array[t, 0, ::4, ::4], subfiletype=1, **options)
    names = b"".join(struct.pack("<I", len(name) + 1) + name.encode() + b"\0" for name in channels)
    with path.open("r+b") as file:
        file.seek(0, 2)
        times_at = file.tell()
        file.write(struct.pack(f"<2i{len(seconds)}d", 8 + 8 * len(seconds), len(seconds), *seconds))
        colours_at, places = file.tell(), (24, 24 + 4 * len(channels))
        size = places[1] + len(names)
        file.write(struct.pack("<6I", size, len(channels), len(channels), *places, 0))
        file.write(bytes(4 * len(channels)) + names)
    with tifffile.TiffFile(path) as file:
        at = file.pages[0].tags[34412].valueoffset
    info["OffsetTimeStamps"], info["OffsetChannelColors"] = times_at, colours_at
    content = bytearray(path.read_bytes())
    content[at : at + info.nbytes] = info.tobytes()
    path.write_bytes(content)
    return path


def _micromanager(first, summary, planes):
    """The start of a file; its pages, each an IFD of 13 tags with its pixels behind it; and their places."""
    words = json.dumps(summary).encode()
    at = 40 + len(words) + len(words) % 2
    start = first + struct.pack("<2I", 2355492, len(words)) + words
    pages, places = b"", []
    for number, plane in enumerate(planes):
        here, height, width = at + len(pages), *plane.shape
        behind = here + 162 + plane.nbytes
        shorts = [(256, width), (257, height), (258, 8 * plane.itemsize), (259, 1), (262, 1)]
        longs = [(273, here + 162), (277, 1), (278, height), (279, plane.nbytes)]
        tags = b"".join(struct.pack("<2H2I", tag, 4, 1, value) for tag, value in [*shorts, *longs])
        tags += b"".join(struct.pack("<2H2I", tag, 5, 1, behind) for tag in (282, 283))
        tags += struct.pack("<2H2I", 296, 3, 1, 1) + struct.pack("<2H2I", 51123, 2, 8, behind + 8)
        following = 0 if number == len(planes) - 1 else behind + 16
        pages += struct.pack("<H", 13) + tags + struct.pack("<I", following)
        pages += plane.tobytes() + struct.pack("<2I8s", 1, 1, b'{"a":1}')
        places.append(here)
    return start.ljust(at, b"\0"), pages, places


def write_mmstack(path, planes, summary):
    """A stack of Micro-Manager from planes (H, W) by channel, z, frame and position; others may hold more."""
    room = len(json.dumps(summary)) + len(json.dumps(summary)) % 2
    total = sum(162 + plane.nbytes + 16 for plane in planes.values())
    index_at, comments = 40 + room + total, (99384722, 0)
    header = struct.pack("<2sHI6I", b"II", 42, 40 + room, 54773648, index_at, 483765892, 0, *comments)
    start, pages, places = _micromanager(header, summary, list(planes.values()))
    rows = b"".join(struct.pack("<5I", *key, at) for key, at in zip(planes, places, strict=True))
    path.write_bytes(start + pages + struct.pack("<2I", 3453623, len(planes)) + rows)
    return path


def write_ndtiff(path, planes):
    """An NDTiff of Micro-Manager and its index, from planes (H, W) by position, time and channel."""
    summary = {"made": "in a test" * 4}
    room = len(json.dumps(summary)) + len(json.dumps(summary)) % 2
    header = struct.pack("<2sHI2I", b"II", 42, 40 + room, 483729, 2)
    start, pages, places = _micromanager(header, summary, list(planes.values()))
    index = b""
    for (position, time, channel), at in zip(planes, places, strict=True):
        axes = json.dumps({"position": position, "time": time, "channel": channel}).encode()
        name, (height, width) = path.name.encode(), planes[position, time, channel].shape
        index += struct.pack("<I", len(axes)) + axes + struct.pack("<I", len(name)) + name
        index += struct.pack("<8I", at + 162, width, height, 1, 0, 0, 0, 0)
    path.with_name("NDTiff.index").write_bytes(index)
    path.write_bytes(start + pages)
    return path
