"""The paper's figures hang together."""

from __future__ import annotations

from typing import Any

import pytest

from hela_seg.comparison.published import CLASSES, PUBLISHED, published_of


def test_means_are_those_of_the_classes_and_dice_follows_from_iou() -> None:
    net = PUBLISHED["resnet34_unet"]
    for measure, values in net.by_class.items():
        assert sum(values) / 3 == pytest.approx(net.scores[measure], abs=5e-5)
    for iou, dice in zip(net.by_class["iou"], net.by_class["dice"], strict=True):
        assert 2 * iou / (1 + iou) == pytest.approx(dice, abs=2e-5)


def test_nets_stand_in_the_order_of_their_scores_as_in_the_papers_table() -> None:
    scores = [net.scores["iou"] for net in PUBLISHED.values()]
    assert scores == sorted(scores)


def test_classes_are_matched_by_name() -> None:
    net = PUBLISHED["resnet34_unet"]
    assert net.of_class("spread") == {"iou": 0.73783, "dice": 0.84914}
    assert net.of_class("nucleolus") == {}
    assert PUBLISHED["unet"].of_class("background") == {}


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
