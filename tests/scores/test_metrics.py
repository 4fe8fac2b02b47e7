import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from labelled import CLASSES, labelled_batches, random_pair, with_ignored
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix

from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.scores.metrics import confusion_matrix, predicted_classes


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
