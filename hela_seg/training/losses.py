"""Losses: modules that take logits (N, K, H, W) and labels (N, H, W) int64 and give a scalar to minimise.

All of them compute in float32, under autocast and with half-precision logits too; float64 stays float64.
Pixels with the ignored label change neither value nor gradient, and a batch without any other pixel gives 0
with a zero gradient. Class weights are relative: weighted means are divided by the sum of their weights, so
that doubling every weight changes nothing. Pixel losses are built on `reduction="none"`: torch's own mean
over (N, H, W) labels is refused on CUDA when deterministic algorithms are asked for.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.system.errors import InputError
from hela_seg.system.settings import Expected

ClassWeights = Annotated[
    Sequence[float] | Literal["balanced"] | None, Expected("a number a class, balanced or null")
]
"""``balanced`` stands in settings for weights by the training labels, which are then numbers."""


class _ClassWeightedLoss(nn.Module, ABC):
    """What all losses share: checks, precision, class weights and the ignored label."""

    class_weights: Tensor | None

    def __init__(self, class_weights: ClassWeights = None) -> None:
        super().__init__()
        weights = None if class_weights is None else _checked_weights(class_weights)
        # Not persistent: a checkpoint has to load whatever loss it was trained with.
        self.register_buffer("class_weights", weights, persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of a batch.

        Args:
            logits: (N, K, H, W), any floating type.
            labels: class indices or the ignored label (N, H, W), int64.

        Returns:
            Scalar, float32 (float64 where the logits are).

        Raises:
            InputError: there are not K class weights.
            ValueError: the shapes do not belong together.
        """
        n, k, h, w = logits.shape
        if labels.shape != (n, h, w):
            raise ValueError(f"labels have shape {tuple(labels.shape)}, expected {(n, h, w)} as the logits")
        if self.class_weights is not None and (found := len(self.class_weights)) != k:
            raise InputError(f"loss.class_weights has {found} numbers, expected {k}: give one a class")
        return self._loss(logits.to(torch.promote_types(logits.dtype, torch.float32)), labels)

    @abstractmethod
    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor: ...

    def _cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """-log p of the true class (N, H, W); 0 at ignored pixels."""
        return F.cross_entropy(logits, labels, reduction="none", ignore_index=IGNORE_INDEX)

    def _mean_over_pixels(self, values: Tensor, labels: Tensor) -> Tensor:
        """Mean of values (N, H, W), each weighted by its true class and 0 at ignored pixels."""
        counted = labels != IGNORE_INDEX
        weights = counted.to(values.dtype)
        if self.class_weights is not None:
            weights = weights * self.class_weights[labels.masked_fill(~counted, 0)]
        return _weighted_mean(values, weights)


class FocalLoss(_ClassWeightedLoss):
    """The paper's categorical focal loss: mean over pixels and classes of -y alpha (1 - p)^gamma log p.

    y is 1 for the true class and 0 for the others, p the softmax. With gamma 0 it is alpha / K times the
    cross-entropy. Source: Ghaznavi et al. (2024), after Lin et al. (2017), "Focal loss for dense object
    detection", equation 5; the division by K comes from the notebook's mean over the one-hot axis.

    Args:
        alpha: factor on the whole loss, the same for every class.
        gamma: how strongly pixels that are right already are played down; 0 does not.
        class_weights: K relative weights of the pixels by true class; all equal by default.

    Raises:
        InputError: alpha, gamma or a class weight is negative or not finite.

    Example:
        All logits 0 and K = 3: p = 1/3, so the loss is 0.25 x (2/3)^2 x ln 3 / 3 = 0.0407.
    """

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0, class_weights: ClassWeights = None) -> None:
        super().__init__(class_weights)
        self.alpha = _checked("alpha", alpha)
        self.gamma = _checked("gamma", gamma)

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        cross_entropy = self._cross_entropy(logits, labels)
        # Not quite 0 where p is 1: the power's gradient would be infinite there for gamma < 1.
        miss = (1 - torch.exp(-cross_entropy)).clamp_min(torch.finfo(logits.dtype).tiny)
        focal = self.alpha * miss**self.gamma * cross_entropy
        return self._mean_over_pixels(focal, labels) / logits.shape[1]


class CrossEntropyLoss(_ClassWeightedLoss):
    """The weighted mean over pixels of -log p of the true class, as in `torch.nn.CrossEntropyLoss`.

    Args:
        class_weights: K relative weights of the pixels by true class; all equal by default.

    Raises:
        InputError: a class weight is negative or not finite.

    Example:
        All logits 0 and K = 3: ln 3 = 1.0986.
    """

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return self._mean_over_pixels(self._cross_entropy(logits, labels), labels)


class DiceLoss(_ClassWeightedLoss):
    """1 - soft Dice, by class over the whole batch, then the weighted mean over classes.

    Soft Dice of a class is 2 sum(p y) / (sum(p) + sum(y)) over all counted pixels of the batch. It is that of
    segmentation-models-pytorch, and so is the convention for a class without a true pixel in the batch: its
    loss is 0, and it still counts in the mean.

    Args:
        class_weights: K relative weights of the classes' losses; all equal by default.

    Raises:
        InputError: a class weight is negative or not finite.

    Example:
        All logits 0, K = 2, labels ``[0, 0, 0, 1]``: Dice is 2 x 1.5 / (2 + 3) and 2 x 0.5 / (2 + 1), so the
        loss is (0.4 + 0.6667) / 2 = 0.5333.
    """

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        counted = (labels != IGNORE_INDEX).unsqueeze(1)  # (N, 1, H, W)
        classes = torch.arange(logits.shape[1], device=logits.device).view(1, -1, 1, 1)
        truth = ((labels.unsqueeze(1) == classes) & counted).to(logits.dtype)  # (N, K, H, W)
        probability = logits.softmax(dim=1) * counted
        over_batch = (0, 2, 3)
        overlap, pixels = (probability * truth).sum(over_batch), truth.sum(over_batch)  # (K,)
        both = probability.sum(over_batch) + pixels
        losses = (1 - 2 * overlap / both.clamp_min(torch.finfo(logits.dtype).tiny)) * (pixels > 0)
        weights = torch.ones_like(losses) if self.class_weights is None else self.class_weights
        return _weighted_mean(losses, weights)


class _WeightedSum(nn.Module):
    """Weighted sum of two losses.

    Args:
        parts: by name the weight, 0 or more, and the loss.
    """

    def __init__(self, **parts: tuple[float, nn.Module]) -> None:
        super().__init__()
        self.weights = {name: _checked(f"{name}_weight", weight) for name, (weight, _) in parts.items()}
        self.parts = nn.ModuleDict({name: part for name, (_, part) in parts.items()})

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of a batch; arguments, result and errors are those of both parts."""
        found: list[Tensor] = [w * self.parts[name](logits, labels) for name, w in self.weights.items()]
        return found[0] + found[1]


class FocalDiceLoss(_WeightedSum):
    """Weighted sum of `FocalLoss` and `DiceLoss`.

    Args:
        alpha: as in `FocalLoss`.
        gamma: as in `FocalLoss`.
        focal_weight: factor on the focal loss.
        dice_weight: factor on the Dice loss.
        class_weights: K relative weights, used in both.

    Raises:
        InputError: a factor or a class weight is negative or not finite.
    """

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        focal_weight: float = 1.0,
        dice_weight: float = 1.0,
        class_weights: ClassWeights = None,
    ) -> None:
        focal = FocalLoss(alpha, gamma, class_weights)
        super().__init__(focal=(focal_weight, focal), dice=(dice_weight, DiceLoss(class_weights)))


class DiceCrossEntropyLoss(_WeightedSum):
    """Weighted sum of `CrossEntropyLoss` and `DiceLoss`, as nnU-Net has it (Isensee et al., 2021).

    Args:
        cross_entropy_weight: factor on the cross-entropy.
        dice_weight: factor on the Dice loss.
        class_weights: K relative weights, used in both.

    Raises:
        InputError: a factor or a class weight is negative or not finite.

    Example:
        All logits 0, K = 2, labels ``[0, 0, 0, 1]``: ln 2 + 0.5333 = 1.2265.
    """

    def __init__(
        self, cross_entropy_weight: float = 1.0, dice_weight: float = 1.0, class_weights: ClassWeights = None
    ) -> None:
        cross_entropy = CrossEntropyLoss(class_weights)
        super().__init__(
            cross_entropy=(cross_entropy_weight, cross_entropy), dice=(dice_weight, DiceLoss(class_weights))
        )


def _weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean of values by weights of the same shape; 0, with a zero gradient, where all weights are 0."""
    return (values * weights).sum() / weights.sum().clamp_min(torch.finfo(values.dtype).tiny)


def _checked(name: str, value: float) -> float:
    if not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise InputError(f"loss.{name} is {value}, expected a finite number of 0 or more")
    return value


def _checked_weights(class_weights: Any) -> Tensor:
    if isinstance(class_weights, str) or not isinstance(class_weights, Sequence):
        raise InputError(
            f"loss.class_weights is {class_weights}, expected a number a class, balanced or null"
        )
    weights = [_checked(f"class_weights[{index}]", weight) for index, weight in enumerate(class_weights)]
    if not any(weights):
        raise InputError(f"loss.class_weights is {weights}, expected at least one above 0")
    return torch.tensor(weights, dtype=torch.float32)
