"""Areas, numbers of cells, mitotic index and survival curves in the figure over time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from hela_seg.cells.timecourse import TimeCourse
from hela_seg.data.classes import Classes
from hela_seg.data.synthetic.render import draw_tracked
from hela_seg.report.pictures.curves import (
    POINTS,
    SurvivalGroup,
    draw_survival,
    draw_time_course,
    survival_groups,
    time_unit,
)
from hela_seg.tracking.durations import Durations
from hela_seg.tracking.follow import Follower, FollowSettings
from hela_seg.tracking.tables import Followed

CLASSES = Classes(["background", "round", "spread", "dead"])


def course(frames, seed=0, interval=None, with_cells=True, classes=4):
    random = np.random.default_rng(seed)
    pixels = random.integers(100, 1000, (frames, classes))
    cells = random.integers(0, 30, (frames, classes)) if with_cells else None
    return TimeCourse(f"dish {seed}", pixels, cells, interval)


def curves(figure, panel=0):
    return [line.get_xydata().T for line in figure.axes[panel].lines]


def test_each_class_but_the_background_has_a_curve_of_shares_and_one_of_cells():
    given = course(20)
    figure = draw_time_course([given], CLASSES, "dish")
    assert [axes.get_ylabel() for axes in figure.axes] == ["Share of area (%)", "Cells"]
    for panel, values in enumerate((100 * given.shares, given.cells)):
        for index, (x, y) in enumerate(curves(figure, panel), start=1):
            assert x.tolist() == list(range(20))
            assert y == pytest.approx(values[:, index])


def test_without_cells_there_are_shares_alone():
    figure = draw_time_course([course(5, with_cells=False), course(5)], CLASSES, "dish")
    assert len(figure.axes) == 1


@pytest.mark.parametrize(
    ("interval", "frames", "label", "last"),
    [
        (None, 20, "Frame", 19),
        (600, 20, "Time (h)", 19 / 6),
        (60, 20, "Time (min)", 19),
        (0.5, 20, "Time (s)", 9.5),
    ],
)
def test_time_has_the_unit_that_suits_it(interval, frames, label, last):
    figure = draw_time_course([course(frames, interval=interval)], CLASSES, "dish")
    assert figure.axes[-1].get_xlabel() == label
    assert curves(figure)[0][0][-1] == pytest.approx(last)


def test_one_unknown_interval_leaves_frames():
    figure = draw_time_course([course(9, interval=60), course(9, 1)], CLASSES, "dish")
    assert figure.axes[-1].get_xlabel().startswith("Frame\n")


def test_legend_names_classes_as_they_are_outside_of_the_curves():
    classes = Classes(["background", "_$x^", "細", "a name of a class that is rather long"])
    figure = draw_time_course([course(9)], classes, "$title 細")
    figure.draw_without_rendering()
    legend = figure.legends[0]
    assert [text.get_text().replace(r"\$", "$") for text in legend.get_texts()] == [
        "_$x^",
        "?",
        "a name of a class that\nis rather long",
    ]
    assert legend.get_window_extent().x0 > max(axes.get_window_extent().x1 for axes in figure.axes)


@pytest.mark.parametrize("frames", [20, 100])
def test_classes_are_told_apart_without_colour(frames):
    classes = Classes([f"class {index}" for index in range(25)])
    figure = draw_time_course([course(frames, classes=25)], classes, "many")
    looks = [(line.get_linestyle(), line._dash_pattern[1], line.get_color()) for line in figure.axes[0].lines]
    assert len({str(look) for look in looks}) == 24
    assert len({str(look[:2]) for look in looks[:6]}) == 6


def test_a_single_frame_is_a_point_that_is_seen():
    figure = draw_time_course([course(1, interval=60)], CLASSES, "still")
    assert all(line.get_marker() != "" for line in figure.axes[0].lines)
    assert figure.axes[-1].get_xticks().tolist() == [0]


def test_many_frames_are_means_within_their_range():
    given = course(10 * POINTS)
    figure = draw_time_course([given], CLASSES, "long")
    x, y = curves(figure)[0]
    share = 100 * given.shares[:, 1]
    assert x == pytest.approx(np.arange(4.5, 10 * POINTS, 10))
    assert y == pytest.approx(share.reshape(-1, 10).mean(axis=1))
    low, high = figure.axes[0].collections[0].get_datalim(figure.axes[0].transData).intervaly
    assert (low, high) == pytest.approx((share.min(), share.max()))
    assert "mean of 10 frames, shade: least to most" in figure.axes[-1].get_xlabel()


def test_of_several_recordings_the_median_is_drawn():
    several = [course(30, seed, interval=600) for seed in range(5)]
    figure = draw_time_course(several, CLASSES, "plate")
    expected = np.median([100 * one.shares for one in several], axis=0)
    for index, (_, y) in enumerate(curves(figure), start=1):
        assert y == pytest.approx(expected[:, index])
    assert "median of 5 recordings" in figure.axes[-1].get_xlabel()


def test_recordings_of_other_lengths_and_intervals_share_one_time():
    rising = TimeCourse("a", np.stack([100 - np.arange(11), np.arange(11)], 1), None, 600.0)
    coarse = TimeCourse("b", rising.pixels[::5], None, 3000.0)
    short = TimeCourse("c", rising.pixels[:4], None, 600.0)
    for several in ([rising, coarse, short], [short, coarse]):
        figure = draw_time_course(several, Classes(["background", "cell"]), "plate")
        x, y = curves(figure)[0]
        assert x == pytest.approx(np.arange(11) / 6)
        assert y == pytest.approx(np.arange(11))


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("frames", [10, 5 * POINTS])
def test_ignored_frames_leave_a_gap(count, frames):
    given = course(frames)
    given.pixels[frames // 2 :] = 0
    figure = draw_time_course([given] * count, CLASSES, "dish")
    _, y = curves(figure)[0]
    assert np.isnan(y).mean() == pytest.approx(0.5, abs=0.02)


def test_an_ignored_frame_among_those_of_one_point_leaves_no_gap():
    given = course(5 * POINTS)
    given.pixels[777] = 0
    figure = draw_time_course([given], CLASSES, "long")
    assert np.isfinite(curves(figure)[0]).all()


def test_no_recordings_are_a_programming_error():
    with pytest.raises(ValueError, match="at least one recording"):
        draw_time_course([], CLASSES, "dish")


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
