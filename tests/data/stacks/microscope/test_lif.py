import numpy as np
import pytest
from microscope_samples import movie, write_lif
from tiff_samples import frames_of

from hela_seg.data.stacks import images_in, open_series
from hela_seg.system.errors import InputError

pytest.importorskip("liffile", reason="the extra formats is not installed")


def image(name, array, axes, **more):
    return {"name": name, "array": array, "axes": axes, **more}


@pytest.mark.parametrize("axes", ["TCYX", "TYXC", "CTYX", "TXYC"])
def test_channels_may_lie_anywhere(tmp_path, axes):
    array = movie(3, 2, 17, 23)  # T, C, Y and X
    stored = np.ascontiguousarray(array.transpose(["TCYX".index(axis) for axis in axes]))
    cells = image("cells", stored, axes, times=[0, 5, 17], channels=["Green", "Red"])
    series = open_series(write_lif(tmp_path / "a.lif", [cells]))
    assert (series.name, series.shape) == ("a", (3, 2, 17, 23))
    np.testing.assert_array_equal(frames_of(series), array)
    np.testing.assert_array_equal(series.read(2, slice(3, 9), slice(1, 22)), array[2, :, 3:9, 1:22])
    assert (series.pixel_size, series.channel_names) == (pytest.approx((0.5, 0.25)), ("Green", "Red"))
    assert (series.frame_times, series.frame_interval) == ((0.0, 5.0, 17.0), 8.5)


def test_images_and_tiles_of_mosaics_are_positions(tmp_path):
    tiles = movie(4, 9, 8, 3, dtype=np.uint8)
    stack = movie(2, 3, 5, 6)
    path = write_lif(
        tmp_path / "dish.lif",
        [image("tile scan", tiles, "MYXC", rgb=True), image("stack", stack, "TZYX", interval=60.0)],
    )
    names = ["dish_tile-scan_0", "dish_tile-scan_1", "dish_tile-scan_2", "dish_tile-scan_3", "dish_stack"]
    assert [found.name for found in images_in([path])] == names
    for number in range(4):
        series = open_series(path, position=f"tile-scan_{number}")
        np.testing.assert_array_equal(series.frame(0), np.moveaxis(tiles[number], 2, 0))
    series = open_series(path, position="stack", z="max")
    np.testing.assert_array_equal(frames_of(series)[:, 0], stack.max(1))
    assert series.frame_interval == pytest.approx(60.0)


def test_an_axis_of_wavelengths_is_what_the_user_says(tmp_path):
    array = movie(7, 5, 6)
    path = write_lif(tmp_path / "a.lif", [image("sweep", array, "λYX")])
    with pytest.raises(InputError, match=r"a\.lif \(sweep\) does not say .*data\.axes=CYX"):
        open_series(path)
    np.testing.assert_array_equal(open_series(path, "CYX").frame(0), array)


def test_a_real_file(shared):
    import liffile

    path = shared / "odd" / "LeicaLASX_wavelength-sweep_example.lif"
    with liffile.LifFile(path) as file:
        arrays = [found.asarray() for found in file.images]
    assert [found.position for found in images_in([path])] == [
        "x_y_lambdaEmi",
        "x_y_lambdaExc",
        "x_y_z_t_lambdaEmi",
    ]
    np.testing.assert_array_equal(open_series(path, "CYX", position="x_y_lambdaExc").frame(0), arrays[1])
    series = open_series(path, "TCZYX", position="2", z=4)
    np.testing.assert_array_equal(frames_of(series), arrays[2][:, :, 4])
    assert series.pixel_size == pytest.approx((0.104814, 0.104814), abs=1e-6)
    assert series.frame_times == pytest.approx((0, 80.91))
