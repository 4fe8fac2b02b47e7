"""What `data=auto` takes a folder for, and when it takes it for nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from refusals import refusal

from hela_seg.data.patterns.auto import layouts_nearby, recognise
from hela_seg.system.errors import InputError

FOLDERS = {
    "folders of their own": ["images/a.tif", "images/b.tif", "masks/a.png", "masks/b.png"],
    "masks of Cellpose": ["a.tif", "a_cp_masks.png", "b.tif", "b_cp_masks.png"],
    "Omnipose": ["x/1/a.tif", "x/1/a_masks.png", "y/a.tif", "y/a_masks.png"],
    "Cellpose's training data": [
        "train/0_img.png",
        "train/0_masks.png",
        "test/0_img.png",
        "test/0_masks.png",
    ],
    "masks beside them": ["a.png", "a_mask.png", "b.png", "b_mask.png"],
    "Data Science Bowl": [
        "a/images/a.png",
        "a/masks/1.png",
        "a/masks/2.png",
        "b/images/b.png",
        "b/masks/1.png",
    ],
    "Usiigaci": ["set01/raw.tif", "set01/instances_ids.png", "set02/raw.tif", "set02/instances_ids.png"],
    "DeepCell": ["set1/phase.png", "set1/feature_0.png", "set1/feature_1.png"],
    "Cell Tracking Challenge": [
        "01/t000.tif",
        "01/t001.tif",
        "01_GT/SEG/man_seg001.png",
        "01_GT/TRA/man_track000.png",
        "01_ERR_SEG/mask000.tif",
    ],
    "ROIs of ImageJ": ["a.tif", "a.zip"],
    "QuPath": ["a.tif", "a.geojson", "b.tif", "b.geojson"],
}


def touch(root: Path, names: Sequence[str], cells: Sequence[int] = (3, 7)) -> Path:
    """Files of which PNG and TIFF hold two cells with these values."""
    pixels = np.zeros((8, 9), np.uint8)
    pixels[1:3, 1:3], pixels[5:7, 5:7] = cells
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".png"):
            Image.fromarray(pixels).save(root / name)
        else:
            (root / name).touch()
    return root


@pytest.mark.parametrize("words", FOLDERS)
def test_a_known_layout_is_recognised(tmp_path: Path, words: str) -> None:
    assert words in recognise(touch(tmp_path, FOLDERS[words])).name


@pytest.mark.parametrize("words", FOLDERS)
def test_one_image_that_it_does_not_account_for_is_enough_to_be_unsure(tmp_path: Path, words: str) -> None:
    touch(tmp_path, [*FOLDERS[words], "elsewhere/odd.png"])
    assert re.search(
        r"in no way that data=auto is sure of \(\d+ images\): choose", refusal(recognise, tmp_path)
    )


def test_what_comes_near_is_listed_with_its_settings(tmp_path: Path) -> None:
    touch(tmp_path, [*FOLDERS["Usiigaci"], "elsewhere/odd.png"])
    said = refusal(recognise, tmp_path)
    assert "Usiigaci's folders, but for 1 file(s): data=folder data.images='{set}/raw'" in said
    assert said.endswith("data.labels.kind=instances")


def test_two_layouts_in_one_folder_are_not_chosen_from(tmp_path: Path) -> None:
    touch(tmp_path, ["a.tif", "a.zip", "a.geojson"])
    said = refusal(recognise, tmp_path)
    assert all(words in said for words in ("could be several things", "QuPath", "ImageJ"))


def test_a_folder_without_any_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\(0 images\): choose data=folder data\.images"):
        recognise(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        recognise(tmp_path / "gone")


def test_masks_of_one_value_are_not_taken_for_numbered_cells(tmp_path: Path) -> None:
    touch(tmp_path, ["a.tif", "a_masks.png", "b.tif", "b_masks.png"], cells=(255, 255))
    with pytest.raises(InputError, match=r"the value 255 for all cells.* values: \[255\]"):
        recognise(tmp_path)


def test_pickles_of_cellpose_are_masks_where_there_are_no_others(tmp_path: Path) -> None:
    touch(tmp_path, ["a.tif"])
    masks = np.diag([1, 2])
    np.save(tmp_path / "a_seg.npy", {"masks": masks}, allow_pickle=True)  # type: ignore[arg-type]
    assert recognise(tmp_path).masks == "**/{name}_seg.npy"
    assert recognise(touch(tmp_path, ["a_cp_masks.png"])).masks == "**/{name}_cp_masks"


@pytest.mark.parametrize(
    ("names", "images", "masks", "kind"),
    [
        (["images.tif", "instances.png"], "images.tif", "instances.png", "instances"),
        (["raw.ome.tif", "labels.png", "notes.txt"], "raw.ome.tif", "labels.png", None),
        (["Images/a.tif", "instances/a.png"], "Images", "instances", "instances"),
        (["img/a.tif", "gt/a.png"], "img", "gt", None),
        (["a.tif", "a_labels.png", "b/c.tif", "b/c_labels.png"], "**/{name}", "**/{name}_labels", None),
    ],
)
def test_words_for_images_and_masks_are_understood(
    names: list[str], images: str, masks: str, kind: str | None, tmp_path: Path
) -> None:
    known = recognise(touch(tmp_path, names))
    assert (known.images, known.masks, known.kind) == (images, masks, kind)


@pytest.mark.parametrize("names", [["images.tif", "movie.tif"], ["images.tif", "raw.tif", "masks.png"]])
def test_files_that_no_word_tells_apart_are_not_chosen_from(names: list[str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="in no way that data=auto is sure of"):
        recognise(touch(tmp_path, names))


def test_axes_that_a_film_lacks_are_taken_from_the_user(tmp_path: Path) -> None:
    for name in ("images", "instances"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.diag([1, 2]).astype(np.uint8)[None].repeat(5, 0))
    with pytest.raises(InputError, match=r"expected data\.axes=TYX"):
        recognise(tmp_path)
    assert recognise(tmp_path, "TYX").masks == "instances.tif"


@pytest.mark.parametrize("typed", [".", "plate 1/images", "plate 1/images/a.tif"])
def test_a_folder_too_high_or_too_low_is_answered_with_the_right_one(typed: str, tmp_path: Path) -> None:
    touch(tmp_path, ["plate 1/images/a.tif", "plate 1/masks/a.png"])
    assert layouts_nearby(tmp_path / typed) == [f"data.root='{tmp_path / 'plate 1'}'"]
