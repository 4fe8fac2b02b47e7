"""The report of a run: all that it shows comes from the run's files, and what these lack is said."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL_NET, write_folder
from pages import ReadPage, outside

from hela_seg.cli import main
from hela_seg.data.classes import Classes
from hela_seg.data.datamodule import TimelapseData
from hela_seg.inference import Predictor
from hela_seg.report.run.examples import predicted
from hela_seg.report.run.page import write_report
from hela_seg.report.run.sections import Material
from hela_seg.report.tables import write_results
from hela_seg.runs import records, run_folder
from hela_seg.scores.calibration import CONFIDENCE_STEPS, curve_of, read_reliability
from hela_seg.scores.confusion import scores_of
from hela_seg.scores.counts import read_counts

SECTIONS = [
    "Scores by class",
    "Confusion matrix",
    "Boundaries and cells",
    "Learning curves",
    "Best, median and worst frame",
    "Over time and by series",
    "Calibration",
    "Split and class balance",
    "Training tiles",
    "Command",
    "Costs",
    "Settings, versions and hardware",
]


@pytest.fixture
def finished(run: Path, tmp_path: Path) -> Path:
    """A copy of the folder of a finished run, to damage."""
    return Path(shutil.copytree(run, tmp_path / "run"))


def rewrite(folder: Path, command: str = "evaluate") -> str:
    """The report, written anew."""
    net = Predictor.from_checkpoint(folder / "checkpoints" / "best.ckpt")
    data = TimelapseData.from_plain(net.info.config["data"])
    data.open(net.info.split)
    if command == "train":
        data.prepare()
    (folder / run_folder.REPORT).unlink()
    maps = predicted(net, data.recordings)
    material = Material(folder, command, data, data.blocks_of("test"), maps)
    assert write_report(material) == folder / run_folder.REPORT
    return (folder / run_folder.REPORT).read_text(encoding="utf-8")


def said(text: str) -> list[str]:
    """What sections lack, in the page's words."""
    return re.findall(r'<p class="missing">(.*?)</p>', text)


def test_a_run_ends_with_a_page_that_needs_nothing_else(run: Path) -> None:
    text = (run / run_folder.REPORT).read_text(encoding="utf-8")
    page = ReadPage(text)
    assert said(text) == []
    assert page.facts["Data"].endswith("(data=folder)")
    assert page.facts["Checkpoint"] == "checkpoints/best.ckpt"
    assert [heading for heading in page.headings if heading in SECTIONS] == SECTIONS
    assert outside(page.links) == []
    assert "http" not in text
    assert "url(" not in text.replace("url(#", "")
    assert page.unclosed == []
    assert len(text.encode()) < 5 * 2**20


def test_all_figures_have_words_and_all_references_lead_somewhere(run: Path) -> None:
    page = ReadPage((run / run_folder.REPORT).read_text(encoding="utf-8"))
    *pictures, enlarged = page.images
    assert enlarged == ""  # filled in when a picture is enlarged
    assert len(pictures) == 2 * 4 + 6 * 2
    assert all(pictures)
    assert all(page.drawings)
    assert len(page.drawings) == 3 + 1 + 1
    local = {link[1:] for link in page.links if link.startswith("#")}
    assert local <= set(page.ids)


def test_examples_are_the_best_and_the_worst_frames_as_they_were_counted(run: Path) -> None:
    counts = read_counts(run / run_folder.FRAME_COUNTS, ["background", "dim", "bright"])
    means = [scores_of(matrix).mean_iou for matrix in counts.matrix]
    text = (run / run_folder.REPORT).read_text(encoding="utf-8")
    titles = [heading for heading in ReadPage(text).headings if "m-IoU 0" in heading]
    name = counts.series[0]
    assert titles == [
        f"Best: {name}, frame {np.argmax(means)}, m-IoU {max(means):.4f}",
        f"Worst: {name}, frame {np.argmin(means)}, m-IoU {min(means):.4f}",
    ]
    for place in (np.argmax(means), np.argmin(means)):
        matrix = counts.matrix[place]
        wrong = 100 * (1 - np.trace(matrix) / matrix.sum())
        assert f"errors: {wrong:.2f} % of pixels" in text


def test_calibration_is_of_the_same_pixels_as_the_scores(run: Path) -> None:
    counts = read_reliability(run / run_folder.RELIABILITY)
    matrix = np.array(json.loads((run / run_folder.SCORES_JSON).read_text())["confusion_matrix"])
    assert counts.sum() == matrix.sum()
    assert counts[:, 1].sum() == np.trace(matrix)
    error = f"expected calibration error {curve_of(counts).error:.4f}"
    assert error in (run / run_folder.REPORT).read_text(encoding="utf-8")


def test_evaluation_shows_what_it_scored_and_no_empty_section(run: Path, tmp_path: Path) -> None:
    checkpoint = run / "checkpoints" / "best.ckpt"
    assert main("evaluate", [str(checkpoint), "part=validation", f"hydra.run.dir={tmp_path}"]) == 0
    text = (tmp_path / run_folder.REPORT).read_text(encoding="utf-8")
    assert said(text) == []
    scores = json.loads((tmp_path / run_folder.SCORES_JSON).read_text())
    page = ReadPage(text)
    for name, own in scores["boundaries"]["classes"].items():
        assert page.numbers("Class", "NSD")[name]["NSD"] == own["normalised_surface_distance"]
        assert page.numbers("Class", "NSD")[name]["HD95 mean, px"] == own["hausdorff_95_mean"]
        assert page.numbers("Class", "NSD")[name]["Frames"] == own["hausdorff_95_frames"]
    for row in scores["cells"]["thresholds"]:
        shown = page.numbers("IoU from")[f"{row['iou']:.2f}"]
        assert (shown["AP"], shown["Matched"]) == (row["average_precision"], row["matched"])
    (command,) = (line for line in page.commands if "hela_seg.evaluate" in line)
    assert shlex.split(command) == [
        "python",
        "-m",
        "hela_seg.evaluate",
        f"ckpt={checkpoint}",
        "part=validation",
    ]


def test_a_run_without_test_frames_has_a_report_all_the_same(cells: Path, tmp_path: Path) -> None:
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]", "data.split.test=0"]
    more = ["report=true", "trainer.max_epochs=2", f"hydra.run.dir={tmp_path}"]
    assert main("train", [*data, *SMALL_NET, *more]) == 0
    text = (tmp_path / run_folder.REPORT).read_text(encoding="utf-8")
    assert said(text) == []
    assert "No series is kept for testing, so nothing is scored." in text
    assert not {"Scores by class", "Boundaries and cells", "Calibration"} & set(ReadPage(text).headings)
    page = ReadPage(text)
    assert len(page.drawings) == 3
    assert len(page.images) == 6 * 2 + 1


def test_a_single_image_gets_no_interval_and_no_course(checkpoint: Path, tmp_path: Path) -> None:
    write_folder(tmp_path / "one", series=1, frames=1)
    arguments = ["data=folder", f"data.root={tmp_path / 'one'}", f"hydra.run.dir={tmp_path / 'out'}"]
    assert main("evaluate", [str(checkpoint), *arguments]) == 0
    text = (tmp_path / "out" / run_folder.REPORT).read_text(encoding="utf-8")
    page = ReadPage(text)
    assert "The only frame: dish 0, frame 0, m-IoU" in text
    assert "95 % interval" not in page.table("Class", "IoU")["mean"]
    assert "a single image does not show how much scores vary" in text
    assert "Over time and by series" not in page.headings


def test_a_class_that_is_absent_has_no_score(finished: Path) -> None:
    names = ["background", "dim", "bright"]
    counts = read_counts(finished / run_folder.FRAME_COUNTS, names)
    counts.matrix[:, 2], counts.matrix[:, :, 2] = 0, 0
    write_results(finished, counts, Classes(names), records.read_record(finished / run_folder.RUN_RECORD))
    page = ReadPage(rewrite(finished))
    assert page.table("Class")["bright"]["IoU"] == "–"
    assert page.table("Truth")["bright"]["as dim"] == "0"


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda folder: (folder / "logs" / "metrics.csv").unlink(), "metrics.csv cannot be read"),
        (lambda folder: (folder / "logs" / "metrics.csv").write_text("epoch,step\n0,1\n"), "holds no losses"),
        (lambda folder: (folder / "logs" / "metrics.csv").write_text("epoch,a\nx,1\n"), "no log of a run"),
        (lambda folder: (folder / "calibration.csv").unlink(), "calibration.csv cannot be read"),
        (lambda folder: (folder / "calibration.csv").write_text("torn"), "calibration.csv is damaged"),
        (lambda folder: shutil.rmtree(folder / ".hydra"), "the run was not begun from a shell"),
    ],
)
def test_what_is_lost_is_named_and_the_rest_stands(
    damage: Callable[[Path], None], sentence: str, finished: Path
) -> None:
    damage(finished)
    (missing,) = said(rewrite(finished, "train"))
    assert sentence in missing


def test_calibration_of_another_run_is_not_shown(finished: Path) -> None:
    path = finished / run_folder.RELIABILITY
    header, _, *rest = path.read_text().splitlines()
    path.write_text("\n".join([header, "0.0000,0.0033,0,7", *rest]) + "\n")
    assert any("does not belong to the confusion matrix" in sentence for sentence in said(rewrite(finished)))


def test_a_fault_in_one_figure_leaves_the_others(
    finished: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("hela_seg.report.run.sections.draw_reliability", lambda _: 1 / 0)
    text = rewrite(finished, "train")
    assert said(text) == ["This could not be drawn (ZeroDivisionError: division by zero)."]
    assert "the report lacks 'Calibration' (ZeroDivisionError" in caplog.text


def test_a_report_that_fails_loses_no_run(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("hela_seg.report.run.page._facts", lambda _: 1 / 0)
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]"]
    assert (
        main("train", [*data, *SMALL_NET, "report=true", "trainer.max_epochs=1", f"hydra.run.dir={tmp_path}"])
        == 0
    )
    assert "the report could not be written (ZeroDivisionError" in capfd.readouterr().err
    assert not (tmp_path / run_folder.REPORT).exists()
    assert (tmp_path / run_folder.SCORES_JSON).exists()
    assert (tmp_path / run_folder.FINISHED).exists()


def test_names_are_text_wherever_they_stand(checkpoint: Path, tmp_path: Path) -> None:
    write_folder(tmp_path / "cells", series=2, frames=2)
    for name in ("images", "masks"):
        (tmp_path / "cells" / name / "dish 0.tif").rename(tmp_path / "cells" / name / "<b>$x_1$ & y.tif")
    arguments = ["data=folder", f"data.root={tmp_path / 'cells'}", f"hydra.run.dir={tmp_path / 'out'}"]
    assert main("evaluate", [str(checkpoint), *arguments]) == 0
    text = (tmp_path / "out" / run_folder.REPORT).read_text(encoding="utf-8")
    assert "<b>" not in text
    assert "&lt;b&gt;$x_1$ &amp; y" in text


def test_a_run_without_a_single_known_pixel_has_a_page(finished: Path) -> None:
    names = ["background", "dim", "bright"]
    counts = read_counts(finished / run_folder.FRAME_COUNTS, names)
    counts.matrix[:] = 0
    reliability = np.zeros((CONFIDENCE_STEPS, 2), np.int64)
    record = records.read_record(finished / run_folder.RUN_RECORD)
    write_results(finished, counts, Classes(names), record, reliability)
    text = rewrite(finished)
    assert {"No frame has a score.", "No pixel was scored."} <= set(said(text))
    assert not any("could not be drawn" in sentence for sentence in said(text))
