import numpy as np
import pytest
from PIL import Image

from hela_seg.data.stacks import open_series, write_tiff
from hela_seg.data.stacks.discovery.formats import FORMATS, SUFFIXES
from hela_seg.system.errors import InputError

POINTER = """version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 12345
"""


def test_endings_belong_to_one_format_each():
    assert len(set(SUFFIXES)) == len(SUFFIXES) == sum(len(kind.suffixes) for kind in FORMATS)


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.nd2", "a.bin", "a"])
def test_a_pointer_of_git_lfs_is_named_for_what_it_is(tmp_path, name):
    (tmp_path / name).write_text(POINTER)
    with pytest.raises(InputError, match=r"is a pointer of Git LFS, .*: run 'git lfs pull' in its folder"):
        open_series(tmp_path / name)


def test_content_counts_where_the_ending_is_none_of_ours(tmp_path):
    pixels = np.arange(30, dtype=np.uint8).reshape(5, 6)
    write_tiff(tmp_path / "a", pixels, "YX")
    Image.fromarray(pixels).save(tmp_path / "b.img", "PNG")
    for name in ("a", "b.img"):
        np.testing.assert_array_equal(open_series(tmp_path / name).frame(0)[0], pixels)
    (tmp_path / "c.img").write_text("words")
    with pytest.raises(InputError, match=r"c\.img ends in '\.img', expected one of \.tif"):
        open_series(tmp_path / "c.img")
