import numpy as np
import pytest
from microscope_samples import movie, write_lif

from hela_seg.data.stacks import find_files, images_in, write_tiff
from hela_seg.system.errors import InputError

pytest.importorskip("liffile", reason="the extra formats is not installed")


def folder_of(tmp_path):
    write_tiff(tmp_path / "b.tif", np.zeros((2, 5, 6), np.uint8), "TYX")
    images = [{"name": name, "array": movie(5, 6), "axes": "YX"} for name in ("A1", "A2")]
    write_lif(tmp_path / "a.lif", images)
    (tmp_path / "notes.txt").write_text("no image")
    return find_files(tmp_path)


def test_each_position_is_listed_beside_files_of_one_recording(tmp_path):
    files = folder_of(tmp_path)
    assert [path.name for path in files] == ["a.lif", "b.tif"]
    assert [image.name for image in images_in(files)] == ["a_A1", "a_A2", "b"]
    assert [image.name for image in images_in(files, "A2")] == ["a_A2", "b"]
    assert [image.name for image in images_in(files, [0])] == ["a_A1", "b"]


def test_a_position_that_is_in_no_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="no file has the position A7, expected one of A1, A2"):
        images_in(folder_of(tmp_path), ["A1", "A7"])
