"""The paper's figures hang together."""

from __future__ import annotations

from typing import Any

import pytest

from hela_seg.comparison.published import CLASSES, PUBLISHED, published_of


def test_nets_stand_in_the_order_of_their_scores_as_in_the_papers_table() -> None:
    scores = [net.scores["iou"] for net in PUBLISHED.values()]
    assert scores == sorted(scores)


THEIRS = {"data": {"layout": "dryad"}, "model": {"width": 64}}
NUCLEOLI = ("background", "nucleolus", "nucleoplasm")


@pytest.mark.parametrize(
    ("kind", "settings", "classes", "when", "stands"),
    [
        ("unet", THEIRS, CLASSES, "auto", True),
        ("inception_unet", THEIRS | {"model": {"width": 32}}, CLASSES, "auto", True),
        ("inception_unet", THEIRS, CLASSES, "auto", False),
        ("unet", THEIRS | {"model": {"width": 8}}, CLASSES, "auto", False),
        ("unet", THEIRS, NUCLEOLI, "auto", False),
        ("unet", THEIRS, CLASSES[::-1], "auto", False),
        ("unet", THEIRS | {"data": {"layout": "folder"}}, CLASSES, "auto", False),
        ("unet", {}, NUCLEOLI, "auto", False),
        ("unet", {}, NUCLEOLI, "always", True),
        ("smp", THEIRS, CLASSES, "always", False),
        ("unet", THEIRS, CLASSES, "never", False),
    ],
)
def test_figures_stand_beside_full_nets_on_the_papers_data_or_where_asked_for(
    kind: str, settings: dict[str, Any], classes: tuple[str, ...], when: str, stands: bool
) -> None:
    assert (published_of(kind, settings, classes, when) is not None) == stands
