"""Films written picture by picture: H.264 in MP4, or animated PNG.

Both go through PyAV, the extra ``film``. It runs FFmpeg's encoders inside this process, so that a full disk
is an exception here, where imageio-ffmpeg pipes pictures to another program and reads its words. Pillow keeps
all pictures of an animated PNG in memory until the last.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from contextlib import closing
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast
from zlib import crc32

from hela_seg.data.stacks.series import Pixels
from hela_seg.system.errors import InputError, import_extra
from hela_seg.system.files import whole_file

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

_BT709 = 1
"""Number of the colours of high-definition video in H.264: players guess them from the size where unsaid."""

_PNG_END = 12
"""Bytes of a PNG's last chunk: its length, its name and their checksum."""


class _Format(NamedTuple):
    container: str
    encoder: str
    pixels: str
    container_options: dict[str, str]
    encoder_options: dict[str, str]


FORMATS = {
    ".mp4": _Format(
        container="mp4",
        encoder="libx264",
        pixels="yuv420p",  # QuickTime and PowerPoint play no other
        container_options={"movflags": "+faststart"},
        # a full picture every 12, so that a slide's film can be dragged to and fro; one thread, for with two
        # the same pictures gave other bytes in 10 of 1,500 films on a busy machine
        encoder_options={"crf": "18", "preset": "veryfast", "g": "12", "threads": "1"},
    ),
    ".png": _Format(
        container="apng",
        encoder="apng",
        pixels="rgb24",
        container_options={"plays": "0"},
        # seven times as fast as the default, for files a tenth larger
        encoder_options={"compression_level": "1"},
    ),
}
"""How a film is written, by the ending of its file."""


def write_video(
    path: Path, pictures: Iterable[Pixels], frames_per_second: float = 10.0, comment: str = ""
) -> None:
    """Write pictures as a film; memory holds a few of them, however many there are.

    Args:
        path: ends in ``.mp4`` or ``.png`` (animated, repeats without end); the file appears whole or not
            at all.
        pictures: (H, W, 3) uint8 RGB each, all of one size; H and W are even for MP4.
        frames_per_second: how fast it plays.
        comment: what made the film, in ASCII; kept among its metadata.

    Raises:
        InputError: another ending, PyAV or its encoder is not there, or the file cannot be written.
        ValueError: no pictures, or one of another size, or of odd H or W for MP4.
    """
    way = format_of(path)
    import av

    remaining = iter(pictures)
    first = next(remaining, None)
    if first is None:
        raise ValueError("a film needs at least one picture")
    with whole_file(path) as beside:
        file = av.open(str(beside), "w", format=way.container, options=way.container_options)
        with closing(file) as container:
            container.metadata["comment"] = comment
            stream = _add_stream(container, way, first, frames_per_second)
            for picture in chain([first], remaining):
                _encode(container, stream, picture)
            container.mux(stream.encode(None))
        if way.container == "apng":
            _append_text(beside, comment)


def _append_text(path: Path, comment: str) -> None:
    """Put a comment before the last chunk of a PNG, for FFmpeg writes no text into one."""
    chunk = b"tEXt" + b"Description\0" + comment.encode("ascii")
    with path.open("r+b") as file:
        file.seek(-_PNG_END, os.SEEK_END)
        end = file.read()
        file.seek(-_PNG_END, os.SEEK_END)
        file.write(struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", crc32(chunk)) + end)


def format_of(path: Path) -> _Format:
    """How the film of this name will be written, known before any frame is drawn.

    Raises:
        InputError: another ending than those of `FORMATS`, or PyAV or its encoder is not there.
    """
    way = FORMATS.get(path.suffix.lower())
    if way is None:
        raise InputError(
            f"{path} ends in '{path.suffix}', expected a film's .mp4 or .png: choose one of them"
        )
    import_extra("av", what=str(path), extra="film")
    from av.codec import codecs_available

    if way.encoder not in codecs_available:
        raise InputError(
            f"{path} needs FFmpeg's {way.encoder}, which this PyAV lacks: "
            "install the wheel of av, or choose the other of .mp4 and .png"
        )
    return way


def _add_stream(
    container: OutputContainer, way: _Format, first: Pixels, frames_per_second: float
) -> VideoStream:
    height, width, _ = first.shape
    if way.container == "mp4" and (height % 2 or width % 2):
        raise ValueError(f"pictures are {height} x {width}, expected even numbers for MP4")
    rate = Fraction(frames_per_second).limit_denominator(1000)
    stream = cast("VideoStream", container.add_stream(way.encoder, rate=rate, options=way.encoder_options))
    stream.height, stream.width, stream.pix_fmt = height, width, way.pixels
    if way.container == "mp4":
        colours = stream.codec_context
        colours.colorspace = colours.color_primaries = colours.color_trc = _BT709
    return stream


def _encode(container: OutputContainer, stream: VideoStream, picture: Pixels) -> None:
    from av import VideoFrame

    if picture.shape != (stream.height, stream.width, 3):
        raise ValueError(f"picture is {picture.shape}, expected ({stream.height}, {stream.width}, 3)")
    frame = VideoFrame.from_ndarray(picture, format="rgb24")
    if stream.pix_fmt == "yuv420p":
        frame = frame.reformat(format="yuv420p", dst_colorspace=_BT709)
    container.mux(stream.encode(frame))
