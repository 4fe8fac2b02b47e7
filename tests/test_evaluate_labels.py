"""Label images of other programs scored by the command, as a user types it."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from conftest import write_folder
from pages import ReadPage
from PIL import Image

from hela_seg.cli import main
from hela_seg.comparison.found import find_runs
from hela_seg.comparison.quality import quality_of
from hela_seg.data.ctc_tracks import write_ctc_frames, write_ctc_truth, write_track_table
from hela_seg.data.stacks import write_tiff
from hela_seg.data.synthetic.render import draw_tracked
from hela_seg.report.pictures.blending import fit_panel
from hela_seg.report.run import examples

CLASSES = "data.classes=[background,dim,bright]"
no_report = pytest.mark.usefixtures("no_report")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two recordings of three frames in ``my cells``, and as label images their masks in ``theirs``."""
    write_folder(tmp_path / "my cells", series=2, frames=3)
    shutil.copytree(tmp_path / "my cells" / "masks", tmp_path / "their masks")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def evaluate(*arguments: str) -> int:
    truth = ["data=folder", "data.root=my cells", CLASSES, "hydra.run.dir=out"]
    return main("evaluate", ["labels=their masks", *truth, *arguments])


def written() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path("out/scores.json").read_text())
    return content


def change(name: str, by: Any) -> None:
    """Write the label images of a recording anew."""
    path = Path("their masks") / name
    tifffile.imwrite(path, by(tifffile.imread(path)), photometric="minisblack", metadata={"axes": "TYX"})


def test_the_truth_itself_is_without_fault(desk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert evaluate() == 0
    found = written()
    assert set(found["mean"].values()) == {1.0}
    assert np.sum(found["confusion_matrix"]) == 2 * 3 * 48 * 64
    assert found["boundaries"]["mean"] == {
        "normalised_surface_distance": 1.0,
        "hausdorff_95_mean": 0.0,
        "hausdorff_95_median": 0.0,
    }
    assert found["cells"]["mean_average_precision"] == 1.0
    names = {"scores.csv", "scores.json", "frames.csv", "run.json", "boundary_scores.csv", "cell_scores.csv"}
    assert {*names, "report.html"} <= {path.name for path in Path("out").iterdir()}
    printed = capfd.readouterr().out
    assert max(map(len, printed.split("labels")[0].splitlines())) <= 80


def report() -> str:
    return Path("out/report.html").read_text(encoding="utf-8")


def test_the_report_shows_the_labels_where_a_net_has_its_prediction(desk: Path) -> None:
    change("dish 1.tif", lambda labels: np.roll(labels, 3, axis=2))
    assert evaluate("name=Fiji") == 0
    page, text = ReadPage(report()), report()
    assert page.headings[0] == "Label images: Fiji"
    assert page.table("Class")["mean"]["IoU"] == f"{written()['mean']['iou']:.4f}"
    best, worst = (title for title in page.headings if title.startswith(("Best: ", "Worst: ")))
    assert best.startswith("Best: dish 0")
    assert best.endswith("m-IoU 1.0000")
    assert worst.startswith("Worst: dish 1")
    panels = [alt.rsplit(": ", 1)[1] for alt in page.images[:3]]
    assert panels == ["image", "truth", "labels"]
    assert 'class="missing"' not in text
    assert not {"Learning curves", "Training tiles", "Calibration", "Costs"} & set(page.headings)
    assert "could not be drawn" not in text
    assert "Seed" not in text


def test_pictures_are_of_the_labels_that_were_scored(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[np.ndarray] = []
    errors_of = examples.errors_of
    monkeypatch.setattr(examples, "errors_of", lambda *given: (shown.append(given[2]), errors_of(*given))[1])
    theirs = tifffile.imread("their masks/dish 0.tif")
    theirs[1], theirs[2, :, 20:] = 9, 0
    change("dish 0.tif", lambda _: theirs)
    assert evaluate("on_error=skip", "part=all") == 3
    _, expected = fit_panel(theirs[2:], theirs[2], examples.LONGEST)
    assert any(np.array_equal(labels, expected) for labels in shown)  # its block was parted
    assert "1 of 6 frame(s) were left out" in report()


@no_report
def test_a_shift_by_three_pixels_is_beyond_a_tolerance_of_two(desk: Path) -> None:
    for name in ("dish 0.tif", "dish 1.tif"):
        change(name, lambda labels: np.roll(labels, 3, axis=2))
    assert evaluate() == 0
    narrow = written()["boundaries"]
    assert evaluate("boundaries.tolerance=3") == 0
    wide = written()["boundaries"]
    assert narrow["mean"]["normalised_surface_distance"] < 0.9 < wide["mean"]["normalised_surface_distance"]
    with Path("out/boundary_scores.csv").open() as file:
        rows = {row["class"]: row for row in csv.DictReader(file)}
    assert rows["dim"]["tolerance"] == "3"
    assert float(rows["dim"]["hausdorff_95_mean"]) == wide["classes"]["dim"]["hausdorff_95_mean"]


@no_report
def test_ids_without_a_word_are_told_what_to_set(desk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    change("dish 0.tif", lambda labels: labels * 50)
    assert evaluate() == 2
    assert "set reading.kind=instances or reading.classes" in capfd.readouterr().err


@no_report
def test_ids_of_cellpose_against_two_classes(desk: Path) -> None:
    shutil.rmtree("their masks")
    Path("their masks").mkdir()
    for mask in Path("my cells/masks").iterdir():
        for t, labels in enumerate(tifffile.imread(mask)):
            ids = (labels > 0) * (
                np.arange(labels.size).reshape(labels.shape) // 64 + 1
            )  # a cell in each row
            folder = Path("their masks") / mask.stem
            folder.mkdir(exist_ok=True)
            Image.fromarray(ids.astype(np.uint16)).save(folder / f"t{t}_cp_masks.png")
    two = "data.classes=[background,{name: cell, values: [1, 2]}]"
    assert evaluate(two, "reading.kind=instances", "name=Cellpose") == 0
    found = written()
    assert set(found["mean"].values()) == {1.0}
    assert (found["cells"]["truth"], found["cells"]["found"]) == ("split", "ids")
    assert found["cells"]["found_cells"] > 2 * found["cells"]["true_cells"]
    assert json.loads(Path("out/run.json").read_text())["net"] == {"name": "Cellpose"}


@no_report
def test_other_values_names_and_files_as_ilastik_writes_them(desk: Path) -> None:
    for path in sorted(Path("their masks").iterdir()):
        change(path.name, lambda labels: labels + 1)
        path.rename(path.with_name(f"seg of {path.stem}, v2.tif"))
    classes = "[{name: background, values: [1]}, {name: dim, values: [2]}, {name: bright, values: [3]}]"
    reading = [f"reading.classes={classes}", "reading.files=seg of {name}, v2"]
    assert evaluate(*reading, "name=ilastik 1.4 (pixels)") == 0
    assert set(written()["mean"].values()) == {1.0}
    assert json.loads(Path("out/run.json").read_text())["net"] == {"name": "ilastik 1.4 (pixels)"}


@no_report
def test_classes_painted_in_colours(desk: Path) -> None:
    for path in sorted(Path("their masks").iterdir()):
        painted = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]], np.uint8)[tifffile.imread(path)]
        folder = Path("painted") / path.stem
        folder.mkdir(parents=True)
        for t, frame in enumerate(painted):
            Image.fromarray(frame).save(folder / f"{t}.png")
    colours = zip(("background", "dim", "bright"), ("#000000", "#ff0000", "#00ff00"), strict=True)
    classes = ",".join(f"{{name: {name}, colour: '{colour}'}}" for name, colour in colours)
    assert evaluate("labels=painted", "reading.kind=colours", f"reading.classes=[{classes}]") == 0
    assert set(written()["mean"].values()) == {1.0}


@no_report
def test_instances_on_both_sides_are_compared_by_their_ids(desk: Path) -> None:
    names = "data.classes=[background,interior,border]"
    assert evaluate("data.labels.kind=instances", names) == 0
    cells = written()["cells"]
    assert (cells["truth"], cells["found"], cells["mean_average_precision"]) == ("ids", "ids", 1.0)


def test_class_maps_that_are_read_as_numbers_of_cells_are_doubted(
    desk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cells = np.zeros((3, 48, 64), np.uint8)
    for number, column in enumerate((4, 20, 36, 52), 1):
        cells[:, 10:20, column : column + 8] = number
    for name in ("dish 0.tif", "dish 1.tif"):
        tifffile.imwrite(desk / "my cells" / "masks" / name, cells, photometric="minisblack")
        change(name, lambda _: (cells > 0).astype(np.uint8))
    numbered = ["data.labels.kind=instances", "data.classes=[background,interior,border]", "data.axes=TYX"]
    assert evaluate(*numbered) == 0
    assert "the label images number 6 cells in 6 frames, the truth 24" in capfd.readouterr().err
    assert "add reading.kind=values." in report()
    assert evaluate(*numbered, "reading.kind=values") == 0
    assert "add reading.kind=values" not in capfd.readouterr().err + report()


def test_what_is_switched_off_is_not_there(desk: Path) -> None:
    assert evaluate("boundaries=null", "cells=null") == 0
    assert not {"boundaries", "cells"} & written().keys()
    assert not list(Path("out").glob("*_scores.csv"))
    assert '<p class="missing">Switched off: boundaries=null cells=null.</p>' in report()
    assert evaluate("cells=null") == 0
    assert "<li>Switched off: cells=null.</li>" in report()
    assert "tolerance 2 px" in report()


def lose() -> None:
    Path("their masks/dish 1.tif").unlink()


def shorten() -> None:
    change("dish 1.tif", lambda labels: labels[:2])


def crop() -> None:
    change("dish 1.tif", lambda labels: labels[:, :40])


def renumber() -> None:
    change("dish 1.tif", lambda labels: labels * 9)


def damage() -> None:
    Path("their masks/dish 1.tif").write_bytes(b"no image")


@no_report
@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (lose, "their masks holds no label image for 'dish 1'"),
        (shorten, "dish 1.tif has 2 frame(s) of 48x64, expected 3"),
        (crop, "has 3 frame(s) of 40x64, expected 3 frame(s) of 48x64 as dish 1.tif has"),
        (renumber, "frame 0: values 9 (144 pixels), 18 (144 pixels) are in no class of data.classes"),
        (damage, "dish 1.tif is"),
    ],
)
def test_label_images_that_cannot_be_used_stop_or_are_left_out(
    harm: Any, expected: str, desk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    harm()
    assert evaluate() == 2
    error = capfd.readouterr().err
    assert expected in error
    assert error.count("\n") == 1
    assert not Path("out/scores.json").exists()
    assert evaluate("on_error=skip") == 3
    error = capfd.readouterr().err
    assert "3 of 6 frame(s) were left out" in error
    assert expected in error
    assert np.sum(written()["confusion_matrix"]) == 3 * 48 * 64


@no_report
def test_a_frame_that_is_left_out_parts_its_block(desk: Path) -> None:
    def spoil(labels: np.ndarray) -> np.ndarray:
        labels[1] = 9
        return labels

    change("dish 0.tif", spoil)
    assert evaluate("on_error=skip") == 3
    with Path("out/frames.csv").open() as file:
        places = [(row["series"], row["frame"], row["block"]) for row in csv.DictReader(file)]
    assert places[:3] == [("dish 0", "0", "0"), ("dish 0", "2", "1"), ("dish 1", "0", "2")]


@no_report
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["labels=nowhere"], "nowhere is not there"),
        (["labels=empty"], "empty holds no image"),
        (["data.classes=null"], "data.classes is not given"),
        (["labels=null"], "ckpt not given, expected a checkpoint or label images to score"),
        (["on_error=ignore"], "on_error is 'ignore', expected stop or skip"),
        (["reading.files=mask"], "reading.files is 'mask'"),
        (["boundaries.unit=micrometres"], "does not state the size of its pixels"),
    ],
)
def test_what_cannot_be_scored_gets_one_line(
    arguments: list[str], expected: str, desk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("empty").mkdir()
    assert evaluate(*arguments) == 2
    error = capfd.readouterr().err
    assert expected in error
    assert error.count("\n") == 1
    assert not Path("out/scores.json").exists()


@no_report
def test_labels_without_truth_get_one_line(desk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main("evaluate", ["labels=their masks", "hydra.run.dir=out"]) == 2
    error = capfd.readouterr().err
    assert "labels are given without truth" in error
    assert error.count("\n") == 1


@no_report
def test_a_single_image_and_a_class_that_is_nowhere_true_are_scored(
    desk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for folder in ("my cells/images", "my cells/masks", "their masks"):
        Path(folder, "dish 1.tif").unlink()
        path = Path(folder, "dish 0.tif")
        Image.fromarray(tifffile.imread(path)[0]).save(path.with_suffix(".png"))
        path.unlink()
    mask = np.array(Image.open("my cells/masks/dish 0.png"))
    Image.fromarray(np.where(mask == 2, 0, mask).astype(np.uint8)).save("my cells/masks/dish 0.png")
    assert evaluate() == 0
    printed = " ".join(capfd.readouterr().out.split())
    assert "a class that is nowhere true has no recall" in printed
    assert "truth or prediction alone has a boundary of bright" in printed
    bright = written()["boundaries"]["classes"]["bright"]
    assert (bright["normalised_surface_distance"], bright["one_sided_frames"]) == (0.0, 1)
    assert bright["hausdorff_95_mean"] is None


@no_report
def test_ignored_pixels_of_the_truth_may_hold_anything_and_others_nothing(
    desk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = Path("my cells/masks/dish 0.tif")
    masks = tifffile.imread(path)
    masks[:, :5] = 255
    tifffile.imwrite(path, masks, photometric="minisblack", metadata={"axes": "TYX"})
    ignoring = "data.labels.ignore_value=255"
    assert evaluate(ignoring) == 0
    assert np.sum(written()["confusion_matrix"]) == 2 * 3 * 48 * 64 - 3 * 5 * 64
    change("dish 1.tif", lambda labels: np.where(labels == 2, 255, labels).astype(np.uint8))
    assert evaluate(ignoring) == 2
    assert "144 pixel(s) have the value to ignore where the truth has a class" in capfd.readouterr().err


@no_report
def test_beside_a_net_on_the_frames_that_it_was_tested_on(
    run: Path, checkpoint: Path, cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    labels, out = tmp_path / "labels", tmp_path / "out"
    shutil.copytree(cells / "masks", labels)
    arguments = [f"labels={labels}", f"ckpt={checkpoint}", "name=by hand", f"hydra.run.dir={out}"]
    assert main("evaluate", arguments) == 0
    assert "left aside" in capfd.readouterr().out
    assert main("compare", [str(run), str(out), f"hydra.run.dir={tmp_path / 'comparison'}"]) == 0
    printed = capfd.readouterr()
    assert "NOT COMPARABLE" not in printed.err
    assert "by hand (labels)" in printed.out
    with (tmp_path / "comparison" / "comparison.csv").open() as file:
        own = {row["net"]: row for row in csv.DictReader(file) if row["source"] == "own"}
    assert set(own) == {"unet", "by hand (labels)"}
    assert own["by hand (labels)"]["mean iou"] == "1.0"
    assert own["by hand (labels)"]["parameters"] == own["by hand (labels)"]["tile_height"] == ""
    assert main("compare", [str(out), f"hydra.run.dir={tmp_path / 'alone'}"]) == 0
    assert "What each net costs" not in capfd.readouterr().out


def test_tracks_are_scored_beside_and_shown_in_the_comparison(desk: Path) -> None:
    pytest.importorskip("ctc_metrics", reason="the extra track is not installed")
    drawn = draw_tracked(10, 160, 160, 0)
    for name in ("01", "02"):
        write_ctc_truth(Path(f"ctc/{name}_GT"), drawn.cells, drawn.tracks)
        for t, image in enumerate(drawn.images):
            write_tiff(Path(f"ctc/{name}/t{t:03}.tif"), image[..., 1], "YX")
        write_ctc_frames(Path(f"found/{name}_RES"), "mask", drawn.cells)
        write_track_table(Path(f"found/{name}_RES/res_track.txt"), drawn.tracks)
    data = [
        "data=ctc",
        "data.root=ctc",
        "data.classes=[background,cell,border]",
        "data.labels.kind=instances",
    ]
    typed = ["labels=found", *data, "tracks=ctc", "reading.kind=instances"]
    assert main("evaluate", [*typed, "hydra.run.dir=scored", "reading.axes=YX"]) == 0
    scores = json.loads(Path("scored/scores.json").read_text())
    assert scores["tracks"]["01"]["TRA"] == scores["tracks"]["02"]["division F1"] == 1
    assert len(Path("scored/track_scores.csv").read_text().splitlines()) == 3
    (run,), _ = find_runs([Path("scored")])
    assert quality_of([run]).tracking_accuracy == 1
    page = Path("scored/report.html").read_text()
    assert page.count("1 division; time goes down") >= 2


@no_report
@pytest.mark.parametrize(("typed", "said"), [("tracks=ctc", "add labels="), ("name=Fiji", "leave it out")])
def test_what_is_said_of_labels_that_are_not_given_gets_one_line(
    typed: str, said: str, desk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("ctc").mkdir()
    assert main("evaluate", [typed, "hydra.run.dir=out"]) == 2
    assert said in capfd.readouterr().err
