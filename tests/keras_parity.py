"""The reference nets of Keras: their variables as manifests list them, and what they computed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hela_seg.interchange.keras.match import match
from hela_seg.interchange.keras.saved import SavedNet, Variable

Array = NDArray[np.float32]
Values = dict[str, dict[str, Array]]
"""By layer and variable, such as ``values["conv2d_3"]["kernel"]`` (H, W, in, out)."""

PARITY = Path(__file__).parent / "data" / "parity"
INPUT_INDEX = 10_000
"""The reference's input image is drawn as if it were the variable of this index."""

TARGETS = {
    "unet": "hela_seg.models.unet.UNet",
    "vgg19_unet": "hela_seg.models.vgg19_unet.VGG19UNet",
    "inception_unet": "hela_seg.models.inception_unet.InceptionUNet",
    "resnet34_unet": "hela_seg.models.resnet34_unet.ResNet34UNet",
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


def draw(manifest: Mapping[str, Any]) -> Values:
    """All variables of a manifest with the values that the reference run had."""
    drawn: Values = {}
    for entry in manifest["weights"]:
        generator = np.random.default_rng([manifest["seed"], entry["index"]])
        values = _draw(entry["variable"], entry["shape"], generator)
        drawn.setdefault(entry["layer"], {})[entry["variable"]] = values
    return drawn


def _draw(variable: str, shape: list[int], generator: np.random.Generator) -> Array:
    if variable == "kernel":
        return generator.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape).astype(np.float32)
    if variable in {"gamma", "moving_variance"}:
        return generator.uniform(0.5, 1.5, shape).astype(np.float32)
    return generator.normal(0, 0.1, shape).astype(np.float32)


def in_memory(values: Values) -> SavedNet:
    """Variables as if they had been read from a file without a graph."""
    variables = {
        layer: {name: Variable(f"{layer}/{name}", array) for name, array in arrays.items()}
        for layer, arrays in values.items()
    }
    return SavedNet(Path("memory"), variables, None, "")


def load_reference_weights(net: nn.Module, net_name: str) -> None:
    """Puts the manifest's weights into ``net``, which must want exactly these (and counters of batches)."""
    found = match(in_memory(draw(read_manifest(net_name))), {"_target_": TARGETS[net_name]})
    net.load_state_dict(found.state_dict(net))
