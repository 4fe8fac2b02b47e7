"""Small files as microscopes write them, put together byte by byte from the descriptions of their formats."""

from __future__ import annotations

import struct
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import imagecodecs
import numpy as np


def movie(*shape, dtype=np.uint16, seed=0):
    """An array whose values are all different enough to tell one place from another."""
    return np.random.default_rng(seed).integers(0, 60000, shape).astype(dtype)


# ND2: chunks with names, found through a map at the end


def write_nd2(
    path,
    array,
    axes="TCYX",
    *,
    positions=(),
    times=None,
    channels=("phase", "nuclei"),
    pixel=0.65,
    compressed=False,
    recorded=None,
    padding=0,
):
    """An ND2 of version 3 from an array with the axes T, P, Z, C, Y and X, of which any but two may lack.

    ``recorded`` frames are there, of all that are announced; rows have ``padding`` bytes behind them.
    """
    sizes = dict(zip(axes, array.shape, strict=True))
    loops = [axis for axis in axes if axis not in "CYX"]
    frames = array.reshape(-1, sizes.get("C", 1), sizes["Y"], sizes["X"])
    count = len(frames) if recorded is None else recorded
    bits, components = array.itemsize * 8, sizes.get("C", 1)
    attributes = {
        "uiWidth": sizes["X"],
        "uiWidthBytes": sizes["X"] * components * array.itemsize + padding,
        "uiHeight": sizes["Y"],
        "uiComp": components,
        "uiBpcInMemory": bits,
        "uiBpcSignificant": bits,
        "uiSequenceCount": count,
        "eCompression": 0 if compressed else 2,
    }
    probe = {"m_ExcitationSpectrum": {"uiCount": 0}, "m_EmissionSpectrum": {"uiCount": 0}}
    planes = {
        f"a{n}": {"sDescription": channels[n], "uiCompCount": 1, "pFluorescentProbe": probe}
        for n in range(components)
    }
    picture = {
        "dCalibration": pixel,
        "dAspect": 1.0,
        "bCalibrated": True,
        "dTimeMSec": 0.0,
        "dTimeAbsolute": 2458000.0,
        "sPicturePlanes": {"uiCount": components, "uiCompCount": components, "sPlaneNew": planes},
    }
    chunks = {
        "ImageAttributesLV!": _xml("SLxImageAttributes", attributes),
        "ImageMetadataSeqLV|0!": _xml("SLxPictureMetadata", picture),
        "ImageTextInfoLV!": _xml("SLxImageTextInfo", {"TextInfoItem_0": ""}),
    }
    if loops:
        chunks["ImageMetadataLV!"] = _xml("SLxExperiment", _loop(loops, sizes, positions))
    if times is not None:
        chunks["CustomData|AcqTimesCache!"] = (np.asarray(times, np.float64) * 1000).tobytes()
    for number in range(count):
        pixels = np.moveaxis(frames[number], 0, -1)
        rows = [row.tobytes() + bytes(padding) for row in pixels]
        data = b"".join(rows)
        packed = imagecodecs.zlib_encode(data) if compressed else data
        chunks[f"ImageDataSeq|{number}!"] = struct.pack("<d", 0.0) + packed
    _write_chunks(path, chunks)
    return path


def _loop(loops, sizes, positions):
    axis, *others = loops
    kinds = {
        "T": (1, {"uiCount": sizes.get("T"), "dStart": 0.0, "dPeriod": 0.0, "dDuration": 0.0}),
        "P": (
            2,
            {"Points": {f"i{n:010}": {"dPosX": 0.0, "pPosName": name} for n, name in enumerate(positions)}},
        ),
        "Z": (4, {"uiCount": sizes.get("Z"), "dZStep": 0.5}),
    }
    kind, parameters = kinds[axis]
    inner = {"ppNextLevelEx": {"i0000000000": _loop(others, sizes, positions)}} if others else {}
    return {"eType": kind, "uLoopPars": parameters, **inner}


def _xml(name, content):
    return f"<variant>{_node(name, content)}</variant>".encode()


def _node(name, value):
    if isinstance(value, dict):
        return f"<{name}>{''.join(_node(*item) for item in value.items())}</{name}>"
    kinds = {bool: "bool", int: "lx_uint32", float: "double", str: "CLxStringW"}
    return f"<{name} runtype={quoteattr(kinds[type(value)])} value={quoteattr(str(value))}/>"


def _write_chunks(path, chunks):
    magic, places = 0x0ABECEDA, {}
    with path.open("wb") as file:
        file.write(struct.pack("<IIQ32s64s", magic, 32, 64, b"ND2 FILE SIGNATURE CHUNK NAME01!", b"Ver3.0"))
        for name, data in chunks.items():
            file.seek(-file.tell() % 4096, 1)
            places[name] = file.tell(), len(data)
            # the pixels of a frame begin 24 + 4072 bytes after its chunk does, 8 of them a time
            room = 4072 if name.startswith("ImageDataSeq") else 64
            file.write(struct.pack("<IIQ", magic, room, len(data)) + name.encode().ljust(room, b"\0") + data)
        file.seek(-file.tell() % 4096, 1)
        at = file.tell()
        entries = b"".join(name.encode() + struct.pack("<QQ", *place) for name, place in places.items())
        entries += b"ND2 CHUNK MAP SIGNATURE 0000001!" + struct.pack("<Q", at)
        file.write(
            struct.pack("<IIQ", magic, 32, len(entries)) + b"ND2 FILEMAP SIGNATURE NAME 0001!" + entries
        )


# CZI: segments, of which subblocks hold pixels and a directory finds them

ENCODERS = {
    0: lambda pixels: pixels.tobytes(),
    2: lambda pixels: imagecodecs.lzw_encode(pixels.tobytes()),
    4: lambda pixels: imagecodecs.jpegxr_encode(pixels[..., 0] if pixels.shape[-1] == 1 else pixels),
    5: lambda pixels: imagecodecs.zstd_encode(pixels.tobytes()),
    6: lambda pixels: b"\x03\x01\x01" + imagecodecs.zstd_encode(_bytes_apart(pixels)),
}
"""How pixels (h, w, samples) are stored, by the number of a compression."""


def _bytes_apart(pixels):
    """All low bytes of 16-bit pixels, then all high ones."""
    return np.frombuffer(pixels.tobytes(), np.uint8).reshape(-1, 2).T.tobytes()


def write_czi(
    path, tiles, *, compression=0, pixel=(0.5, 0.25), channels=(), scenes=(), times=None, pyramid=()
):
    """A CZI from tiles: each a mapping of axes (S, T, C, Z, M; of Y and X the first pixel) and pixels.

    Pixels are (h, w) or (h, w, 3), stored as blue, green and red. ``pyramid`` holds smaller copies likewise,
    each with the factor it is smaller by under the key ``scale``.
    """
    entries = []
    with path.open("wb") as file:
        file.write(bytes(32 + 512))
        for place, pixels in [*tiles, *pyramid]:
            entries.append(_entry(file.tell(), place, pixels, compression))
            stored = pixels.reshape(*pixels.shape[:2], -1)
            data = ENCODERS[compression](stored if compression == 4 else stored[..., ::-1])
            head = struct.pack("<iiq", 0, 0, len(data)) + entries[-1]
            _segment(file, b"ZISRAWSUBBLOCK", head.ljust(16 + 240, b"\0") + data)
        directory = file.tell()
        _segment(file, b"ZISRAWDIRECTORY", struct.pack("<i124x", len(entries)) + b"".join(entries))
        metadata = file.tell()
        xml = _czi_xml(pixel, channels, scenes)
        _segment(file, b"ZISRAWMETADATA", struct.pack("<ii248x", len(xml), 0) + xml)
        attachments = _write_times(file, times) if times is not None else 0
        file.seek(0)
        header = struct.pack("<iiii16s16siqqiq", 1, 0, 0, 0, b"", b"", 0, directory, metadata, 0, attachments)
        _segment(file, b"ZISRAWFILE", header.ljust(512, b"\0"))
    return path


def _segment(file, name, content):
    content = content.ljust(-(-len(content) // 32) * 32, b"\0")
    file.write(struct.pack("<16sqq", name, len(content), len(content)) + content)


def _entry(position, place, pixels, compression):
    kinds = {(np.dtype(np.uint8), 2): 0, (np.dtype(np.uint16), 2): 1, (np.dtype(np.uint8), 3): 3}
    place = dict(place)
    scale = place.pop("scale", 1)
    height, width = pixels.shape[:2]
    sizes = {"X": (width * scale, width), "Y": (height * scale, height)}
    dimensions = [
        struct.pack(
            "<4siifi",
            axis.encode(),
            place.get(axis, 0),
            *sizes.get(axis, (1, 1))[:1],
            0.0,
            sizes.get(axis, (1, 1))[1],
        )
        for axis in ["X", "Y", *(axis for axis in place if axis not in "XY")]
    ]
    kind = kinds[pixels.dtype, pixels.ndim]
    head = struct.pack(
        "<2siqiiBB4si", b"DV", kind, position, 0, compression, int(scale > 1), 0, b"", len(dimensions)
    )
    return head + b"".join(dimensions)


def _czi_xml(pixel, channels, scenes):
    distances = "".join(
        f'<Distance Id="{axis}"><Value>{size * 1e-6}</Value></Distance>'
        for axis, size in zip("YX", pixel, strict=True)
    )
    named = "".join(f"<Channel Id='Channel:{n}' Name={quoteattr(name)}/>" for n, name in enumerate(channels))
    wells = "".join(f'<Scene Index="{n}" Name={quoteattr(name)}/>' for n, name in enumerate(scenes))
    return (
        "<ImageDocument><Metadata><Information><Image><Dimensions>"
        f"<Channels>{named}</Channels><S><Scenes>{wells}</Scenes></S></Dimensions></Image></Information>"
        f"<Scaling><Items>{distances}</Items></Scaling></Metadata></ImageDocument>"
    ).encode()


def _write_times(file, times):
    at = file.tell()
    stamps = np.asarray(times, np.float64).tobytes()
    content = struct.pack("<ii", 8 + len(stamps), len(times)) + stamps
    entry = struct.pack("<2s10xqi16s8s80s", b"A1", at, 0, b"", b"CZTIMS", b"TimeStamps")
    _segment(file, b"ZISRAWATTACH", struct.pack("<i12x", len(content)) + entry + bytes(112) + content)
    directory = file.tell()
    _segment(file, b"ZISRAWATTDIR", struct.pack("<i252x", 1) + entry)
    return directory


# LIF: a header in XML, then one block of pixels an image

_DIMENSIONS = {"X": 1, "Y": 2, "Z": 3, "T": 4, "λ": 5, "M": 10}


def write_lif(path, images, *, pixel=(0.5, 0.25), cut=0):
    """A LIF from images: each a mapping with name, array, axes and perhaps times, channels and rgb.

    Axes are X, Y, Z, T, C, λ and M in any order. With rgb, the last axis C holds colours, stored as blue,
    green and red. The file lacks its last ``cut`` bytes.
    """
    elements, blocks = [], []
    for number, image in enumerate(images):
        array, axes = image["array"], image["axes"]
        stored = array[..., ::-1] if image.get("rgb") else array
        strides = dict(zip(axes, np.ascontiguousarray(array).strides, strict=True))
        sizes = dict(zip(axes, array.shape, strict=True))
        elements.append(_lif_element(number, image, sizes, strides, array, pixel))
        blocks.append(np.ascontiguousarray(stored).tobytes())
    xml = '<LMSDataContainerHeader Version="2"><Element Name="Project"><Children>'
    xml += f"{''.join(elements)}</Children></Element></LMSDataContainerHeader>"
    content = struct.pack("<IIBI", 0x70, 2 * len(xml) + 5, 0x2A, len(xml)) + xml.encode("utf-16-le")
    for number, block in enumerate(blocks):
        name = f"MemBlock_{number}"
        head = struct.pack("<IIBQBI", 0x70, 14 + 2 * len(name), 0x2A, len(block), 0x2A, len(name))
        content += head + name.encode("utf-16-le") + block
    Path(path).write_bytes(content[: len(content) - cut])
    return path


def _lif_element(number, image, sizes, strides, array, pixel):
    lengths = {"Y": pixel[0] * 1e-6, "X": pixel[1] * 1e-6, "T": image.get("interval", 0.0)}
    dimensions = "".join(
        f'<DimensionDescription DimID="{_DIMENSIONS[axis]}" NumberOfElements="{count}" Origin="0" '
        f'Length="{lengths.get(axis, 0.0) * (count - 1)}" Unit="m" BitInc="0" BytesInc="{strides[axis]}"/>'
        for axis, count in sizes.items()
        if axis != "C"
    )
    count = sizes.get("C", 1)
    names = image.get("channels", [""] * count)
    tags = [3, 2, 1] if image.get("rgb") else [0] * count
    channels = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="{tags[n]}" Resolution="{array.itemsize * 8}" '
        f'NameOfMeasuredQuantity="" Min="0" Max="1" Unit="" LUTName="{escape(names[n])}" IsLUTInverted="0" '
        f'BytesInc="{n * strides.get("C", 0)}" BitInc="0"/>'
        for n in range(count)
    )
    stamps = "".join(f"{int(time * 1e7) + 130000000000000000:x} " for time in image.get("times", ()))
    stamps = f"<TimeStampList>{stamps}</TimeStampList>" if stamps else ""
    return (
        f'<Element Name="{escape(image["name"])}"><Data><Image><ImageDescription>'
        f"<Channels>{channels}</Channels><Dimensions>{dimensions}</Dimensions></ImageDescription>{stamps}</Image></Data>"
        f'<Memory Size="{array.nbytes}" MemoryBlockID="MemBlock_{number}"/></Element>'
    )
