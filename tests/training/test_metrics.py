import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from labelled import CLASSES, labelled_batches, random_pair

from hela_seg.scores.metrics import confusion_matrix
from hela_seg.training.metrics import ConfusionMatrix


def as_logits(prediction):
    """(N, K, H, W), highest for the predicted class."""
    return torch.nn.functional.one_hot(prediction, CLASSES).movedim(-1, 1).float()


class TestConfusionMatrixMetric:
    @given(labelled_batches(), st.integers(1, 3))
    def test_adds_batches_up_to_the_pooled_matrix(self, batch, batch_size):
        prediction, truth = batch
        metric = ConfusionMatrix(CLASSES)
        for part in zip(prediction.split(batch_size), truth.split(batch_size), strict=True):
            metric.update(as_logits(part[0]), part[1])
        assert torch.equal(metric.compute(), confusion_matrix(prediction, truth, CLASSES))

    @given(labelled_batches(), st.integers(1, 3))
    def test_processes_merge_to_the_pooled_matrix(self, batch, processes):
        prediction, truth = batch
        pooled, *others = (ConfusionMatrix(CLASSES) for _ in range(processes))
        for rank, metric in enumerate([pooled, *others]):
            metric.update(as_logits(prediction[rank::processes]), truth[rank::processes])
        for metric in others:
            pooled.merge_state(metric)
        assert torch.equal(pooled.compute(), confusion_matrix(prediction, truth, CLASSES))

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
    def test_takes_logits_of_every_precision(self, dtype):
        _, truth = random_pair(0)
        logits = torch.randn(2, CLASSES, 16, 16, generator=torch.Generator().manual_seed(0)).to(dtype)
        metric = ConfusionMatrix(CLASSES)
        metric.update(logits, truth)
        assert torch.equal(metric.compute(), confusion_matrix(logits.argmax(dim=1), truth, CLASSES))

    @pytest.mark.parametrize(
        "convert",
        [
            lambda module: module.half(),
            lambda module: module.bfloat16(),
            lambda module: module.to(torch.float16),
            lambda module: module.type(torch.float16),
            lambda module: module.metric.set_dtype(torch.float16),
        ],
    )
    def test_stays_exact_when_the_module_around_it_turns_to_half_precision(self, convert):
        module = torch.nn.Module()
        module.metric = ConfusionMatrix(2)
        convert(module)
        for _ in range(3):
            module.metric.update(torch.zeros(1, 2, 45, 47).half(), torch.zeros(1, 45, 47).long())
        assert module.metric.compute().dtype == torch.int64
        assert module.metric.compute()[0, 0] == 3 * 45 * 47
        module.metric.reset()
        assert module.metric.matrix.dtype == torch.int64

    def test_reset_forgets(self):
        metric = ConfusionMatrix(CLASSES)
        for seed in range(2):
            metric.reset()
            prediction, truth = random_pair(seed)
            metric.update(as_logits(prediction), truth)
        assert torch.equal(metric.compute(), confusion_matrix(prediction, truth, CLASSES))

    def test_refuses_logits_of_another_number_of_classes(self):
        with pytest.raises(ValueError, match="logits have 3 classes, expected 4"):
            ConfusionMatrix(CLASSES).update(torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2).long())
