"""Which images and masks belong together, by empty files in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from empty_files import files, found, refusal, touch

from hela_seg.data.patterns.matching import Given


def test_frames_are_sorted_by_number_and_linked_by_value(tmp_path: Path) -> None:
    names = [f"{s}/phase_{t}.tif" for s in ("A", "B") for t in (8, 9, 10)]
    touch(tmp_path, [*names, *(f"{s}/mask_{t:04}.png" for s in ("A", "B") for t in (8, 9, 10))])
    first, second = found(tmp_path, "{series}/phase_{t}.tif", "{series}/mask_{t}.png")
    assert (first.name, second.name, first.is_sequence) == ("A", "B", True)
    assert files(tmp_path, first) == (
        [[["A/phase_8.tif"]], [["A/phase_9.tif"]], [["A/phase_10.tif"]]],
        [[["", [f"A/mask_{t:04}.png"]]] for t in (8, 9, 10)],
    )


def test_groups_parts_and_any_depth(tmp_path: Path) -> None:
    touch(tmp_path, [f"{kind}/slide_{r}_{c}.png" for kind in ("img", "gt") for r in (0, 1) for c in (0, 1)])
    tiles = found(tmp_path, "img/{group}_{row}_{col}.png", "gt/{group}_{row}_{col}.png")
    assert [tile.name for tile in tiles] == ["slide_0_0", "slide_0_1", "slide_1_0", "slide_1_1"]
    assert {tile.group for tile in tiles} == {"slide"}
    touch(tmp_path, ["sets/Train/a.tif", "sets/Train/a.png", "sets/val/a.tif", "sets/val/a.png"])
    assert [
        (one.part, one.name) for one in found(tmp_path, "sets/{part}/{name}.tif", "sets/{part}/{name}.png")
    ] == [
        ("train", "a"),
        ("validation", "a"),
    ]
    touch(tmp_path, ["deep/1/2/a.tif", "deep/1/2/a.png", "deep/a.tif", "deep/a.png"])
    assert [one.name for one in found(tmp_path, "deep/**/{name}.tif", "deep/**/{name}.png")] == ["a", "1_2_a"]


def test_a_folder_stands_for_its_files_and_masks_for_several_images(tmp_path: Path) -> None:
    touch(
        tmp_path,
        ["images/a.tif", "images/b.png", "m/a_label.tif", "m/b_label.png", "a_red.tif", "a_blue.tif"],
    )
    assert [one.name for one in found(tmp_path, "images", "m/{name}_label")] == ["a", "b"]
    stains = found(tmp_path, "{field}_{stain}.tif", "m/{field}_label.tif", sparse=True)
    assert [one.name for one in stains] == ["a_blue", "a_red"]
    assert stains[0].masks == stains[1].masks
    assert [one.group for one in stains] == ["a_blue", "a_blue"]


@pytest.mark.parametrize(
    ("images", "masks", "said"),
    [
        ("{a}.tif", "{b}.png", "expected no {b} in it"),
        ("{a}_c{c}.tif", "{a}_c{c}.png", "expected no {c} in it"),
        (["{a}.tif", "{b}.tif"], "{a}.png", "expected the same wildcards"),
    ],
)
def test_wildcards_that_link_nothing_are_refused(
    tmp_path: Path, images: Given, masks: Given, said: str
) -> None:
    assert said in refusal(tmp_path, images, masks)


def test_two_recordings_of_one_name_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, ["a/b_c.tif", "a_b/c.tif", "a/b_c.png", "a_b/c.png"])
    assert "would both be named 'a_b_c'" in refusal(tmp_path, "{x}/{y}.tif", "{x}/{y}.png")


def test_a_part_of_another_name_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, ["holdout/a.tif", "holdout/a.png"])
    assert "{part} stands for 'holdout'" in refusal(tmp_path, "{part}/{name}.tif", "{part}/{name}.png")
