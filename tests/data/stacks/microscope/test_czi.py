import numpy as np
import pytest
from microscope_samples import movie, write_czi

from hela_seg.data.stacks import images_in, open_series
from hela_seg.system.errors import InputError

pytest.importorskip("czifile", reason="the extra formats is not installed")

MOVIE = movie(2, 3, 20, 30)
"""Two scenes of three frames."""

CORNERS = [(0, 0), (0, 10), (8, 0), (8, 10)]
"""First rows and columns of tiles of 12 x 20 pixels, which overlap."""

TILES = [
    (
        {"S": scene, "T": t, "C": 0, "M": m, "Y": 1000 * scene + row, "X": 50 + column},
        MOVIE[scene, t, row : row + 12, column : column + 20],
    )
    for scene in range(2)
    for t in range(3)
    for m, (row, column) in enumerate(CORNERS)
]


@pytest.mark.parametrize("compression", [0, 2, 5, 6], ids=["none", "lzw", "zstd", "zstd with apart bytes"])
def test_scenes_are_put_together_from_their_tiles(tmp_path, compression):
    path = write_czi(
        tmp_path / "plate.czi",
        TILES,
        compression=compression,
        channels=["phase"],
        scenes=["A1", "B2"],
        times=[3.0, 8.0, 12.0],
        pyramid=[({"S": 0, "T": 0, "C": 0, "M": 0, "Y": 0, "X": 50, "scale": 2}, MOVIE[0, 0, ::2, ::2])],
    )
    assert [image.name for image in images_in([path])] == ["plate_A1", "plate_B2"]
    for number, position in enumerate(["A1", "B2"]):
        series = open_series(path, position=position)
        assert (series.shape, series.axes) == ((3, 1, 20, 30), "TYX")
        for t in range(3):
            np.testing.assert_array_equal(series.frame(t)[0], MOVIE[number, t])
        window = series.read(1, slice(5, 15), slice(7, 26))
        np.testing.assert_array_equal(window[0], MOVIE[number, 1, 5:15, 7:26])
        assert (series.pixel_size, series.frame_times) == ((0.5, 0.25), (0.0, 5.0, 9.0))
        assert series.channel_names == ("phase",)


@pytest.mark.parametrize("compression", [0, 4, 5], ids=["none", "JPEG XR", "zstd"])
def test_blue_green_and_red_become_red_green_and_blue(tmp_path, compression):
    colours = movie(9, 11, 3, dtype=np.uint8)
    path = write_czi(tmp_path / "rgb.czi", [({"C": 0, "Y": 0, "X": 0}, colours)], compression=compression)
    series = open_series(path)
    assert (series.shape, series.axes) == ((1, 3, 9, 11), "YXC")
    np.testing.assert_array_equal(series.frame(0), np.moveaxis(colours, 2, 0))


def test_axes_that_do_not_begin_at_0_and_several_channels(tmp_path):
    array = movie(2, 2, 5, 6)
    places = [({"T": 4 + t, "C": c, "Y": -3, "X": 9}, array[t, c]) for t in range(2) for c in range(2)]
    series = open_series(write_czi(tmp_path / "a.czi", places))
    np.testing.assert_array_equal(np.stack([series.frame(0), series.frame(1)]), array)


def test_a_plane_that_is_missing_is_refused(tmp_path):
    places = [({"T": t, "Y": 0, "X": 0}, movie(5, 6)) for t in (0, 2)]
    series = open_series(write_czi(tmp_path / "hole.czi", places))
    assert series.shape == (3, 1, 5, 6)
    with pytest.raises(InputError, match=r"hole\.czi is damaged or no CZI \(it lacks the plane \(1,\)"):
        series.frame(1)


def test_time_stamps_in_days_since_1899_are_no_seconds(tmp_path):
    places = [({"T": t, "Y": 0, "X": 0}, movie(5, 6)) for t in range(2)]
    series = open_series(write_czi(tmp_path / "a.czi", places, times=[44080.1, 44080.2]))
    assert series.frame_times is None


def test_a_real_file(shared):
    path = shared / "odd" / "xyz__multiple_images.czi"
    with pytest.raises(InputError, match=r"holds 2 positions \(0, 1\), expected the choice of one: set data"):
        open_series(path, z=0)
    means = {
        (position, z): open_series(path, z=z, position=position).frame(0).mean()
        for position in ("0", "1")
        for z in (0, 1)
    }
    import czifile

    with czifile.CziFile(path) as file:  # each subblock by itself, in the order of scenes and planes
        blocks = [np.squeeze(block.data()) for block in file.subblocks()]
    assert list(means.values()) == pytest.approx([block.mean() for block in blocks])
    series = open_series(path, z="mean", position="1")
    assert (series.shape, series.channel_names) == ((1, 1, 251, 251), ("ChA",))
    assert series.pixel_size == pytest.approx((0.19564, 0.19564), abs=1e-5)
