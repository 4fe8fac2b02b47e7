"""The command over folders of runs: what it prints, writes and warns of; and at the end of a sweep."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SMALL_NET
from fabricated import frame_counts, write_run

from hela_seg.cli import main


def csv_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


FILES = ["comparison.csv", "comparison.html", "comparison.md", "comparison.tex", "pairs.csv"]


def test_several_folders_make_one_table(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "runs of May" / "a", frame_counts(1))
    write_run(tmp_path / "it's, (June)" / "b", frame_counts(2), net="vgg19_unet")
    folders = [str(tmp_path / "runs of May"), str(tmp_path / "it's, (June)")]
    assert main("compare", [*folders, f"hydra.run.dir={tmp_path / 'out'}"]) == 0
    printed = capfd.readouterr()
    assert "warning" not in printed.err
    assert "No difference shown between" in printed.out
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_file()) == FILES


def test_what_cannot_be_compared_is_loud_and_the_rest_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for number in range(2):
        write_run(tmp_path / f"good {number}", frame_counts(number), seed=number)
    write_run(tmp_path / "other", frame_counts(3), names=("background", "dim", "bright"))
    (tmp_path / "half" / "checkpoints").mkdir(parents=True)
    newer = write_run(tmp_path / "newer", frame_counts(4)) / "run.json"
    newer.write_text(json.dumps(json.loads(newer.read_text()) | {"format": 99}))
    (tmp_path / "empty").mkdir()
    folders = [str(tmp_path), str(tmp_path / "empty")]
    assert main("compare", [*folders, f"hydra.run.dir={tmp_path / 'out'}"]) == 0
    warned = capfd.readouterr().err
    assert warned.count("warning: ") == 4
    assert "NOT COMPARABLE with the first table, and in a table of its own" in warned
    assert "(other classes)" in warned
    for telling in ("half holds a run that has not ended", "update hela_seg", "empty holds no run"):
        assert telling in warned
    assert (tmp_path / "out" / "comparison.md").read_text().count("means over classes") == 2


def test_folders_may_be_named_by_numbers_as_the_jobs_of_a_sweep_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        write_run(tmp_path / str(seed), frame_counts(seed), seed=seed)
    assert main("compare", ["runs=[0,1]", "hydra.run.dir=out"]) == 0
    (own, _) = csv_rows(tmp_path / "out" / "comparison.csv")
    assert (own["runs"], own["seeds"]) == ("0 1", "2")
    assert main("compare", ["0", "seed=-1", "hydra.run.dir=out"]) == 2
    last = capfd.readouterr().err.splitlines()[-1]  # more lines come first without torch
    assert last.startswith("error: seed is -1, expected a whole number of 0 or more")
    assert main("compare", ["0", "published=never", "hydra.run.dir=out"]) == 0
    assert len(csv_rows(tmp_path / "out" / "comparison.csv")) == 1
    assert main("compare", ["0", "published=true", "hydra.run.dir=out"]) == 2
    assert capfd.readouterr().err == "error: published is true, expected auto, always or never\n"
    assert main("compare", ["runs=null", "hydra.run.dir=out"]) == 2
    assert capfd.readouterr().err.startswith("error: runs is null, expected folders such as")


@pytest.mark.parametrize("arguments", [["empty"], ["nowhere"], []])
def test_nothing_to_compare_is_one_line(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert main("compare", arguments) == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1
    assert (arguments or ["runs is not given"])[0] in error


def test_it_needs_no_pytorch(tmp_path: Path) -> None:
    write_run(tmp_path / "a", frame_counts())
    arguments = [str(tmp_path), f"hydra.run.dir={tmp_path / 'out'}"]
    run = f"import sys; from hela_seg.cli import main; status = main('compare', {arguments!r})"
    code = f"{run}; sys.exit(status or 'torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_sweep_ends_with_a_comparison(
    cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]"]
    sweep = ["--multirun", "model=unet", "seed=0,1", f"hydra.sweep.dir={tmp_path}"]
    assert main("train", [*data, *SMALL_NET, "trainer.max_epochs=1", *sweep]) == 0
    assert sorted(path.name for path in (tmp_path / "comparison").iterdir()) == sorted([*FILES, "jobs.csv"])
    last = capfd.readouterr().out.strip().splitlines()[-1]
    assert last == f"page  {tmp_path / 'comparison' / 'comparison.html'}"
    scored = json.loads((tmp_path / "0_unet" / "scores.json").read_text())["mean"]["iou"]
    again = json.loads((tmp_path / "1_unet" / "scores.json").read_text())["mean"]["iou"]
    line = next(
        line
        for line in (tmp_path / "comparison" / "comparison.md").read_text().splitlines()
        if "| unet |" in line
    )
    assert f"{(scored + again) / 2:.4f}" in line


@pytest.mark.usefixtures("no_report")
def test_one_checkpoint_has_one_set_of_numbers_everywhere(
    run: Path, checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main("evaluate", [str(checkpoint), f"hydra.run.dir={tmp_path / 'again'}"]) == 0
    evaluated = capfd.readouterr().out
    assert main("compare", [str(run), f"hydra.run.dir={tmp_path / 'out'}"]) == 0
    compared = capfd.readouterr().out
    written = json.loads((run / "scores.json").read_text())
    (own,) = csv_rows(tmp_path / "out" / "comparison.csv")
    by_class = {row["class"]: row for row in csv_rows(tmp_path / "again" / "scores.csv")}
    texts = [(tmp_path / "out" / f"comparison.{kind}").read_text() for kind in ("md", "tex", "html")]
    for name, values in {**written["scores"], "mean": written["mean"]}.items():
        for measure, value in values.items():
            in_full = [by_class[name][measure], own[f"{name} {measure}"]]
            assert [float(text) if text else None for text in in_full] == [value, value]
            if value is not None:
                assert all(f"{value:.4f}" in text for text in [evaluated, compared, *texts])
