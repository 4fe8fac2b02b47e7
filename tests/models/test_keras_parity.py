"""Layers find their modules by number, wherever the numbers start."""

from __future__ import annotations

import re

import numpy as np
import pytest
from keras_parity import MODULES, Array, read_manifest, state_dict_from_manifest


def marks(net_name: str, offset: int) -> dict[tuple[str, str], Array]:
    """One number in place of each variable; layers' numbers moved on by ``offset``."""
    values = {}
    for entry in read_manifest(net_name)["weights"]:
        layer = str(entry["layer"])
        if offset and re.match("conv2d|batch_normalization", layer):
            kind, _, number = layer.rpartition("_") if re.search(r"_\d+$", layer) else (layer, "", "0")
            layer = f"{kind}_{int(number) + offset}"
        values[layer, entry["variable"]] = np.array([entry["index"]], np.float32)
    return values


@pytest.mark.parametrize("net_name", MODULES)
def test_numbers_may_start_anywhere(net_name: str) -> None:
    expected = state_dict_from_manifest(net_name, marks(net_name, 0))
    found = state_dict_from_manifest(net_name, marks(net_name, 57))
    assert {key: value.tolist() for key, value in found.items()} == {
        key: value.tolist() for key, value in expected.items()
    }


def test_layers_left_over_are_refused() -> None:
    values = marks("unet", 0)
    short = {key: value for key, value in values.items() if key[0] != "conv2d_4"}
    odd = values | {("dense", "kernel"): values["conv2d", "kernel"]}
    for broken in (short, odd):
        with pytest.raises(ValueError, match=r"zip|left over"):
            state_dict_from_manifest("unet", broken)
