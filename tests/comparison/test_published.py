"""The paper's figures hang together."""

from __future__ import annotations

import pytest

from hela_seg.comparison.published import PUBLISHED


def test_means_are_those_of_the_classes_and_dice_follows_from_iou() -> None:
    net = PUBLISHED["resnet34_unet"]
    for measure, values in net.by_class.items():
        assert sum(values) / 3 == pytest.approx(net.scores[measure], abs=5e-5)
    for iou, dice in zip(net.by_class["iou"], net.by_class["dice"], strict=True):
        assert 2 * iou / (1 + iou) == pytest.approx(dice, abs=2e-5)


def test_nets_stand_in_the_order_of_their_scores_as_in_the_papers_table() -> None:
    scores = [net.scores["iou"] for net in PUBLISHED.values()]
    assert scores == sorted(scores)


def test_classes_are_matched_by_their_order_where_there_are_three() -> None:
    net = PUBLISHED["resnet34_unet"]
    assert net.of_class(2, classes=3) == {"iou": 0.73783, "dice": 0.84914}
    assert net.of_class(0, classes=2) == {}
    assert PUBLISHED["unet"].of_class(0, classes=3) == {}
