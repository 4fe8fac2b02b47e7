"""Pixel size, frame interval and time stamps, as ImageJ, OME-TIFF and OME-Zarr files state them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
import tifffile

from hela_seg.data.stacks.damage import warn
from hela_seg.data.stacks.tiff.ome import parsed

MICROMETRES = {
    "angstrom": 1e-4,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "um": 1.0,
    "µm": 1.0,
    "μm": 1.0,
    "mm": 1e3,
    "millimeter": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "meter": 1e6,
}
"""Micrometres in each unit; the micro sign and the Greek letter look alike."""

SECONDS = {
    **dict.fromkeys(("ms", "msec", "millisecond"), 1e-3),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
}
"""Seconds in each unit."""


class PixelSize(NamedTuple):
    """Height and width of a pixel in micrometres; some cameras and scanners have rectangular pixels."""

    height: float
    width: float

    @property
    def area(self) -> float:
        """Square micrometres of a pixel."""
        return self.height * self.width

    @property
    def aspect(self) -> float:
        """Height over width; 1 where neither is known (NaN)."""
        return 1.0 if math.isnan(self.area) else self.height / self.width


class Calibration(NamedTuple):
    """What a file states of its scales; None, or nothing, where it does not say.

    Attributes:
        pixel_size: height and width of a pixel in all frames.
        frame_interval: seconds from frame to frame.
        times: time stamps of the frames in seconds, from any moment on.
        channels: names of the channels.
    """

    pixel_size: PixelSize | None
    frame_interval: float | None
    times: tuple[float, ...] = ()
    channels: tuple[str, ...] = ()


def calibration(file: tifffile.TiffFile, image: int = 0) -> Calibration:
    """What an open TIFF file states in the way of OME, ImageJ, Zeiss (LSM) or MetaMorph (STK).

    Args:
        file: the file.
        image: number of the image that is meant, where an OME-TIFF has several.
    """
    if file.ome_metadata is not None:
        return _from_ome(file.ome_metadata, image)
    if file.imagej_metadata is not None:
        return _from_imagej(file, file.imagej_metadata)
    if file.lsm_metadata is not None:
        return _from_lsm(file.lsm_metadata)
    if file.stk_metadata is not None:
        return _from_stk(file.stk_metadata)
    return Calibration(None, None)


def calibration_of_axes(axes: Mapping[str, tuple[object, str]]) -> Calibration:
    """From the length of a step along each axis and its unit, by axis letter, as OME-Zarr gives them.

    ``calibration_of_axes({"T": (5, "minute"), "Y": (1, "micrometer"), "X": (650, "nanometer")})`` is
    ``((1.0, 0.65), 300.0)``.
    """
    unknown = (None, "")
    return Calibration(
        _pixel_size(axes.get("Y", unknown), axes.get("X", unknown)),
        _scaled(*axes.get("T", unknown), SECONDS),
    )


def seconds_since_first(path: Path, times: Sequence[float]) -> tuple[float, ...]:
    """Time stamps counted from the first frame; none of a single frame, or where one is not finite.

    Time stamps that go backwards are kept, and a warning names the frame.

    Args:
        path: of the file, for the warning.
        times: of all frames, in seconds.
    """
    if len(times) < 2 or not np.isfinite(times).all():
        return ()
    since = tuple(float(time - times[0]) for time in times)
    back = [t for t, (before, after) in enumerate(pairwise(since), start=1) if after < before]
    if back:
        warn(
            f"{path} has time stamps that go backwards at {len(back)} frame(s), first at frame {back[0]} "
            f"({since[back[0] - 1]:.6g} s to {since[back[0]]:.6g} s); tables show them as they are"
        )
    return since


def median_interval(times: Sequence[float]) -> float | None:
    """Seconds from frame to frame where time stamps alone say it: the median of all intervals."""
    interval = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    return interval if interval > 0 else None


def _from_imagej(file: tifffile.TiffFile, metadata: Mapping[str, object]) -> Calibration:
    unit = metadata.get("unit", "")
    height = _step(file, "YResolution"), str(metadata.get("yunit", unit))
    return Calibration(
        _pixel_size(height, (_step(file, "XResolution"), str(unit))),
        _scaled(metadata.get("finterval"), str(metadata.get("tunit", "sec")), SECONDS),
    )


def _step(file: tifffile.TiffFile, tag: str) -> float | None:
    """Units from pixel to pixel; None where the tag is missing."""
    resolution = file.pages.first.tags.get(tag)
    if resolution is None:
        return None
    pixels, units = resolution.value
    return float(units / pixels) if pixels else 0.0


def _from_ome(text: str, image: int) -> Calibration:
    images = parsed(text).findall(".//{*}Pixels")
    if image >= len(images):
        return Calibration(None, None)
    pixels = images[image]
    return Calibration(
        _pixel_size(
            (pixels.get("PhysicalSizeY"), pixels.get("PhysicalSizeYUnit", "µm")),
            (pixels.get("PhysicalSizeX"), pixels.get("PhysicalSizeXUnit", "µm")),
        ),
        _scaled(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"), SECONDS),
        _times_of_planes(pixels),
        tuple(channel.get("Name", "") for channel in pixels.iterfind("{*}Channel")),
    )


def _times_of_planes(pixels: ElementTree.Element) -> tuple[float, ...]:
    """Time stamps of the first plane of each frame; none where one is missing."""
    times: dict[int, float] = {}
    for plane in pixels.iterfind("{*}Plane"):
        factor = SECONDS.get(plane.get("DeltaTUnit", "s"))
        try:
            t, others = int(plane.get("TheT", "")), (plane.get("TheC"), plane.get("TheZ"))
            if others == ("0", "0") and factor is not None:
                times[t] = float(plane.get("DeltaT", "")) * factor
        except ValueError:
            return ()
    return tuple(times[t] for t in sorted(times)) if set(times) == set(range(len(times))) else ()


def _from_lsm(metadata: Mapping[str, Any]) -> Calibration:
    step = metadata.get("TimeIntervall", 0)
    names = metadata.get("ChannelColors", {}).get("ColorNames", ())
    return Calibration(
        _pixel_size((metadata.get("VoxelSizeY"), "meter"), (metadata.get("VoxelSizeX"), "meter")),
        _scaled(step, "s", SECONDS),
        tuple(float(time) for time in metadata.get("TimeStamps", ())),
        tuple(str(name) for name in names),
    )


def _from_stk(metadata: Mapping[str, Any]) -> Calibration:
    unit = str(metadata.get("CalibrationUnits", "")).strip()
    sizes = [(metadata.get(f"{axis}Calibration"), unit) for axis in "YX"]
    created = metadata.get("DatetimeCreated")
    times = () if created is None else created.astype("datetime64[ms]").astype(np.int64) / 1000
    known = metadata.get("SpatialCalibration")
    return Calibration(_pixel_size(*sizes) if known else None, None, tuple(map(float, times)))


def _pixel_size(height: tuple[object, str], width: tuple[object, str]) -> PixelSize | None:
    """From each length and its unit; where only one length is given at all, pixels are square."""
    given = height if height[0] is not None else width, width if width[0] is not None else height
    down, across = (_scaled(length, unit.replace("\\u00B5", "µ"), MICROMETRES) for length, unit in given)
    return None if down is None or across is None else PixelSize(down, across)


def _scaled(value: object, unit: str, units: Mapping[str, float]) -> float | None:
    """A positive number in the unit wanted; None for anything else, for programs write 0 for not known."""
    try:
        number = float(str(value)) * units[unit]
    except (ValueError, KeyError):
        return None
    return number if 0 < number < float("inf") else None
