"""The nets, one a file, each (N, C, H, W) float image -> (N, K, H, W) logits.

=====================  =======================================================  ==============================
the paper's table      class                                                    H and W must be multiples of
=====================  =======================================================  ==============================
simple U-Net           :class:`hela_seg.models.unet.UNet`                       16
VGG19-U-Net            :class:`hela_seg.models.vgg19_unet.VGG19UNet`            16
Inception-U-Net        :class:`hela_seg.models.inception_unet.InceptionUNet`    16
ResNet34-U-Net         :class:`hela_seg.models.resnet34_unet.ResNet34UNet`      32
=====================  =======================================================  ==============================

Of the sister paper come :class:`hela_seg.models.attention_unet.AttentionUNet` and
:class:`hela_seg.models.residual_attention_unet.ResidualAttentionUNet`, both 16. Made here,
for thin structures in few minutes, is :class:`hela_seg.models.residual_unet.ResidualUNet`, 16;
:class:`hela_seg.models.smp.SegmentationModel` is any net of segmentation-models-pytorch.

A net states the last column as its attribute ``stride``. One whose encoder can start from weights that others
trained takes ``encoder_weights``, and :func:`start_from_pretrained` has it fetch them. A new net is one more
file here and one more YAML file under ``conf/model``; nothing else knows the nets by name.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from torch import nn

from hela_seg.system.errors import InputError


@runtime_checkable
class Pretrained(Protocol):
    """A net whose encoder can start from weights that others trained."""

    def load_encoder_weights(self) -> None:
        """Fill the encoder with the weights that the net's arguments name, if they name any."""


def start_from_pretrained(net: nn.Module) -> None:
    """Fill a new net's encoder with the weights that its configuration names; most nets have none.

    Building a net fetches nothing, so that one that gets its weights from a checkpoint asks for no others.

    Raises:
        InputError: they are not on this machine and cannot be fetched, or they are another net's.
    """
    if isinstance(net, Pretrained):
        net.load_encoder_weights()


def find_net(target: str) -> type[nn.Module]:
    """The class of a net by its full name, if a module directly under ``hela_seg.models`` defines it.

    Raises:
        InputError: none does.
    """
    module_name, _, class_name = target.rpartition(".")
    found = None
    if module_name.rpartition(".")[0] == __name__ and importlib.util.find_spec(module_name):
        found = getattr(importlib.import_module(module_name), class_name, None)
    if not (isinstance(found, type) and issubclass(found, nn.Module) and found.__module__ == module_name):
        raise InputError(
            f"model._target_ is '{target}', expected a net of {__name__} such as '{__name__}.unet.UNet'"
        )
    return found


def build(config: Mapping[str, Any]) -> nn.Module:
    """Builds the net that a checkpoint describes, with new weights.

    A checkpoint may come from a stranger. So nothing is imported or called but a class that a module directly
    under ``hela_seg.models`` defines.

    Args:
        config: the class's full name as ``_target_``, and its constructor's arguments, as in
            ``{"_target_": "hela_seg.models.unet.UNet", "classes": 4}``.

    Raises:
        InputError: no such net here, an argument that it does not have, or a value that it cannot take.
    """
    arguments = {key: value for key, value in config.items() if key != "_target_"}
    target = str(config.get("_target_"))
    net = find_net(target)
    known = list(inspect.signature(net).parameters)
    unknown = [key for key in arguments if key not in known]
    if unknown:
        raise InputError(
            f"model has the argument '{unknown[0]}', expected {', '.join(known)}: {target} knows no other"
        )
    try:
        return net(**arguments)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"model {target} cannot be built with {arguments} ({reason}): mend its arguments"
        ) from error
