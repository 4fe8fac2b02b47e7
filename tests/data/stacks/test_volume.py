import numpy as np
import pytest
import tifffile

from hela_seg.data.stacks import open_series
from hela_seg.system.errors import InputError

VOLUMES = np.random.default_rng(0).integers(0, 60000, (3, 4, 2, 9, 11), np.uint16)
"""(T, Z, C, H, W)."""

MADE = {
    2: VOLUMES[:, 2],
    "max": VOLUMES.max(axis=1),
    "mean": np.rint(VOLUMES.mean(axis=1)).astype(np.uint16),
}


def write(path, array=VOLUMES, axes="TZCYX", **options):
    tifffile.imwrite(path, array, imagej=True, metadata={"axes": axes}, **options)
    return path


@pytest.mark.parametrize("z", MADE)
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_frames_show_a_plane_or_a_projection(tmp_path, z, compression):
    series = open_series(write(tmp_path / "a.tif", compression=compression), z=z)
    assert (series.shape, series.axes, series.dtype) == ((3, 2, 9, 11), "TZCYX", np.uint16)
    for t in range(3):
        np.testing.assert_array_equal(series.frame(t), MADE[z][t])
        window = series.read(t, slice(2, 5), slice(3, 11))
        np.testing.assert_array_equal(window, MADE[z][t, :, 2:5, 3:11])


def test_mean_of_integers_is_rounded_and_that_of_floats_is_not(tmp_path):
    planes = np.array([1, 2], np.uint8).reshape(2, 1, 1).repeat(5, axis=2)
    assert open_series(write(tmp_path / "a.tif", planes, "ZYX"), z="mean").frame(0)[0, 0, 0] == 2
    floats = planes.astype(np.float32)
    assert open_series(write(tmp_path / "b.tif", floats, "ZYX"), z="mean").frame(0)[0, 0, 0] == 1.5


def test_planes_without_a_choice_are_refused_with_the_lines_that_settle_it(tmp_path):
    with pytest.raises(
        InputError,
        match=r"4 planes .* set data\.z=0 .* data\.z=max or data\.z=mean .*\(z and axes, to predict\)",
    ) as e:
        open_series(write(tmp_path / "a.tif"))
    assert "if they are frames" not in str(e.value)
    with pytest.raises(InputError, match=r"or data\.axes=TYX if they are frames"):
        open_series(write(tmp_path / "b.tif", VOLUMES[0, :, 0], "ZYX"))


@pytest.mark.parametrize("z", [4, 99])
def test_a_plane_beyond_the_last_is_refused(tmp_path, z):
    with pytest.raises(
        InputError,
        match=rf"holds 4 planes, expected one of number {z}: set data\.z \(z, to predict\) to 0 to 3",
    ):
        open_series(write(tmp_path / "a.tif"), z=z)


@pytest.mark.parametrize("z", [-1, "min", "0", 1.0, 1.5, True, False])
def test_what_is_no_plane_is_refused(tmp_path, z):
    said = rf"data\.z \(z, to predict\) is {z!r}, expected the number of a plane"
    with pytest.raises(InputError, match=said):
        open_series(write(tmp_path / "a.tif"), z=z)


def test_z_counts_nowhere_where_there_is_one_plane(tmp_path):
    path = write(tmp_path / "a.tif", VOLUMES[:, 0, 0], "TYX")
    for z in (None, 3, "max"):
        np.testing.assert_array_equal(open_series(path, z=z).frame(1)[0], VOLUMES[1, 0, 0])


def test_mask_of_planes_shows_one_but_is_never_projected(tmp_path):
    path = write(tmp_path / "a.tif", VOLUMES[:, :, 0], "TZYX")
    np.testing.assert_array_equal(open_series(path, z=1, labels=True).frame(2)[0], VOLUMES[2, 1, 0])
    with pytest.raises(InputError, match="is a mask of 4 planes, which have no max"):
        open_series(path, z="max", labels=True)
