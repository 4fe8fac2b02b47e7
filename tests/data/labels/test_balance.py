import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from hela_seg.data.classes import Classes
from hela_seg.data.labels.balance import balanced_weights, never_trained
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


class TestNeverTrained:
    CLASSES = Classes(["background", "dim", "bright"])

    def test_a_class_that_trains_is_not_named(self):
        assert never_trained({"train": np.array([5, 1, 1]), "test": np.array([5, 0, 0])}, self.CLASSES) == []

    def test_a_class_of_other_parts_is_named_with_them_and_how_to_move_it(self):
        counts = {"train": np.array([5, 0, 1]), "test": np.array([5, 2, 0]), None: np.array([5, 2, 0])}
        (line,) = never_trained(counts, self.CLASSES)
        assert line.startswith("class 'dim' has no pixel in the training frames, no net can learn it")
        assert "from test or frames in no part into training" in line
        assert "data.split.test" in line

    def test_a_class_of_no_part_is_to_be_left_out(self):
        (line,) = never_trained({"train": np.array([5, 0, 1])}, self.CLASSES)
        assert "leave it out there" in line
