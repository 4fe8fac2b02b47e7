"""Keras files written with h5py alone, as Keras 2 lays them out."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from keras_parity import Values, read_manifest

GRAPHS = Path(__file__).parent / "data" / "keras"
"""``model_config`` of the reference nets, as TensorFlow 2.15.1 writes it, at 512x512."""

NUMBERED = re.compile(
    r"(conv2d|conv2d_transpose|batch_normalization|re_lu|dropout|concatenate|max_pooling2d|up_sampling2d"
    r"|zero_padding2d|add|input)(?:_(\d+))?"
)


def moved(name: str, by: int) -> str:
    """``conv2d`` moved by 57 is ``conv2d_57``; names that the author gave stay."""
    found = NUMBERED.fullmatch(name)
    return f"{found[1]}_{int(found[2] or 0) + by}" if found and by else name


def graph(net_name: str, by: int = 0) -> dict[str, Any]:
    """The graph of a reference net, its layers' numbers moved on."""
    config: dict[str, Any] = json.loads(gzip.decompress((GRAPHS / f"{net_name}.json.gz").read_bytes()))
    return _renamed(config, by)


def _renamed(value: Any, by: int) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(entry, by) for key, entry in value.items()}
    if isinstance(value, list):
        return [_renamed(entry, by) for entry in value]
    return moved(value, by) if isinstance(value, str) else value


def small_values(net_name: str, width: int = 4, classes: int = 3, channels: int = 3) -> Values:
    """Random variables of a narrow net: widths are a share of those of the manifest."""
    share = width / (32 if net_name == "inception_unet" else 64)
    values: Values = {}
    random = np.random.default_rng(0)
    manifest = read_manifest(net_name)["weights"]
    first = next(entry["layer"] for entry in manifest if entry["variable"] == "kernel")
    for entry in manifest:
        *before, outputs = entry["shape"]
        if len(before) == 3:
            before[2] = channels if entry["layer"] == first else int(before[2] * share)
        outputs = classes if outputs == 3 else int(outputs * share)
        if entry["layer"] == "bn_data":
            outputs = channels
        shape = (*before, outputs)
        array = random.uniform(0.5, 1.5, shape).astype(np.float32)
        values.setdefault(entry["layer"], {})[entry["variable"]] = array
    return values


def write_saved(path: Path, values: Values, config: dict[str, Any] | None = None, by: int = 0) -> Path:
    """A file of ``model.save`` where a graph is given, else of ``save_weights``; numbers moved on.

    Args:
        path: where to.
        values: with the layers' names as in a session that built no other net.
        config: from `graph`, moved on already.
        by: how far the names of the layers with variables are moved on.
    """
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "2.15.0", "tensorflow"
        root: Any = file
        names = [moved(layer, by) for layer in values]
        if config is not None:
            file.attrs["model_config"] = json.dumps(config)
            root = file.create_group("model_weights")
            root.attrs["keras_version"] = "2.15.0"
            names = [layer["config"]["name"] for layer in config["config"]["layers"]]
            slots = file.create_group("optimizer_weights/Adam")  # is left alone
            slots["m"] = np.zeros(3, np.float32)
        root.attrs["layer_names"] = np.array([name.encode() for name in names])
        by_new_name = {moved(layer, by): arrays for layer, arrays in values.items()}
        for name in names:
            group, arrays = root.create_group(name), by_new_name.get(name, {})
            places = [f"{name}/{variable}:0" for variable in arrays]
            group.attrs["weight_names"] = np.array([place.encode() for place in places], "S")
            for place, array in zip(places, arrays.values(), strict=True):
                group[place] = array
    return path
