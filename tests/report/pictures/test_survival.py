"""Survival curves and the mitotic index in the figure over time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from hela_seg.cells.timecourse import TimeCourse
from hela_seg.data.classes import Classes
from hela_seg.data.synthetic.render import draw_tracked
from hela_seg.report.pictures.curves import draw_time_course
from hela_seg.report.pictures.survival import SurvivalGroup, draw_survival, survival_groups, time_unit
from hela_seg.tracking.durations import Durations
from hela_seg.tracking.follow import Follower, FollowSettings
from hela_seg.tracking.tables import Followed

PHASES = Classes(["background", "round", "spread"])


@pytest.fixture(scope="module")
def dish() -> Followed:
    """Cells that divide, five minutes from frame to frame."""
    drawn = draw_tracked(12, 160, 160, 0)
    follower = Follower(PHASES, FollowSettings(mitotic="round"))
    for _ in follower.follow(zip(drawn.cells.astype(np.int64), drawn.labels, strict=True)):
        pass
    return Followed("dish", follower.lives(), PHASES, 1, 300.0)


def durations(*time: float, ended: bool = True) -> Durations:
    names = np.array([f"lineage {number}" for number in range(len(time))])
    return Durations(np.array(time), np.full(len(time), ended), names, 1.0, 0)


@pytest.mark.parametrize(
    ("seconds", "unit"), [(30, ("s", 1.0)), (119, ("s", 1.0)), (120, ("min", 60.0)), (7200, ("h", 3600.0))]
)
def test_the_largest_unit_that_fits_twice(seconds: float, unit: tuple[str, float]) -> None:
    assert time_unit(seconds) == unit


def test_the_curve_falls_where_stays_end(dish: Followed) -> None:
    """Four stays end half a frame after they were last seen: three quarters, half, a quarter go on."""
    axes = Figure().subplots()
    group = SurvivalGroup("", [("round $x$", "#e69f00", durations(1, 2, 3, 4))])
    draw_survival(axes, group, [replace(dish, frame_interval=None)])
    (line,) = axes.lines
    shares = np.interp([1.5, 2.5, 3.5, 4.5], line.get_xdata(), line.get_ydata())
    assert shares.tolist() == pytest.approx([75, 50, 25, 0])
    assert axes.get_xlabel() == "Time in the class (frames)"
    (text,) = axes.get_legend().get_texts()
    assert text.get_text() == r"round \$x\$, median 2.5 frames (n = 4)"


def test_stays_that_all_go_on_have_no_median(dish: Followed) -> None:
    axes = Figure().subplots()
    group = SurvivalGroup("round", [("drug", "#e69f00", durations(3, 5, ended=False))])
    draw_survival(axes, group, [replace(dish, frame_interval=None)])
    assert axes.get_legend().get_texts()[0].get_text() == "drug (n = 2)"
    assert axes.get_xlabel() == "Time in class 'round' (frames)"


def test_of_one_condition_there_is_one_panel_and_of_two_one_for_each_class(dish: Followed) -> None:
    assert survival_groups([]) == []
    (together,) = survival_groups([dish])
    assert together.title == ""
    groups = survival_groups([replace(dish, condition=name) for name in ("control", "drug")])
    assert [group.title for group in groups] == [name for name, _, _ in together.curves]
    assert [name for name, _, _ in groups[0].curves] == ["control", "drug"]


def test_the_figure_over_time_grows_by_mitotic_index_and_survival(dish: Followed) -> None:
    course = TimeCourse("dish", np.full((12, 3), 5), np.tile([0, 1, 3], (12, 1)), 300.0)
    figure = draw_time_course([course], PHASES, "dish", followed=[dish])
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "Share of area (%)",
        "Cells",
        "Mitotic index (%)",
        "Still in the class (%)",
    ]
    assert figure.axes[2].lines[0].get_ydata() == pytest.approx(25)
    (shade,) = figure.axes[2].collections
    low, high = shade.get_paths()[0].get_extents().intervaly
    assert (low, high) == pytest.approx((4.559, 69.94), abs=0.01)  # Wilson's, of one in four
    of_two = [replace(dish, condition=name) for name in ("control", "drug")]
    groups = draw_time_course([course, course], PHASES, "two", followed=of_two).axes[3:]
    assert [axes.get_xlabel() for axes in groups] == [
        "Time in class 'round' (min)",
        "Time in class 'spread' (min)",
    ][: len(groups)]
    told = [text.get_text().split(",")[0] for text in groups[0].get_legend().get_texts()]
    assert told[0].startswith("control")
    assert told[1].startswith("drug")
