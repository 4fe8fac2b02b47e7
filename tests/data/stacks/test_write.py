import numpy as np
import pytest

from hela_seg.data.stacks import PixelSize, open_series, write_tiff


def draw(shape, high=3, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, high, shape).astype(dtype)


@pytest.mark.parametrize(
    ("axes", "shape", "dtype"),
    [
        ("TYXS", (4, 37, 53, 3), np.uint8),
        ("TYXS", (1, 37, 53, 3), np.uint8),
        ("TYX", (4, 37, 53), np.uint16),
        ("TYX", (1, 37, 53), np.uint8),
        ("TYX", (3, 37, 53), np.uint8),
        ("TCYX", (4, 2, 37, 53), np.uint16),
        ("CYX", (3, 37, 53), np.uint8),
        ("YX", (37, 53), np.uint8),
    ],
)
def test_stack_reads_back_with_its_axes_and_calibration(tmp_path, axes, shape, dtype):
    array = draw(shape, 2**16, dtype)
    write_tiff(tmp_path / "a.tif", array, axes, pixel_size=PixelSize(0.9, 0.6), frame_interval_s=300)
    series = open_series(tmp_path / "a.tif")
    order = [axes.replace("S", "C").find(letter) for letter in "TCYX"]
    expected = array.transpose([axis for axis in order if axis >= 0])
    expected = expected.reshape(*(1 if axis < 0 else shape[axis] for axis in order))
    assert (series.shape, series.dtype) == (expected.shape, dtype)
    np.testing.assert_array_equal([series.frame(t) for t in range(len(expected))], expected)
    assert series.pixel_size == pytest.approx((0.9, 0.6), rel=1e-6)
    assert series.frame_interval == 300
