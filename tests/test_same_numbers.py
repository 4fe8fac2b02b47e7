"""Every number that this program says of one checkpoint is the same number, wherever it stands.

Print, ``scores.csv``, ``scores.json``, ``frames.csv``, the report, `hela_seg.evaluate` and all forms of
`hela_seg.compare` are read back and compared.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL_NET
from pages import ReadPage

from hela_seg.cli import main
from hela_seg.runs import run_folder
from hela_seg.scores.confusion import Scores, mean_over_classes, scores_of
from hela_seg.scores.counts import read_counts

NAMES = ["background", "dim", "bright"]
HEADINGS = {"iou": "IoU", "dice": "Dice", "precision": "Prec.", "recall": "Recall", "accuracy": "Acc."}
SMALLER = {"precision": "Precision", "recall": "Recall", "iou": "IoU", "dice": "Dice", "accuracy": "Accuracy"}


@pytest.fixture(scope="module")
def places(cells: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of a training run, of an evaluation of its checkpoint, and of a comparison."""
    root = tmp_path_factory.mktemp("numbers")
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]", "data.split.test=2"]
    net = [*SMALL_NET, "report=true", "model=unet", "trainer.max_epochs=3"]
    assert main("train", [*data, *net, f"hydra.run.dir={root / 'run'}"]) == 0
    checkpoint = str(root / "run" / "checkpoints" / "best.ckpt")
    assert main("evaluate", [checkpoint, f"hydra.run.dir={root / 'evaluation'}"]) == 0
    assert main("compare", [str(root / "run"), f"hydra.run.dir={root / 'comparison'}"]) == 0
    return {name: root / name for name in ("run", "evaluation", "comparison")}


@pytest.fixture(scope="module")
def scores(places: dict[str, Path]) -> Scores:
    """From the pixels of all frames, added up here."""
    return scores_of(read_counts(places["run"] / run_folder.FRAME_COUNTS, NAMES).matrix.sum(axis=0))


def of(scores: Scores, name: str, measure: str) -> float:
    """A score of a class, or the mean."""
    if name == "mean":
        return float(mean_over_classes(getattr(scores, measure)))
    return float(getattr(scores, measure)[NAMES.index(name)])


@pytest.mark.parametrize("place", ["run", "evaluation"])
def test_tables_and_pages_have_the_scores_of_the_pooled_pixels(
    place: str, places: dict[str, Path], scores: Scores
) -> None:
    folder = places[place]
    with (folder / run_folder.SCORES_TABLE).open() as file:
        table = {row["class"]: row for row in csv.DictReader(file)}
    plain = json.loads((folder / run_folder.SCORES_JSON).read_text())
    page = ReadPage((folder / run_folder.REPORT).read_text(encoding="utf-8"))
    shown, exact = page.table("Class", "IoU"), page.numbers("Class", "IoU")
    for name in ("mean", *NAMES):
        in_json = plain["mean"] if name == "mean" else plain["scores"][name]
        for measure, heading in HEADINGS.items():
            expected = of(scores, name, measure)
            if np.isnan(expected):
                assert (table[name][measure], in_json[measure], shown[name][heading]) == ("", None, "–")
            else:
                assert float(table[name][measure]) == in_json[measure] == exact[name][heading] == expected
                assert shown[name][heading] == f"{expected:.4f}"


@pytest.mark.parametrize("place", ["run", "evaluation"])
def test_pages_have_the_pixels_themselves(place: str, places: dict[str, Path]) -> None:
    counts = read_counts(places[place] / run_folder.FRAME_COUNTS, NAMES)
    plain = json.loads((places[place] / run_folder.SCORES_JSON).read_text())
    page = ReadPage((places[place] / run_folder.REPORT).read_text(encoding="utf-8"))
    shown = page.numbers("Truth", "as background")
    matrix = [[shown[true][f"as {predicted}"] for predicted in NAMES] for true in NAMES]
    assert matrix == plain["confusion_matrix"] == counts.pooled.tolist()
    for name, row in page.numbers("Series", "Frames", "m-IoU").items():
        of_series = counts.matrix[[series == name for series in counts.series]]
        assert row["m-IoU"] == scores_of(of_series.sum(axis=0)).mean_iou
        assert row["Frames"] == len(of_series)


def test_print_has_them_too(
    places: dict[str, Path], scores: Scores, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = str(places["run"] / "checkpoints" / "best.ckpt")
    assert main("evaluate", [checkpoint, f"hydra.run.dir={places['evaluation']}"]) == 0
    lines: dict[str, list[str]] = {}
    for name, *numbers in (line.split() for line in capsys.readouterr().out.splitlines() if line.strip()):
        lines.setdefault(name, numbers)  # tables of boundaries and cells follow
    for name in ("mean", *NAMES):
        expected = [of(scores, name, measure) for measure in SMALLER]
        assert lines[name] == ["–" if np.isnan(score) else f"{score:.4f}" for score in expected]


def test_comparisons_have_them_with_the_intervals_of_the_report(
    places: dict[str, Path], scores: Scores
) -> None:
    with (places["comparison"] / "comparison.csv").open() as file:
        row, *_ = csv.DictReader(file)
    for name in ("mean", *NAMES):
        for measure in HEADINGS:
            expected = of(scores, name, measure)
            found = row[f"{name} {measure}"]
            assert found == "" if np.isnan(expected) else float(found) == expected
    text = f"{scores.mean_iou:.4f}"
    for ending in ("md", "tex", "html"):
        assert text in (places["comparison"] / f"comparison.{ending}").read_text(encoding="utf-8")
    report = ReadPage((places["run"] / run_folder.REPORT).read_text(encoding="utf-8")).table("Class", "IoU")
    page = ReadPage((places["comparison"] / "comparison.html").read_text(encoding="utf-8"))
    in_comparison = page.table("Net", "m-IoU")["unet"]
    assert report["mean"]["95 % interval"] == in_comparison["95 % interval"]


def test_learning_curves_are_those_of_the_log(places: dict[str, Path]) -> None:
    with (places["run"] / "logs" / "metrics.csv").open() as file:
        logged = [float(row["m-IoU/validation"]) for row in csv.DictReader(file) if row["m-IoU/validation"]]
    text = (places["run"] / run_folder.REPORT).read_text(encoding="utf-8")
    best = int(np.argmax(logged))
    end = "the last" if best + 1 == len(logged) else f"{logged[-1]:.4f} at the end"
    said = f"validation at best {logged[best]:.4f} in epoch {best + 1}, {end}"
    assert re.search(rf"m-IoU: train [^;]*; {re.escape(said)}", text)
