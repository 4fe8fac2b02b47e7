"""Times and scale bars say in round numbers how late and how large."""

from __future__ import annotations

import pytest

from hela_seg.data.stacks import PixelSize
from hela_seg.report.pictures.scale import PADDING, bar_length, caption_of_frame, scale_bar, time_stamp


@pytest.mark.parametrize(
    ("seconds", "interval", "stamp"),
    [
        (0, 300, "0 h 00 min"),
        (5400, 300, "1 h 30 min"),
        (360_000, 1800, "100 h 00 min"),
        (75, 5, "0 h 01 min 15 s"),
        (90, 90, "0 h 01 min 30 s"),
        (7.5, 2.5, "0 h 00 min 07.5 s"),
        (3599.9999, 2.5, "1 h 00 min 00.0 s"),
        (59.97, 1.5, "0 h 01 min 00.0 s"),
        (151.9, 30.38, "0 h 02 min 32 s"),
        (1.5, 0.25, "1.50 s"),
        (0.123, 0.001, "0.1230 s"),
    ],
)
def test_time_stamps(seconds, interval, stamp):
    assert time_stamp(seconds, interval) == stamp


@pytest.mark.parametrize(
    ("width", "pixel_size", "length"),
    [(1000, 0.5, 200), (1000, 0.65, 154), (520, 1.0, 100), (512, 0.1, 100), (1248, 26.0, 192)],
)
def test_scale_bar_has_a_round_length(width, pixel_size, length):
    bar = scale_bar(width, PixelSize(pixel_size, pixel_size))
    line = (bar[-6] == 255).all(axis=1)
    assert line.sum() == length
    assert line.sum() <= width / 5
    assert bar_length(width, PixelSize(pixel_size, pixel_size)) == pytest.approx(
        length * pixel_size, rel=0.01
    )


def test_of_rectangular_pixels_the_scale_bar_stands_upright_too():
    """In 500 columns of 0.5 µm, 50 µm take 100 columns, and 50 rows of 1 µm."""
    bar = scale_bar(500, PixelSize(height=1.0, width=0.5))
    white = (bar == 255).all(axis=2)
    assert white[-6, 4 + PADDING + PADDING :].sum() == 100
    assert white[-PADDING - 50 : -PADDING, PADDING].all()
    assert not white[: -PADDING - 50, PADDING].any()


def test_a_frame_has_its_time_where_the_interval_is_known():
    assert caption_of_frame(18, 300) == "frame 18, 1 h 30 min"
    assert caption_of_frame(18, None) == "frame 18"
