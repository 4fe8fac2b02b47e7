"""Tables of tracks in the Cell Tracking Challenge's form, read, written, and those of drawn recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from refusals import refusal

from hela_seg.data.ctc_tracks import (
    CtcTrack,
    read_track_table,
    tracks_of,
    write_ctc_frames,
    write_track_table,
)
from hela_seg.data.synthetic.recordings import DrawingSettings, folder_of, write
from hela_seg.data.synthetic.render import draw, draw_tracked
from hela_seg.system.errors import InputError

SMALL = {"series": 1, "frames": 4, "height": 96, "width": 96}


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    tracks = [CtcTrack(1, 0, 4, 0), CtcTrack(7, 5, 9, 1), CtcTrack(3, 5, 6, 1)]
    write_track_table(tmp_path / "res_track.txt", tracks)
    assert (tmp_path / "res_track.txt").read_text() == "1 0 4 0\n7 5 9 1\n3 5 6 1\n"
    assert read_track_table(tmp_path / "res_track.txt") == tracks


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("1 0 4\n", "line 1"),
        ("1 0 4 0\n2 a 4 0\n", "line 2"),
        ("1 0 4 0\n1 5 6 0\n", "occurs once"),
        ("1 4 0 0\n", "not before the first"),
        ("1 0 4 9\n", "track 1 has the parent 9"),
        ("1 0 4 0\n2 4 6 1\n", "track 2 has the parent 1, expected 0 or a track that ends before frame 4"),
    ],
)
def test_a_table_that_cannot_be_is_refused_in_one_line(tmp_path: Path, lines: str, said: str) -> None:
    (tmp_path / "man_track.txt").write_text(lines)
    assert said in refusal(read_track_table, tmp_path / "man_track.txt")


def test_cells_that_divide_leave_and_return_by_hand() -> None:
    # Cell 5 divides into 8 and 9 after two frames; cell 2 is away in the frame between.
    cells = np.array([[[5, 5, 0, 2]], [[5, 5, 0, 0]], [[8, 9, 0, 2]]])
    tracks, numbered = tracks_of(cells, {8: 5, 9: 5})
    assert tracks == [
        CtcTrack(1, 0, 0, 0),
        CtcTrack(2, 0, 1, 0),
        CtcTrack(3, 2, 2, 0),
        CtcTrack(4, 2, 2, 2),
        CtcTrack(5, 2, 2, 2),
    ]
    assert numbered[:, 0].tolist() == [[2, 2, 0, 1], [2, 2, 0, 0], [4, 5, 0, 3]]


def test_labels_that_the_form_cannot_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="track 70000, expected 65535"):
        write_ctc_frames(tmp_path, "mask", [np.full((2, 2), 70000)])


def test_true_tracks_are_those_of_the_masks_and_divide() -> None:
    drawn = draw_tracked(16, 256, 256, 1)
    np.testing.assert_array_equal(drawn.cells > 0, drawn.labels > 0)
    for label, first, last, _ in drawn.tracks:
        seen = np.flatnonzero((drawn.cells == label).any(axis=(1, 2)))
        assert seen.tolist() == list(range(first, last + 1))
    by_label = {track.label: track for track in drawn.tracks}
    daughters = [track for track in drawn.tracks if track.parent]
    assert len(daughters) >= 2
    for daughter in daughters:
        assert by_label[daughter.parent].last == daughter.first - 1
        inside = drawn.labels[daughter.first][drawn.cells[daughter.first] == daughter.label]
        assert (inside == 1).all()  # they are born round


def test_drift_moves_the_cells_by_what_is_said_and_changes_nothing_else() -> None:
    still, moved = draw_tracked(5, 192, 192, 3), draw_tracked(5, 192, 192, 3, drift=8.0)
    assert np.ptp(moved.drift[:, 0]) > 5
    assert not still.drift.any()
    for t in range(5):
        rows, columns = np.rint(moved.drift[t]).astype(int)
        inner = slice(60, 130)
        there = moved.labels[t, 60 + rows : 130 + rows, 60 + columns : 130 + columns]
        assert (there == still.labels[t, inner, inner]).mean() > 0.98


def test_frames_out_of_focus_are_blurred_and_their_truth_is_not() -> None:
    sharp, blurred = draw_tracked(4, 128, 128, 5), draw_tracked(4, 128, 128, 5, out_of_focus=1.0)
    np.testing.assert_array_equal(sharp.cells, blurred.cells)
    brightest = [np.percentile(one.images[..., 1], 99.9) for one in (sharp, blurred)]
    assert brightest[1] < 0.8 * brightest[0]


def test_the_pictures_of_a_drawing_do_not_depend_on_whether_its_tracks_are_written(tmp_path: Path) -> None:
    plain, tracked = (
        write(tmp_path, DrawingSettings(**SMALL)),
        write(tmp_path, DrawingSettings(**SMALL, tracks=True)),
    )
    assert plain != tracked
    for name in ("images/culture-01.tif", "masks/culture-01.tif"):
        assert (plain / name).read_bytes() == (tracked / name).read_bytes()
    truth = tracked / "tracks" / "culture-01_GT"
    tracks = read_track_table(truth / "TRA" / "man_track.txt")
    frames = np.stack([tifffile.imread(path) for path in sorted((truth / "TRA").glob("man_track*.tif"))])
    assert frames.dtype == np.uint16
    assert {track.label for track in tracks} == set(np.unique(frames).tolist()) - {0}
    np.testing.assert_array_equal(frames > 0, tifffile.imread(tracked / "masks" / "culture-01.tif") > 0)
    assert len(list((truth / "SEG").glob("man_seg*.tif"))) == 4
    assert len((truth / "drift.csv").read_text().splitlines()) == 5


def test_the_default_drawing_keeps_its_folder_and_its_pictures() -> None:
    defaults = {"series": 6, "frames": 12, "height": 256, "width": 256, "seed": 0}
    assert folder_of("", DrawingSettings(**defaults)).name == "64e5f8f0"
    assert (
        folder_of("", DrawingSettings(**defaults, tracks=False, drift=0.0, out_of_focus=0.0)).name
        == "64e5f8f0"
    )
    images, labels = draw(4, 96, 96, 0)
    tracked = draw_tracked(4, 96, 96, 0)
    np.testing.assert_array_equal(images, tracked.images)
    np.testing.assert_array_equal(labels, tracked.labels)
