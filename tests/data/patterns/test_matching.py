"""Which images and masks belong together, by empty files in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from empty_files import files, found, refusal, touch

from hela_seg.data.patterns.matching import Given, match


def test_frames_are_sorted_by_number_and_linked_by_value(tmp_path: Path) -> None:
    names = [f"{s}/phase_{t}.tif" for s in ("A", "B") for t in (8, 9, 10)]
    touch(tmp_path, [*names, *(f"{s}/mask_{t:04}.png" for s in ("A", "B") for t in (8, 9, 10))])
    first, second = found(tmp_path, "{series}/phase_{t}.tif", "{series}/mask_{t}.png")
    assert (first.name, second.name, first.is_sequence) == ("A", "B", True)
    assert files(tmp_path, first) == (
        [[["A/phase_8.tif"]], [["A/phase_9.tif"]], [["A/phase_10.tif"]]],
        [[["", [f"A/mask_{t:04}.png"]]] for t in (8, 9, 10)],
    )


def test_one_mask_stack_serves_all_frames_and_one_stack_has_masks_of_its_frames(tmp_path: Path) -> None:
    touch(tmp_path, ["A/t0.tif", "A/t1.tif", "A/masks.tif", "B.tif", "B/m_0.png", "B/m_1.png"])
    (frames,) = found(tmp_path, "A/t{t}.tif", "A/masks.tif")
    assert files(tmp_path, frames) == ([[["A/t0.tif"]], [["A/t1.tif"]]], [[["", ["A/masks.tif"]]]])
    (stack,) = found(tmp_path, "{name}.tif", "{name}/m_{t}.png")
    assert (stack.name, stack.is_sequence) == ("B", False)
    assert files(tmp_path, stack) == ([[["B.tif"]]], [[["", ["B/m_0.png"]]], [["", ["B/m_1.png"]]]])


def test_channels_and_planes_lie_in_files_of_their_own(tmp_path: Path) -> None:
    touch(tmp_path, [f"{n}_{c}.tif" for n in "ab" for c in ("phase", "nuclei")] + ["a.png", "b.png"])
    first, _ = found(tmp_path, ["{name}_phase.tif", "{name}_nuclei.tif"], "{name}.png")
    assert files(tmp_path, first)[0] == [[["a_phase.tif"], ["a_nuclei.tif"]]]
    touch(tmp_path, [f"stacks/x_z{z}c{c}.tif" for z in (9, 10) for c in (1, 2)] + ["stacks/x.png"])
    (planes,) = found(tmp_path, "stacks/{name}_z{z}c{c}.tif", "stacks/{name}.png")
    assert files(tmp_path, planes)[0] == [[[f"stacks/x_z{z}c{c}.tif" for z in (9, 10)] for c in (1, 2)]]


def test_one_file_a_cell_or_a_class(tmp_path: Path) -> None:
    touch(tmp_path, ["x/images/x.png", "x/masks/2.png", "x/masks/10.png", "y/images/y.png", "y/masks/1.png"])
    first, _ = found(tmp_path, "{id}/images/{id}.png", "{id}/masks/*.png")
    assert files(tmp_path, first)[1] == [[["", ["x/masks/2.png", "x/masks/10.png"]]]]
    touch(tmp_path, ["set1/phase.png", "set1/feature_0.png", "set1/feature_1.png"])
    (classes,) = found(
        tmp_path, "{set}/phase.png", {"edge": "{set}/feature_0.png", "inside": "{set}/feature_1.png"}
    )
    assert classes.name == "set1"
    assert files(tmp_path, classes)[1] == [
        [["edge", ["set1/feature_0.png"]], ["inside", ["set1/feature_1.png"]]]
    ]


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


def test_sparse_masks_leave_images_and_frames_aside(tmp_path: Path) -> None:
    touch(tmp_path, [f"t{t}.tif" for t in range(4)] + ["m1.png", "m3.png"])
    (one,) = found(tmp_path, "t{t}.tif", "m{t}.png", sparse=True)
    assert files(tmp_path, one)[0] == [[["t1.tif"]], [["t3.tif"]]]


# What is wrong


def test_images_without_masks_and_masks_without_images_are_one_line(tmp_path: Path) -> None:
    touch(tmp_path, [f"{n}.tif" for n in range(5)] + [f"{n}_m.png" for n in (0, 7, 8)])
    message = refusal(tmp_path, "{name}.tif", "{name}_m.png")
    assert "4 image(s) have no mask, such as" in message
    assert "2 mask(s) have no image, such as" in message
    left = refusal(tmp_path, "{name}.tif", "{name}_m.png", sparse=True)
    assert "image(s)" not in left
    assert "2 mask(s) have no image" in left


def test_missing_channels_classes_and_frames_are_named(tmp_path: Path) -> None:
    touch(tmp_path, ["a_1.tif", "a_2.tif", "b_1.tif", "c_1.tif", "c_2.tif", "a.png", "b.png", "c.png"])
    message = refusal(tmp_path, ["{name}_1.tif", "{name}_2.tif"], "{name}.png")
    assert "1 frame(s) lack a channel or plane" in message
    assert "b_1.tif" in message
    classes = touch(tmp_path / "k", ["a.tif", "a_r.png", "a_s.png", "b.tif", "b_r.png"])
    assert "b_r.png has no counterpart for s" in refusal(
        classes, "{n}.tif", {"r": "{n}_r.png", "s": "{n}_s.png"}
    )
    frames = touch(tmp_path / "f", [f"t{t}.{end}" for t in (0, 1, 3) for end in ("tif", "png")])
    (fault,) = match(frames, "t{t}.tif", "t{t}.png").faults
    assert "lacks frame 2 between t0.tif and t3.tif" in fault
    planes = touch(tmp_path / "z", ["a_z0c0.tif", "a_z1c0.tif", "a_z0c1.tif", "a.png"])
    assert "1 frame(s) lack a channel or plane" in refusal(planes, "{n}_z{z}c{c}.tif", "{n}.png")


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
