import numpy as np
import pytest
from microscope_samples import movie, write_nd2
from tiff_samples import frames_of

from hela_seg.data.stacks import open_series
from hela_seg.system.errors import InputError

pytest.importorskip("nd2", reason="the extra formats is not installed")


@pytest.mark.parametrize("options", [{}, {"compressed": True}, {"padding": 4}])
def test_frames_channels_and_calibration_come_along(tmp_path, options):
    array = movie(3, 2, 17, 23)
    path = write_nd2(tmp_path / "dish.nd2", array, "TCYX", times=[0.5, 10.5, 30.5], pixel=0.65, **options)
    series = open_series(path)
    assert (series.name, series.axes, series.dtype) == ("dish", "TCYX", np.uint16)
    np.testing.assert_array_equal(frames_of(series), array)
    np.testing.assert_array_equal(series.read(1, slice(2, 9), slice(20, 23)), array[1, :, 2:9, 20:])
    assert series.pixel_size == (0.65, 0.65)
    assert series.frame_times == (0.0, 10.0, 30.0)
    assert series.frame_interval == 15.0
    assert series.channel_names == ("phase", "nuclei")


def test_each_position_is_a_recording_and_z_is_chosen(tmp_path):
    array = movie(2, 3, 4, 8, 9)
    stamps = np.arange(24.0)  # of frames in the order T, P, Z
    path = write_nd2(tmp_path / "plate.nd2", array, "TPZYX", positions=["A1", "A2", "B1"], times=stamps)
    series = open_series(path, position="A2", z=3)
    assert series.name == "plate_A2"
    np.testing.assert_array_equal(frames_of(series)[:, 0], array[:, 1, 3])
    assert series.frame_times == (0.0, 12.0)
    brightest = frames_of(open_series(path, position="0", z="max"))
    np.testing.assert_array_equal(brightest[:, 0], array[:, 0].max(1))


def test_an_acquisition_that_was_stopped_has_the_frames_that_it_reached(tmp_path, caplog):
    array = movie(5, 2, 6, 7)
    path = write_nd2(tmp_path / "stopped.nd2", array, "TZYX", recorded=7)
    series = open_series(path, z=1)
    np.testing.assert_array_equal(frames_of(series)[:, 0], array[:3, 1])
    assert "announces 5 frames and holds 3" in caplog.text


def test_a_frame_that_is_missing_is_refused_and_not_zeros(tmp_path):
    path = write_nd2(tmp_path / "hole.nd2", movie(3, 6, 7), "TYX")
    content = path.read_bytes()
    assert content.count(b"ImageDataSeq|1!") == 2
    at = content.rindex(b"ImageDataSeq|1!")  # in the map of chunks
    path.write_bytes(content[:at] + b"ImageDataSeq|9!" + content[at + 15 :])
    series = open_series(path)
    series.frame(0)
    with pytest.raises(InputError, match=r"hole\.nd2 is damaged or no ND2 \(its frame 1 is missing\)"):
        series.frame(1)


def test_a_real_file(shared):
    import nd2

    path = shared / "odd" / "cluster.nd2"
    array = nd2.imread(str(path))
    series = open_series(path, z=7)
    assert (series.shape, series.axes) == ((3, 2, 31, 38), "TZCYX")
    np.testing.assert_array_equal(frames_of(series), array[:, 7])
    assert series.pixel_size == pytest.approx((0.1678, 0.1678), abs=1e-4)
    assert series.frame_times == pytest.approx((0, 10.641, 21.295), abs=1e-3)
    assert series.channel_names[1] == "FM 4-64/2% CHAPS"
