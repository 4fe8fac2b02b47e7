import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from hela_seg.data.labels.balance import balanced_weights
from hela_seg.system.errors import InputError


class TestBalancedWeights:
    def test_hand_worked(self):
        assert balanced_weights([6, 2]) == [2 / 3, 2.0]

    def test_equals_scikit_learn(self):
        labels = np.repeat([0, 1, 2], [960, 22, 35])
        expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
        assert balanced_weights([960, 22, 35]) == pytest.approx(expected)

    def test_absent_class_weighs_0_and_leaves_the_others_alone(self):
        assert balanced_weights([6, 0, 2]) == [2 / 3, 0.0, 2.0]

    def test_every_class_present_weighs_the_same_in_total(self):
        counts = [960, 22, 35]
        totals = [count * weight for count, weight in zip(counts, balanced_weights(counts), strict=True)]
        assert totals == pytest.approx([sum(counts) / 3] * 3)

    def test_refuses_labels_without_a_pixel(self):
        with pytest.raises(InputError, match="hold no pixel of any class"):
            balanced_weights([0, 0, 0])
