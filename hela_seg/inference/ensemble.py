"""One net or several, with test-time augmentation: images in, class indices or probabilities out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, reduce
from itertools import product

import torch
from torch import Tensor, nn

from hela_seg.scores.metrics import predicted_classes
from hela_seg.system.errors import InputError
from hela_seg.system.hardware import has_bfloat16

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Ensemble:
    """Nets that predict together, by the mean of their probabilities.

    Args:
        nets: (N, C, H, W) float32 -> logits (N, K, H, W); each has an attribute ``stride``.
        inputs: for each net, which of the tensors handed in is its own; nets may be trained on differently
            normalised images, and with more or fewer frames around each.
        tta: see `hela_seg.inference.tiling.Tiling`.
        device: where they compute.
        precision: ``auto`` (bfloat16 on a GPU that has it, float16 on another, float32 on a CPU) or one of
            `PRECISIONS`, of the convolutions; weights and sums are float32.

    Raises:
        InputError: an unknown precision.
    """

    def __init__(
        self,
        nets: Sequence[nn.Module],
        inputs: Sequence[int],
        tta: str,
        device: torch.device,
        precision: str = "auto",
    ) -> None:
        if precision not in {"auto", *PRECISIONS}:
            raise InputError(f"precision is '{precision}', expected auto, {', '.join(PRECISIONS)}")
        self.device, self._inputs, self._tta = device, tuple(inputs), tta
        self._precision = _precision_of(device) if precision == "auto" else PRECISIONS[precision]
        self._nets = [
            net.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            for net in nets
        ]

    @property
    def stride(self) -> int:
        """Sides of images must be multiples of it."""
        return math.lcm(*(net.stride for net in self._nets))

    @property
    def is_single(self) -> bool:
        """Whether one net predicts each tile once, so that no probabilities are averaged."""
        return len(self._nets) == 1 and self._tta == "none"

    @torch.inference_mode()
    def classes(self, images: Sequence[Tensor]) -> tuple[Tensor]:
        """Class indices (N, H, W) uint8 of images (N, C, H, W), one tensor for each input."""
        return (predicted_classes(self._scores(images)).to(torch.uint8),)

    @torch.inference_mode()
    def probabilities(self, images: Sequence[Tensor]) -> tuple[Tensor]:
        """Probabilities (N, K, H, W) float32 of images (N, C, H, W), one tensor for each input."""
        return (self._as_probabilities(self._scores(images)),)

    @torch.inference_mode()
    def classes_and_probabilities(self, images: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Both, the class indices being those of `classes` to the last pixel."""
        scores = self._scores(images)
        return predicted_classes(scores).to(torch.uint8), self._as_probabilities(scores)

    def _scores(self, images: Sequence[Tensor]) -> Tensor:
        """What classes are chosen by: logits of a single net, else mean probabilities."""
        moved = [image.to(self.device, non_blocking=True) for image in images]
        if self.is_single:
            return self._logits(self._nets[0], moved[0])
        transforms = list(tta_transforms(self._tta))
        found = (
            inverse(_softmax(self._logits(net, transform(moved[which]))))
            for net, which in zip(self._nets, self._inputs, strict=True)
            for transform, inverse in transforms
        )
        total = next(found)
        for further in found:
            total.add_(further)
        return total.div_(len(self._nets) * len(transforms))

    def _as_probabilities(self, scores: Tensor) -> Tensor:
        return _softmax(scores) if self.is_single else scores

    def _logits(self, net: nn.Module, images: Tensor) -> Tensor:
        enabled = self._precision != torch.float32
        with torch.autocast(self.device.type, self._precision if enabled else None, enabled=enabled):
            logits: Tensor = net(images.contiguous(memory_format=torch.channels_last))
        return logits


def tta_transforms(tta: str) -> Iterator[tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]]:
    """Transforms of images (..., H, W) for test-time augmentation, each with its inverse.

    One for ``none``, four for ``flips``, eight for ``dihedral``; the first is the identity.
    """
    axes: list[tuple[int, ...]] = [()] if tta == "none" else [(), (-1,), (-2,), (-2, -1)]
    for transposed, flipped in product((False, True) if tta == "dihedral" else (False,), axes):
        steps = [partial(torch.flip, dims=flipped)] if flipped else []
        steps += [partial(torch.transpose, dim0=-2, dim1=-1)] if transposed else []
        # each step undoes itself
        yield partial(_in_turn, steps), partial(_in_turn, steps[::-1])


def choose_device(name: str) -> torch.device:
    """The device of a name: ``auto`` takes a GPU where there is one.

    Raises:
        InputError: it is not on this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        there = "auto, cpu or cuda" if torch.cuda.is_available() else "auto or cpu"
        raise InputError(f"device is '{name}', which is not on this machine: choose {there}") from None
    if device.type == "mps":
        raise InputError(f"device is '{name}', expected auto, cpu or cuda: Apple's MPS is not supported")
    return device


def _softmax(logits: Tensor) -> Tensor:
    """Probabilities of logits (N, K, H, W), class by class in memory, which takes half the time."""
    probabilities: Tensor = logits.float().contiguous().softmax(1)
    return probabilities


def _precision_of(device: torch.device) -> torch.dtype:
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if has_bfloat16() else torch.float16


def _in_turn(steps: Iterable[Callable[[Tensor], Tensor]], images: Tensor) -> Tensor:
    return reduce(lambda before, step: step(before), steps, images)
