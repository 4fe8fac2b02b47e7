"""Predictions as OME-TIFF: stripped, deflated, with axes, calibration, colours and what made them.

How others open it, seen with ImageJ 1.51g and 1.53t and Bio-Formats 7.3.1:

- ImageJ by itself reads strips and no tiles, so only very large frames are tiled. It knows no OME and would
  take frames for slices, so that a second ImageDescription tells it frames, interval and unit: ImageJ goes by
  the last one, all others by the first. Fiji hands files named ``.ome.tif`` to Bio-Formats.
- Bio-Formats shows label maps in the colours of the tag ColorMap, unless the OME-XML gives the channel a
  colour, which would become a ramp from black. So label maps have none there.
- By default Bio-Formats scales contrast to the highest value found, and ImageJ then stretches the colour
  table likewise. `_colour_table` is made to give the same colours stretched or not.
"""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks.calibration import PixelSize
from hela_seg.data.stacks.parts import layout_of, needs_bigtiff, segment_grid
from hela_seg.data.stacks.series import name_of
from hela_seg.system.errors import InputError
from hela_seg.system.files import whole_file

NAMESPACE = "hela_seg"
"""Of the annotations in the OME-XML: ``hela_seg/provenance`` and ``hela_seg/classes``."""

_IMAGE_DESCRIPTION, _MAKE = 270, 271
"""Numbers of tags. The second is written in the place where a second of the first is to stand."""

IGNORED_GREY = 128
"""Red, green and blue of the ignored label."""


def write_ome_tiff(
    path: Path,
    frames: Iterable[Iterable[bytes]],
    shape: tuple[int, ...],
    *,
    provenance: Mapping[str, str],
    dtype: type[np.unsignedinteger[Any]] = np.uint8,
    classes: Classes | None = None,
    ignored: bool = False,
    pixel_size: PixelSize | None = None,
    frame_interval_s: float | None = None,
) -> None:
    """Write encoded frames as an OME-TIFF, a page a plane; memory holds a segment and one page's index.

    The same arguments and frames give the same bytes. It becomes a BigTIFF where
    `hela_seg.data.stacks.parts.needs_bigtiff` says so.

    Args:
        path: the file, replaced once the new one is whole.
        frames: for each frame the encoded segments (strips, or tiles of very large frames), as
            `EncodedFrame.segments` and `Part.segments` give them; they are copied as they are.
        shape: (T, H, W) of label maps or other single planes, (T, K, H, W) of probabilities.
        provenance: program, version and settings that made the file, by name, kept as a map annotation.
        dtype: of the pixels; napari opens whole numbers of 32 bits as labels.
        classes: for label maps, names and the colour table; for probabilities, names and colours of the
            channels. None for other planes, e.g. entropy, which are grey.
        ignored: `IGNORE_INDEX` occurs among the labels and needs its grey. Without it, viewers that stretch
            the colour table to the highest label show the classes' colours all the same.
        pixel_size: height and width of a pixel in micrometres.
        frame_interval_s: seconds from frame to frame.

    Raises:
        InputError: the disk is full or the folder cannot be written; the file is then as it was before. What
            reading the frames raises goes on to the caller likewise.
        ValueError: fewer or more frames or segments than the shape says, or channels that are not the
            classes.
    """
    frame_count, *planes, height, width = shape
    if planes and (classes is None or len(classes) != planes[0]):
        raise ValueError(f"the shape is {shape}, expected (T, K, H, W) with a class for each of K channels")
    is_labels = classes is not None and not planes
    down, across = segment_grid((height, width))
    segments = _counted(frames, frame_count, (planes or [1])[0] * down * across)
    with whole_file(path) as beside:
        tifffile.imwrite(
            beside,
            chain(segments),  # tifffile closes what it is given, and whether more is left could not be asked
            shape=shape,
            dtype=dtype,
            bigtiff=needs_bigtiff(shape, np.dtype(dtype).itemsize),
            ome=True,
            photometric="palette" if is_labels else "minisblack",
            colormap=_colour_table(classes, ignored) if classes is not None and is_labels else None,
            # as ImageJ has it: pixels for each of the unit in its description
            resolution=None if pixel_size is None else (1 / pixel_size.width, 1 / pixel_size.height),
            resolutionunit="NONE",
            software=NAMESPACE,
            extratags=[(_MAKE, "s", None, _imagej_description(shape, pixel_size, frame_interval_s), True)],
            metadata=_metadata(name_of(path), shape, classes, provenance)
            | _calibration(pixel_size, frame_interval_s),
            **layout_of((height, width)),
        )
        if next(segments, None) is not None:
            raise ValueError(f"there are more segments than frames of {shape} have")
        _make_to_description(beside)


def _counted(frames: Iterable[Iterable[bytes]], frame_count: int, expected: int) -> Iterator[bytes]:
    """The segments of all frames; tifffile would take fewer or more without a word."""
    found = 0
    for segments in frames:
        before = found
        for segment in segments:
            found += 1
            yield segment
        if found - before != expected:
            raise ValueError(f"a frame has {found - before} segments, expected {expected}")
    if found != frame_count * expected:
        raise ValueError(f"there are {found // expected} frames, expected {frame_count}")


def _metadata(
    name: str, shape: tuple[int, ...], classes: Classes | None, provenance: Mapping[str, str]
) -> dict[str, Any]:
    """What tifffile makes the OME-XML of, without a date and with an identity that follows from it."""
    plain = None if classes is None else classes.to_plain()
    identity = json.dumps([name, shape, plain, dict(provenance)])
    metadata: dict[str, Any] = {
        "axes": "TYX" if len(shape) == 3 else "TCYX",
        "Name": name,
        "Creator": NAMESPACE,
        "UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, identity)),
        "MapAnnotation": [{"Namespace": f"{NAMESPACE}/provenance", "Value": dict(provenance)}],
    }
    if classes is not None:
        named = {str(entry.index): f"{entry.name} {entry.colour}" for entry in classes}
        metadata["MapAnnotation"].append({"Namespace": f"{NAMESPACE}/classes", "Value": named})
        if len(shape) == 4:
            # red, green, blue and opacity as one signed 32-bit number
            colours = [int.from_bytes([*entry.rgb, 255], "big", signed=True) for entry in classes]
            metadata["Channel"] = {"Name": classes.names, "Color": colours}
    return metadata


def _imagej_description(shape: tuple[int, ...], size: PixelSize | None, interval_s: float | None) -> str:
    """What ImageJ takes axes, unit and interval from; the pixel size is in the tags of the resolution."""
    frames, *channels = shape[:-2]
    stated: dict[str, object] = {"ImageJ": "1.11a", "channels": (channels or [1])[0], "slices": 1}
    stated |= {"frames": frames, "hyperstack": "true", "mode": "grayscale"}
    stated |= {"unit": "pixel" if size is None else "um"}
    stated |= {} if interval_s is None else {"finterval": interval_s, "tunit": "sec"}
    return "".join(f"{key}={value}\n" for key, value in stated.items())


def _make_to_description(path: Path) -> None:
    """Turn the first page's tag Make into a second ImageDescription, which tifffile does not write itself."""
    with tifffile.TiffFile(path, mode="r+") as file:
        file.filehandle.seek(file.pages.first.tags[_MAKE].offset)
        file.filehandle.write(struct.pack(f"{file.byteorder}H", _IMAGE_DESCRIPTION))


def _calibration(pixel_size: PixelSize | None, frame_interval_s: float | None) -> dict[str, Any]:
    calibration: dict[str, Any] = {}
    if pixel_size is not None:
        for axis, length in zip("YX", pixel_size, strict=True):
            calibration |= {f"PhysicalSize{axis}": length, f"PhysicalSize{axis}Unit": "µm"}
    if frame_interval_s is not None:
        calibration |= {"TimeIncrement": frame_interval_s, "TimeIncrementUnit": "s"}
    return calibration


def _colour_table(classes: Classes, ignored: bool) -> NDArray[np.uint16]:
    """(3, 256) with 65535 as brightest: the classes' colours at their indices and, stretched, above them.

    A viewer that scales to the highest label k shows label i in the colour at 256 i / k. The colours above
    the classes' own are therefore those of the nearest class on that scale, for k the last class; with more
    than 16 classes the two run into each other.
    """
    last = len(classes) - 1
    indices = np.arange(256)
    nearest = np.where(indices <= last, indices, np.rint(indices * last / 256).astype(int))
    table = np.array([entry.rgb for entry in classes], np.uint16).T[:, nearest]
    if ignored:
        table[:, IGNORE_INDEX] = IGNORED_GREY
    return table * 257


def read_classes(path: Path) -> Classes | None:
    """The classes of label maps that `write_ome_tiff` wrote; None of any other file."""
    try:
        with tifffile.TiffFile(path) as file:
            root = ElementTree.fromstring(file.ome_metadata or "<none/>")
        found = root.findall(f".//{{*}}MapAnnotation[@Namespace='{NAMESPACE}/classes']/{{*}}Value/{{*}}M")
        named = {int(entry.get("K", "")): (entry.text or "").rpartition(" ") for entry in found}
        return Classes([{"name": named[index][0], "colour": named[index][2]} for index in range(len(named))])
    except (OSError, ValueError, KeyError, ElementTree.ParseError, tifffile.TiffFileError, InputError):
        return None
