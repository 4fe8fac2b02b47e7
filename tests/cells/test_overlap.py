import numpy as np
from drawn import pairs_of_maps
from hypothesis import given

from hela_seg.cells.overlap import overlaps


@given(pairs_of_maps())
def test_overlaps_are_those_of_masks(maps):
    first, second = maps
    found = overlaps(first, second)
    assert found.first_labels.tolist() == [label for label in np.unique(first) if label]
    assert found.second_labels.tolist() == [label for label in np.unique(second) if label]
    expected = {}
    for i, one in enumerate(found.first_labels):
        for j, other in enumerate(found.second_labels):
            a, b = first == one, second == other
            if (a & b).any():
                expected[i, j] = (a & b).sum(), (a | b).sum()
    pairs = zip(found.first.tolist(), found.second.tolist(), strict=True)
    figures = zip(found.shared, found.union, strict=True)
    assert dict(zip(pairs, figures, strict=True)) == expected
    assert (found.iou == found.shared / found.union).all()
