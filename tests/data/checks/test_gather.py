"""All that is wrong with the files of a data set, in one go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from conftest import draw_cells, write_dryad, write_folder

from hela_seg.data.checks.gather import Gathered, gather
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.splits.table import Block


def gathered(root: Path, **options) -> Gathered:
    plain = {"layout": "folder", "root": str(root), "classes": ["background", "dim", "bright"], **options}
    return gather(TimelapseData.from_plain(plain))


def save(path: Path, stack: np.ndarray, axes: str = "TYX") -> None:
    photometric = "rgb" if "S" in axes else "minisblack"
    tifffile.imwrite(path, stack, photometric=photometric, metadata={"axes": axes})


def test_good_data_are_what_opening_them_gives(cells) -> None:
    data = TimelapseData("folder", cells, ["background", "dim", "bright"])
    data.open()
    found = gathered(cells)
    assert found.faults == []
    assert found.blocks == data.blocks
    assert [recording.name for recording in found.recordings] == data.names


def test_each_file_that_fails_is_a_fault_and_the_others_are_opened(tmp_path) -> None:
    root = write_folder(tmp_path)
    (root / "images" / "dish 1.tif").write_bytes(b"II*\x00nothing")
    save(root / "masks" / "dish 3.tif", draw_cells(3, 1)[1])
    found = gathered(root)
    assert [recording.name for recording in found.recordings] == ["dish 0", "dish 2", "dish 4"]
    assert len(found.faults) == 2
    assert "dish 1.tif is damaged" in found.faults[0]
    assert "dish 3.tif has 1 frame(s) of 48x64, expected 2 of 48x64" in found.faults[1]


def test_the_split_is_that_of_all_series_less_those_that_fail(tmp_path) -> None:
    root = write_folder(tmp_path)
    split = {"validation": ["dish 0"], "test": ["dish 3"]}
    (root / "images" / "dish 1.tif").write_bytes(b"II*\x00nothing")
    assert gathered(root, split=split).blocks == [
        Block(0, 0, 2, "validation"),
        Block(1, 0, 2, "train"),  # dish 2
        Block(2, 0, 2, "test"),
        Block(3, 0, 2, "train"),
    ]


def test_what_has_no_counterpart_is_named_on_both_sides(tmp_path) -> None:
    root = write_folder(tmp_path)
    (root / "masks" / "dish 0.tif").unlink()
    (root / "images" / "dish 4.tif").unlink()
    image, mask = gathered(root).faults
    assert image.startswith(f"1 image(s) have no mask, such as {root / 'images' / 'dish 0.tif'}: add")
    assert mask.startswith(f"1 mask(s) have no image, such as {root / 'masks' / 'dish 4.tif'}: add")
    assert gathered(root, labels={"sparse": True}).faults == [mask]


def test_two_files_of_one_name_are_a_fault(tmp_path) -> None:
    root = write_folder(tmp_path)
    twin = root / "images" / "dish 2.tiff"
    twin.write_bytes((root / "images" / "dish 2.tif").read_bytes())
    (fault,) = gathered(root).faults
    assert fault.startswith(f"{root / 'images' / 'dish 2.tif'} and dish 2.tiff (")


def test_channels_unlike_those_of_most_are_a_fault(tmp_path) -> None:
    root = write_folder(tmp_path)
    save(root / "images" / "dish 0.tif", np.zeros((2, 48, 64, 3), np.uint8), "TYXS")
    (fault,) = gathered(root).faults
    assert "dish 0.tif has 3 channel(s), expected 1 as most series have" in fault


def test_a_split_that_cannot_be_is_a_fault_and_leaves_no_blocks(tmp_path) -> None:
    found = gathered(write_folder(tmp_path, series=2))
    assert (len(found.recordings), found.blocks) == (2, [])
    assert any("data.split.validation=0" in fault for fault in found.faults)


def test_the_papers_folders_say_the_part_of_what_is_left(tmp_path) -> None:
    root = write_dryad(tmp_path)
    (root / "X_train" / "train" / "frame_001.tiff").write_bytes(b"II*\x00nothing")
    found = gathered(root, layout="dryad")
    assert [block.part for block in found.blocks] == ["train"] * 2 + ["validation"] * 2 + ["test"] * 2
    (fault,) = found.faults
    assert "frame_001.tiff is damaged" in fault


def fill_sequences(root: Path, layout: str) -> tuple[list[Path], list[Path]]:
    """Two sequences of five frames as the Cell Tracking Challenge has them, or one in images and masks."""
    folders = {"ctc": [("01", "01_GT/SEG"), ("02", "02_GT/SEG")], "folder": [("images", "masks")]}[layout]
    images, masks = [], []
    for number, (image_folder, mask_folder) in enumerate(folders):
        for name in (image_folder, mask_folder):
            (root / name).mkdir(parents=True)
        for t, (image, mask) in enumerate(zip(*draw_cells(number, 5), strict=True)):
            images.append(root / image_folder / f"t{t:03}.tif")
            masks.append(root / mask_folder / (f"man_seg{t:03}.tif" if layout == "ctc" else f"t{t:03}.tif"))
            tifffile.imwrite(images[-1], image)
            tifffile.imwrite(masks[-1], mask)
    return images, masks


SEQUENCES = {"ctc": {"layout": "ctc", "masks": "GT"}, "folder": {"sequence": True}}


@pytest.mark.parametrize("layout", SEQUENCES)
def test_each_file_of_a_sequence_that_fails_is_a_fault(tmp_path, layout) -> None:
    images, masks = fill_sequences(tmp_path, layout)
    images[1].write_bytes(b"II*\x00nothing")
    masks[2].write_bytes(b"")
    tifffile.imwrite(images[3], np.zeros((48, 64), np.uint16))
    tifffile.imwrite(images[4], np.zeros((2, 48, 64), np.uint8), photometric="minisblack")
    found = gathered(tmp_path, axes="TYX", split={"validation": 0, "test": 0}, **SEQUENCES[layout])
    faults = "\n".join(found.faults)
    assert f"{images[1]} is damaged" in faults
    assert f"{masks[2]} is empty" in faults
    assert f"{images[3]} has 1 frame(s) of 48x64, 1 channel(s), uint16 but" in faults
    assert f"{masks[4]} has 1 frame(s) of 48x64, expected 2 of 48x64" in faults
    assert len(found.faults) == 4
    names = ["02"] if layout == "ctc" else []
    assert [recording.name for recording in found.recordings] == names
    assert [block.stop for block in found.blocks] == [5] * len(names)


@pytest.mark.parametrize("layout", SEQUENCES)
def test_what_keeps_frames_from_being_paired_is_a_fault(tmp_path, layout) -> None:
    images, masks = fill_sequences(tmp_path, layout)
    for path in (images[2], masks[2]):
        path.unlink()
    masks[-1].write_bytes(b"")
    found = gathered(tmp_path, **SEQUENCES[layout])
    assert "lacks frame 2 between t000.tif and t004.tif" in found.faults[0]
    assert any(f"{masks[-1]} is empty" in fault for fault in found.faults)


def test_without_sequences_there_is_one_fault(tmp_path) -> None:
    found = gathered(write_folder(tmp_path), layout="ctc", masks="GT")
    assert (len(found.faults), found.recordings, found.blocks) == (1, [], [])
    assert "holds no sequence of the Cell Tracking Challenge" in found.faults[0]
