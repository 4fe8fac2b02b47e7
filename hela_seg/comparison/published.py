"""The figures of Ghaznavi et al. (Symmetry 2024, 16(2), 227), to stand beside one's own.

They were measured on the paper's test images, 130 of 512x512, after up to 200 epochs on one Colab GPU: what
they say of another data set is an order of magnitude.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SOURCE = "Ghaznavi et al., Symmetry 2024, 16(2), 227: the paper's test images, one Colab GPU"

STEP_IMAGES, STEP_SIDE = 8, 512
"""What the published steps were of; the notebook's batch size and its images' height and width."""

CLASSES = ("background", "round", "spread")
"""What the paper's three classes are called here, in its order."""


@dataclass(frozen=True)
class Published:
    """One net's published figures; None where none was published.

    Attributes:
        parameters: all of them, as the paper's notebook prints them.
        step_ms: milliseconds a training step of `STEP_IMAGES` images of `STEP_SIDE` squared.
        scores: by the name of the measure, means over the three classes of the pooled confusion matrix.
        by_class: by the name of the measure, the three classes in the paper's order.
    """

    parameters: int
    step_ms: float
    scores: dict[str, float]
    by_class: dict[str, tuple[float, float, float]] = field(default_factory=dict)

    def of_class(self, index: int, classes: int) -> dict[str, float]:
        """Scores of one class of K; none unless K is 3, for only their order matches the paper's classes."""
        return {measure: own[index] for measure, own in self.by_class.items()} if classes == 3 else {}


PUBLISHED = {
    "unet": Published(31_402_639, 317, {"iou": 0.7062}),
    "vgg19_unet": Published(31_172_163, 245, {"iou": 0.7178}),
    "inception_unet": Published(18_083_535, 385, {"iou": 0.7907}),
    "resnet34_unet": Published(
        24_456_444,
        118,
        {"iou": 0.8067, "dice": 0.88737, "accuracy": 0.99091},
        {"iou": (0.99116, 0.69121, 0.73783), "dice": (0.99556, 0.81742, 0.84914)},
    ),
}
"""By the name of the net's module; m-IoU from the paper's table, the rest from its notebook."""
