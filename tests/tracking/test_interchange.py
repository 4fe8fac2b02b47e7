"""Tracks in the forms of other programs, held against independent readers of these."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from hela_seg.data.classes import Classes
from hela_seg.data.ctc_tracks import CtcTrack
from hela_seg.data.stacks import PixelSize
from hela_seg.data.synthetic.render import draw_tracked
from hela_seg.tracking.follow import Follower, FollowSettings
from hela_seg.tracking.interchange import ctc_tracks_of, edges_of, write_geff, write_trackmate
from hela_seg.tracking.tables import Followed

DRAWN = draw_tracked(12, 160, 160, 0)
PHASES = Classes(["background", "round", "spread"])


def followed() -> Followed:
    follower = Follower(PHASES, FollowSettings(mitotic="round"))
    cells = DRAWN.cells.astype(np.int64)
    cells[6] = np.where(cells[6] == 1, 0, cells[6])  # a gap in the first track
    for _ in follower.follow(zip(cells, DRAWN.labels, strict=True)):
        pass
    return Followed("a", follower.lives(), PHASES, 1, 300.0, PixelSize(0.6, 0.6))


FOLLOWED = followed()


def test_a_track_with_a_gap_is_two_of_the_challenges_and_daughters_come_from_the_second() -> None:
    tracks, label = ctc_tracks_of(FOLLOWED.lives)
    assert tracks[:2] == [CtcTrack(1, 0, 5, 0), CtcTrack(2, 7, 7, 1)]
    assert [track for track in tracks if track.parent == 2] == [
        track for track in tracks if track.first == 8
    ][-2:]
    assert set(label.tolist()) == {track.label for track in tracks}


def test_trackmate_files_are_read_by_an_independent_reader(tmp_path: Path) -> None:
    reader = pytest.importorskip("pytrackmate", reason="pytrackmate is not installed")
    write_trackmate(tmp_path / "a.xml", FOLLOWED)
    spots = reader.trackmate_peak_import(str(tmp_path / "a.xml"), get_tracks=True)
    lives = FOLLOWED.lives
    assert len(spots) == len(lives.track)
    np.testing.assert_allclose(spots["x"], 0.6 * lives.cells["column_px"], atol=1e-3)
    np.testing.assert_allclose(spots["t"], 300.0 * lives.cells["frame"])
    lineages = spots.groupby("label")["spot_id"].apply(lambda ids: frozenset(ids.astype(int)))
    expected = {
        frozenset(np.flatnonzero(np.isin(lives.track, np.flatnonzero(lives.roots == root) + 1)).tolist())
        for root in set(lives.roots.tolist())
    }
    assert set(lineages) == expected


def test_trackmate_files_have_what_fiji_asks_for(tmp_path: Path) -> None:
    write_trackmate(tmp_path / "a.xml", FOLLOWED, tmp_path / "movie.tif")
    root = ElementTree.parse(tmp_path / "a.xml").getroot()
    model, settings = root.find("Model"), root.find("Settings")
    assert model is not None
    assert settings is not None
    assert [element.tag for element in model] == [
        "FeatureDeclarations",
        "AllSpots",
        "AllTracks",
        "FilteredTracks",
    ]
    assert (model.get("spatialunits"), model.get("timeunits")) == ("micron", "sec")
    image = settings.find("ImageData")
    assert image is not None
    assert (image.get("filename"), image.get("nframes")) == ("movie.tif", "12")
    assert len(root.findall(".//Edge")) == len(edges_of(FOLLOWED.lives))


def test_geff_holds_the_graph_as_its_specification_says(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr", reason="the extra zarr is not installed")
    write_geff(tmp_path / "a.geff", FOLLOWED)
    group = zarr.open_group(tmp_path / "a.geff", mode="r")
    lives = FOLLOWED.lives
    assert sorted(group["nodes/ids"][:].tolist()) == list(range(len(lives.track)))
    np.testing.assert_array_equal(group["edges/ids"][:], edges_of(lives))
    assert group["nodes/ids"].dtype == group["edges/ids"].dtype == np.uint64
    np.testing.assert_array_equal(group["nodes/props/track/values"][:], lives.track)
    said = group.attrs["geff"]
    assert said["directed"] is True
    assert [(axis["name"], axis["type"], axis["unit"]) for axis in said["axes"]] == [
        ("t", "time", "second"),
        ("y", "space", "micrometer"),
        ("x", "space", "micrometer"),
    ]
    assert set(said["node_props_metadata"]) == {"t", "y", "x", "area", "track", "class"}
