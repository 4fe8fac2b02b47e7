"""The command that follows cells in masks of any program, as a user runs it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from hela_seg.cli import main
from hela_seg.data.ctc_tracks import write_ctc_truth
from hela_seg.data.stacks import PixelSize, write_tiff
from hela_seg.data.synthetic.render import draw_tracked

DRAWN = draw_tracked(12, 160, 160, 0)
CLASSES = "classes=[background,round,spread]"


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """Class maps, numbered cells and true tracks of one recording, with a second one of class maps."""
    square = PixelSize(0.6, 0.6)
    for name, maps in (("a", DRAWN.labels), ("b", DRAWN.labels[::-1])):
        write_tiff(tmp_path / "maps" / f"{name}.tif", maps, "TYX", pixel_size=square, frame_interval_s=300.0)
    jumping = np.where(DRAWN.cells > 0, DRAWN.cells.astype(np.uint16) * 9001, 0).astype(np.uint16)
    write_tiff(tmp_path / "ids" / "a.tif", jumping, "TYX")
    write_ctc_truth(tmp_path / "a_GT", DRAWN.cells, DRAWN.tracks)
    return tmp_path


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_class_maps_are_followed_and_written_for_other_programs(masks: Path) -> None:
    typed = [str(masks / "maps" / "a.tif"), "-o", str(masks / "out"), CLASSES, "mitotic=round"]
    assert main("track", [*typed, "tracks=[ctc,trackmate]"]) == 0
    tracks = rows(masks / "out" / "tracks.csv")
    assert sum(bool(row["daughters"]) for row in tracks) == 1
    assert {"division", "rounding up"} == {row["event"] for row in rows(masks / "out" / "events.csv")}
    index = next(row for row in rows(masks / "out" / "lives.csv") if row["what"] == "mitotic index")
    assert 0 <= float(index["low"]) <= float(index["value"]) <= float(index["high"]) <= 1
    names = {path.name for path in (masks / "out").iterdir()}
    assert names >= {"a_RES", "a.trackmate.xml", "a.lineage.png", "a.lineage.svg", "time_course.png"}
    assert not any(name.startswith(".") for name in names)


def test_tracks_in_the_challenges_form_go_out_and_in_again_and_score_one(
    masks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ctc_metrics", reason="the extra track is not installed")
    typed = [str(masks / "ids" / "a.tif"), "-o", str(masks / "out"), "kind=instances", "tracks=ctc"]
    assert main("track", [*typed, f"class_maps={masks / 'maps' / 'a.tif'}", CLASSES]) == 0
    typed = [str(masks / "out" / "a_RES"), "-o", str(masks / "again"), f"truth={masks / 'a_GT'}"]
    assert main("track", [*typed, "interval=300"]) == 0
    (scores,) = rows(masks / "again" / "track_scores.csv")
    assert float(scores["SEG"]) == float(scores["DET"]) == 1
    assert float(scores["TRA"]) > 0.99
    assert float(scores["division F1 within 1 frame"]) == 1
    tables = [rows(masks / folder / "tracks.csv") for folder in ("out", "again")]
    names = ("track", "first_frame", "last_frame", "parent", "daughters")
    assert [[row[name] for name in names] for row in tables[0]] == [
        [row[name] for name in names] for row in tables[1]
    ]
    assert "TRA" in capsys.readouterr().out


def test_true_tracks_are_analysed_as_they_are(masks: Path) -> None:
    assert main("track", [str(masks / "a_GT"), "-o", str(masks / "out")]) == 0
    tracks = rows(masks / "out" / "tracks.csv")
    assert [(int(row["first_frame"]), int(row["last_frame"]), int(row["parent"])) for row in tracks] == [
        track[1:] for track in DRAWN.tracks
    ]


@pytest.mark.parametrize("form", ["trackmate", "geff"])
def test_tracks_of_other_programs_are_analysed_and_scored(masks: Path, form: str) -> None:
    pytest.importorskip("ctc_metrics", reason="the extra track is not installed")
    pytest.importorskip("zarr", reason="the extra zarr is not installed")
    typed = [str(masks / "ids" / "a.tif"), "-o", str(masks / "out"), "kind=instances", f"tracks={form}"]
    assert main("track", [*typed, f"class_maps={masks / 'maps'}", CLASSES, "interval=300"]) == 0
    written = masks / "out" / {"trackmate": "a.trackmate.xml", "geff": "a.tracks.geff"}[form]
    typed = [str(written), "-o", str(masks / "again"), f"masks={masks / 'ids'}", f"truth={masks / 'a_GT'}"]
    assert main("track", [*typed, f"class_maps={masks / 'maps'}", CLASSES, "mitotic=round"]) == 0
    (scores,) = rows(masks / "again" / "track_scores.csv")
    assert float(scores["SEG"]) == float(scores["TRA"]) == float(scores["division F1"]) == 1
    assert float(scores["cell count error"]) == float(scores["duration error"]) == 0
    tables = [rows(masks / folder / "tracks.csv") for folder in ("out", "again")]
    for name in ("track", "first_frame", "last_frame", "parent", "daughters", "classes", "hours_round"):
        assert [row[name] for row in tables[0]] == [row[name] for row in tables[1]], name


def test_spots_without_masks_are_drawn_as_discs(masks: Path) -> None:
    typed = [str(masks / "maps" / "a.tif"), "-o", str(masks / "out"), CLASSES, "tracks=trackmate"]
    assert main("track", typed) == 0
    assert main("track", [str(masks / "out" / "a.trackmate.xml"), "-o", str(masks / "again")]) == 0
    tables = [rows(masks / folder / "tracks.csv") for folder in ("out", "again")]
    assert [row["daughters"] for row in tables[0]] == [row["daughters"] for row in tables[1]]
    areas = [np.array([float(row["mean_area_px"]) for row in table]) for table in tables]
    assert np.abs(areas[1] / areas[0] - 1).max() < 0.3


def test_conditions_are_compared(masks: Path) -> None:
    (masks / "maps" / "b.tif").rename(masks / "maps" / "b\u00e9.tif")
    # as a Mac writes the letter: an e and then its accent
    (masks / "plate.csv").write_text("series,condition\na,control\nbe\u0301,drug\n", encoding="utf-8")
    typed = [str(masks / "maps"), "-o", str(masks / "out"), CLASSES, "mitotic=round"]
    assert main("track", [*typed, f"conditions={masks / 'plate.csv'}"]) == 0
    found = {row["condition"] for row in rows(masks / "out" / "lives.csv")}
    assert found == {"control", "drug", "control - drug"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["maps/a.tif"], "value 2, expected 0 to 1"),
        (["maps/a.tif", CLASSES, "mitotic=dividing"], "one of round, spread"),
        (["maps/a.tif", CLASSES, "interval=0"], "interval is 0, expected a number above 0"),
        (["maps/a.tif", CLASSES, "pixel_size=-1"], "pixel_size is -1, expected a number above 0"),
        (["maps", CLASSES, "conditions=lacking.csv"], "no condition for b"),
        (["maps", CLASSES, "conditions=wrong.csv"], "series and condition"),
        (["orphan_RES"], "track 1 has the parent 9"),
        (["hole_RES"], "no label image of frame 1"),
        (["unknown_RES"], "holds the label 2"),
        (["maps/a.tif", CLASSES, "truth=maps"], "man_track.txt is not there"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    masks: Path,
    given: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("ctc_metrics", reason="the extra track is not installed")
    monkeypatch.chdir(masks)
    Path("lacking.csv").write_text("series,condition\na,control\n")
    Path("wrong.csv").write_text("name,condition\na,control\n")
    for name, table, frames in (
        ("orphan", "1 0 1 9", (0, 1)),
        ("hole", "1 0 2 0", (0, 2)),
        ("unknown", "1 0 0 0", (0,)),
    ):
        for t in frames:
            write_tiff(
                Path(f"{name}_RES") / f"mask{t:03}.tif",
                np.full((8, 8), 2 if name == "unknown" else 1, np.uint16),
                "YX",
            )
        (Path(f"{name}_RES") / "res_track.txt").write_text(f"{table}\n")
    assert main("track", [*given, "-o", "new/out"]) == 2
    assert not Path("new").exists()
    error = capsys.readouterr().err
    assert said in error
    assert len([line for line in error.splitlines() if line.startswith("error")]) == 1


def test_a_second_recording_that_cannot_be_used_leaves_no_results_of_the_first(masks: Path) -> None:
    write_tiff(masks / "maps" / "b.tif", np.full((2, 8, 8), 7, np.uint8), "TYX")
    (masks / "out").mkdir()
    assert main("track", [str(masks / "maps"), "-o", str(masks / "out"), CLASSES, "tracks=ctc"]) == 2
    assert list((masks / "out").iterdir()) == []


def test_results_that_are_there_are_kept(masks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed = [str(masks / "a_GT"), "-o", str(masks / "out")]
    assert main("track", typed) == 0
    assert main("track", typed) == 2
    assert "set overwrite=true" in capsys.readouterr().err
    assert main("track", [*typed, "overwrite=true"]) == 0


def test_empty_frames_in_the_middle_and_single_frames(masks: Path) -> None:
    holes = DRAWN.labels.copy()
    holes[5] = 0
    tifffile.imwrite(masks / "holes.tif", holes, metadata={"axes": "TYX"})
    tifffile.imwrite(masks / "one.tif", holes[0], metadata={"axes": "YX"})
    for name in ("holes", "one"):
        typed = [str(masks / f"{name}.tif"), "-o", str(masks / name), CLASSES, "mitotic=round"]
        assert main("track", typed) == 0
    tracks = rows(masks / "holes" / "tracks.csv")
    assert (tracks[0]["first_frame"], int(tracks[0]["last_frame"]) > 5) == ("0", True)
    assert {row["last_frame"] for row in rows(masks / "one" / "tracks.csv")} == {"0"}


def test_pictures_along_a_track_on_request(masks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tiff(masks / "images" / "a.tif", DRAWN.images, "TYXS")
    typed = [str(masks / "maps" / "a.tif"), "-o", str(masks / "out"), CLASSES, "strips=[1]"]
    assert main("track", typed) == 2
    assert "add images=" in capsys.readouterr().err
    assert main("track", [*typed, f"images={masks / 'images'}", "overwrite=true"]) == 0
    assert "such as mitotic=round" in "".join(capsys.readouterr())
    with Image.open(masks / "out" / "a.track1.png") as strip:
        assert strip.width > 8 * 100
    assert main("track", [*typed[:-1], "strips=[99]", f"images={masks / 'images'}", "overwrite=true"]) == 2
    assert "expected 1 to" in capsys.readouterr().err
