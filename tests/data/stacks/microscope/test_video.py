import os
from fractions import Fraction

import numpy as np
import pytest

from hela_seg.data.stacks import open_series
from hela_seg.system.errors import InputError

av = pytest.importorskip("av", reason="the extra film is not installed")

GREY = np.random.default_rng(0).integers(0, 255, (30, 32, 48), np.uint8)
RGB = np.random.default_rng(1).integers(0, 255, (6, 32, 48, 3), np.uint8)


def write(path, frames, codec="ffv1", pixels="gray", **options):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(5), options=options)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pixels
        for frame in frames:
            given = "rgb24" if frame.ndim == 3 else "gray16le" if frame.dtype == np.uint16 else "gray"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, given).reformat(format=pixels)))
        container.mux(stream.encode(None))
    return path


def test_frames_of_a_lossless_film_are_read_in_any_order(tmp_path, caplog):
    series = open_series(write(tmp_path / "a.avi", GREY, g="7"))
    assert (series.shape, series.axes, series.dtype) == ((30, 1, 32, 48), "TYX", np.uint8)
    for t in (29, 0, 1, 2, 13, 12, 28, 5):
        np.testing.assert_array_equal(series.frame(t)[0], GREY[t])
    np.testing.assert_array_equal(series.read(3, slice(4, 9), slice(40, 48))[0], GREY[3, 4:9, 40:])
    assert (series.frame_interval, caplog.text) == (None, "")


def test_colours_and_16_bits(tmp_path):
    series = open_series(write(tmp_path / "a.avi", RGB, "rawvideo", "bgr24"))
    assert series.shape == (6, 3, 32, 48)
    np.testing.assert_array_equal(series.frame(4), np.moveaxis(RGB[4], 2, 0))
    deep = GREY[:3].astype(np.uint16) * 257
    series = open_series(write(tmp_path / "b.avi", deep, "ffv1", "gray16le"))
    assert series.dtype == np.uint16
    np.testing.assert_array_equal(series.frame(2)[0], deep[2])


def test_a_lossy_film_is_close_and_warned_of(tmp_path, caplog):
    smooth = np.add.outer(np.arange(20) * 3, np.add.outer(np.arange(32), np.arange(48))).astype(np.uint8)
    smooth = np.repeat(smooth[..., None], 3, axis=-1)
    series = open_series(write(tmp_path / "a.mp4", smooth, "libx264", "yuv420p", crf="10", bf="2", g="6"))
    assert series.shape == (20, 3, 32, 48)
    for t in (19, 3, 4, 5, 0):
        assert np.abs(series.frame(t)[0].astype(int) - smooth[t, ..., 0]).mean() < 4
    assert "a.mp4 is compressed as h264, which has changed its grey values" in caplog.text


@pytest.mark.parametrize("share", [0.01, 0.5])
def test_cut_films_are_refused(tmp_path, share):
    path = write(tmp_path / "a.avi", GREY)
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(InputError, match="is damaged or no AVI or MP4"):
        open_series(path)
