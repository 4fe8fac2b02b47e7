import numpy as np
import pytest
from drawn import pairs_of_maps
from hypothesis import given
from scipy.optimize import linear_sum_assignment

from hela_seg.cells import IOU_THRESHOLDS, match_cells


def counted_by_masks(truth, found, threshold):
    """TP, FP and FN from one mask a cell and the Hungarian method, as the Bowl's kernels count them."""
    true_masks = [truth == label for label in np.unique(truth) if label]
    found_masks = [found == label for label in np.unique(found) if label]
    alike = np.zeros((len(true_masks), len(found_masks)))
    for i, one in enumerate(true_masks):
        for j, other in enumerate(found_masks):
            alike[i, j] = (one & other).sum() / (one | other).sum() >= threshold
    matched = int(alike[linear_sum_assignment(-alike)].sum())
    return matched, len(found_masks) - matched, len(true_masks) - matched


def test_thresholds_are_those_of_the_field():
    assert pytest.approx(np.arange(0.5, 1.0, 0.05)) == IOU_THRESHOLDS


def test_by_hand():
    matches = match_cells(np.array([[1, 1, 0, 2]]), np.array([[4, 4, 4, 0]]))
    # An IoU of 2/3 counts up to 0.65.
    assert matches.true_positives.tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert matches.false_positives.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    assert matches.false_negatives.tolist() == [1, 1, 1, 1, 2, 2, 2, 2, 2, 2]
    assert matches.average_precision.tolist() == [0.5] * 4 + [0.0] * 6
    assert matches.mean_average_precision == pytest.approx(0.2)


def test_an_iou_equal_to_the_threshold_counts():
    matches = match_cells(np.array([[1, 1, 1, 1]]), np.array([[1, 1, 1, 0]]), (0.75,))
    assert matches.true_positives.tolist() == [1]


def test_a_cell_is_matched_once():
    # Either half has an IoU of exactly 1/2.
    matches = match_cells(np.array([[1, 1]]), np.array([[1, 2]]), (0.5,))
    assert (matches.true_positives, matches.false_positives, matches.false_negatives) == (1, 1, 0)


@given(pairs_of_maps())
def test_any_maps_count_as_masks_do(maps):
    truth, found = maps
    matches = match_cells(truth, found, (0.1, 0.25, *IOU_THRESHOLDS))
    for index, threshold in enumerate(matches.thresholds):
        expected = counted_by_masks(truth, found, threshold)
        ours = matches.true_positives[index], matches.false_positives[index], matches.false_negatives[index]
        assert ours == expected


@given(pairs_of_maps())
def test_numbers_of_cells_do_not_matter(maps):
    truth, found = maps
    renumbered = np.where(found > 0, 1_000_000 - found, 0)
    one, other = match_cells(truth, found), match_cells(truth, renumbered)
    assert (one.true_positives == other.true_positives).all()
    assert (one.false_positives == other.false_positives).all()


def test_frames_are_pooled_before_dividing():
    good = match_cells(np.array([[1, 0, 2, 0, 3]]), np.array([[1, 0, 2, 0, 3]]))
    bad = match_cells(np.array([[1]]), np.array([[0]]))
    assert (good + bad).average_precision.tolist() == [0.75] * 10
    with pytest.raises(ValueError, match="do not add up"):
        good + match_cells(np.array([[1]]), np.array([[0]]), (0.5,))


def test_no_cells_at_all_have_no_score():
    matches = match_cells(np.zeros((3, 3), int), np.zeros((3, 3), int))
    assert np.isnan(matches.average_precision).all()
    assert np.isnan(matches.mean_average_precision)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="expected the same"):
        match_cells(np.zeros((3, 3), int), np.zeros((3, 4), int))
