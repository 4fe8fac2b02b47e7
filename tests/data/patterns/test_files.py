"""Which pattern a file belongs to, and what is said where it is none or two."""

from __future__ import annotations

from pathlib import Path

from empty_files import files, found, refusal, touch


def test_masks_beside_images_in_one_folder_are_no_images(tmp_path: Path) -> None:
    touch(
        tmp_path,
        ["b 2.png", "b 2_cp_masks.png", "b 10.png", "b 10_cp_masks.png", "b 2_seg.npy", ".hidden.png"],
    )
    recordings = found(tmp_path, "{name}.png", "{name}_cp_masks.png")
    assert [recording.name for recording in recordings] == ["b 2", "b 10"]
    assert files(tmp_path, recordings[0]) == ([[["b 2.png"]]], [[["", ["b 2_cp_masks.png"]]]])
    # the other way round, the images have the longer names
    assert [one.name for one in found(tmp_path, "{name}_cp_masks.png", "{name}.png")] == ["b 2", "b 10"]


def test_a_pattern_that_matches_nothing_names_what_is_near(tmp_path: Path) -> None:
    touch(tmp_path, ["A/phase_1.tif", "A/mask_1.png", "notes.txt"])
    message = refusal(tmp_path, "{series}/phse_{t}.tif", "{series}/mask_{t}.png")
    assert "data.images is '{series}/phse_{t}.tif', which no file below" in message
    assert "the nearest names there are A/phase_1.tif" in message
    assert "data.masks is" in refusal(tmp_path, "{series}/phase_{t}.tif", "masks/{series}_{t}.png")
    message = refusal(tmp_path, "B/phase_{t}.tif", "{series}/mask_{t}.png")
    assert "data.masks is '{series}/mask_{t}.png', expected no {series} in it" in message
    message = refusal(tmp_path, "B/phase_{t}.tif", "A/mask_{t}.png")
    assert f"no file below {tmp_path} matches: the nearest names there are A/phase_1.tif" in message
    assert "is no folder" in refusal(tmp_path / "gone", "{a}.tif", "{a}.png")


def test_two_files_with_the_same_texts_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, ["a.tif", "a.png", "m/a.png", "b.tif", "b.png", "m/b.png"])
    message = refusal(tmp_path, "{name}", "m/{name}")
    assert "match one pattern with the same texts" in message
    assert "a.png" in message
    assert "a.tif" in message
    touch(tmp_path, ["x/images/1.png", "x/images/2.png", "x/m.png"])
    message = refusal(tmp_path, "{id}/images/*", "{id}/m.png")
    assert "images/1.png and 2.png" in message
    assert "t01.tif and t1.tif" in refusal(
        touch(tmp_path / "n", ["t1.tif", "t01.tif", "m1.png"]), "t{t}.tif", "m{t}.png"
    )
