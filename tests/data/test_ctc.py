"""Sequences of the Cell Tracking Challenge with the masks of some of their frames."""

import numpy as np
import pytest
import tifffile
from refusals import refusal

from hela_seg.data.on_disk import DataOnDisk


def save(path, value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, np.full((6, 7), value, np.uint8), photometric="minisblack")


def number(root, numbers, pattern, folder):
    for t in numbers:
        save(root / folder / pattern.format(t), t)


def ctc(root, masks="GT"):
    return DataOnDisk("ctc", root, masks=masks).recordings()


def fill(root, frames=6, gold=(1, 4), silver=range(6)):
    for sequence in ("01", "02"):
        number(root, range(frames), "t{:03}.tif", sequence)
        number(root, gold, "man_seg{:03}.tif", f"{sequence}_GT/SEG")
        number(root, gold, "man_track{:03}.tif", f"{sequence}_GT/TRA")
        number(root, silver, "man_seg{:03}.tif", f"{sequence}_ST/SEG")
    return root


@pytest.mark.parametrize(("masks", "frames"), [("GT", [1, 4]), ("ST", [0, 1, 2, 3, 4, 5])])
def test_sequences_hold_the_frames_that_have_masks(tmp_path, masks, frames):
    recordings = ctc(fill(tmp_path), masks)
    assert [recording.name for recording in recordings] == ["01", "02"]
    for recording in recordings:
        for series in (recording.image, recording.mask):
            assert [series.frame(t)[0, 0, 0] for t in range(series.shape[0])] == frames
        assert recording.mask.path_of(0).parent == tmp_path / f"{recording.name}_{masks}" / "SEG"


def test_frames_and_masks_pair_by_number_whatever_the_digits(tmp_path):
    number(tmp_path, range(8, 12), "t{:04}.tif", "01")
    number(tmp_path, (11, 9), "man_seg{:03}.tif", "01_GT/SEG")
    (recording,) = ctc(tmp_path)
    assert [recording.image.frame(t)[0, 0, 0] for t in range(2)] == [9, 11]


def test_that_is_not_as_it_should_be_is_refused(tmp_path):
    root = fill(tmp_path)
    assert "data.masks is 'masks', expected GT, ST or RES" in refusal(ctc, root, "masks")
    assert refusal(ctc, root / "gone").startswith(f"{root / 'gone'} is no folder")
    assert "no sequence of the Cell Tracking Challenge" in refusal(ctc, root / "01_GT")
    save(root / "02_GT" / "SEG" / "man_seg099.tif")
    lone = root / "02_GT" / "SEG" / "man_seg099.tif"
    assert f"1 mask(s) have no image, such as {lone}: add" in refusal(ctc, root)
    save(root / "01_GT" / "SEG" / "man_seg_000_012.tif")
    assert "man_seg_000_012.tif is named as no frame of a 2D sequence" in refusal(ctc, root)
    (root / "01" / "t003.tif").unlink()
    assert f"{root / '01'} lacks frame 3 between" in refusal(ctc, root)


def test_sequence_without_the_masks_asked_for_is_refused(tmp_path):
    root = fill(tmp_path)
    (root / "02_ST").rename(root / "elsewhere")
    assert refusal(ctc, root, "ST").startswith(f"{root / '02_ST' / 'SEG'} is no folder")
