import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from labelled import CLASSES, labelled_batches, random_pair
from sklearn.metrics import accuracy_score, jaccard_score, precision_recall_fscore_support
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix
from torchmetrics.classification import MulticlassF1Score, MulticlassJaccardIndex

from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.scores.confusion import mean_over_classes, scores_from_counts, scores_of
from hela_seg.scores.metrics import confusion_matrix, predicted_classes

# ResNet34-U-Net of the paper; the notebook prints the two middle rows under each other's name.
PUBLISHED = {
    "true_positive": [31966921, 646932, 1000115],
    "false_positive": [159747, 96273, 208732],
    "false_negative": [125386, 192731, 146635],
    "true_negative": [1826666, 33142784, 32723238],
}


def with_ignored(truth, seed=0):
    ignored = torch.rand(truth.shape, generator=torch.Generator().manual_seed(seed)) < 0.2
    return truth.masked_fill(ignored, IGNORE_INDEX)


class TestPredictedClasses:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
    def test_is_the_likeliest_class_in_every_precision(self, dtype):
        logits = torch.randn(2, CLASSES, 9, 7, generator=torch.Generator().manual_seed(0)).to(dtype)
        assert torch.equal(predicted_classes(logits), logits.argmax(dim=1))

    def test_takes_the_lowest_index_of_equally_likely_classes(self):
        logits = torch.tensor([0.0, 1.0, 1.0]).view(1, 3, 1, 1)
        assert predicted_classes(logits).item() == 1


class TestConfusionMatrixFunction:
    def test_hand_worked(self):
        matrix = confusion_matrix(torch.tensor([0, 1, 1, 1]), torch.tensor([0, 0, 1, IGNORE_INDEX]), 2)
        assert matrix.tolist() == [[1, 1], [0, 1]]
        assert matrix.dtype == torch.int64

    @pytest.mark.parametrize(("truth_classes", "predicted"), [(4, 4), (2, 4), (4, 2), (1, 1)])
    @pytest.mark.parametrize("seed", range(3))
    def test_equals_scikit_learn(self, truth_classes, predicted, seed):
        prediction, truth = random_pair(seed, truth_classes, predicted)
        truth = with_ignored(truth)
        counted = truth != IGNORE_INDEX
        expected = sklearn_confusion_matrix(truth[counted], prediction[counted], labels=range(CLASSES))
        assert confusion_matrix(prediction, truth, CLASSES).tolist() == expected.tolist()

    @pytest.mark.parametrize("ignore_index", [-100, -1, 0, CLASSES, IGNORE_INDEX])
    def test_any_index_can_be_the_ignored_one(self, ignore_index):
        prediction, truth = random_pair(0)
        truth[:, :4] = ignore_index
        counted = truth != ignore_index
        expected = sklearn_confusion_matrix(truth[counted], prediction[counted], labels=range(CLASSES))
        assert confusion_matrix(prediction, truth, CLASSES, ignore_index).tolist() == expected.tolist()

    def test_all_ignored_counts_nothing(self):
        truth = torch.full((1, 4, 4), IGNORE_INDEX)
        assert confusion_matrix(torch.zeros_like(truth), truth, CLASSES).sum() == 0

    def test_no_pixels_count_nothing(self):
        empty = torch.zeros(0, dtype=torch.int64)
        assert confusion_matrix(empty, empty, CLASSES).sum() == 0

    def test_is_exact_past_what_float32_can_count(self):
        truth = torch.zeros(1, dtype=torch.int64).expand(2**24 + 1)
        assert confusion_matrix(truth, truth, 2)[0, 0] == 2**24 + 1

    @pytest.mark.parametrize("stray", [-1, CLASSES, CLASSES + 1, 254, -100])
    @pytest.mark.parametrize("predicted", range(CLASSES))
    def test_refuses_a_truth_outside_the_classes(self, stray, predicted):
        with pytest.raises(RuntimeError, match="out of bounds"):
            confusion_matrix(torch.tensor([predicted]), torch.tensor([stray]), CLASSES)

    def test_refuses_shapes_that_differ(self):
        with pytest.raises(ValueError, match=r"\(2, 3\), truth \(3, 2\)"):
            confusion_matrix(torch.zeros(2, 3).long(), torch.zeros(3, 2).long(), CLASSES)

    @given(labelled_batches())
    def test_holds_every_counted_pixel_once(self, batch):
        prediction, truth = batch
        matrix = confusion_matrix(prediction, truth, CLASSES)
        assert matrix.sum() == (truth != IGNORE_INDEX).sum()
        assert matrix.sum(dim=1).tolist() == [int((truth == k).sum()) for k in range(CLASSES)]

    @given(labelled_batches(), st.randoms())
    def test_does_not_depend_on_the_order_of_pixels(self, batch, random):
        prediction, truth = (indices.flatten() for indices in batch)
        order = torch.tensor(random.sample(range(len(truth)), len(truth)))
        shuffled = confusion_matrix(prediction[order], truth[order], CLASSES)
        assert torch.equal(shuffled, confusion_matrix(prediction, truth, CLASSES))

    @given(labelled_batches(), st.permutations(range(CLASSES)))
    def test_renaming_the_classes_moves_rows_and_columns(self, batch, names):
        prediction, truth = batch
        renamed = torch.tensor([*names, *[IGNORE_INDEX] * (256 - CLASSES)])
        moved = confusion_matrix(renamed[prediction], renamed[truth], CLASSES)
        assert torch.equal(moved[names][:, names], confusion_matrix(prediction, truth, CLASSES))

    @given(labelled_batches())
    def test_swapping_truth_and_prediction_transposes(self, batch):
        prediction, truth = batch
        truth = truth.where(truth != IGNORE_INDEX, 0)
        swapped = confusion_matrix(truth, prediction, CLASSES)
        assert torch.equal(swapped.T, confusion_matrix(prediction, truth, CLASSES))


class TestScores:
    def test_hand_worked(self):
        result = scores_of(np.array([[2, 1], [0, 1]]))
        assert result.precision.tolist() == [1, 1 / 2]
        assert result.recall.tolist() == [2 / 3, 1]
        assert result.iou.tolist() == [2 / 3, 1 / 2]
        assert result.dice.tolist() == [4 / 5, 2 / 3]
        assert result.accuracy.tolist() == [3 / 4, 3 / 4]
        assert result.mean_iou == pytest.approx(7 / 12)

    def test_published_counts_give_the_published_figures(self):
        result = scores_from_counts(**PUBLISHED)
        assert result.iou.round(5).tolist() == [0.99116, 0.69121, 0.73783]
        assert result.dice.round(5).tolist() == [0.99556, 0.81742, 0.84914]
        assert round(result.mean_iou, 5) == 0.80673
        assert round(result.mean_dice, 5) == 0.88737
        assert round(float(mean_over_classes(result.accuracy)), 5) == 0.99091

    def test_published_counts_tell_precision_from_recall(self):
        result = scores_from_counts(**PUBLISHED)
        truth = np.array(PUBLISHED["true_positive"]) + PUBLISHED["false_negative"]
        assert truth.sum() == 130 * 512 * 512 == sum(counts[0] for counts in PUBLISHED.values())
        assert result.recall.round(5).tolist() == [0.99609, 0.77047, 0.87213]
        assert result.precision.round(5).tolist() == [0.99503, 0.87046, 0.82733]

    @pytest.mark.parametrize("seed", range(3))
    def test_equal_scikit_learn(self, seed):
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
    def test_equal_torchmetrics_where_every_class_is_in_truth_or_prediction(self, truth_classes, predicted):
        prediction, truth = random_pair(0, truth_classes, predicted)
        truth = with_ignored(truth)
        jaccard = MulticlassJaccardIndex(CLASSES, average="none", ignore_index=IGNORE_INDEX)
        f1 = MulticlassF1Score(CLASSES, average="none", ignore_index=IGNORE_INDEX)
        result = scores_of(confusion_matrix(prediction, truth, CLASSES))
        np.testing.assert_allclose(result.iou, jaccard(prediction, truth), rtol=1e-6)
        np.testing.assert_allclose(result.dice, f1(prediction, truth), rtol=1e-6)

    def test_torchmetrics_and_scikit_learn_score_an_absent_class_0_where_we_say_nan(self):
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

    def test_torchmetrics_too_leaves_an_absent_class_out_of_the_mean(self):
        prediction, truth = random_pair(0, truth_classes=3, predicted=3)
        result = scores_of(confusion_matrix(prediction, truth, CLASSES))
        assert result.mean_iou == pytest.approx(float(MulticlassJaccardIndex(CLASSES)(prediction, truth)))
        assert result.mean_dice == pytest.approx(float(MulticlassF1Score(CLASSES)(prediction, truth)))

    def test_absent_class_is_nan_everywhere_and_left_out_of_means(self):
        with_absent, without = (
            scores_of(np.array([[2, 0, 1], [0, 0, 0], [0, 0, 1]])),
            scores_of(np.array([[2, 1], [0, 1]])),
        )
        for name in ("precision", "recall", "iou", "dice", "accuracy"):
            assert math.isnan(getattr(with_absent, name)[1])
            assert mean_over_classes(getattr(with_absent, name)) == mean_over_classes(getattr(without, name))

    def test_class_predicted_but_nowhere_true_has_no_recall_and_scores_0(self):
        result = scores_of(np.array([[2, 1], [0, 0]]))
        assert math.isnan(result.recall[1])
        assert (result.precision[1], result.iou[1], result.dice[1]) == (0, 0, 0)
        assert result.accuracy[1] == 2 / 3
        assert float(mean_over_classes(result.recall)) == 2 / 3

    def test_class_never_predicted_has_no_precision_and_scores_0(self):
        result = scores_of(np.array([[2, 0], [1, 0]]))
        assert math.isnan(result.precision[1])
        assert (result.recall[1], result.iou[1], result.dice[1]) == (0, 0, 0)

    def test_nothing_counted_is_nan_without_a_warning(self):
        plain = scores_of(torch.zeros(3, 3, dtype=torch.int64)).to_plain()
        assert plain["iou"] == [None, None, None]
        assert plain["mean_iou"] is None

    def test_counts_of_a_small_integer_type_do_not_overflow(self):
        assert scores_of(np.full((2, 2), 100, dtype=np.uint8)).iou.tolist() == [1 / 3, 1 / 3]

    def test_to_plain_is_json_with_none_for_nan(self):
        plain = json.loads(json.dumps(scores_of(np.array([[2, 1], [0, 0]])).to_plain(), allow_nan=False))
        assert plain["recall"] == [2 / 3, None]
        assert plain["mean_recall"] == 2 / 3
        assert set(plain) == {
            f"{mean}{name}"
            for mean in ("", "mean_")
            for name in ("precision", "recall", "iou", "dice", "accuracy")
        }

    @pytest.mark.parametrize("matrix", [np.zeros((2, 3), int), np.zeros(4, int), np.zeros((2, 2))])
    def test_refuses_what_is_no_matrix_of_counts(self, matrix):
        with pytest.raises(ValueError, match=r"expected integers of shape \(K, K\)"):
            scores_of(matrix)

    @given(st.lists(st.integers(0, 10**12), min_size=9, max_size=9))
    def test_lie_between_0_and_1_with_dice_above_iou(self, counts):
        result = scores_of(np.array(counts).reshape(3, 3))
        for values in (result.precision, result.recall, result.iou, result.dice, result.accuracy):
            known = values[~np.isnan(values)]
            assert ((known >= 0) & (known <= 1)).all()
        np.testing.assert_allclose(result.dice, 2 * result.iou / (1 + result.iou))
