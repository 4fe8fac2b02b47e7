"""Which masks an image has, and what is left over."""

from __future__ import annotations

from pathlib import Path

from empty_files import files, found, refusal, touch


def test_one_mask_stack_serves_all_frames_and_one_stack_has_masks_of_its_frames(tmp_path: Path) -> None:
    touch(tmp_path, ["A/t0.tif", "A/t1.tif", "A/masks.tif", "B.tif", "B/m_0.png", "B/m_1.png"])
    (frames,) = found(tmp_path, "A/t{t}.tif", "A/masks.tif")
    assert files(tmp_path, frames) == ([[["A/t0.tif"]], [["A/t1.tif"]]], [[["", ["A/masks.tif"]]]])
    (stack,) = found(tmp_path, "{name}.tif", "{name}/m_{t}.png")
    assert (stack.name, stack.is_sequence) == ("B", False)
    assert files(tmp_path, stack) == ([[["B.tif"]]], [[["", ["B/m_0.png"]]], [["", ["B/m_1.png"]]]])


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


def test_sparse_masks_leave_images_and_frames_aside(tmp_path: Path) -> None:
    touch(tmp_path, [f"t{t}.tif" for t in range(4)] + ["m1.png", "m3.png"])
    (one,) = found(tmp_path, "t{t}.tif", "m{t}.png", sparse=True)
    assert files(tmp_path, one) == (
        [[[f"t{t}.tif"]] for t in range(4)],
        [[["", [f"m{t}.png"]]] for t in (1, 3)],
    )
    assert one.numbers == (1, 3)


def test_images_without_masks_and_masks_without_images_are_one_line(tmp_path: Path) -> None:
    touch(tmp_path, [f"{n}.tif" for n in range(5)] + [f"{n}_m.png" for n in (0, 7, 8)])
    message = refusal(tmp_path, "{name}.tif", "{name}_m.png")
    assert "4 image(s) have no mask, such as" in message
    assert "2 mask(s) have no image, such as" in message
    left = refusal(tmp_path, "{name}.tif", "{name}_m.png", sparse=True)
    assert "image(s)" not in left
    assert "2 mask(s) have no image" in left
