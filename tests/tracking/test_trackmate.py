"""TrackMate's XML: ours against an independent reader, theirs by hand, and files that would do harm."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from followed_cells import FOLLOWED

from hela_seg.system.errors import InputError
from hela_seg.tracking.graphs import edges_of
from hela_seg.tracking.trackmate import is_trackmate, read_trackmate, write_trackmate

SAVED = """<?xml version="1.0" encoding="UTF-8"?>
<TrackMate version="7.11.1">
  <Log>some words</Log>
  <Model spatialunits="micron" timeunits="min">
    <AllSpots nspots="5">
      <SpotsInFrame frame="1">
        <Spot ID="8" FRAME="1" POSITION_X="6" POSITION_Y="4" RADIUS="1" VISIBILITY="1" ROI_N_POINTS="4">
          -1 -1 1 -1 1 1 -1 1</Spot>
        <Spot ID="9" FRAME="1" POSITION_X="2" POSITION_Y="8" RADIUS="1.5" VISIBILITY="1"/>
        <Spot ID="4" FRAME="1" POSITION_X="9" POSITION_Y="9" RADIUS="1" VISIBILITY="0"/>
      </SpotsInFrame>
      <SpotsInFrame frame="0">
        <Spot ID="20" FRAME="0" POSITION_X="5" POSITION_Y="4" RADIUS="2" VISIBILITY="1"/>
        <Spot ID="5" FRAME="0" POSITION_X="2" POSITION_Y="8" RADIUS="1" VISIBILITY="1"/>
      </SpotsInFrame>
    </AllSpots>
    <AllTracks>
      <Track TRACK_ID="0"><Edge SPOT_SOURCE_ID="8" SPOT_TARGET_ID="20"/></Track>
      <Track TRACK_ID="3"><Edge SPOT_SOURCE_ID="5" SPOT_TARGET_ID="9"/></Track>
    </AllTracks>
    <FilteredTracks><TrackID TRACK_ID="0"/></FilteredTracks>
  </Model>
  <Settings>
    <ImageData filename="a.tif" folder="" width="30" height="20" nslices="1" nframes="3" pixelwidth="0.5"
      pixelheight="0.5" voxeldepth="1" timeinterval="5"/>
  </Settings>
</TrackMate>
"""


def test_what_fiji_saved_is_read_in_pixels_and_frames(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(SAVED)
    graph = read_trackmate(tmp_path / "a.xml")
    # 4 is hidden, and 5 and 9 are of a track that a filter hides
    assert graph.frame.tolist() == [0, 1]
    assert graph.place.tolist() == [[8, 10], [8, 12]]
    assert graph.radius.tolist() == [4, 2]
    assert graph.edges.tolist() == [[0, 1]]
    assert graph.outlines[0] is None
    assert graph.outlines[1] is not None
    assert graph.outlines[1].tolist() == [[6, 10], [6, 14], [10, 14], [10, 10]]
    assert (graph.frames, graph.size, graph.frame_interval, graph.pixel_size) == (
        3,
        (20, 30),
        300,
        (0.5, 0.5),
    )


@pytest.mark.parametrize(
    ("there", "instead", "said"),
    [
        (
            "<TrackMate version",
            '<!DOCTYPE a [<!ENTITY b "x">]>\n<TrackMate version',
            "has a document type 'a'",
        ),
        (
            "<TrackMate version",
            '<!DOCTYPE a SYSTEM "/etc/passwd">\n<TrackMate version',
            "has a document type",
        ),
        ("some words", "&b;", "undefined entity"),
        ("</TrackMate>", "", "cannot be read as TrackMate's XML"),
        ('ID="9" ', 'ID="5" ', "has the cell 5 twice"),
        ('ID="9" ', "", "KeyError: 'ID'"),
        ('FRAME="0" POSITION_X="5"', 'FRAME="900000000" POSITION_X="5"', "cell 20 in frame 900000000"),
        ('nframes="3"', 'nframes="3e9"', "states 3000000000 frames"),
        ('nslices="1"', 'nslices="7"', "has 7 Z planes"),
        ('pixelwidth="0.5"', 'pixelwidth="0"', "pixelwidth='0', expected a number above 0"),
        ('POSITION_X="5"', 'POSITION_X="nan"', "cell 20 in frame 0 at 8, nan"),
        ('SPOT_TARGET_ID="20"', 'SPOT_TARGET_ID="21"', "from cell 8 to cell 21, of which one is not there"),
        (
            'FRAME="0" POSITION_X="5"',
            'FRAME="1" POSITION_X="5"',
            "between the cells 8 and 20, both of frame 1",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path, there: str, instead: str, said: str) -> None:
    assert there in SAVED
    text = SAVED.replace(there, instead).replace(
        "<FilteredTracks>", '<FilteredTracks><TrackID TRACK_ID="3"/>'
    )
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(InputError) as caught:
        read_trackmate(tmp_path / "a.xml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_xml_is_refused_and_known_by_its_head(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<Tracks nTracks='1'/>")
    assert not is_trackmate(tmp_path / "a.xml")
    with pytest.raises(InputError, match="choose Save in TrackMate, not the export of tracks"):
        read_trackmate(tmp_path / "a.xml")


def test_our_files_come_back(tmp_path: Path) -> None:
    write_trackmate(tmp_path / "a.xml", FOLLOWED)
    graph, lives = read_trackmate(tmp_path / "a.xml"), FOLLOWED.lives
    assert is_trackmate(tmp_path / "a.xml")
    np.testing.assert_array_equal(graph.frame, lives.cells["frame"])
    places = np.column_stack([lives.cells["row_px"], lives.cells["column_px"]])
    np.testing.assert_allclose(graph.place, places, atol=1e-3)
    np.testing.assert_array_equal(graph.edges, np.unique(edges_of(lives), axis=0))
    assert (graph.size, graph.frames, graph.frame_interval) == (lives.size, 12, 300)


def test_files_are_read_by_an_independent_reader(tmp_path: Path) -> None:
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


def test_files_have_what_fiji_asks_for(tmp_path: Path) -> None:
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
    assert (image.get("filename"), image.get("nframes"), image.get("width")) == ("movie.tif", "12", "160")
    assert len(root.findall(".//Edge")) == len(edges_of(FOLLOWED.lives))
