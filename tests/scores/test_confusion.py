"""Scores are those of the paper, of scikit-learn and of torchmetrics, and what is absent has none."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from labelled import CLASSES, random_pair, with_ignored
from sklearn.metrics import accuracy_score, jaccard_score, precision_recall_fscore_support
from torchmetrics.classification import MulticlassF1Score, MulticlassJaccardIndex

from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.scores.confusion import mean_over_classes, scores_from_counts, scores_of
from hela_seg.scores.metrics import confusion_matrix

# ResNet34-U-Net of the paper; the notebook prints the two middle rows under each other's name.
PUBLISHED = {
    "true_positive": [31966921, 646932, 1000115],
    "false_positive": [159747, 96273, 208732],
    "false_negative": [125386, 192731, 146635],
    "true_negative": [1826666, 33142784, 32723238],
}

MATRICES = np.array([[[2, 1, 0], [0, 1, 0], [0, 0, 0]], [[0, 0, 0], [0, 4, 0], [3, 0, 1]]])


def test_rows_are_the_truth_and_columns_the_prediction():
    found = scores_of(MATRICES[0])
    np.testing.assert_allclose(found.precision, [1, 1 / 2, np.nan])
    np.testing.assert_allclose(found.recall, [2 / 3, 1, np.nan])
    np.testing.assert_allclose(found.iou, [2 / 3, 1 / 2, np.nan])
    np.testing.assert_allclose(found.dice, [4 / 5, 2 / 3, np.nan])
    np.testing.assert_allclose(found.accuracy, [3 / 4, 3 / 4, np.nan])


@pytest.mark.parametrize("measure", ["precision", "recall", "iou", "dice", "accuracy"])
def test_many_matrices_score_as_each_by_itself(measure):
    together = getattr(scores_of(MATRICES), measure)
    for row, matrix in zip(together, MATRICES, strict=True):
        np.testing.assert_array_equal(row, getattr(scores_of(matrix), measure))


def test_means_leave_out_what_is_absent():
    values = np.array([[0.5, 1.0, np.nan], [np.nan] * 3])
    np.testing.assert_array_equal(mean_over_classes(values), [0.75, np.nan])


def test_a_class_that_is_predicted_and_nowhere_true_scores_zero_and_has_no_recall():
    found = scores_of(np.array([[2, 1], [0, 0]]))
    assert math.isnan(found.recall[1])
    assert (found.precision[1], found.iou[1], found.dice[1]) == (0, 0, 0)
    assert found.accuracy[1] == 2 / 3
    assert float(mean_over_classes(found.recall)) == 2 / 3


def test_plain_scores_are_json_with_none_for_what_is_absent():
    plain = json.loads(json.dumps(scores_of(MATRICES[0]).to_plain(), allow_nan=False))
    assert plain["iou"] == [pytest.approx(2 / 3), 0.5, None]
    assert plain["mean_iou"] == pytest.approx(7 / 12)
    names = ("precision", "recall", "iou", "dice", "accuracy")
    assert set(plain) == {f"{mean}{name}" for mean in ("", "mean_") for name in names}
    assert scores_of(np.zeros((2, 2), int)).to_plain()["mean_iou"] is None


@pytest.mark.parametrize("matrix", [np.ones((2, 2)), np.ones((2, 3), int), np.ones(4, int)])
def test_what_is_no_confusion_matrix_is_refused(matrix):
    with pytest.raises(ValueError, match=r"expected integers of shape \(K, K\)"):
        scores_of(matrix)


def test_published_counts_give_the_published_figures():
    result = scores_from_counts(**PUBLISHED)
    assert result.iou.round(5).tolist() == [0.99116, 0.69121, 0.73783]
    assert result.dice.round(5).tolist() == [0.99556, 0.81742, 0.84914]
    assert round(result.mean_iou, 5) == 0.80673
    assert round(result.mean_dice, 5) == 0.88737
    assert round(float(mean_over_classes(result.accuracy)), 5) == 0.99091


def test_published_counts_tell_precision_from_recall():
    result = scores_from_counts(**PUBLISHED)
    truth = np.array(PUBLISHED["true_positive"]) + PUBLISHED["false_negative"]
    assert truth.sum() == 130 * 512 * 512 == sum(counts[0] for counts in PUBLISHED.values())
    assert result.recall.round(5).tolist() == [0.99609, 0.77047, 0.87213]
    assert result.precision.round(5).tolist() == [0.99503, 0.87046, 0.82733]


@pytest.mark.parametrize("seed", range(3))
def test_they_equal_scikit_learn(seed):
    prediction, truth = random_pair(seed)
    truth = with_ignored(truth)
    counted = truth != IGNORE_INDEX
    true, predicted = truth[counted].numpy(), prediction[counted].numpy()
    result = scores_of(confusion_matrix(prediction, truth, CLASSES))
    precision, recall, f1, _ = precision_recall_fscore_support(true, predicted)
    accuracy = [accuracy_score(true == k, predicted == k) for k in range(CLASSES)]
    np.testing.assert_allclose(result.precision, precision)
    np.testing.assert_allclose(result.recall, recall)
    np.testing.assert_allclose(result.dice, f1)
    np.testing.assert_allclose(result.iou, jaccard_score(true, predicted, average=None))
    np.testing.assert_allclose(result.accuracy, accuracy)
    assert result.mean_iou == pytest.approx(jaccard_score(true, predicted, average="macro"))


@pytest.mark.parametrize(("truth_classes", "predicted"), [(4, 4), (2, 4), (4, 2)])
def test_they_equal_torchmetrics_where_every_class_is_in_truth_or_prediction(truth_classes, predicted):
    prediction, truth = random_pair(0, truth_classes, predicted)
    truth = with_ignored(truth)
    jaccard = MulticlassJaccardIndex(CLASSES, average="none", ignore_index=IGNORE_INDEX)
    f1 = MulticlassF1Score(CLASSES, average="none", ignore_index=IGNORE_INDEX)
    result = scores_of(confusion_matrix(prediction, truth, CLASSES))
    np.testing.assert_allclose(result.iou, jaccard(prediction, truth), rtol=1e-6)
    np.testing.assert_allclose(result.dice, f1(prediction, truth), rtol=1e-6)


def test_torchmetrics_and_scikit_learn_score_an_absent_class_0_where_we_say_nan():
    prediction, truth = random_pair(0, truth_classes=3, predicted=3)
    result = scores_of(confusion_matrix(prediction, truth, CLASSES))
    jaccard = MulticlassJaccardIndex(CLASSES, average="none")(prediction, truth)
    f1 = MulticlassF1Score(CLASSES, average="none")(prediction, truth)
    of_sklearn = jaccard_score(
        truth.flatten(), prediction.flatten(), labels=range(CLASSES), average=None, zero_division=0
    )
    assert (jaccard[3], f1[3], of_sklearn[3]) == (0, 0, 0)
    assert math.isnan(result.iou[3])
    assert math.isnan(result.dice[3])


def test_torchmetrics_too_leaves_an_absent_class_out_of_the_mean():
    prediction, truth = random_pair(0, truth_classes=3, predicted=3)
    result = scores_of(confusion_matrix(prediction, truth, CLASSES))
    assert result.mean_iou == pytest.approx(float(MulticlassJaccardIndex(CLASSES)(prediction, truth)))
    assert result.mean_dice == pytest.approx(float(MulticlassF1Score(CLASSES)(prediction, truth)))


def test_absent_class_is_nan_everywhere_and_left_out_of_means():
    with_absent, without = (
        scores_of(np.array([[2, 0, 1], [0, 0, 0], [0, 0, 1]])),
        scores_of(np.array([[2, 1], [0, 1]])),
    )
    for name in ("precision", "recall", "iou", "dice", "accuracy"):
        assert math.isnan(getattr(with_absent, name)[1])
        assert mean_over_classes(getattr(with_absent, name)) == mean_over_classes(getattr(without, name))


def test_class_never_predicted_has_no_precision_and_scores_0():
    result = scores_of(np.array([[2, 0], [1, 0]]))
    assert math.isnan(result.precision[1])
    assert (result.recall[1], result.iou[1], result.dice[1]) == (0, 0, 0)


def test_counts_of_a_small_integer_type_do_not_overflow():
    assert scores_of(np.full((2, 2), 100, dtype=np.uint8)).iou.tolist() == [1 / 3, 1 / 3]


@given(st.lists(st.integers(0, 10**12), min_size=9, max_size=9))
def test_they_lie_between_0_and_1_with_dice_above_iou(counts):
    result = scores_of(np.array(counts).reshape(3, 3))
    for values in (result.precision, result.recall, result.iou, result.dice, result.accuracy):
        known = values[~np.isnan(values)]
        assert ((known >= 0) & (known <= 1)).all()
    np.testing.assert_allclose(result.dice, 2 * result.iou / (1 + result.iou))
