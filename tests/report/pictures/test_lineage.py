"""Figures of lives: lineages, and survival curves in the figure over time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from hela_seg.data.classes import Classes
from hela_seg.data.synthetic.render import draw_tracked
from hela_seg.report.pictures import lineage
from hela_seg.report.pictures.drawings import write_figure
from hela_seg.report.pictures.lineage import draw_lineage, lineage_drawing
from hela_seg.tracking.follow import Follower, FollowSettings
from hela_seg.tracking.tables import Followed

PHASES = Classes(["background", "round", "spread"])
DRAWN = draw_tracked(12, 160, 160, 0)


def followed(interval: float | None = 300.0) -> Followed:
    follower = Follower(PHASES, FollowSettings(mitotic="round"))
    for _ in follower.follow(zip(DRAWN.cells.astype(np.int64), DRAWN.labels, strict=True)):
        pass
    return Followed("dish", follower.lives(), PHASES, 1, interval)


DISH = followed()


def test_each_division_is_a_fork_and_each_stay_a_line_in_its_colour() -> None:
    figure = draw_lineage(DISH)
    forks, lines = (drawn for drawn in figure.axes[0].collections if isinstance(drawn, LineCollection))
    assert len(forks.get_segments()) == sum(bool(life.daughters) for life in DISH.lives.lives) == 1
    assert figure.axes[0].get_ylim()[0] > figure.axes[0].get_ylim()[1] == 0
    # the cells' frames and no others lie on lines, in minutes
    taken = sum(segment[1][1] - segment[0][1] for segment in lines.get_segments())
    assert taken == pytest.approx(5 * len(DISH.lives.track))


def test_more_lineages_than_can_be_told_apart_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "MOST_LINES", 2)
    assert "1 of 3 lineages" in draw_lineage(DISH).axes[0].get_title(loc="left")


def test_a_figure_without_cells_says_so() -> None:
    follower = Follower(PHASES, FollowSettings())
    for _ in follower.follow([(np.zeros((9, 9), int), np.zeros((9, 9), np.uint8))] * 3):
        pass
    assert (
        draw_lineage(Followed("none", follower.lives(), PHASES)).axes[0].get_xlabel()
        == "No cell was followed"
    )


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_same_lives_give_the_same_bytes(tmp_path: Path, ending: str) -> None:
    for name in "ab":
        write_figure(tmp_path / f"{name}.{ending}", draw_lineage(DISH), "made by a test")
    content = (tmp_path / f"a.{ending}").read_bytes()
    assert content == (tmp_path / f"b.{ending}").read_bytes()
    assert b"made by a test" in content


def test_on_a_page_it_has_the_pages_colours_and_a_caption() -> None:
    drawing = lineage_drawing(DISH)
    assert "var(--ink)" in drawing.svg
    assert "1 division" in drawing.caption
