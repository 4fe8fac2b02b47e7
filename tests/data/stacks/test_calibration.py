import logging
from pathlib import Path

import numpy as np
import pytest
import tifffile

from hela_seg.data.stacks import open_series
from hela_seg.data.stacks.calibration import median_interval, seconds_since_first

FRAMES = np.zeros((4, 6, 7), np.uint8)


def imagej(path, resolution=None, **metadata):
    tifffile.imwrite(path, FRAMES, imagej=True, metadata={"axes": "TYX", **metadata}, resolution=resolution)
    return open_series(path)


def ome(path, **metadata):
    options = {"photometric": "minisblack", "metadata": {"axes": "TYX", **metadata}}
    tifffile.imwrite(path, FRAMES, ome=True, **options)
    return open_series(path)


@pytest.mark.parametrize(
    ("unit", "pixels", "expected"),
    [
        ("um", 4, 0.25),
        ("micron", 4, 0.25),
        ("\\u00B5m", 4, 0.25),
        ("nm", 0.004, 0.25),
        ("cm", 40000, 0.25),
        ("pixel", 4, None),
        ("um", 0, None),
    ],
)
def test_pixel_size_of_imagej_in_micrometres(tmp_path, unit, pixels, expected):
    series = imagej(tmp_path / "a.tif", (pixels, pixels), unit=unit)
    assert series.pixel_size == (None if expected is None else pytest.approx((expected, expected)))


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"finterval": 300.5}, 300.5),
        ({"finterval": 5, "tunit": "min"}, 300),
        ({"finterval": 250, "tunit": "ms"}, 0.25),
        ({"finterval": 2, "tunit": "fortnights"}, None),
        ({"finterval": 0}, None),
        ({}, None),
    ],
)
def test_frame_interval_of_imagej_in_seconds(tmp_path, metadata, expected):
    series = imagej(tmp_path / "a.tif", **metadata)
    assert series.frame_interval == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"PhysicalSizeX": 0.325, "PhysicalSizeXUnit": "µm"}, 0.325),
        ({"PhysicalSizeX": 0.325}, 0.325),
        ({"PhysicalSizeX": 325, "PhysicalSizeXUnit": "nm"}, 0.325),
        ({"PhysicalSizeX": 3, "PhysicalSizeXUnit": "pixel"}, None),
        ({}, None),
    ],
)
def test_pixel_size_of_ome_in_micrometres(tmp_path, metadata, expected):
    series = ome(tmp_path / "a.ome.tif", **metadata)
    assert series.pixel_size == (None if expected is None else pytest.approx((expected, expected)))
    assert series.name == "a"


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"TimeIncrement": 300.0}, 300),
        ({"TimeIncrement": 5, "TimeIncrementUnit": "min"}, 300),
        ({}, None),
    ],
)
def test_frame_interval_of_ome_in_seconds(tmp_path, metadata, expected):
    assert ome(tmp_path / "a.ome.tif", **metadata).frame_interval == expected


def test_rectangular_pixels_of_imagej(tmp_path):
    series = imagej(tmp_path / "a.tif", (5, 2.5), unit="um")  # pixels a unit, across and down
    assert series.pixel_size == pytest.approx((0.4, 0.2))
    assert (series.pixel_size.height, series.pixel_size.area) == pytest.approx((0.4, 0.08))
    assert imagej(tmp_path / "b.tif", (5, 0.0025), unit="um", yunit="nm").pixel_size == pytest.approx(
        (0.4, 0.2)
    )
    assert imagej(tmp_path / "c.tif", (5, 5), unit="um", yunit="pixel").pixel_size is None


def test_rectangular_pixels_of_ome(tmp_path):
    sizes = {"PhysicalSizeX": 0.2, "PhysicalSizeY": 400, "PhysicalSizeYUnit": "nm"}
    assert ome(tmp_path / "a.ome.tif", **sizes).pixel_size == pytest.approx((0.4, 0.2))


def test_where_one_length_is_stated_pixels_are_square_and_an_unknown_unit_is_no_length(tmp_path):
    assert ome(tmp_path / "a.ome.tif", PhysicalSizeY=0.4).pixel_size == (0.4, 0.4)
    half_known = {"PhysicalSizeX": 0.2, "PhysicalSizeY": 1, "PhysicalSizeYUnit": "pixel"}
    assert ome(tmp_path / "b.ome.tif", **half_known).pixel_size is None


def test_plain_tiff_states_neither(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", FRAMES[0], resolution=(300, 300), resolutionunit="inch")
    series = open_series(tmp_path / "a.tif")
    assert (series.pixel_size, series.frame_interval) == (None, None)


@pytest.mark.parametrize(
    ("times", "since"),
    [
        ([100.0, 160.5, 220.0], (0.0, 60.5, 120.0)),
        ([7.0], ()),
        ([], ()),
        ([0.0, float("nan"), 2.0], ()),
    ],
)
def test_times_count_from_the_first_frame(times: list[float], since: tuple[float, ...]) -> None:
    assert seconds_since_first(Path("a.nd2"), times) == since


def test_times_that_go_backwards_are_kept_and_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert seconds_since_first(Path("back.nd2"), [0, 60, 50, 120, 110]) == (0, 60, 50, 120, 110)
    (record,) = caplog.records
    assert "back.nd2 has time stamps that go backwards at 2 frame(s), first at frame 2 (60 s to 50 s)" in (
        record.getMessage()
    )


@pytest.mark.parametrize(
    ("times", "interval"),
    [([0, 60, 120, 400], 60), ([0, 10], 10), ([0, 0, 0], None), ([5], None), ([], None)],
)
def test_the_interval_is_the_median_of_all(times: list[float], interval: float | None) -> None:
    assert median_interval(times) == interval
