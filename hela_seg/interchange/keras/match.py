"""Which layer of a Keras file is which of a net's, and its variables as that net's state dict."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hela_seg.interchange.keras.find import UnlikeError, by_graph, by_numbers, complaint
from hela_seg.interchange.keras.plans import PLANS, Layer, Plan
from hela_seg.interchange.keras.saved import SavedNet
from hela_seg.runs.checkpoint import option_of
from hela_seg.system.errors import InputError

PARAMETERS = {
    "Conv2D": {"kernel": "weight", "bias": "bias"},
    "Conv2DTranspose": {"kernel": "weight", "bias": "bias"},
    "BatchNormalization": {
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    },
}
"""Keras' variables of each class of layers, and what PyTorch calls them."""

ACTIVATIONS = ("relu", "leaky_relu")


@dataclass(frozen=True)
class Match:
    """A file's layers beside those of a net of ours.

    Attributes:
        saved: the file, still open.
        names: for each layer of the net's plan that has variables, the name of the file's layer.
    """

    saved: SavedNet
    names: Mapping[Layer, str]

    @property
    def channels(self) -> int:
        """C of the images that the file's net takes."""
        first = next(layer for layer in self.names if layer.kind == "Conv2D")
        return self._kernel(first)[2]

    @property
    def classes(self) -> int:
        """K of the logits that the file's net gives."""
        return self._kernel([layer for layer in self.names if layer.kind == "Conv2D"][-1])[3]

    def state_dict(self, net: nn.Module) -> dict[str, Tensor]:
        """The file's variables as the state dict of a net.

        Args:
            net: that the plan is of, for its names and shapes; it may lie on the device ``meta``.

        Raises:
            InputError: a variable is left over on either side or has another shape, or cannot be read.
        """
        state = net.state_dict()
        self._refuse_unlike(state)
        parts: dict[str, list[Tensor]] = defaultdict(list)
        for layer, name in self.names.items():
            for variable, parameter in PARAMETERS[layer.kind].items():
                if variable in self.saved.variables[name]:
                    values = self.saved.variables[name][variable].read()
                    parts[f"{layer.module}.{parameter}"].append(_torch_layout(values))
        counters = {key: torch.zeros((), dtype=torch.int64) for key in state if key not in parts}
        joined = {key: torch.cat(each) if len(each) > 1 else each[0] for key, each in parts.items()}
        return counters | joined

    def _kernel(self, layer: Layer) -> tuple[int, ...]:
        variable = self.saved.variables.get(self.names[layer], {}).get("kernel")
        if variable is None or len(variable.shape) != 4:
            raise InputError(
                f"{self.saved.path} has no kernel of four axes in layer '{self.names[layer]}', "
                "expected a convolution: choose the model= that was saved"
            )
        return variable.shape

    def _refuse_unlike(self, state: Mapping[str, Tensor]) -> None:
        expected = _shapes(self.names, state)
        found = {
            f"{layer}/{name}": variable.shape
            for layer, variables in self.saved.variables.items()
            for name, variable in variables.items()
        }
        differing = [
            f"{key} {found[key]} for {shape}"
            for key, shape in expected.items()
            if key in found and found[key] != shape
        ]
        lacking, left_over = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
        said = complaint({"lacks": lacking, "has left over": left_over, "has in another shape": differing})
        if said:
            raise InputError(f"{self.saved.path} {said}: choose the model= and model.width= that were saved")


def match(saved: SavedNet, net: Mapping[str, object]) -> Match:
    """Find the layers of a net of ours in a file.

    By the graph where the file holds one: from the logits back to the image, step by step, each layer must
    compute what the net's computes and read the same layers in the same order. Else by the names that the
    author gave, and for the others by the order of their numbers, which may start anywhere.

    Args:
        saved: the file.
        net: ``_target_`` of the net, and its ``activation``.

    Raises:
        InputError: the file holds another net; or the net is none of the paper's.
    """
    target, activation = str(net["_target_"]), str(net.get("activation", ACTIVATIONS[0]))
    if target not in PLANS:
        known = ", ".join(option_of(name) for name in PLANS)
        raise InputError(
            f"model is {target}, which no Keras file is known of, expected one of {known}: set model="
        )
    try:
        return Match(saved, _names(PLANS[target](), saved, activation))
    except UnlikeError as error:
        name, hint = option_of(target), fitting(saved) or "choose the model= that was saved"
        raise InputError(f"{saved.path} holds another net than {name} ({error}): {hint}") from None


def fitting(saved: SavedNet) -> str:
    """What to set so that a file's net is found in it; empty where it holds none of the paper's nets.

    Example:
        ``set model=unet model.activation=relu``; of a file without a graph ``set model=unet``
    """
    for target, plan in PLANS.items():
        for activation in ACTIVATIONS:
            try:
                _names(plan(), saved, activation)
            except UnlikeError:
                continue
            more = "" if saved.graph is None else f" model.activation={activation}"
            return f"set model={option_of(target)}{more}"
    return ""


def _names(plan: Plan, saved: SavedNet, activation: str) -> dict[Layer, str]:
    if saved.graph is None:
        return by_numbers(plan, saved.variables)
    found = by_graph(plan, saved.graph, activation)
    return {layer: found[layer] for layer in plan.weighted}


def _shapes(names: Mapping[Layer, str], state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """The shape that each variable of the file must have."""
    sharing = Counter(layer.module for layer in names)
    shapes = {}
    for layer, name in names.items():
        for variable, parameter in PARAMETERS[layer.kind].items():
            tensor = state.get(f"{layer.module}.{parameter}")
            if tensor is not None:
                *before, outputs = _keras_layout(tuple(tensor.shape))
                shapes[f"{name}/{variable}"] = (*before, outputs // sharing[layer.module])
    return shapes


def _keras_layout(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(out, in, H, W) -> (H, W, in, out); of a transposed convolution (in, out, H, W) -> (H, W, out, in)."""
    return (*shape[2:], shape[1], shape[0]) if len(shape) == 4 else shape


def _torch_layout(values: NDArray[np.float32]) -> Tensor:
    """(H, W, in, out) -> (out, in, H, W); of a transposed convolution (H, W, out, in) -> (in, out, H, W)."""
    tensor = torch.from_numpy(values)
    return tensor.permute(3, 2, 0, 1).contiguous() if tensor.ndim == 4 else tensor
