"""Which recordings a path holds: masks, or tracks in the form of other programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from followed_cells import DRAWN, FOLLOWED, PHASES, followed
from PIL import Image

from hela_seg.data.ctc_tracks import write_ctc_truth
from hela_seg.data.stacks import write_tiff
from hela_seg.system.errors import InputError
from hela_seg.tracking.reading import Reading
from hela_seg.tracking.sources import CtcSource, GraphSource, MaskSource, find_sources
from hela_seg.tracking.trackmate import write_trackmate


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Masks, class maps and tracks in three forms of one recording."""
    write_tiff(tmp_path / "masks" / "a.tif", DRAWN.cells, "TYX", frame_interval_s=60.0)
    write_tiff(tmp_path / "maps" / "a.tif", DRAWN.labels, "TYX")
    write_ctc_truth(tmp_path / "truth" / "a_GT", DRAWN.cells, DRAWN.tracks)
    (tmp_path / "graphs").mkdir()
    write_trackmate(tmp_path / "graphs" / "a.trackmate.xml", FOLLOWED)
    (tmp_path / "graphs" / "metadata.xml").write_text("<OME/>")
    return tmp_path


def test_forms_are_told_apart(desk: Path) -> None:
    for name in ("a.labels.ome.tif", "a.cells.ome.tif"):
        write_tiff(desk / "results" / name, DRAWN.labels, "TYX")
    for place, kind, name in (
        ("masks", MaskSource, "a"),
        ("results", MaskSource, "a.labels"),
        ("masks/a.tif", MaskSource, "a"),
        ("truth", CtcSource, "a_GT"),
        ("truth/a_GT", CtcSource, "a_GT"),
        ("truth/a_GT/TRA", CtcSource, "TRA"),
        ("graphs", GraphSource, "a"),
        ("graphs/a.trackmate.xml", GraphSource, "a"),
    ):
        (found,) = find_sources(desk / place, Reading())
        assert (type(found), found.name) == (kind, name)


def test_classes_of_tracked_cells_come_from_class_maps(desk: Path) -> None:
    reading = Reading(kind="instances")
    for place, masks in (("masks", None), ("graphs", desk / "masks")):
        (found,) = find_sources(desk / place, reading, desk / "maps", masks)
        frames = list(found.frames(PHASES))
        np.testing.assert_array_equal([class_map for _, class_map in frames], DRAWN.labels)
    assert found.scales()[0] == 60.0  # of the masks, before those of the graph
    (alone,) = find_sources(desk / "graphs", reading)
    assert alone.scales()[0] == 300.0


def read_all(path: Path, reading: Reading, class_maps: Path | None, masks: Path | None) -> None:
    for source in find_sources(path, reading, class_maps, masks):
        list(source.frames(PHASES))


def test_what_does_not_go_together_is_refused_in_one_line(desk: Path) -> None:
    write_tiff(desk / "short" / "a.tif", DRAWN.labels[:5], "TYX")
    write_tiff(desk / "elsewhere" / "b.tif", DRAWN.cells, "TYX")
    write_tiff(desk / "twice" / "a.tif", DRAWN.cells[0], "YX")
    Image.fromarray(DRAWN.labels[0]).save(desk / "twice" / "a.png")
    reading = Reading(kind="instances")
    for place, maps, masks, said in (
        ("masks", None, "masks", "name the masks as input="),
        ("truth", None, "masks", "leave masks out"),
        ("twice", None, None, "a.png, a.tif, expected recordings with names of their own"),
        ("graphs", None, "elsewhere", "holds 0 files named a,"),
        ("graphs", None, "short", "has cells in frame 11 and .* has 5 frame"),
        ("graphs", "short", None, "has 5 frame.* has frame 5 of 160x160 pixels"),
        ("truth", "short", None, "holds 0 files named a_GT"),
    ):
        beside = [None if name is None else desk / name for name in (maps, masks)]
        with pytest.raises(InputError, match=said) as caught:
            read_all(desk / place, reading, *beside)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="expected kind=instances"):
        find_sources(desk / "masks", Reading(), desk / "maps")


def test_masks_of_another_recording_are_refused_and_a_few_lost_cells_are_warned_of(
    desk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = DRAWN.cells == 1
    for name, cells in (("empty", 0 * DRAWN.cells), ("fewer", np.where(first, 0, DRAWN.cells))):
        write_tiff(desk / name / "a.tif", cells, "TYX")
    reading = Reading(kind="instances")
    (found,) = find_sources(desk / "graphs", reading, None, desk / "empty")
    with pytest.raises(InputError, match="name the masks of this recording with masks="):
        found.lives(followed(*found.labels()))
    (found,) = find_sources(desk / "graphs", reading, None, desk / "fewer")
    found.lives(followed(*found.labels()))
    lost = int(first.any(axis=(1, 2)).sum()) - 1  # without frame 6, in which the graph has no such cell
    assert f"{lost} of the {len(FOLLOWED.lives.track)} cells" in caplog.text
