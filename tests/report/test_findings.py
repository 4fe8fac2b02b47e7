import io
import json

import numpy as np
import pytest
from rich.console import Console

from hela_seg.data.checks.examine import Examination, SeriesFacts
from hela_seg.data.checks.looks import FrameLook
from hela_seg.data.checks.near_duplicates import NearDuplicate
from hela_seg.data.checks.verdict import Verdict
from hela_seg.data.classes import Classes
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.table import Block
from hela_seg.data.stacks import ArraySeries
from hela_seg.report.findings import SERIES_SHOWN, print_findings, write_findings
from hela_seg.system.errors import lines_by_kind

CLASSES = Classes(["background", "round [bold]"])
BLOCKS = [Block(0, 0, 3, "train"), Block(1, 1, 3, "test")]
NOTHING = Verdict([], [], [])


def series(name, percentiles=((1, 50, 99.5),), channels=1, faults=()):
    frames = ArraySeries(np.zeros((3, channels, 40, 64), np.uint8), "TCYX", channels)
    frames.name = name
    known = None if percentiles is None else np.array(percentiles, np.float64)
    return SeriesFacts(Recording(frames, frames), known, [2], [], list(faults))


def examination(count=2):
    pixels = {"train": np.array([600, 200]), "test": np.array([90, 110]), None: np.array([10, 0])}
    frames = {"train": np.array([3, 1]), "test": np.array([2, 2]), None: np.array([1, 0])}
    return Examination([series(f"dish {number}") for number in range(count)], pixels, frames)


def printed(found, verdict=NOTHING, blocks=BLOCKS):
    file = io.StringIO()
    print_findings(found, blocks, CLASSES, verdict, Console(file=file, width=80))
    assert max(map(len, file.getvalue().splitlines())) <= 80 or verdict is not NOTHING
    return file.getvalue()


def row(text, name):
    """The printed cells behind a name."""
    line = next(line for line in text.splitlines() if line.strip().startswith(name))
    return line.strip().removeprefix(name).split()


def written(tmp_path, found, verdict=NOTHING, blocks=BLOCKS):
    write_findings(tmp_path / "check.json", found, blocks, CLASSES, verdict)
    return json.loads((tmp_path / "check.json").read_text(encoding="utf-8"))


def test_a_series_has_frames_size_type_and_grey_values():
    text = printed(examination())
    assert row(text, "dish 0")[:3] == ["3", "40x64", "uint8"]
    assert row(text, "dish 0")[-3:] == ["1", "50", "99.5"]


def test_channels_are_summed_up_as_the_darkest_the_mean_and_the_brightest():
    found = Examination([series("rgb", [(5, 10, 90), (3, 20, 70), (4, 60, 4000)], channels=3)])
    text = printed(found, blocks=[])
    assert row(text, "rgb")[1] == "40x64x3"
    assert row(text, "rgb")[-3:] == ["3", "30", "4000"]


def test_a_series_that_could_not_be_read_has_dashes():
    assert len(set(row(printed(Examination([series("gone", None)]), blocks=[]), "gone")[-3:])) == 1


def test_classes_have_totals_shares_in_percent_and_the_weight_of_training():
    text = printed(examination())
    # of 1010 pixels 700 and 310; training has 600 and 200: weights 800 / (2 * 600) and 800 / (2 * 200)
    assert row(text, "background")[:6] == ["700", "69.31", "6", "75.00", "45.00", "0.6667"]
    assert row(text, "round [bold]")[:6] == ["310", "30.69", "3", "25.00", "55.00", "2"]


def test_twenty_series_are_shown_and_more_are_counted():
    text = printed(examination(SERIES_SHOWN + 3))
    assert f"dish {SERIES_SHOWN - 1}" in text.split("Classes:")[0]
    assert f"dish {SERIES_SHOWN} " not in text.split("Classes:")[0]
    assert "and 3 more series, see check.json" in text


def test_warnings_stand_before_faults_each_on_a_line_of_its_own():
    verdict = Verdict(["a [red] fault " + "x" * 90], ["a warning"], [])
    lines = printed(examination(), verdict).splitlines()
    assert lines[lines.index("Warnings") + 1] == "  a warning"
    assert lines[lines.index("Faults") + 1] == "  a [red] fault " + "x" * 90
    assert lines.index("Warnings") < lines.index("Faults")
    assert "Faults" not in printed(examination())


def test_faults_of_one_kind_are_one_line_with_a_count_and_three_names():
    root = "/my cells/images.old"
    faults = [f"{root}/{name}.tif is damaged: byte {len(name)}, see 'x'" for name in ("a b", "c", "d.1", "e")]
    assert lines_by_kind([*faults, f"{root}/a b.tif has no mask"]) == [
        f"4 times: {faults[0]} (c.tif, d.1.tif and 2 more likewise)".replace(
            "d.1.tif and 2", "d.1.tif and 1"
        ),
        f"{root}/a b.tif has no mask",
    ]


def test_a_thousand_faults_in_print_are_forty_lines_at_most():
    kinds = [
        "is empty",
        "is damaged (at byte 7)",
        "has no mask",
        *("is " + chr(97 + n) * 3 for n in range(20)),
    ]
    faults = [f"/data/images/dish {n}.tif {kinds[n % len(kinds)]}" for n in range(1000)]
    blocks = [Block(number, 0, 3, "train") for number in range(300)]
    lines = printed(examination(300), Verdict(faults, ["a warning"] * 50, []), blocks).splitlines()
    assert len(lines) <= 40
    assert (
        "  44 times: /data/images/dish 0.tif is empty (dish 23.tif, dish 46.tif and 41 more likewise)"
        in lines
    )
    assert "  and 15 more kinds, see check.json" in lines


def test_nothing_that_could_be_opened_is_no_table():
    assert printed(Examination([]), Verdict(["gone"], [], []), []).splitlines() == ["Faults", "  gone"]


def test_the_file_holds_all_of_it(tmp_path):
    first, second = FrameLook(0, 1, None, b"a"), FrameLook(1, 2, None, b"b")
    verdict = Verdict(
        ["bad"], ["poor"], [NearDuplicate(first, second, ("train", "test"), 0.7891, False, True)]
    )
    found = written(tmp_path, examination(), verdict)
    assert list(found) == ["faults", "warnings", "series", "classes", "class_weights", "split", "alike"]
    assert (found["faults"], found["warnings"]) == (["bad"], ["poor"])
    assert found["class_weights"] == pytest.approx([2 / 3, 2])
    assert found["split"][1] == {"series": "dish 1", "start": 1, "stop": 3, "part": "test"}
    assert found["alike"] == [
        {
            "train": {"series": "dish 0", "frame": 1},
            "test": {"series": "dish 1", "frame": 2},
            "similarity": 0.789,
            "same": False,
            "same_mask": True,
        }
    ]
    assert found["classes"][1]["pixels"] == {"total": 310, "train": 200, "test": 110}
    assert found["classes"][1]["frames"] == {"total": 3, "train": 1, "test": 2}
    one = found["series"][0]
    assert (one["frames"], one["channels"], one["height"], one["width"]) == (3, 1, 40, 64)
    assert (one["percentiles"], one["grey_values"]) == ([1.0, 50.0, 99.8], [[1.0, 50.0, 99.5]])
    assert (one["constant_frames"], one["pixel_size_um"]) == ([2], None)


def test_without_training_pixels_there_are_no_weights(tmp_path):
    found = examination()
    found.pixels["train"] = np.array([0, 0])
    assert written(tmp_path, found)["class_weights"] is None
    assert written(tmp_path, Examination([series("a", None)]), blocks=[])["series"][0]["grey_values"] is None


def test_names_of_any_language_stay_as_they_are(tmp_path):
    found = Examination([series("Zürich 細胞")])
    assert written(tmp_path, found, blocks=[])["series"][0]["name"] == "Zürich 細胞"
    assert "細胞" in (tmp_path / "check.json").read_text(encoding="utf-8")
