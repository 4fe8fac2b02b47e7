"""The sheet shows frames of all series, with their masks drawn over them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hela_seg.data.classes import Classes
from hela_seg.data.labels.readers import ValueLabels
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.table import Block
from hela_seg.data.stacks import ArraySeries
from hela_seg.report.pictures import contact_sheet as module
from hela_seg.report.pictures.contact_sheet import write_contact_sheet
from hela_seg.system.errors import InputError

CLASSES = Classes(["background", {"name": "round", "colour": "#ff0000"}])
READER = ValueLabels(CLASSES, ignore_value=9)


class Watched(ArraySeries):
    """Remembers which frames were read; frames of some numbers cannot be."""

    def __init__(self, stack, bad=()):
        super().__init__(stack, "TYX", 1)
        self.frames_read, self._bad = [], bad

    def read(self, t, rows, columns):
        self.frames_read.append(t)
        if t in self._bad:
            raise InputError(f"frame {t} is damaged")
        return super().read(t, rows, columns)


def record(frames, size=(50, 60), labels=None, bad=()):
    images = np.full((frames, *size), 100, np.uint8)
    images[:, ::2] = 140
    masks = np.zeros_like(images) if labels is None else np.broadcast_to(labels, images.shape).copy()
    return Recording(Watched(images, bad), ArraySeries(masks, "TYX", 1))


def sheet(folder: Path, recordings, blocks=()):
    path = folder / "sheet.png"
    assert write_contact_sheet(path, recordings, list(blocks), READER, CLASSES, "two dishes")
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def reddish(picture):
    return (picture[..., 0] - np.maximum(picture[..., 1], picture[..., 2])) > 60


def test_every_frame_of_few_is_shown_once(tmp_path):
    recordings = [record(3), record(2)]
    sheet(tmp_path, recordings)
    assert [sorted(r.image.frames_read) for r in recordings] == [[0, 1, 2], [0, 1]]
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_of_many_frames_twenty_are_shown_evenly_over_series_and_time(tmp_path):
    recordings = [record(100), record(300)]
    sheet(tmp_path, recordings)
    # 20 runs of 20 frames, of each the middle one
    assert recordings[0].image.frames_read == [10, 30, 50, 70, 90]
    assert recordings[1].image.frames_read == list(range(10, 300, 20))


def test_masks_are_drawn_over_the_frames_in_their_colours(tmp_path):
    half = np.zeros((50, 60), np.uint8)
    half[10:40, 10:50] = 1
    with_cells = reddish(sheet(tmp_path, [record(1, labels=half)])).sum()
    without = reddish(sheet(tmp_path, [record(1)])).sum()  # the legend alone
    assert with_cells > without + 200


def test_frames_that_cannot_be_read_are_left_out(tmp_path):
    whole = sheet(tmp_path, [record(6)]).shape
    assert sheet(tmp_path, [record(12, bad=range(6, 12))]).shape == whole
    assert sheet(tmp_path, [record(12)]).shape != whole


@pytest.mark.parametrize("recordings", [[], [record(2, bad=(0, 1))]])
def test_without_a_frame_nothing_is_written(tmp_path, recordings):
    assert not write_contact_sheet(tmp_path / "sheet.png", recordings, [], READER, CLASSES, "none")
    assert list(tmp_path.iterdir()) == []


def test_captions_name_series_frame_and_part(tmp_path, monkeypatch):
    captions = []
    original = module.compose
    monkeypatch.setattr(
        module,
        "compose",
        lambda panels, names, *rest: captions.extend(names) or original(panels, names, *rest),
    )
    recordings = [record(2, (200, 240)), record(1, (200, 240))]
    recordings[0].image.name, recordings[1].image.name = "a", "day 2 of a very long story, dish 17"
    sheet(tmp_path, recordings, [Block(0, 0, 1, "train"), Block(1, 0, 1, "validation")])
    assert captions[:2] == ["a, frame 0, train", "a, frame 1, unused"]
    assert captions[2].startswith("…")
    assert captions[2].endswith("17, frame 0, validation")


def test_large_frames_make_no_larger_sheet(tmp_path):
    small, large = (sheet(tmp_path, [record(2, size)]) for size in ((480, 600), (1440, 1800)))
    assert small.shape == large.shape
    assert small.shape[1] < 1500
