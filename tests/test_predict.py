"""Predictions land where they should, readable by Fiji, and never over somebody's file."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile
from conftest import draw_cells
from microscope_samples import write_nd2
from PIL import Image

import hela_seg
from hela_seg.cli import main
from hela_seg.data.stacks import PixelSize, open_series, write_tiff


def test_a_folder_gives_labels_overlays_and_areas(checkpoint: Path, cells: Path, tmp_path: Path) -> None:
    output = tmp_path / "out (1), a=b ü"
    assert main("predict", [str(checkpoint), str(cells / "images"), "-o", str(output)]) == 0
    stems = [f"dish {index}" for index in range(5)]
    expected = {
        f"{stem}{end}" for stem in stems for end in (".labels.ome.tif", ".cells.ome.tif", ".overlay.png")
    }
    expected |= {"areas.csv", "cells.csv", "time_course.png", "prediction.json"}
    assert {path.name for path in output.iterdir()} == expected
    for stem in stems:
        with tifffile.TiffFile(output / f"{stem}.labels.ome.tif") as file:
            assert file.is_ome
            assert (file.series[0].axes, file.series[0].shape) == ("TYX", (2, 48, 64))
            labels = file.asarray()
        image = cells / "images" / f"{stem}.tif"
        np.testing.assert_array_equal(labels, hela_seg.load(checkpoint).predict(image))
        with Image.open(output / f"{stem}.overlay.png") as overlay:
            assert min(overlay.size) >= 48


def test_cells_and_labels_are_written_as_asked_for(checkpoint: Path, cells: Path, tmp_path: Path) -> None:
    typed = [str(checkpoint), str(cells / "images" / "dish 0.tif"), "-o", str(tmp_path / "out")]
    assert main("predict", [*typed, "cells=[rois,geojson,image]", "labels=both", "overwrite=true"]) == 0
    ends = ("labels.ome.tif", "labels.zarr", "cells.ome.tif", "rois.zip", "cells.geojson", "overlay.png")
    expected = {f"dish 0.{end}" for end in ends} | {"areas.csv", "time_course.png", "prediction.json"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == expected
    in_zarr = open_series(tmp_path / "out" / "dish 0.labels.zarr", labels=True)
    labels = tifffile.imread(tmp_path / "out" / "dish 0.labels.ome.tif")
    np.testing.assert_array_equal([in_zarr.frame(t)[0] for t in (0, 1)], labels)
    image = open_series(tmp_path / "out" / "dish 0.labels.zarr").frame(1)[0]
    np.testing.assert_array_equal(image, tifffile.imread(cells / "images" / "dish 0.tif")[1])


def test_files_of_an_earlier_prediction_that_are_not_replaced_are_named(
    checkpoint: Path, cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    typed = [str(checkpoint), str(cells / "images" / "dish 0.tif"), "-o", str(tmp_path / "out")]
    assert main("predict", [*typed, "entropy=true", "label_next=1"]) == 0
    assert "of an earlier prediction" not in capfd.readouterr().err
    assert main("predict", [*typed, "overwrite=true"]) == 0
    former = "dish 0.entropy.ome.tif, label_next.csv, label_next.png"
    assert f"warning: {former} in {tmp_path / 'out'} are of an earlier prediction" in capfd.readouterr().err


def test_areas_count_every_pixel_and_know_micrometres(checkpoint: Path, tmp_path: Path) -> None:
    images, _ = draw_cells(7, 3)
    write_tiff(tmp_path / "film.tif", images, "TYX", pixel_size=PixelSize(1.0, 0.25))
    assert main("predict", [str(checkpoint), str(tmp_path / "film.tif"), "-o", str(tmp_path / "out")]) == 0
    labels = tifffile.imread(tmp_path / "out" / "film.labels.ome.tif")
    with (tmp_path / "out" / "areas.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == ["0", "1", "2"]
    for t, row in enumerate(rows):
        for index, name in enumerate(("background", "dim", "bright")):
            pixels = int((labels[t] == index).sum())
            assert int(row[f"{name} pixels"]) == pixels
            assert float(row[f"{name} share"]) == pytest.approx(pixels / labels[t].size, abs=1e-6)
            assert float(row[f"{name} um2"]) == pytest.approx(0.25 * pixels)
    assert open_series(tmp_path / "out" / "film.labels.ome.tif").pixel_size == pytest.approx((1.0, 0.25))


def test_tables_have_the_time_of_recordings_that_state_their_interval(
    checkpoint: Path, tmp_path: Path
) -> None:
    (tmp_path / "films").mkdir()
    for seed, (name, interval) in enumerate({"timed": 300.0, "untimed": None}.items()):
        images, _ = draw_cells(seed, 3)
        write_tiff(tmp_path / "films" / f"{name}.tif", images, "TYX", frame_interval_s=interval)
    assert main("predict", [str(checkpoint), str(tmp_path / "films"), "-o", str(tmp_path / "out")]) == 0
    expected = {("timed", str(t)): str(300 * t) for t in range(3)}
    for table, column in (("areas.csv", "time s"), ("cells.csv", "time_s")):
        with (tmp_path / "out" / table).open() as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0])[2] == column
        assert {row["series"] for row in rows} == {"timed", "untimed"}
        assert all(row[column] == expected.get((row["series"], row["frame"]), "") for row in rows)


def test_the_end_counts_all_files_and_without_an_interval_there_is_no_column_of_times(
    checkpoint: Path, cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    typed = [str(checkpoint), str(cells / "images" / "dish 0.tif"), "-o", str(tmp_path / "out"), "film=png"]
    assert main("predict", typed) == 0
    written = {path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")}
    assert "dish 0.film.png" in written
    said = " ".join(capfd.readouterr().out.split())
    assert f"all files {len(written - {'prediction.json'})} in " in said
    assert "time" not in (tmp_path / "out" / "cells.csv").read_text().splitlines()[0]


def test_where_no_frame_shows_anything_there_is_nothing_to_label_next(
    checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_tiff(tmp_path / "dark.tif", np.zeros((2, 32, 32), np.uint16), "TYX")
    typed = [str(checkpoint), str(tmp_path / "dark.tif"), "-o", str(tmp_path / "out"), "label_next=2"]
    assert main("predict", typed) == 0
    said = " ".join(capfd.readouterr().out.split())
    assert "label next nothing: each frame is of one grey value or could not be read" in said
    there = {path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")}
    assert f"all files {len(there - {'prediction.json'})} in " in said


def test_results_are_replaced_only_when_told_to(
    checkpoint: Path, cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "dish 0.labels.ome.tif"
    target.write_text("mine")
    typed = [str(checkpoint), str(cells / "images" / "dish 0.tif"), "-o", str(tmp_path)]
    assert main("predict", typed) == 2
    assert "is already there" in capfd.readouterr().err
    assert target.read_text() == "mine"
    assert main("predict", [*typed, "overwrite=true"]) == 0
    assert tifffile.imread(target).shape == (2, 48, 64)


@pytest.mark.parametrize("pattern", [[], ["images={name}.tif"]])
def test_results_beside_their_recordings_are_no_recordings_of_the_next_prediction(
    checkpoint: Path, cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], pattern: list[str]
) -> None:
    for name in ("dish 0.tif", "dish 1.tif"):
        (tmp_path / name).write_bytes((cells / "images" / name).read_bytes())
    typed = [str(checkpoint), str(tmp_path), "-o", str(tmp_path), *pattern]
    assert main("predict", typed) == 0
    there = {path.name for path in tmp_path.iterdir()}
    assert main("predict", typed) == 0
    assert "done before" in capfd.readouterr().out
    assert main("predict", [*typed, "overwrite=true"]) == 0
    assert main("predict", [str(checkpoint), str(tmp_path), "-o", str(tmp_path / "other"), *pattern]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {*there, "other"}


@pytest.mark.parametrize("name", ["results.tif", "all.lock.tif"])
def test_recordings_may_be_called_as_the_program_calls_its_own_files(
    checkpoint: Path, tmp_path: Path, name: str
) -> None:
    write_tiff(tmp_path / name, draw_cells(0, 2)[0], "TYX")
    assert main("predict", [str(checkpoint), str(tmp_path / name), "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / f"{name.removesuffix('.tif')}.labels.ome.tif").is_file()


def test_relative_paths_mean_the_shells_folder(
    checkpoint: Path, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("film.tif").write_bytes((cells / "images" / "dish 1.tif").read_bytes())
    assert main("predict", [f"ckpt={checkpoint}", "input=film.tif", "output=here"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"film.tif", "here"}


def bad_inputs(folder: Path) -> dict[str, tuple[str, str]]:
    """For each name an input that cannot be predicted and what the message says."""
    good, _ = draw_cells(0, 3)
    write_tiff(folder / "good.tif", good, "TYX")
    whole = (folder / "good.tif").read_bytes()
    (folder / "cut.tif").write_bytes(whole[: len(whole) // 2])
    (folder / "zero.tif").write_bytes(b"")
    (folder / "text.txt").write_text("hello")
    tifffile.imwrite(folder / "rgb.tif", np.zeros((48, 64, 3), np.uint8), photometric="rgb")
    (folder / "empty").mkdir()
    return {
        "missing.tif": ("missing.tif", "is not there"),
        "cut.tif": ("cut.tif", "damaged"),
        "zero.tif": ("zero.tif", "empty (0 bytes)"),
        "text.txt": ("text.txt", "expected one of .tif"),
        "rgb.tif": ("rgb.tif", "has 3 channel(s), expected 1"),
        "empty": ("empty", "holds no image"),
    }


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["track=true", "mitotic=foo"], "mitotic is 'foo'"),
        (["inference.tile=[32,32]"], "a halo of 128"),
        (["images={t}.png"], "correct the pattern or input"),
    ],
)
def test_settings_that_are_refused_leave_no_folder(
    wrong: list[str],
    said: str,
    checkpoint: Path,
    cells: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    typed = [str(checkpoint), str(cells / "images"), "-o", str(tmp_path / "new" / "out")]
    assert main("predict", [*typed, *wrong]) == 2
    assert said in capfd.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["missing.tif", "cut.tif", "zero.tif", "text.txt", "rgb.tif", "empty"])
def test_bad_input_gets_one_line_and_leaves_nothing(
    name: str, checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file, expected = bad_inputs(tmp_path)[name]
    assert main("predict", [str(checkpoint), str(tmp_path / file), "-o", str(tmp_path / "out")]) == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1
    assert file in error
    assert expected in error
    left = {path.name for path in tmp_path.glob("out/*")}
    assert left <= {"prediction.json", ".prediction"}  # what a second start would go on from


def test_an_output_that_cannot_be_a_folder_is_refused(
    checkpoint: Path, cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    for output in (tmp_path / "file", tmp_path / "file" / "below"):
        assert main("predict", [str(checkpoint), str(cells / "images"), "-o", str(output)]) == 2
        error = capfd.readouterr().err
        assert str(output) in error
        assert error.count("\n") == 1


def test_two_files_of_one_name_are_refused(
    checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    image = draw_cells(0, 1)[0][0]
    tifffile.imwrite(tmp_path / "a.tif", image)
    Image.fromarray(image).save(tmp_path / "a.png")
    assert main("predict", [str(checkpoint), str(tmp_path), "-o", str(tmp_path / "out")]) == 2
    assert "several files are named a" in capfd.readouterr().err


def test_positions_of_a_microscope_file_are_recordings_with_times_of_their_own(
    checkpoint: Path, tmp_path: Path
) -> None:
    pytest.importorskip("nd2", reason="the extra formats is not installed")
    frames = np.stack([draw_cells(seed, 3)[0] for seed in range(2)], axis=1)  # T, P, H and W
    stamps = [0, 1, 60, 61, 300, 301]
    path = write_nd2(tmp_path / "plate.nd2", frames, "TPYX", positions=["A1", "A2"], times=stamps, pixel=0.5)
    typed = [str(checkpoint), str(path), "cells=none", "-o"]
    assert main("predict", [*typed, str(tmp_path / "all")]) == 0
    assert {found.name for found in (tmp_path / "all").glob("*.labels.ome.tif")} == {
        "plate_A1.labels.ome.tif",
        "plate_A2.labels.ome.tif",
    }
    with (tmp_path / "all" / "areas.csv").open() as file:
        rows = [(row["series"], row["time s"]) for row in csv.DictReader(file)]
    assert rows == [(f"plate_{position}", time) for position in ("A1", "A2") for time in ("0", "60", "300")]
    second = tmp_path / "second"
    assert main("predict", [*typed, str(second), "position=A2"]) == 0
    labels = [tifffile.imread(out / "plate_A2.labels.ome.tif") for out in (tmp_path / "all", second)]
    np.testing.assert_array_equal(*labels)
    np.testing.assert_array_equal(labels[0], hela_seg.load(checkpoint).predict(path, position="A2"))
    assert open_series(second / "plate_A2.labels.ome.tif").pixel_size == (0.5, 0.5)


def test_files_of_frames_are_recordings_by_their_pattern(
    checkpoint: Path, cells: Path, tmp_path: Path
) -> None:
    for number in (0, 1):
        stack = tifffile.imread(cells / "images" / f"dish {number}.tif")
        for t, frame in enumerate(stack, start=9):
            path = tmp_path / "in" / f"dish {number}" / f"phase_{t}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, frame, photometric="minisblack")
    out, whole = tmp_path / "out", tmp_path / "whole"
    found = ["images={series}/phase_{t}.tif", "-o", str(out)]
    assert main("predict", [str(checkpoint), str(tmp_path / "in"), *found]) == 0
    assert main("predict", [str(checkpoint), str(cells / "images"), "-o", str(whole)]) == 0
    for number in (0, 1):
        name = f"dish {number}.labels.ome.tif"
        assert (tifffile.imread(out / name) == tifffile.imread(whole / name)).all()


def test_a_pattern_that_matches_nothing_is_refused(
    checkpoint: Path, cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    typed = [str(checkpoint), str(cells), "images=image/{name}.tif", "-o", str(tmp_path / "out")]
    assert main("predict", typed) == 2
    assert "images is 'image/{name}.tif', which no file below" in capfd.readouterr().err
