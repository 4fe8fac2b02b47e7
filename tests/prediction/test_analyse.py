"""Cells and figures are those of the class maps, frame by frame."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from jobs import classes_of, done, film, job, levels
from numpy.typing import NDArray

from hela_seg.prediction import analyse
from hela_seg.prediction.job import Wanted
from hela_seg.prediction.result_files import result_paths
from hela_seg.runs import run_folder
from hela_seg.system.errors import InputError


def test_cells_and_areas_are_those_of_the_class_maps(tmp_path: Path) -> None:
    images = film(3)
    net = levels(batch_size=1)
    courses = done(job(tmp_path, net, images), net, tmp_path / "out")
    assert courses is not None
    assert [cells.tolist() for cells in courses[0].cells] == [[0, 1, 1]] * 3
    with (tmp_path / "out" / run_folder.AREAS_TABLE).open() as file:
        areas = list(csv.DictReader(file))
    assert [int(row["dim pixels"]) for row in areas] == [
        int((classes_of(frame) == 1).sum()) for frame in images
    ]
    assert [row["bright cells"] for row in areas] == ["1"] * 3
    with (tmp_path / "out" / "cells.csv").open() as file:
        cells = list(csv.DictReader(file))
    assert [(row["series"], row["frame"], row["class"]) for row in cells] == [
        ("film0", str(t), name) for t in range(3) for name in ("dim", "bright")
    ]
    # a disc of radius 6 in pixels, whose centre moves one column a frame
    assert [float(row["column_px"]) for row in cells if row["class"] == "bright"] == pytest.approx(
        [20, 21, 22]
    )


def test_the_majority_filter_reaches_every_result(tmp_path: Path) -> None:
    images = film(5)
    images[2] = 20  # both cells vanish for one frame
    images[2, 0, 0] = 28
    net = levels(batch_size=1)
    courses = done(job(tmp_path, net, images, majority=3), net, tmp_path / "out")
    assert courses is not None
    found = tifffile.imread(tmp_path / "out" / "film0.labels.ome.tif")
    assert found[2].max() == 2
    assert [cells.sum() for cells in courses[0].cells] == [2] * 5


@pytest.mark.parametrize("majority", [1, 3])
def test_class_maps_say_whether_they_are_filtered(tmp_path: Path, majority: int) -> None:
    net = levels(batch_size=1)
    wanted: dict[str, Any] = {"labels": "both", "probabilities": True, "film": "png", "majority": majority}
    done(job(tmp_path, net, film(3), **wanted), net, tmp_path / "out")
    in_zarr = "film0.labels.zarr/labels/classes/.zattrs"
    names = ["film0.labels.ome.tif", in_zarr, "film0.film.png", "time_course.png"]
    said = [b"of 3 frames" in (tmp_path / "out" / name).read_bytes() for name in names]
    assert said == [majority == 3] * 4
    assert b"of 3 frames" not in (tmp_path / "out" / "film0.probabilities.ome.tif").read_bytes()


def test_tracked_cells_keep_their_number(tmp_path: Path) -> None:
    net = levels(batch_size=1)
    done(job(tmp_path, net, film(4), track=True), net, tmp_path / "out")
    with (tmp_path / "out" / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    tracks = {(row["class"], row["track"]) for row in rows}
    assert len(tracks) == 2
    assert len(rows) == 8


def test_regions_that_are_too_small_are_no_cells(tmp_path: Path) -> None:
    images = film(2)
    images[0, 35, 3] = 230
    net = levels(batch_size=1)
    counts = []
    for least_area in (0, 2):
        task = job(tmp_path, net, images, least_area=least_area)
        courses = done(task, net, tmp_path / str(least_area))
        assert courses is not None
        counts.append([int(cells.sum()) for cells in courses[0].cells])
    assert counts == [[3, 2], [2, 2]]


def numbered(folder: Path) -> NDArray[np.uint32]:
    numbers = tifffile.imread(folder / "film0.cells.ome.tif")
    assert numbers.dtype == np.uint32  # napari opens it as labels
    return numbers


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "cells.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("track", [False, True])
def test_the_image_of_cells_has_the_numbers_of_the_table(tmp_path: Path, track: bool) -> None:
    images = film(3)
    images[1, 35, 3] = 230  # a cell of one pixel
    images[0, 21:34, 14:27] = 20  # the bright cell comes later, so that labels and tracks differ
    net = levels(batch_size=1)
    done(job(tmp_path, net, images, track=track), net, tmp_path / "out")
    numbers = numbered(tmp_path / "out")
    cells = classes_of(images) > 0
    cells[1, 35, 3] &= not track  # among cells that are followed it is a speck
    np.testing.assert_array_equal(numbers > 0, cells)
    column = "track" if track else "label"
    expected = {
        (int(row["frame"]), int(row[column])): int(row["area_px"])
        for row in rows_of(tmp_path / "out")
        if row[column] != "0"
    }
    found = {
        (t, int(number)): int((frame == number).sum())
        for t, frame in enumerate(numbers)
        for number in np.unique(frame[frame > 0])
    }
    assert found == expected
    if track:
        assert {number for _, number in found} == {1, 2}


def test_all_files_of_cells_agree(tmp_path: Path) -> None:
    roifile = pytest.importorskip("roifile", reason="the extra rois is not installed")
    net = levels(batch_size=2)
    wanted = {"cells": ["geojson", "rois", "image", "csv"], "track": True}
    done(job(tmp_path, net, film(3), **wanted), net, tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    expected = {(int(row["frame"]), row["track"], row["class"]): int(row["area_px"]) for row in rows}
    features = json.loads((tmp_path / "out" / "film0.cells.geojson").read_text())["features"]
    drawn = {
        (
            feature["geometry"]["plane"]["t"],
            feature["properties"]["name"],
            feature["properties"]["classification"]["name"],
        ): area(feature["geometry"]["coordinates"][0])
        for feature in features
    }
    assert drawn == {cell: pixels - 0.5 for cell, pixels in expected.items()}
    rois = roifile.roiread(tmp_path / "out" / "film0.rois.zip")
    assert {roi.name: area(roi.coordinates()) for roi in rois} == {
        f"frame {t} cell {track} {name}": pixels - 0.5 for (t, track, name), pixels in expected.items()
    }


def area(ring: Any) -> float:
    x, y = np.asarray(ring, float).T
    return abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))) / 2


@pytest.mark.parametrize(
    ("cells", "files"),
    [
        ("none", set()),
        ("csv", {"cells.csv"}),
        ("image", {"film0.cells.ome.tif"}),
        (["image", "csv"], {"cells.csv", "film0.cells.ome.tif"}),
    ],
)
def test_what_is_wanted_of_the_cells_is_one_word_or_several(
    tmp_path: Path, cells: Any, files: set[str]
) -> None:
    net = levels(batch_size=1)
    done(job(tmp_path, net, film(2), cells=cells), net, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir() if "cells" in path.name} == files


def dividing(frames: int = 9) -> NDArray[np.uint8]:
    """A bright cell (T, 60, 60) that divides after four frames, and a dim one beside it."""
    rows, columns = np.mgrid[:60, :60]
    images = np.full((frames, 60, 60), 20, np.uint8)
    for t in range(frames):
        cells = [(20, 30, 9)] if t < 4 else [(20, 22, 7), (20, 39, 7)]
        for row, column, radius, grey in [(*cell, 230) for cell in cells] + [(48, 30, 8, 120)]:
            images[t][(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = grey
    return images


def test_followed_cells_have_tables_figures_and_files_for_other_programs(tmp_path: Path) -> None:
    pytest.importorskip("zarr", reason="the extra zarr is not installed")
    net = levels(batch_size=2)
    wanted = {"track": True, "mitotic": "bright", "tracks": ["ctc", "trackmate", "geff"]}
    task = job(tmp_path, net, dividing(), **wanted)
    done(task, net, tmp_path / "out")
    out = tmp_path / "out"
    assert all(path.exists() for path in result_paths(task, out))
    tables = {
        name: list(csv.DictReader((out / name).read_text().splitlines()))
        for name in ("tracks.csv", "events.csv", "lives.csv")
    }
    assert [(row["parent"], row["daughters"], row["end"]) for row in tables["tracks.csv"]] == [
        ("0", "3 4", "division"),
        ("0", "", "end"),
        ("1", "", "end"),
        ("1", "", "end"),
    ]
    assert [(row["event"], row["frame"]) for row in tables["events.csv"]] == [("division", "4")]
    assert {row["what"] for row in tables["lives.csv"]} == {
        "mitotic index",
        "divisions",
        "median time in class",
    }
    assert (out / "film0_RES" / "res_track.txt").read_text() == "1 0 3 0\n2 0 8 0\n3 4 8 1\n4 4 8 1\n"
    masks = [tifffile.imread(path) for path in sorted((out / "film0_RES").glob("mask*.tif"))]
    np.testing.assert_array_equal(np.stack(masks), numbered(out))
    with (out / "areas.csv").open() as file:
        index = [row["mitotic index"] for row in csv.DictReader(file)]
    assert index == ["0.5"] * 4 + ["0.666667"] * 5


@pytest.mark.parametrize("wanted", [{"mitotic": "bright"}, {"tracks": "ctc"}])
def test_what_is_said_of_tracks_needs_tracks(wanted: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="add track=true"):
        Wanted(**wanted)


def test_a_mitotic_class_that_is_none_is_refused_before_any_frame(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one of dim, bright"):
        job(tmp_path, levels(), film(2), track=True, mitotic="round")


@pytest.mark.parametrize("wanted", [{}, {"track": True}, {"majority": 3}])
def test_many_cores_find_what_one_finds(
    wanted: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, made = levels(batch_size=2), []
    task = job(tmp_path, net, film(7), film(4), **wanted)
    for count in (1, 16):
        monkeypatch.setattr(analyse, "cores", lambda count=count: count)
        folder = tmp_path / f"{count} cores"
        done(task, net, folder)
        made.append({path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()})
    assert made[0] == made[1]


def test_large_frames_are_looked_at_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their cells take much memory: of 2048x2048 pixels eight at a time, of 4096x4096 two, of more one."""
    monkeypatch.setattr(analyse, "cores", lambda: 64)
    sides = (512, 2048, 4096, 8192)
    assert [analyse.thread_count(side * side) for side in sides] == [8, 8, 2, 1]
    monkeypatch.setattr(analyse, "cores", lambda: 2)
    assert analyse.thread_count(512 * 512) == 1
