"""Scores of many matrices at once are those of each, and what is absent has none."""

from __future__ import annotations

import numpy as np
import pytest

from hela_seg.scores.confusion import mean_over_classes, scores_of

MATRICES = np.array([[[2, 1, 0], [0, 1, 0], [0, 0, 0]], [[0, 0, 0], [0, 4, 0], [3, 0, 1]]])


def test_rows_are_the_truth_and_columns_the_prediction() -> None:
    found = scores_of(MATRICES[0])
    np.testing.assert_allclose(found.precision, [1, 1 / 2, np.nan])
    np.testing.assert_allclose(found.recall, [2 / 3, 1, np.nan])
    np.testing.assert_allclose(found.iou, [2 / 3, 1 / 2, np.nan])
    np.testing.assert_allclose(found.dice, [4 / 5, 2 / 3, np.nan])
    np.testing.assert_allclose(found.accuracy, [3 / 4, 3 / 4, np.nan])


@pytest.mark.parametrize("measure", ["precision", "recall", "iou", "dice", "accuracy"])
def test_many_matrices_score_as_each_by_itself(measure: str) -> None:
    together = getattr(scores_of(MATRICES), measure)
    for row, matrix in zip(together, MATRICES, strict=True):
        np.testing.assert_array_equal(row, getattr(scores_of(matrix), measure))


def test_means_leave_out_what_is_absent() -> None:
    values = np.array([[0.5, 1.0, np.nan], [np.nan] * 3])
    np.testing.assert_array_equal(mean_over_classes(values), [0.75, np.nan])


def test_a_class_that_is_predicted_and_nowhere_true_scores_zero_and_has_no_recall() -> None:
    found = scores_of(MATRICES[1])
    assert (found.iou[0], found.dice[0], found.precision[0]) == (0, 0, 0)
    assert np.isnan(found.recall[0])


def test_plain_scores_have_none_for_what_is_absent() -> None:
    plain = scores_of(MATRICES[0]).to_plain()
    assert plain["iou"] == [pytest.approx(2 / 3), 0.5, None]
    assert plain["mean_iou"] == pytest.approx(7 / 12)
    assert scores_of(np.zeros((2, 2), int)).to_plain()["mean_iou"] is None


@pytest.mark.parametrize("matrix", [np.ones((2, 2)), np.ones((2, 3), int), np.ones(4, int)])
def test_what_is_no_confusion_matrix_is_refused(matrix: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected integers of shape \(K, K\)"):
        scores_of(matrix)
