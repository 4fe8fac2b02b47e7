"""The figures of Ghaznavi et al. (Symmetry 2024, 16(2), 227), to stand beside one's own.

They were measured on the paper's test images, 130 of 512x512, after up to 200 epochs on one Colab GPU: what
they say of another data set is an order of magnitude.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SOURCE = (
    "Ghaznavi et al., Symmetry 2024, 16(2), 227: the paper's test images, one Colab GPU; not measured by "
    "this program, nor of necessity on the frames of this table"
)
"""Where the figures come from, and what a reader must know of them: stands wherever they do."""

AUTO, ALWAYS, NEVER = "auto", "always", "never"
"""Beside which nets the figures stand: see `published_of`."""

STEP_IMAGES, STEP_SIDE = 8, 512
"""What the published steps were of; the notebook's batch size and its images' height and width."""

CLASSES = ("background", "round", "spread")
"""What the paper's three classes are called here, in its order."""


@dataclass(frozen=True)
class Published:
    """One net's published figures; None where none was published.

    Attributes:
        width: of the net that was measured, as ``model.width`` has it.
        parameters: all of them, as the paper's notebook prints them.
        step_ms: milliseconds a training step of `STEP_IMAGES` images of `STEP_SIDE` squared.
        scores: by the name of the measure, means over the three classes of the pooled confusion matrix.
        by_class: by the name of the measure, the three classes in the paper's order.
    """

    width: int
    parameters: int
    step_ms: float
    scores: dict[str, float]
    by_class: dict[str, tuple[float, float, float]] = field(default_factory=dict)

    def of_class(self, name: str) -> dict[str, float]:
        """Scores of one class by its name; none where the paper has no class of this name."""
        if name not in CLASSES:
            return {}
        return {measure: own[CLASSES.index(name)] for measure, own in self.by_class.items()}


PUBLISHED = {
    "unet": Published(64, 31_402_639, 317, {"iou": 0.7062}),
    "vgg19_unet": Published(64, 31_172_163, 245, {"iou": 0.7178}),
    "inception_unet": Published(32, 18_083_535, 385, {"iou": 0.7907}),
    "resnet34_unet": Published(
        64,
        24_456_444,
        118,
        {"iou": 0.8067, "dice": 0.88737, "accuracy": 0.99091},
        {"iou": (0.99116, 0.69121, 0.73783), "dice": (0.99556, 0.81742, 0.84914)},
    ),
}
"""By the name of the net's module; m-IoU from the paper's table, the rest from its notebook."""


def published_of(
    kind: str, settings: Mapping[str, Any], classes: Sequence[str], when: str = AUTO
) -> Published | None:
    """The published figures that may stand beside a net's own.

    Args:
        kind: name of the net's module, such as ``unet``.
        settings: that it was trained with.
        classes: names of the classes that it was scored on.
        when: ``auto``, beside a net of the paper's width on data in the paper's layout with the paper's
            classes; ``always``, beside every net of these names; or ``never``.
    """
    paper = PUBLISHED.get(kind)
    if paper is None or when != AUTO:
        return paper if when == ALWAYS else None
    data, model = settings.get("data") or {}, settings.get("model") or {}
    is_theirs = data.get("layout") == "dryad" and tuple(classes) == CLASSES
    return paper if is_theirs and model.get("width", paper.width) == paper.width else None
