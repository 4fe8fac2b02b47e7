"""Files of microscopes and slide scanners that are TIFF inside."""

import numpy as np
import pytest
import tifffile
from tiff_samples import frames_of, write_lsm, write_stk

from hela_seg.data.stacks import find_files, open_series
from hela_seg.system.errors import InputError

STACK = np.random.default_rng(0).integers(0, 60000, (4, 3, 40, 56), np.uint16)


def test_a_metamorph_stack_has_times_and_the_size_of_its_pixels(tmp_path):
    path = write_stk(tmp_path / "a.stk", STACK[:, 0], seconds=[0, 1, 2.5, 7], pixel=(0.25, 0.5))
    series = open_series(path)
    assert (series.axes, series.shape) == ("TYX", (4, 1, 40, 56))
    np.testing.assert_array_equal(frames_of(series)[:, 0], STACK[:, 0])
    assert series.frame_times == (0.0, 1.0, 2.5, 7.0)
    assert series.pixel_size == pytest.approx((0.5, 0.25))


def test_a_metamorph_stack_in_z_needs_a_plane_and_one_of_unknown_order_its_axes(tmp_path):
    path = write_stk(tmp_path / "a.stk", STACK[:, 0], z_steps=[1, 1, 1, 1])
    np.testing.assert_array_equal(open_series(path, z=2).frame(0)[0], STACK[2, 0])
    path = write_stk(tmp_path / "b.stk", STACK[:, 0])
    with pytest.raises(InputError, match=r"does not say what its axes mean \(4x40x56\)"):
        open_series(path)
    assert open_series(path, "TYX").shape == (4, 1, 40, 56)


def test_an_lsm_has_times_channels_and_the_size_of_its_pixels_and_no_thumbnails(tmp_path):
    path = write_lsm(tmp_path / "a.lsm", STACK, seconds=[100, 110, 130, 131], channels=["Ch1", "Ch2", "ChD"])
    series = open_series(path)
    assert series.shape == (4, 3, 40, 56)
    np.testing.assert_array_equal(frames_of(series), STACK)
    np.testing.assert_array_equal(series.read(2, slice(3, 9), slice(7, 50)), STACK[2, :, 3:9, 7:50])
    assert (series.pixel_size, series.frame_times) == (pytest.approx((0.5, 0.25)), (0.0, 10.0, 30.0, 31.0))
    assert series.channel_names == ("Ch1", "Ch2", "ChD")


def test_of_a_pyramid_of_aperio_the_full_resolution_is_read(tmp_path):
    picture = np.random.default_rng(1).integers(0, 255, (96, 128, 3), np.uint8)
    options = {"photometric": "rgb", "metadata": None, "tile": (32, 32)}
    with tifffile.TiffWriter(tmp_path / "a.svs") as file:
        file.write(picture, description="Aperio Image Library v11\n96x128", compression="zlib", **options)
        file.write(picture[::8, ::8], photometric="rgb", metadata=None)  # the thumbnail
        file.write(picture[::4, ::4], compression="zlib", **options)
        file.write(picture[:30, :20], photometric="rgb", metadata=None, subfiletype=1)  # the label
    series = open_series(tmp_path / "a.svs")
    assert (series.shape, series.axes) == ((1, 3, 96, 128), "YXC")
    np.testing.assert_array_equal(series.frame(0), np.moveaxis(picture, 2, 0))
    np.testing.assert_array_equal(
        series.read(0, slice(30, 70), slice(60, 128)), np.moveaxis(picture[30:70, 60:], 2, 0)
    )


def test_of_a_pyramid_of_akoya_the_channels_of_the_full_resolution_are_read(tmp_path):
    channels = np.random.default_rng(2).integers(0, 60000, (3, 64, 96), np.uint16)
    options = {"photometric": "minisblack", "metadata": None, "compression": "zlib", "contiguous": False}
    with tifffile.TiffWriter(tmp_path / "a.qptiff") as file:
        for channel in channels:
            file.write(channel, tile=(32, 32), software="PerkinElmer-QPI", **options)
        file.write(
            np.zeros((16, 24, 3), np.uint8), photometric="rgb", metadata=None, software="PerkinElmer-QPI"
        )
        for channel in channels:
            file.write(channel[::2, ::2], tile=(32, 32), software="PerkinElmer-QPI", **options)
    series = open_series(tmp_path / "a.qptiff")
    assert series.shape == (1, 3, 64, 96)
    np.testing.assert_array_equal(series.frame(0), channels)


def test_bigtiff_by_its_other_names_is_listed_and_read(tmp_path):
    for ending in (".btf", ".tf8", ".tf2"):
        tifffile.imwrite(tmp_path / f"a{ending}", STACK[0, 0], bigtiff=True, metadata=None)
    files = find_files(tmp_path)
    assert len(files) == 3
    for path in files:
        np.testing.assert_array_equal(open_series(path).frame(0)[0], STACK[0, 0])


def test_time_stamps_and_channels_of_ome_tiff_come_along(tmp_path):
    plane = {
        "DeltaT": [t + c for t in (0.0, 60.0, 300.0, 301.0) for c in (0.0, 0.1, 0.2)],
        "DeltaTUnit": ["s"] * 12,
    }
    metadata = {"axes": "TCYX", "Plane": plane, "Channel": {"Name": ["phase", "nuclei", "actin"]}}
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, ome=True, photometric="minisblack", metadata=metadata)
    series = open_series(tmp_path / "a.ome.tif")
    assert series.frame_times == (0.0, 60.0, 300.0, 301.0)
    assert (series.channel_names, series.frame_interval) == (("phase", "nuclei", "actin"), 60.0)
