"""Positions of the stage in one TIFF, each a recording of its own."""

import numpy as np
import pytest
import tifffile
from tiff_samples import write_lsm, write_mmstack, write_ndtiff

from hela_seg.data.stacks import find_files, images_in, open_series
from hela_seg.system.errors import InputError

PIXELS = np.random.default_rng(0).integers(0, 60000, (3, 4, 3, 20, 28), np.uint16)
"""P, T, C, Y and X."""

SUMMARY = {"MicroManagerVersion": "2.0", "Prefix": "dish", "Channels": 3, "Slices": 1, "Frames": 4}


def planes(positions=range(3)):
    """Planes by channel, z, frame and position, in the order of an acquisition."""
    return {(c, 0, t, p): PIXELS[p, t, c] for p in positions for t in range(4) for c in range(3)}


def lsm(folder):
    return write_lsm(folder / "dish.lsm", PIXELS)


def ndtiff(folder):
    moved = {(p, t, c): plane for (c, _, t, p), plane in planes().items()}
    return write_ndtiff(folder / "dish_NDTiffStack.tif", moved)


def mmstack(folder):
    return write_mmstack(folder / "dish_MMStack.tif", planes(), {**SUMMARY, "Positions": 3})


@pytest.mark.parametrize("write", [lsm, ndtiff, mmstack])
def test_each_position_is_a_recording_with_its_own_pixels(tmp_path, write):
    path = write(tmp_path)
    assert images_in(find_files(tmp_path)) == [(path, "0"), (path, "1"), (path, "2")]
    for number in range(3):
        series = open_series(path, position=str(number))
        assert (series.name, series.shape) == (f"{path.stem}_{number}", (4, 3, 20, 28))
        assert series.axes == "TCYX"
        np.testing.assert_array_equal(np.stack([series.frame(t) for t in range(4)]), PIXELS[number])
        window = series.read(3, slice(2, 9), slice(5, 27))
        np.testing.assert_array_equal(window, PIXELS[number, 3, :, 2:9, 5:27])
    with pytest.raises(InputError, match=r"holds 3 positions \(0, 1, 2\), expected the choice of one"):
        open_series(path)


def test_planes_of_micromanager_that_were_cut_off_are_no_black_pixels(tmp_path):
    path = mmstack(tmp_path)
    content = path.read_bytes()
    index = content[-8 - 20 * 36 :]
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="damaged"):
        open_series(path, position="0")
    # the index whole, and a plane that lies beyond the end of the file
    path.write_bytes(content[: -len(index)] + index[:-4] + b"\xff\xff\xff\x0f")
    with pytest.raises(InputError, match=r"damaged .*page 35 is missing|fewer than"):
        open_series(path, position="2").frame(3)


def write_positions(path, arrays, **options):
    with tifffile.TiffWriter(path, ome=True) as file:
        for number, (name, array) in enumerate(arrays.items(), start=1):
            metadata = {"axes": "TYX", "Name": name, "PhysicalSizeY": number, "PhysicalSizeX": 2.0 * number}
            file.write(array, photometric="minisblack", metadata=metadata, **options)
    return path


@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "tile": (16, 16)}])
def test_images_of_an_ome_tiff_are_positions_with_calibrations_of_their_own(tmp_path, options):
    random = np.random.default_rng(0)
    arrays = {
        name: random.integers(0, 60000, shape, np.uint16)
        for name, shape in {"Well A1": (3, 20, 30), "Well A2": (3, 20, 30), "overview": (1, 24, 40)}.items()
    }
    path = write_positions(tmp_path / "plate.ome.tif", arrays, **options)
    assert [image.name for image in images_in([path])] == ["plate_Well-A1", "plate_Well-A2", "plate_overview"]
    for number, array in enumerate(arrays.values()):
        series = open_series(path, "TYX", position=["Well-A1", "Well-A2", "2"][number])
        assert series.pixel_size == (number + 1, 2 * (number + 1))
        np.testing.assert_array_equal(np.stack([series.frame(t)[0] for t in range(len(array))]), array)
        np.testing.assert_array_equal(series.read(0, slice(3, 9), slice(5, 28))[0], array[0, 3:9, 5:28])


def test_positions_are_found_whatever_the_ending(tmp_path):
    arrays = {name: np.zeros((2, 5, 6), np.uint8) for name in ("a", "b")}
    path = write_positions(tmp_path / "plate.tif", arrays)
    assert [image.position for image in images_in([path])] == ["a", "b"]
    with pytest.raises(InputError, match=r"holds 2 positions \(a, b\), expected the choice of one"):
        open_series(path)
