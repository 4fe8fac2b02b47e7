import numpy as np
import pytest
import tifffile
from PIL import Image
from refusals import refusal

from hela_seg.data.stacks import find_files, open_series
from hela_seg.system.errors import InputError

FRAME = np.arange(20, dtype=np.uint8).reshape(4, 5)
NO_FILE = "cannot be read (No such file or directory): check the path"


@pytest.mark.parametrize("name", ["a.tif", "a.TIFF", "ä (1), b=c.Tif", "a.png", "a.PNG"])
def test_endings_in_any_case_and_names_of_any_kind_open(tmp_path, name):
    if name.lower().endswith("png"):
        Image.fromarray(FRAME).save(tmp_path / name)
    else:
        tifffile.imwrite(tmp_path / name, FRAME)
    for path in (tmp_path / name, str(tmp_path / name)):
        series = open_series(path)
        np.testing.assert_array_equal(series.frame(0)[0], FRAME)
        assert series.name == (tmp_path / name).stem


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *((name, f"is not there or {NO_FILE}") for name in ("gone", "gone.tif", "gone.avi", "gone.zarr")),
        ("folder.tif", "is no file, expected an image file"),
        ("empty.tif", "is empty (0 bytes), expected an image: copy or export"),
        ("empty.png", "is empty (0 bytes), expected an image: copy or export"),
        ("movie.wmv", "ends in '.wmv', expected one of .tif, .tiff, "),
        ("movie", "ends in '', expected one of .tif, .tiff, "),
    ],
)
def test_what_cannot_be_opened_is_refused_in_one_line_with_its_path(tmp_path, name, reason):
    (tmp_path / "folder.tif").mkdir()
    for empty in ("empty.tif", "empty.png", "movie.wmv", "movie"):
        (tmp_path / empty).touch()
    assert refusal(open_series, tmp_path / name).startswith(f"{tmp_path / name} {reason}")


def test_files_come_in_the_order_of_the_numbers_in_their_names(tmp_path):
    names = ["b.png", "t10.tif", "t2.TIF", "t1.tif", "t01.tif", "t1 b.tif", "a.tiff"]
    for name in [*names, ".hidden.tif", "._t1.tif", "notes.txt", "Thumbs.db"]:
        (tmp_path / name).touch()
    (tmp_path / "folder.tif").mkdir()
    found = [path.name for path in find_files(tmp_path)]
    assert found == ["a.tiff", "b.png", "t1 b.tif", "t01.tif", "t1.tif", "t2.TIF", "t10.tif"]


def test_folder_that_is_not_there_or_holds_no_image_is_refused(tmp_path):
    (tmp_path / ".hidden.tif").touch()
    with pytest.raises(InputError, match=r"holds no image, expected files ending in \.tif, \.tiff, "):
        find_files(tmp_path)
    for path in (tmp_path / "gone", tmp_path / ".hidden.tif"):
        with pytest.raises(InputError, match="is no folder, expected one with image files"):
            find_files(path)


def test_files_without_an_ending_are_listed_where_they_are_images(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 6), np.uint8))
    (tmp_path / "a.tif").rename(tmp_path / "dish")
    (tmp_path / "LICENSE").write_text("no image")
    assert [path.name for path in find_files(tmp_path)] == ["dish"]
    assert open_series(tmp_path / "dish").shape == (1, 1, 5, 6)


def test_a_folder_of_folders_is_named_for_what_it_is(tmp_path):
    (tmp_path / "day 1").mkdir()
    with pytest.raises(InputError, match=r"no image but the folder\(s\) day 1, .* to a pattern as '"):
        find_files(tmp_path)
