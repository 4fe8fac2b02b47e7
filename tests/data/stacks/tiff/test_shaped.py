import json

import numpy as np
import pytest
import tifffile

from hela_seg.data.stacks import open_series
from hela_seg.system.errors import InputError

STACK = np.random.default_rng(0).integers(0, 60000, (3, 20, 30), np.uint16)


def write(path, shape, pages, **options):
    """Pages one by one, the first with a description of a shape."""
    with tifffile.TiffWriter(path) as file:
        for number, page in enumerate(pages):
            description = json.dumps({"shape": shape}) if number == 0 else None
            file.write(page, description=description, metadata=None, contiguous=False, **options)
    return path


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}])
@pytest.mark.parametrize("shape", [[2044, 2048], [10, 12], [3, 44, 48], [600, 3]])
def test_pages_count_where_the_description_states_another_shape(tmp_path, caplog, options, shape):
    path = write(tmp_path / "crop.tif", shape, STACK[:1], **options)
    series = open_series(path)
    assert series.shape == (1, 1, 20, 30)
    np.testing.assert_array_equal(series.frame(0)[0], STACK[0])
    assert f"crop.tif states the shape {shape} in its description and has pages of 20x30" in caplog.text
    stack = open_series(write(tmp_path / "stack.tif", shape, STACK, **options), "TYX")
    np.testing.assert_array_equal(np.stack([stack.frame(t)[0] for t in range(3)]), STACK)


def test_a_file_with_fewer_pages_than_it_states_is_still_cut(tmp_path):
    path = write(tmp_path / "cut.tif", [5, 20, 30], STACK, compression="zlib")
    with pytest.raises(InputError, match="is damaged or no TIFF"):
        open_series(path, "TYX")


def test_a_page_with_other_bytes_than_its_size_needs_is_damaged(tmp_path):
    path = write(tmp_path / "bad.tif", [20, 40], STACK[:1])
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags[256].overwrite(15)
    with pytest.raises(InputError, match="is damaged or no TIFF"):
        open_series(path)
