import numpy as np
import pytest
import tifffile

from hela_seg.data.stacks import open_series

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
    assert series.pixel_size == (None if expected is None else pytest.approx(expected))


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
    assert series.pixel_size == (None if expected is None else pytest.approx(expected))
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


def test_plain_tiff_states_neither(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", FRAMES[0], resolution=(300, 300), resolutionunit="inch")
    series = open_series(tmp_path / "a.tif")
    assert (series.pixel_size, series.frame_interval) == (None, None)
