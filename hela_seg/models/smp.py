"""Nets of segmentation-models-pytorch: any of its architectures on any of its encoders, timm's among them."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from hela_seg.models.blocks import (
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    ImageNetNorm,
    avoid_narrow_strided_convolutions,
    check_size,
)
from hela_seg.models.pretrained import hub_file, names_a_file, read_weights
from hela_seg.system.errors import InputError

ARCHITECTURES = (
    *("Unet", "UnetPlusPlus", "MAnet", "Linknet", "FPN", "PSPNet"),
    *("DeepLabV3", "DeepLabV3Plus", "PAN", "UPerNet", "Segformer", "DPT"),
)
TIMM = "tu-"
"""What segmentation-models-pytorch puts before the names of timm's encoders."""

OF_ANY_SIZE: tuple[dict[str, bool], ...] = ({}, {"dynamic_img_size": True}, {"strict_img_size": False})
"""How timm's encoders are told to take images of any size: most need no telling."""


class Source(NamedTuple):
    """Where an encoder's weights come from, and what they expect of images scaled to 0..1."""

    weights: dict[str, Tensor]
    mean: tuple[float, ...] = IMAGENET_MEAN
    deviation: tuple[float, ...] = IMAGENET_DEVIATION


class SegmentationModel(nn.Module):
    """An architecture of segmentation-models-pytorch: (N, C, H, W) float image -> (N, K, H, W) logits.

    With ``encoder_weights``, images of 0 to 1 (``data.normalise=percentile``, ``dtype`` or ``frame``) are
    brought inside the net to what the encoder saw while it learned. The constructor fetches nothing; that is
    :meth:`load_encoder_weights`, so that a net whose weights come from a checkpoint asks for no others.

    Args:
        in_channels: C; weights of an encoder's first convolution, which are for 3, are summed or repeated.
        classes: K.
        arch: one of `ARCHITECTURES`.
        encoder_name: as segmentation-models-pytorch has it, such as ``resnet34``, or a name of timm's after
            ``tu-``, such as ``tu-convnext_tiny``.
        encoder_weights: what the encoder starts from: a name such as ``imagenet``, the path of a
            ``.safetensors`` or ``.pth`` file, or None for random weights. Of timm's encoders the name chooses
            (``tu-convnext_tiny.fb_in22k``), and ``imagenet`` is its default.

    Raises:
        InputError: an unknown architecture or encoder, or two that do not go together.
    """

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 3,
        arch: str = "Unet",
        encoder_name: str = "resnet34",
        encoder_weights: str | None = None,
    ) -> None:
        super().__init__()
        _refuse_unknown("arch", arch, ARCHITECTURES)
        _refuse_unknown("encoder_name", encoder_name, encoder_names())
        self._arch, self._in_channels = arch, in_channels
        self._encoder_name, self._encoder_weights = encoder_name, encoder_weights
        self.input_norm = ImageNetNorm(in_channels) if encoder_weights else None
        self.model: Any
        self.model, self.stride, self._of_timm = _built(arch, encoder_name, in_channels, classes)
        avoid_narrow_strided_convolutions(self.model)  # mobileone's and RepVGG's first layers are such

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, H, W) -> logits (N, K, H, W).

        Raises:
            ValueError: H or W is no multiple of ``stride``.
        """
        check_size(image, self.stride)
        logits: Tensor = self.model(image if self.input_norm is None else self.input_norm(image))
        return logits

    def load_encoder_weights(self) -> None:
        """Fill the encoder with the weights that ``encoder_weights`` names.

        Raises:
            InputError: there are none of that name, they cannot be had, or they are another encoder's.
        """
        if self._encoder_weights is None or self.input_norm is None:
            return
        source = _source(self._encoder_name, self._encoder_weights)
        self.input_norm.set(source.mean, source.deviation)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.model.encoder.load_state_dict(self._filled(source.weights).state_dict())
        except (RuntimeError, KeyError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"model.encoder_weights={self._encoder_weights} holds weights of another encoder than "
                f"{self._encoder_name} ({reason}): choose the file that belongs to it"
            ) from None

    def _filled(self, weights: dict[str, Tensor]) -> nn.Module:
        """An encoder like this net's, with weights as they were published."""
        if not self._encoder_name.startswith(TIMM):
            return _own_encoder(self._encoder_name, self.model.encoder, self._in_channels, weights)
        # timm renames and reshapes what it reads as it makes a model
        overlay: dict[str, Any] = {"pretrained_cfg_overlay": {"state_dict": weights}, "encoder_weights": True}
        first, second = (
            _made(self._arch, self._encoder_name, self._in_channels, 2, **overlay, **self._of_timm).encoder
            for _ in range(2)
        )
        _refuse_random(first, second)
        filled: nn.Module = first
        return filled


def encoder_names() -> list[str]:
    """All names that ``encoder_name`` may have."""
    import timm
    from segmentation_models_pytorch.encoders import get_encoder_names

    of_timm = [*timm.list_models(), *timm.list_pretrained()]
    return [*get_encoder_names(), *(TIMM + name for name in of_timm)]


_STRIDES: dict[tuple[object, ...], int] = {}
"""Of architectures and encoders as they were made before in this process: finding one takes a second."""


def _built(
    arch: str, encoder_name: str, channels: int, classes: int
) -> tuple[nn.Module, int, dict[str, bool]]:
    """A net for images of any size, its stride, and what timm had to be told."""
    failures = []
    for of_timm in OF_ANY_SIZE if encoder_name.startswith(TIMM) else OF_ANY_SIZE[:1]:
        try:
            net = _made(arch, encoder_name, channels, classes, **of_timm)
        except Exception as error:  # encoders raise whatever they meet first: KeyError, TypeError, ...
            failures.append(" ".join(str(error).split())[:200] or "it raises an error without words")
            continue
        known = arch, encoder_name, channels, *of_timm.items()
        if known not in _STRIDES and (stride := _stride(net, channels)) is not None:
            _STRIDES[known] = stride
        if known in _STRIDES:
            return net, _STRIDES[known], of_timm
        failures.append("it takes images of one size only")
    raise InputError(
        f"model.arch={arch} cannot be built on model.encoder_name={encoder_name} ({failures[0]}): choose "
        "another encoder or architecture, such as Unet on resnet34 or tu-convnext_tiny"
    )


def _made(arch: str, encoder_name: str, in_channels: int, classes: int, **of_timm: Any) -> Any:
    import segmentation_models_pytorch

    make = getattr(segmentation_models_pytorch, arch)
    settings = {"encoder_weights": None, "in_channels": in_channels, "classes": classes} | of_timm
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks on names that timm has given anew
        return make(encoder_name, **settings)


def _stride(net: nn.Module, channels: int) -> int | None:
    """The least number of which sides may be any multiple, tried without computing anything."""
    like = _without_memory(net)
    least = int(getattr(like.encoder, "output_stride", 32))
    for stride in (least, 2 * least, 4 * least, 8 * least, 14, 28):  # 14: the patch of some transformers
        sizes = ((2 * stride, 3 * stride), (5 * stride, 4 * stride))
        if all(_keeps_size(like, torch.empty(1, channels, *size, device="meta")) for size in sizes):
            return stride
    return None


def _without_memory(net: nn.Module) -> Any:
    """A copy on the device that has shapes and no numbers."""
    with torch.device("meta"):
        memo = {id(tensor): torch.empty_like(tensor, device="meta") for tensor in net.buffers()}
        memo |= {id(p): nn.Parameter(torch.empty_like(p, device="meta"), False) for p in net.parameters()}
        return copy.deepcopy(net, memo).eval()


def _keeps_size(net: nn.Module, image: Tensor) -> bool:
    try:
        return bool(net(image).shape[2:] == image.shape[2:])
    except Exception:  # a size that an encoder cannot take shows as an error of any kind
        return False


def _refuse_unknown(key: str, found: str, known: tuple[str, ...] | list[str]) -> None:
    if found not in known:
        close = get_close_matches(str(found), known, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(close)}?" if close else f"such as {', '.join(known[:3])}"
        raise InputError(f"model.{key} is '{found}', which segmentation-models-pytorch does not have: {hint}")


def _source(encoder_name: str, weights: str) -> Source:
    if names_a_file(weights):
        return Source(read_weights(Path(weights)), *_beside(Path(weights)))
    if encoder_name.startswith(TIMM):
        return _of_timm(encoder_name.removeprefix(TIMM))
    from segmentation_models_pytorch.encoders import encoders

    settings = encoders[encoder_name]["pretrained_settings"]
    if weights not in settings:
        raise InputError(
            f"model.encoder_weights is '{weights}', expected {' or '.join(settings)} for {encoder_name}, the "
            "path of a file, or null"
        )
    where = settings[weights]
    path = hub_file(where["repo_id"], revision=where["revision"])
    hub_file(where["repo_id"], "config.json", where["revision"])
    return Source(read_weights(path), *_beside(path))


def _of_timm(name: str) -> Source:
    import timm

    config = timm.get_pretrained_cfg(name)
    if config is None or not config.hf_hub_id:
        raise InputError(
            f"timm has no weights for model.encoder_name={TIMM}{name}, expected model.encoder_weights=null "
            "or the path of a file"
        )
    return Source(read_weights(hub_file(config.hf_hub_id)), tuple(config.mean), tuple(config.std))


def _beside(weights: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation as a ``config.json`` beside the weights states them, of images of 0 to 1."""
    path = weights.with_name("config.json")
    try:
        stated: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return IMAGENET_MEAN, IMAGENET_DEVIATION
    inner = stated.get("pretrained_cfg", stated) if isinstance(stated, Mapping) else {}
    if "mean" not in inner or "std" not in inner:
        return IMAGENET_MEAN, IMAGENET_DEVIATION
    most = float(inner.get("input_range", (0, 1))[1])
    return tuple(value / most for value in inner["mean"]), tuple(value / most for value in inner["std"])


def _own_encoder(name: str, like: nn.Module, channels: int, weights: dict[str, Tensor]) -> nn.Module:
    """An encoder of segmentation-models-pytorch with weights that were learned on three channels."""
    from segmentation_models_pytorch.encoders import get_encoder

    depth = len(like.out_channels) - 1  # type: ignore[arg-type]
    encoder: Any = get_encoder(name, in_channels=3, depth=depth, weights=None)
    encoder.load_state_dict(weights)
    encoder.set_in_channels(channels, pretrained=True)
    filled: nn.Module = encoder
    return filled


def _refuse_random(first: nn.Module, second: nn.Module) -> None:
    """What timm finds nothing for in a file it leaves random, and so different, without a word."""
    for (key, one), other in zip(first.named_parameters(), second.parameters(), strict=True):
        if not torch.equal(one, other):
            raise ValueError(f"it lacks {key}")
