"""Predictions and truths of few pixels, for tests of what counts them."""

import torch
from hypothesis import strategies as st

from hela_seg.data.classes import IGNORE_INDEX

CLASSES = 4


def random_pair(seed, truth_classes=CLASSES, predicted=CLASSES, shape=(2, 16, 16)):
    """(prediction, truth) with class indices at random."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randint(truth_classes, shape, generator=generator)
    prediction = torch.randint(predicted, shape, generator=generator)
    return prediction, truth


@st.composite
def labelled_batches(draw):
    """(prediction, truth) of 1 to 6 images of 3 x 5 pixels, ignored pixels among them."""
    images = draw(st.integers(1, 6))
    truth_values = st.sampled_from([*range(CLASSES), IGNORE_INDEX])
    size = images * 15
    truth = draw(st.lists(truth_values, min_size=size, max_size=size))
    prediction = draw(st.lists(st.integers(0, CLASSES - 1), min_size=size, max_size=size))
    return torch.tensor(prediction).view(images, 3, 5), torch.tensor(truth).view(images, 3, 5)


def with_ignored(truth, seed=0):
    """The truth with about a fifth of its pixels ignored."""
    ignored = torch.rand(truth.shape, generator=torch.Generator().manual_seed(seed)) < 0.2
    return truth.masked_fill(ignored, IGNORE_INDEX)
