"""Mended frames are saved as data=folder reads them."""

import numpy as np
import pytest
import tifffile

from hela_seg.data.labels.settings import LabelSettings
from hela_seg.data.layouts import FileRules
from hela_seg.data.on_disk import DataOnDisk
from hela_seg.data.stacks import ArraySeries, FrameSequence, open_series
from hela_seg.napari.frames import LazyFrames
from hela_seg.napari.masks import save_masks
from hela_seg.system.errors import InputError


def recording(channels=1, dtype=np.uint16):
    grey = np.random.default_rng(1).integers(0, 999, (3, channels, 24, 32)).astype(dtype)
    labels = np.random.default_rng(2).integers(0, 3, (3, 24, 32)).astype(np.uint8)
    return ArraySeries(grey, "TCYX", channels), grey, labels


def as_maps(labels):
    return LazyFrames(lambda t: labels[t], labels.shape)


ORIENTATIONS = [(turns, flipped) for turns in range(4) for flipped in (False, True)]


@pytest.mark.parametrize(("turns", "flipped"), ORIENTATIONS)
def test_a_saved_frame_is_read_back_pixel_by_pixel_in_all_orientations(turns, flipped, tmp_path):
    _, *whole = recording()
    grey, labels = (stack[..., 2:21, 3:30] for stack in whole)
    turned = [np.rot90(stack[..., ::-1] if flipped else stack, turns, (-2, -1)) for stack in (grey, labels)]
    save_masks(tmp_path, ArraySeries(turned[0], "TCYX", 1), as_maps(turned[1]), [0, 2])
    for t, pair in zip((0, 2), DataOnDisk("folder", tmp_path, "images", "masks").recordings(), strict=True):
        assert pair.name == f"array_t{t:04d}"
        assert np.array_equal(pair.image.frame(0), turned[0][t])
        assert np.array_equal(pair.mask.frame(0)[0], turned[1][t])


def test_channels_come_back_as_channels(tmp_path):
    series, grey, labels = recording(channels=2)
    save_masks(tmp_path, series, as_maps(labels), [1])
    (pair,) = DataOnDisk("folder", tmp_path, "images", "masks").recordings()
    assert np.array_equal(pair.image.frame(0), grey[1])


def test_frames_that_are_files_of_their_own_get_masks_beside_them(tmp_path):
    _, grey, labels = recording()
    (tmp_path / "images").mkdir()
    for t in range(3):
        tifffile.imwrite(tmp_path / "images" / f"f{t}.tif", grey[t, 0], photometric="minisblack")
    opened = [open_series(tmp_path / "images" / f"f{t}.tif", "YX") for t in range(3)]
    (mask,) = save_masks(tmp_path, FrameSequence(opened, "dish"), as_maps(labels), [1])
    assert mask == tmp_path / "masks" / "f1.tif"
    (pair,) = DataOnDisk(
        "folder", tmp_path, "images", "masks", rules=FileRules(LabelSettings(sparse=True))
    ).recordings()
    assert np.array_equal(pair.mask.frame(0)[0], labels[1])


def test_masks_are_replaced_only_where_that_is_asked_for(tmp_path):
    series, _, labels = recording()
    (mask,) = save_masks(tmp_path, series, as_maps(labels), [0])
    other = 2 - labels
    with pytest.raises(InputError, match=r"holds array_t0000\.tif already"):
        save_masks(tmp_path, series, as_maps(other), [1, 0])
    assert np.array_equal(tifffile.imread(mask), labels[0])
    assert sorted(path.name for path in mask.parent.iterdir()) == ["array_t0000.tif"]
    save_masks(tmp_path, series, as_maps(other), [0], overwrite=True)
    assert np.array_equal(tifffile.imread(mask), other[0])


def test_another_image_of_the_same_name_is_not_taken_for_this_one(tmp_path):
    series, grey, labels = recording()
    save_masks(tmp_path, series, as_maps(labels), [0])
    other = ArraySeries(grey + 1, "TCYX", 1)
    with pytest.raises(InputError, match="differs from frame 0"):
        save_masks(tmp_path, other, as_maps(labels), [0], overwrite=True)


def test_class_maps_of_another_size_are_refused(tmp_path):
    series, _, labels = recording()
    with pytest.raises(InputError, match="expected"):
        save_masks(tmp_path, series, as_maps(labels[:, :-1]), [0])
    assert list(tmp_path.iterdir()) == []


def test_two_windows_save_into_one_folder(tmp_path):
    """What one has saved stays as it is, and the other's frames stand beside it."""
    series, _, labels = recording()
    save_masks(tmp_path, series, as_maps(labels), [0])
    save_masks(tmp_path, series, as_maps(labels), [2])
    with pytest.raises(InputError, match=r"holds array_t0000\.tif already"):
        save_masks(tmp_path, series, as_maps(2 - labels), [0, 1])
    found = {
        pair.name: pair.mask.frame(0)[0]
        for pair in DataOnDisk("folder", tmp_path, "images", "masks").recordings()
    }
    assert sorted(found) == ["array_t0000", "array_t0002"]
    assert all(np.array_equal(found[f"array_t{t:04d}"], labels[t]) for t in (0, 2))
