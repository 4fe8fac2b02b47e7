"""A comparison says the same in print, CSV, Markdown, LaTeX and HTML, and marks what is published as such."""

from __future__ import annotations

import csv
import html
import io
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from comparison.test_folds import folds_on_disk, part_of
from fabricated import NAMES, frame_counts, write_run
from pages import ReadPage, outside
from rich.console import Console

from hela_seg.comparison.found import find_runs
from hela_seg.comparison.published import SOURCE
from hela_seg.comparison.rows import Comparison, compare_runs
from hela_seg.report.comparison.sheets import sheets_of
from hela_seg.report.comparison.write import PAIR_COLUMNS, latex, markdown, print_comparison, write_comparison
from hela_seg.report.comparison.write import html as as_html
from hela_seg.scores.confusion import scores_of


def printed(comparison: Comparison, width: int = 80) -> str:
    file = io.StringIO()
    print_comparison(comparison, Console(file=file, width=width))
    return file.getvalue()


def csv_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_all_forms_hold_the_same_cells(comparison: Comparison) -> None:
    expected = [
        [list(sheet.headings), *([cell.text for cell in row] for row in sheet.rows)]
        for sheet in sheets_of(comparison)
    ]
    assert ReadPage(as_html([comparison], [])).tables == expected
    in_markdown = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in markdown([comparison], []).splitlines()
        if line.startswith("|") and "---" not in line
    ]
    assert in_markdown == [row for table in expected for row in table]
    text = printed(comparison)
    for table in expected:
        for row in table[1:]:
            assert all(cell in text for cell in row[1:])


def test_the_csv_holds_the_runs_own_numbers_in_full(comparison: Comparison, tmp_path: Path) -> None:
    write_comparison(tmp_path / "out", [comparison], [])
    resnet, unet, *published = csv_rows(tmp_path / "out" / "comparison.csv")
    own = scores_of(frame_counts(2, 0.9).pooled)
    assert float(resnet["mean iou"]) == own.mean_iou
    assert [
        float(resnet[f"{name} recall"]) for name in ("background", "round", "spread")
    ] == own.recall.tolist()
    assert (resnet["seeds"], unet["seeds"], resnet["mean iou spread"]) == ("1", "2", "")
    assert (unet["parameters"], unet["multiply_adds"], unet["tile_width"]) == ("1234", "5000000000", "64")
    assert [row["net"] for row in published] == ["resnet34_unet", "unet"]
    assert all(row["source"].startswith("published: Ghaznavi") for row in published)
    assert [float(row["mean iou"]) for row in published] == [0.8067, 0.7062]
    assert [row["round iou"] + row["step_ms"] for row in published] == ["", ""]
    (pair,) = csv_rows(tmp_path / "out" / "pairs.csv")
    assert list(pair) == list(PAIR_COLUMNS)
    assert float(pair["difference"]) == comparison.pairs[0].difference.value
    assert pair["conclusion"] == comparison.pairs[0].sentence


def test_what_does_not_exist_is_an_empty_cell_of_the_csv(tmp_path: Path) -> None:
    write_run(tmp_path / "a", frame_counts(1, frames=1, series=1))
    write_comparison(tmp_path / "one", compare_runs(find_runs([tmp_path])[0]), [])
    assert (tmp_path / "one" / "pairs.csv").read_text() == ",".join(PAIR_COLUMNS) + "\n"
    write_run(tmp_path / "b", frame_counts(2, frames=1, series=1), net="vgg19_unet")
    write_comparison(tmp_path / "two", compare_runs(find_runs([tmp_path])[0]), [])
    (pair,) = csv_rows(tmp_path / "two" / "pairs.csv")
    assert [pair[column] for column in ("p", "p_holm", "low", "high")] == [""] * 4


def test_published_figures_are_marked_and_stand_below_ones_own(comparison: Comparison) -> None:
    rows = [[cell.text for cell in row] for row in sheets_of(comparison)[0].rows]
    assert [row[0] for row in rows] == [
        "resnet34_unet",
        "unet",
        "resnet34_unet (published)",
        "unet (published)",
    ]
    assert rows[2][1:] == ["0.8067", "–", "–", "0.8874", "–", "–", "0.9909"]
    assert sheets_of(comparison)[0].notes == (f"Published: {SOURCE}.",)
    costs = next(sheet for sheet in sheets_of(comparison) if sheet.title == "What each net costs")
    assert any(note.endswith("tiles of a step: 8 of 32x64.") for note in costs.notes)


def test_the_papers_figures_stand_nowhere_beside_other_classes_nets_or_data(
    tmp_path: Path,
) -> None:
    nucleoli = ("background", "nucleolus", "nucleoplasm")
    write_run(tmp_path / "a", frame_counts(), net="resnet34_unet", names=nucleoli)
    write_run(tmp_path / "b", frame_counts(1), net="resnet34_unet", width=8)
    write_run(tmp_path / "c", frame_counts(2), net="resnet34_unet", layout="folder", width=32)
    runs = find_runs([tmp_path])[0]
    for comparison in compare_runs(runs):
        written = write_comparison(tmp_path / "out", [comparison], [])
        texts = [Path(str(path)).read_text(encoding="utf-8") for path in written.values()]
        for text in [*texts, printed(comparison)]:
            assert not re.search("published|Ghaznavi|Diamond|0[.]8067", text)


def test_the_caveat_of_what_is_published_stands_in_every_form(comparison: Comparison, tmp_path: Path) -> None:
    written = write_comparison(tmp_path / "out", [comparison], [])
    for what in ("table", "Markdown", "page"):
        assert SOURCE in html.unescape(Path(str(written[what])).read_text(encoding="utf-8"))
    assert SOURCE in " ".join(printed(comparison).split())
    captions = re.findall("caption{.*}", Path(str(written["LaTeX"])).read_text(encoding="utf-8"))
    assert sum("Published: Ghaznavi" in caption for caption in captions) == 1


def test_print_fits_80_columns_and_loses_nothing_on_narrow_terminals(comparison: Comparison) -> None:
    text = printed(comparison)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    for heading in ("m-IoU", "95 % interval", "Prec.", "ms/step", "MiB", "Holm"):
        assert heading in text
        assert heading in printed(comparison, width=40)


def test_a_long_name_is_broken_between_its_words(tmp_path: Path) -> None:
    for place, gamma in enumerate((1.0, 2.0)):
        write_run(tmp_path / f"{place}", frame_counts(place), net="attention_unet", loss={"gamma": gamma})
    write_run(tmp_path / "2", frame_counts(2), net="tiny\nnet")
    (found,) = compare_runs(find_runs([tmp_path])[0])
    lines = printed(found).splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("attention_unet, "))
    assert len(lines[first].split()) == 7
    assert lines[first + 1].split() in (["loss.gamma=1.0"], ["loss.gamma=2.0"])
    assert any(line.startswith("tiny net  ") for line in lines)
    wide = printed(found, width=120).splitlines()
    assert any(line.startswith("attention_unet, loss.gamma=2.0  0.") for line in wide)


def test_print_is_short_where_there_are_many_nets_and_the_files_have_all(tmp_path: Path) -> None:
    for number in range(11):
        write_run(tmp_path / f"{number}", frame_counts(number), lr=number)
    (many,) = compare_runs(find_runs([tmp_path])[0])
    text = printed(many)
    assert "and 15 more rows, see the files" in text
    assert "and 44 more sentences, see the files" in text
    assert "Δ: the first net's" in text
    assert as_html([many], []).count("<li>No difference shown between") == 55


def test_the_page_asks_for_nothing_and_takes_names_as_text(tmp_path: Path) -> None:
    names = ("background", "<script>alert(1)</script>", "a&b")
    write_run(tmp_path / "a", frame_counts(), names=names)
    text = as_html(compare_runs(find_runs([tmp_path])[0]), ["<b>other</b> split"])
    assert outside(ReadPage(text).links) == []
    assert "http" not in text
    assert "url(" not in text.replace("url(#", "")
    assert text.count("<script>") == 1
    assert "&lt;b&gt;other&lt;/b&gt; split" in text


def test_warnings_stand_in_every_file(comparison: Comparison, tmp_path: Path) -> None:
    written = write_comparison(tmp_path / "out", [comparison], ["two splits"])
    for what in ("Markdown", "LaTeX", "page"):
        assert "two splits" in Path(str(written[what])).read_text(encoding="utf-8")


def test_the_page_begins_with_what_it_comes_to(comparison: Comparison) -> None:
    page = ReadPage(as_html([comparison], []))
    (nets,) = page.drawings
    assert nets.startswith("m-IoU of 2 nets; the highest is resnet34_unet with 0.")
    best = f"resnet34_unet has the highest m-IoU, {comparison.rows[0].means['iou'].interval.value:.4f}."
    assert f"{best} {comparison.pairs[0].sentence}" in as_html([comparison], [])
    assert page.facts["Nets"] == "2"


def test_of_many_nets_the_first_are_drawn_and_the_figure_says_so(tmp_path: Path) -> None:
    for number in range(26):
        write_run(tmp_path / f"{number}", frame_counts(number), lr=number)
    text = as_html(compare_runs(find_runs([tmp_path])[0]), [])
    assert "The first 24 of 26 nets; the tables have all." in text
    assert len(text) < 5 * 2**20


def test_a_row_a_fold_and_one_of_the_summed_matrices(tmp_path: Path) -> None:
    whole = folds_on_disk(tmp_path / "runs", "unet", seed=1)
    write_comparison(tmp_path, compare_runs(find_runs([tmp_path / "runs"])[0]), [])
    rows = csv_rows(tmp_path / "out_of_fold.csv")
    assert [(row["net"], row["seed"], row["fold"], row["frames"]) for row in rows] == [
        ("unet", "1", fold, frames) for fold, frames in (("0", "4"), ("1", "4"), ("2", "4"), ("all", "12"))
    ]
    for row, counts in zip(rows, [*(part_of(whole, fold) for fold in range(3)), whole], strict=True):
        expected = scores_of(counts.pooled)
        assert float(row["mean iou"]) == expected.mean_iou
        for measure in ("iou", "dice", "precision", "recall"):
            found = [float(row[f"{name} {measure}"]) for name in NAMES]
            np.testing.assert_array_equal(found, getattr(expected, measure))
    # pooled pixels, and not the mean of the folds
    assert float(rows[3]["mean iou"]) != pytest.approx(np.mean([float(row["mean iou"]) for row in rows[:3]]))


def test_without_folds_there_is_no_table(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "one", frame_counts())
    assert "folds" not in write_comparison(tmp_path, compare_runs(find_runs([tmp_path / "runs"])[0]), [])
    assert not (tmp_path / "out_of_fold.csv").exists()


DOCUMENT = r"""\documentclass{article}
\usepackage{array,booktabs}
\begin{document}
\listoftables
\input{comparison.tex}
\end{document}
"""


def compared(folder: Path) -> list[Comparison]:
    return compare_runs(find_runs([folder])[0])


@pytest.fixture
def long_names(tmp_path: Path) -> list[Comparison]:
    """Eight nets with names that take two lines, and a class whose name is full of commands."""
    names = ("background", "50 % & more_#1", "[{spread}\\^~$|<>")
    for place in range(7):
        settings = {"loss": {"gamma": float(place)}}
        write_run(tmp_path / f"{place}", frame_counts(place), "attention_unet", names=names, **settings)
    write_run(tmp_path / "7", frame_counts(7), "resnet34_unet", names=names)
    return compared(tmp_path)


def test_what_latex_would_take_for_commands_is_escaped(long_names: list[Comparison]) -> None:
    text = latex(long_names, ["one & all\nof it"])
    body = [line for line in text.splitlines() if not line.startswith("%")]
    assert r"class 50 \% \& more\_\#1." in text
    assert r"{[}\{spread\}\textbackslash{}\textasciicircum{}\textasciitilde{}\$$|$$<$$>$." in text
    assert r"attention\_unet, loss.gamma=\allowbreak{}5.0 & " in text
    assert "% NOTE: one & all of it" in text.splitlines()
    assert all(letter.isascii() for letter in "".join(body))


def test_each_table_has_all_rows_and_columns(long_names: list[Comparison]) -> None:
    sheets = sheets_of(long_names[0])
    tables = latex(long_names, []).split(r"\begin{table}")[1:]
    assert len(tables) == len(sheets)
    for text, sheet in zip(tables, sheets, strict=True):
        rows = [line for line in text.splitlines() if line.endswith(r" \\")]
        assert len(rows) == 1 + len(sheet.rows)
        assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {len(sheet.headings)}
        assert text.count(r"p{0.") == sheet.names  # columns that break long names


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine")
def test_latex_sets_the_tables_and_nothing_is_too_wide(long_names: list[Comparison], tmp_path: Path) -> None:
    (tmp_path / "comparison.tex").write_text(latex(long_names, []), encoding="utf-8")
    (tmp_path / "document.tex").write_text(DOCUMENT, encoding="utf-8")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "document.tex"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert ended.returncode == 0, ended.stdout[-2000:]
    assert "Overfull" not in ended.stdout
