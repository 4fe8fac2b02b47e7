"""The figures of Ghaznavi et al. (Symmetry 2024, 16(2), 227), to stand beside one's own.

They were measured on the paper's test images, 130 of 512x512, after up to 200 epochs on one Colab GPU: what
they say of another data set is an order of magnitude.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SOURCE = (
    "Ghaznavi et al., Symmetry 2024, 16(2), 227: the paper's test images, one Colab GPU; not measured by "
    "this program, nor of necessity on the frames of this table"
)
"""Where the figures come from, and what a reader must know of them: stands wherever they do."""

AUTO, ALWAYS = "auto", "always"
"""Beside which nets the figures stand, or else beside none: see `published_of`."""

CLASSES = ("background", "round", "spread")
"""What the paper's three classes are called here, in its order."""


@dataclass(frozen=True)
class Published:
    """One net's published figures.

    Attributes:
        width: of the net that was measured, as ``model.width`` has it.
        scores: by the name of the measure, means over the three classes of the pooled confusion matrix.
    """

    width: int
    scores: dict[str, float]


PUBLISHED = {
    "unet": Published(64, {"iou": 0.7062}),
    "vgg19_unet": Published(64, {"iou": 0.7178}),
    "inception_unet": Published(32, {"iou": 0.7907}),
    "resnet34_unet": Published(64, {"iou": 0.8067, "dice": 0.88737, "accuracy": 0.99091}),
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
