import numpy as np
import pytest
from microscope_samples import movie

from hela_seg.data.stacks import open_series
from hela_seg.system.errors import InputError

h5py = pytest.importorskip("h5py", reason="the extra formats is not installed")

MOVIE = movie(3, 2, 4, 20, 30)
"""T, C, Z, Y and X."""


def letters(text):
    """As Imaris writes attributes: an array of single letters."""
    return np.frombuffer(text.encode(), "S1")


STAMPS = ("2024-01-01 10:00:00.000", "2024-01-01 10:05:00.000", "2024-01-01 10:20:00.500")


def write(path, sizes=None, times=STAMPS):
    depth, height, width = sizes or MOVIE.shape[2:]
    with h5py.File(path, "w") as file:
        for t, c in np.ndindex(3, 2):
            stored = np.zeros((4, 32, 32), np.uint16)  # chunks stick out
            stored[:, :20, :30] = MOVIE[t, c]
            group = file.create_group(f"DataSet/ResolutionLevel 0/TimePoint {t}/Channel {c}")
            group.create_dataset("Data", data=stored, chunks=(2, 16, 16), compression="gzip")
        about = file.create_group("DataSetInfo/Image").attrs
        about["Z"], about["Y"], about["X"] = (letters(str(n)) for n in (depth, height, width))
        for axis, length in enumerate((15, 20, 8)):
            about[f"ExtMin{axis}"], about[f"ExtMax{axis}"] = letters("0"), letters(str(length))
        about["Unit"] = letters("um")
        for c, name in enumerate(("DAPI", "GFP")):
            file.create_group(f"DataSetInfo/Channel {c}").attrs["Name"] = letters(name)
        for t, time in enumerate(times, start=1):
            file.require_group("DataSetInfo/TimeInfo").attrs[f"TimePoint{t}"] = letters(time)
    return path


def test_planes_channels_times_and_sizes_come_along(tmp_path):
    series = open_series(write(tmp_path / "a.ims"), z=3)
    assert (series.shape, series.axes) == ((3, 2, 20, 30), "TCZYX")
    np.testing.assert_array_equal(np.stack([series.frame(t) for t in range(3)]), MOVIE[:, :, 3])
    np.testing.assert_array_equal(series.read(1, slice(13, 20), slice(2, 17)), MOVIE[1, :, 3, 13:, 2:17])
    assert (series.pixel_size, series.channel_names) == ((1.0, 0.5), ("DAPI", "GFP"))
    assert series.frame_times == (0.0, 300.0, 1200.5)
    assert open_series(write(tmp_path / "b.ims", times=["yesterday"]), z=0).frame_times is None


def test_a_size_beyond_the_pixels_and_links_to_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"a\.ims is damaged or no IMS \(it states 4x2000000x30 pixels"):
        open_series(write(tmp_path / "a.ims", sizes=(4, 2_000_000, 30)), z=0)
    write(tmp_path / "other.ims")
    with h5py.File(write(tmp_path / "b.ims"), "r+") as file:
        place = "DataSet/ResolutionLevel 0/TimePoint 2/Channel 1/Data"
        del file[place]
        file[place] = h5py.ExternalLink("other.ims", place)
    with pytest.raises(InputError, match="it leads to another file for its pixels"):
        open_series(tmp_path / "b.ims", z=0)


def test_a_cut_file_is_refused(tmp_path):
    path = write(tmp_path / "a.ims")
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(InputError, match="is damaged or no IMS"):
        open_series(path, z=0)
