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
file here and one more YAML file under ``conf/model``; nothing else knows the nets by name. A net in a module
of your own is used by its full name, see ``docs/own_nets.md``.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from hela_seg.system.errors import InputError
from hela_seg.system.trust import advice, import_trusted, is_trusted, module_of, trusted_modules


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


def is_own(target: str) -> bool:
    """Whether a full name is that of a module directly under ``hela_seg.models``, and something in it."""
    return module_of(module_of(target)) == __name__


def find_net(target: str, trust: Sequence[str] = ()) -> type[nn.Module]:
    """The class of a net by its full name: of a module directly under ``hela_seg.models``, or a trusted one.

    Args:
        target: the full name.
        trust: names of modules outside of this package that the user trusts.

    Raises:
        InputError: there is none, or its module is not trusted; nothing of that module was imported then.
    """
    module, _, name = target.rpartition(".")
    found: Any = None
    what_to_do = ""
    if is_own(target):
        if importlib.util.find_spec(module):
            found = getattr(importlib.import_module(module), name, None)
        if getattr(found, "__module__", None) != module:
            found = None
    elif is_trusted(module, trusted := trusted_modules(trust)):
        found = import_trusted(target, trusted, "model._target_")
    else:
        what_to_do = advice(target)
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise InputError(
            f"model._target_ is '{target}', expected a net of {__name__} such as '{__name__}.unet.UNet'"
            f"{what_to_do}"
        )
    return found


def build(config: Mapping[str, Any], trust: Sequence[str] = ()) -> nn.Module:
    """Builds the net that a checkpoint describes, with new weights.

    A checkpoint may come from a stranger. So nothing is imported or called but a class that a module directly
    under ``hela_seg.models`` defines, or a module that the user trusts by name.

    Args:
        config: the class's full name as ``_target_``, and its constructor's arguments, as in
            ``{"_target_": "hela_seg.models.unet.UNet", "classes": 4}``.
        trust: see `find_net`.

    Returns:
        The net. It has the attributes ``stride``, 1 unless its class says otherwise, and ``made_of``, which
        is ``config``, so that a checkpoint can tell how it was made.

    Raises:
        InputError: no such net here, an argument that it does not have, or a value that it cannot take.
    """
    arguments = {key: value for key, value in config.items() if key != "_target_"}
    target = str(config.get("_target_"))
    net = find_net(target, trust)
    parameters = inspect.signature(net).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    unknown = [key for key in arguments if key not in parameters and not takes_any]
    if unknown:
        raise InputError(
            f"model has the argument '{unknown[0]}', expected {', '.join(parameters)}: {target} has no other"
        )
    try:
        made = net(**arguments)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"model {target} cannot be built with {arguments} ({reason}): mend its arguments"
        ) from error
    if not hasattr(made, "stride"):
        made.__dict__["stride"] = 1
    made.__dict__["made_of"] = dict(config)
    return made


class NothingDrawn(TorchFunctionMode):
    """Inside, new weights stay as memory holds them, where a checkpoint's replace them all.

    Drawing takes 0.2 s, and 2 s without memory, for which PyTorch imports its compiler.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if func in _DRAWING:
            return args[0] if args else given["tensor"]
        return func(*args, **given)


_DRAWING = {nn.init.kaiming_uniform_, Tensor.uniform_, Tensor.normal_}


def make(net: type[nn.Module], **arguments: Any) -> nn.Module:
    """A net of any class, yours or one of ours, that remembers how it was made; see `build`.

    Example:
        ``make(UNet, in_channels=data.input_channels, classes=len(data.classes), width=16)``

    Raises:
        InputError: see `build`.
    """
    config = {"_target_": f"{net.__module__}.{net.__qualname__}", **arguments}
    return build(config, [net.__module__])
