import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from hela_seg.data.classes import Classes
from hela_seg.data.splits.split import Block
from hela_seg.report.tables import (
    Cell,
    Sheet,
    number_cell,
    print_files,
    print_scores,
    print_split,
    without_empty_columns,
    write_scores,
)
from hela_seg.scores.confusion import scores_of
from hela_seg.system.errors import InputError

CLASSES = Classes(["background", "round [bold]", "spread, irregular", "debris"])
# Rows are truth. Debris is absent; of 6 pixels of class 1, 4 are found and 1 is claimed of class 2.
MATRIX = np.array([[90, 0, 0, 0], [2, 4, 0, 0], [0, 1, 3, 0], [0, 0, 0, 0]])


def printed(function, *arguments, width=80, terminal=False):
    file = io.StringIO()
    function(*arguments, console=Console(file=file, width=width, force_terminal=terminal))
    return file.getvalue()


def cells(text, name):
    """The numbers in the printed row that begins with a name."""
    return next(line for line in text.splitlines() if line.strip().startswith(name)).split()[-5:]


def test_scores_of_a_class_and_the_means_to_four_decimals():
    text = printed(print_scores, scores_of(MATRIX), CLASSES, "Test, 1 series")
    assert text.splitlines()[0] == "Test, 1 series"
    assert cells(text, "round [bold]") == ["0.8000", "0.6667", "0.5714", "0.7273", "0.9700"]
    # IoU: 90/92, 4/7, 3/4; their mean is 0.7666.
    assert cells(text, "mean")[2] == "0.7666"


def test_absent_class_has_dashes_and_a_line_that_says_why():
    text = printed(print_scores, scores_of(MATRIX), CLASSES, "Test")
    assert cells(text, "debris") == ["–"] * 5
    assert "– absent from truth and prediction, left out of the means: debris" in text


def test_precision_of_a_class_that_is_never_predicted_is_explained():
    text = printed(print_scores, scores_of(np.array([[5, 0], [3, 0]])), Classes(["a", "b"]), "Test")
    assert cells(text, "b") == ["–", "0.0000", "0.0000", "0.0000", "0.6250"]
    assert "– a class that is never predicted has no precision, left out of its mean" in text
    assert "absent" not in text


def test_recall_of_a_class_that_is_nowhere_true_is_explained():
    text = printed(print_scores, scores_of(np.array([[5, 3], [0, 0]])), Classes(["a", "b"]), "Test")
    assert "– a class that is nowhere true has no recall, left out of its mean" in text


def test_without_dashes_nothing_is_explained():
    assert "–" not in printed(
        print_scores, scores_of(np.array([[5, 1], [1, 5]])), Classes(["a", "b"]), "Test"
    )


def test_piped_tables_are_plain_text_of_at_most_80_columns():
    text = printed(print_scores, scores_of(MATRIX), Classes(["a", "b" * 70, "c", "d"]), "Test")
    assert "\x1b" not in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    first_words = (line.split()[0] for line in text.splitlines() if line.strip())
    assert "".join(word for word in first_words if set(word) == {"b"}) == "b" * 70


def test_narrow_terminals_lose_neither_names_nor_numbers():
    text = printed(print_scores, scores_of(MATRIX), CLASSES, "Test", width=30)
    assert "background" in text
    assert cells(text, "round [bold]")[-1] == "0.9700"


def test_terminals_get_emphasis():
    assert "\x1b[1m" in printed(print_scores, scores_of(MATRIX), CLASSES, "Test", terminal=True)


def test_csv_and_json_hold_the_same_numbers_in_full_precision(tmp_path):
    result = write_scores(tmp_path, MATRIX, CLASSES)
    with (tmp_path / "scores.csv").open(encoding="utf-8", newline="") as file:
        rows = {row.pop("class"): row for row in csv.DictReader(file)}
    content = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert list(rows) == [*CLASSES.names, "mean"]
    for name, values in (content["scores"] | {"mean": content["mean"]}).items():
        assert {key: float(text) if text else None for key, text in rows[name].items()} == values
    assert content["scores"]["round [bold]"]["iou"] == 4 / 7
    assert content["mean"]["dice"] == result.mean_dice
    assert set(content["scores"]["debris"].values()) == {None}


def test_json_holds_the_confusion_matrix_as_integers_and_the_classes(tmp_path):
    write_scores(tmp_path, MATRIX, CLASSES)
    content = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert content["confusion_matrix"] == MATRIX.tolist()
    assert all(type(count) is int for row in content["confusion_matrix"] for count in row)
    assert content["confusion_matrix_axes"] == ["truth", "prediction"]
    assert Classes(content["classes"]).to_plain() == CLASSES.to_plain()


def test_matrix_of_other_classes_is_a_programming_error(tmp_path):
    with pytest.raises(ValueError, match=r"\(4, 4\), expected \(2, 2\)"):
        write_scores(tmp_path, MATRIX, Classes(["a", "b"]))
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="cannot write"):
        write_scores(tmp_path / "taken", MATRIX, CLASSES)


def test_split_shows_first_and_last_frame_and_their_count():
    text = printed(print_split, [Block(0, 0, 14, "train"), Block(0, 16, 20, "test")], ["movie [1].tif"])
    rows = [line.split() for line in text.splitlines() if "movie" in line]
    assert rows == [["train", "movie", "[1].tif", "0–13", "14"], ["test", "movie", "[1].tif", "16–19", "4"]]


def test_split_of_many_series_is_summed_up_after_the_first_few():
    blocks = [Block(index, 0, 3, "train") for index in range(10)] + [Block(10, 0, 5, "test")]
    text = printed(print_split, blocks, [f"series{index}" for index in range(11)])
    assert [line.split() for line in text.splitlines() if "more" in line] == [
        ["train", "and", "3", "more", "series", "9"]
    ]
    assert "series6" in text
    assert "series7" not in text
    assert "series10" in text


def test_paths_stay_on_one_line_and_values_stand_below_each_other():
    path = Path("out", "x" * 100, "a [red] :smile:.tif")
    lines = printed(print_files, {"Frames": 20, "Label maps": path}).splitlines()
    assert lines == ["Frames      20", f"Label maps  {path}"]


def test_a_column_in_which_no_row_has_a_number_is_left_out():
    rows = [
        (Cell("a"), number_cell(None), number_cell(1.0)),
        (Cell("b"), number_cell(None), number_cell(None)),
    ]
    found = without_empty_columns(Sheet("title", ("Net", "±", "IoU"), rows))
    assert found.headings == ("Net", "IoU")
    assert [[cell.text for cell in row] for row in found.rows] == [["a", "1.0000"], ["b", "–"]]
