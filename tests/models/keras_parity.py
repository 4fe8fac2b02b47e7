"""Keras' variables -> state dicts of our nets, matched by the names of Keras' layers."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[np.float32]
Values = Mapping[tuple[str, str], Array]
"""(layer, variable) -> array, such as ("conv2d_3", "kernel") -> (H, W, in, out)."""

PARITY = Path(__file__).parents[1] / "data" / "parity"
INPUT_INDEX = 10_000
"""The reference's input image is drawn as if it were the variable of this index."""

PARAMETERS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def read_manifest(net_name: str) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((PARITY / f"{net_name}.json").read_text(encoding="utf-8"))
    return manifest


def reference(net_name: str, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Image (2, 3, 64, 64) and the logits (2, K, 64, 64) that Keras computed in that precision."""
    generator = np.random.default_rng([read_manifest(net_name)["seed"], INPUT_INDEX])
    image = generator.uniform(0, 1, (2, 64, 64, 3)).astype(np.float32)
    stored = "logits_float64" if dtype == torch.float64 else "logits"
    logits = np.load(PARITY / f"{net_name}.npz")[stored]
    return (
        torch.from_numpy(image).permute(0, 3, 1, 2).to(dtype),
        torch.from_numpy(logits).permute(0, 3, 1, 2),
    )


def draw(manifest: Mapping[str, Any]) -> dict[tuple[str, str], Array]:
    """All variables of a manifest with the values that the reference run had."""
    drawn = {}
    for entry in manifest["weights"]:
        generator = np.random.default_rng([manifest["seed"], entry["index"]])
        drawn[entry["layer"], entry["variable"]] = _draw(entry["variable"], entry["shape"], generator)
    return drawn


def _draw(variable: str, shape: list[int], generator: np.random.Generator) -> Array:
    if variable == "kernel":
        return generator.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape).astype(np.float32)
    if variable in {"gamma", "moving_variance"}:
        return generator.uniform(0.5, 1.5, shape).astype(np.float32)
    return generator.normal(0, 0.1, shape).astype(np.float32)


def load_reference_weights(net: nn.Module, net_name: str) -> None:
    """Puts the manifest's weights into ``net``, which must want exactly these (and counters of batches)."""
    state = state_dict_from_manifest(net_name, draw(read_manifest(net_name)))
    counters = {key: value for key, value in net.state_dict().items() if key.endswith("num_batches_tracked")}
    net.load_state_dict(state | counters)


def state_dict_from_manifest(net_name: str, values: Values) -> dict[str, Tensor]:
    """The state dict of our net from Keras' variables, without PyTorch's counters of batches.

    Keras numbers the layers of one kind in the order of their creation, and the numbers may start anywhere:
    the i-th layer of a kind goes to the i-th module of that kind in ``MODULES``. Layers that go to the same
    module, as the parallel 1x1 convolutions of inception do, are concatenated along their outputs.

    Raises:
        ValueError: the layers are more, fewer or others than the net has.
    """
    state: dict[str, list[Array]] = defaultdict(list)
    for layer, module in _pairs({layer for layer, _ in values}, MODULES[net_name]):
        for variable, parameter in PARAMETERS.items():
            if (layer, variable) in values:
                state[f"{module}.{parameter}"].append(_torch_layout(values[layer, variable]))
    return {key: torch.from_numpy(np.concatenate(parts)) for key, parts in state.items()}


def _torch_layout(value: Array) -> Array:
    """(H, W, in, out) -> (out, in, H, W); a transposed convolution's (H, W, out, in) -> (in, out, H, W)."""
    return value.transpose(3, 2, 0, 1) if value.ndim == 4 else value


def _pairs(layers: Iterable[str], modules: Mapping[str, list[str]]) -> list[tuple[str, str]]:
    """Each layer with its module; layers of one kind in the order of their numbers."""
    numbered: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for layer in layers:
        kind, number = _kind_and_number(layer, modules)
        numbered[kind].append((number, layer))
    if numbered.keys() != modules.keys():
        raise ValueError(f"left over on one side: {sorted(numbered.keys() ^ modules.keys())}")
    return [
        (layer, module)
        for kind, found in numbered.items()
        for (_, layer), module in zip(sorted(found), modules[kind], strict=True)
    ]


def _kind_and_number(layer: str, modules: Mapping[str, list[str]]) -> tuple[str, int]:
    """``conv2d`` -> (conv2d, 0), ``conv2d_57`` -> (conv2d, 57); names without a number are their own kind."""
    match = re.fullmatch(r"(.+)_(\d+)", layer)
    return (layer, 0) if match is None or layer in modules else (match[1], int(match[2]))


def _doubles(part: str, levels: int, inside: str = "") -> list[str]:
    return [f"{part}.{level}{inside}.{which}" for level in range(levels) for which in ("first", "second")]


def _unet() -> dict[str, list[str]]:
    blocks = _doubles("encoder", 5) + _doubles("decoder", 4)
    return {
        "conv2d": [f"{block}.conv" for block in blocks] + ["head.conv"],
        "batch_normalization": [f"{block}.norm" for block in blocks] + ["head.norm"],
    }


def _vgg19_unet() -> dict[str, list[str]]:
    features = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
    names = [f"block{b}_conv{c}" for b, convs in enumerate((2, 2, 4, 4, 4), 1) for c in range(1, convs + 1)]
    blocks = _doubles("decoder", 4, ".convs")
    return {name: [f"encoder.features.{i}"] for name, i in zip(names, features, strict=True)} | {
        "conv2d_transpose": [f"decoder.{level}.up" for level in range(4)],
        "conv2d": [f"{block}.conv" for block in blocks] + ["head"],
        "batch_normalization": [f"{block}.norm" for block in blocks],
    }


def _inception_unet() -> dict[str, list[str]]:
    modules = [f"encoder.{level}" for level in range(5)] + [f"decoder.{level}" for level in range(4)]
    convs = (
        "entries.conv",
        "entries.conv",
        "once.conv",
        "entries.conv",
        "twice.0",
        "twice.1.conv",
        "pooled.conv",
    )
    norms = "entries.norm", "entries.norm", "once.norm", "entries.norm", "twice.1.norm", "pooled.norm"
    return {
        "conv2d": [f"{module}.{conv}" for module in modules for conv in convs] + ["head.conv"],
        "batch_normalization": [f"{module}.{norm}" for module in modules for norm in norms] + ["head.norm"],
    }


def _resnet34_unet() -> dict[str, list[str]]:
    named = {"bn_data": "encoder.input_norm", "conv0": "encoder.conv", "bn0": "encoder.stem.norm"}
    named |= {"bn1": "encoder.closing.norm", "final_conv": "head"}
    parts = {"bn1": "preactivation.norm", "conv1": "conv1", "bn2": "between.norm", "conv2": "conv2"}
    for stage, units in enumerate((3, 4, 6, 3)):
        for unit in range(units):
            place = f"encoder.stages.{stage}." + (f"others.{unit - 1}" if unit else "first")
            for theirs, ours in (parts if unit else parts | {"sc": "shortcut"}).items():
                named[f"stage{stage + 1}_unit{unit + 1}_{theirs}"] = f"{place}.{ours}"
    for stage in range(5):
        for letter, which in (("a", "first"), ("b", "second")):
            named[f"decoder_stage{stage}{letter}_conv"] = f"decoder.{stage}.{which}.conv"
            named[f"decoder_stage{stage}{letter}_bn"] = f"decoder.{stage}.{which}.norm"
    return {name: [module] for name, module in named.items()}


MODULES = {
    "unet": _unet(),
    "vgg19_unet": _vgg19_unet(),
    "inception_unet": _inception_unet(),
    "resnet34_unet": _resnet34_unet(),
}
"""For each net: kind (or whole name) of Keras' layers -> our modules in the order of creation."""
