"""A file's variables become the state dict of the net that they are of, each in PyTorch's layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from keras_h5 import graph, small_values
from keras_parity import TARGETS, Values, in_memory
from torch import nn

from hela_seg.interchange.keras import match as module
from hela_seg.interchange.keras.graph import read_graph
from hela_seg.interchange.keras.match import Match, fitting, match
from hela_seg.interchange.keras.plans import Plan
from hela_seg.interchange.keras.saved import SavedNet
from hela_seg.system.errors import InputError

TOY = "a.toy.Net"


class Toy(nn.Module):
    """Two convolutions that Keras has apart in one module, up-sampling and batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.entries = nn.Conv2d(3, 4, (1, 2))
        self.up = nn.ConvTranspose2d(4, 5, 2, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(5)
        self.head = nn.Conv2d(5, 2, 1)


def toy_plan() -> Plan:
    plan = Plan()
    first = plan.conv(plan.image, "entries")
    second = plan.conv(plan.image, "entries")
    up = plan.add("Conv2DTranspose", plan.join(first, second), module="up")
    plan.conv(plan.norm(up, "norm", "my_norm"), "head")
    return plan


def toy_values() -> Values:
    random = np.random.default_rng(0)
    shapes: dict[str, dict[str, tuple[int, ...]]] = {
        "conv2d_7": {"kernel": (1, 2, 3, 2), "bias": (2,)},
        "conv2d_8": {"kernel": (1, 2, 3, 2), "bias": (2,)},
        "conv2d_transpose": {"kernel": (2, 2, 5, 4)},
        "my_norm": dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), (5,)),
        "conv2d_9": {"kernel": (1, 1, 5, 2), "bias": (2,)},
    }
    return {
        layer: {name: random.normal(size=shape).astype(np.float32) for name, shape in variables.items()}
        for layer, variables in shapes.items()
    }


@pytest.fixture(autouse=True)
def _toy_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.PLANS, TOY, toy_plan)


def matched(values: Values) -> Match:
    return match(in_memory(values), {"_target_": TOY})


def test_each_number_is_where_pytorch_looks_for_it() -> None:
    values = toy_values()
    state = matched(values).state_dict(Toy())
    # Keras: rows, columns, in, out; of a transposed convolution rows, columns, out, in
    assert state["entries.weight"][1, 2, 0, 1] == values["conv2d_7"]["kernel"][0, 1, 2, 1]
    assert state["up.weight"][3, 4, 0, 1] == values["conv2d_transpose"]["kernel"][0, 1, 4, 3]
    assert state["head.bias"].tolist() == values["conv2d_9"]["bias"].tolist()
    norm = {
        name: state[f"norm.{name}"].tolist() for name in ("weight", "bias", "running_mean", "running_var")
    }
    assert list(norm.values()) == [
        values["my_norm"][name].tolist() for name in ("gamma", "beta", "moving_mean", "moving_variance")
    ]


def test_layers_of_one_module_follow_each_other_along_its_outputs() -> None:
    values = toy_values()
    weight = matched(values).state_dict(Toy())["entries.weight"]
    assert weight.shape == (4, 3, 1, 2)
    assert weight[2, 1, 0, 0] == values["conv2d_8"]["kernel"][0, 0, 1, 0]


def test_the_state_dict_is_all_that_the_net_wants() -> None:
    with torch.device("meta"):
        shapes = Toy()
    state = matched(toy_values()).state_dict(shapes)
    assert state["norm.num_batches_tracked"].item() == 0
    assert all(value.is_contiguous() for value in state.values())
    Toy().load_state_dict(state)


def test_channels_and_classes_are_those_of_the_outer_convolutions() -> None:
    found = matched(toy_values())
    assert (found.channels, found.classes) == (3, 2)


@pytest.mark.parametrize("kernel", [None, np.zeros((3, 3), np.float32)])
def test_an_outer_layer_without_a_kernel_of_four_axes_is_one_line(kernel: Any) -> None:
    values = toy_values()
    values["conv2d_7"] = {"bias": np.zeros(2, np.float32)} | ({} if kernel is None else {"kernel": kernel})
    with pytest.raises(InputError, match=r"memory has no kernel of four axes in layer 'conv2d_7', expected"):
        _ = matched(values).channels


def test_differences_are_listed_before_anything_is_read() -> None:
    values = toy_values()
    del values["conv2d_9"]["bias"]
    values["my_norm"]["scale"] = values["my_norm"].pop("gamma")
    values["conv2d_8"]["kernel"] = np.full((1, 2, 3, 9), np.nan, np.float32)
    with pytest.raises(InputError) as caught:
        matched(values).state_dict(Toy())
    assert str(caught.value) == (
        "memory lacks conv2d_9/bias, my_norm/gamma and has left over my_norm/scale and has in another shape "
        "conv2d_8/kernel (1, 2, 3, 9) for (1, 2, 3, 2): choose the model= and model.width= that were saved"
    )


def test_a_net_without_a_plan_is_one_line() -> None:
    known = "unet, vgg19_unet, inception_unet, resnet34_unet"
    with pytest.raises(InputError, match=rf"model is a\.smp\.Net, which .* expected one of {known}"):
        match(in_memory(toy_values()), {"_target_": "a.smp.Net"})


@pytest.mark.parametrize("net_name", TARGETS)
def test_a_file_of_another_net_is_told_which_one_it_holds(net_name: str) -> None:
    other = TARGETS["unet" if net_name != "unet" else "vgg19_unet"]
    alone = in_memory(small_values(net_name))
    whole = SavedNet(Path("whole.h5"), alone.variables, read_graph(json.dumps(graph(net_name))), "2.15.0")
    assert fitting(alone) == f"set model={net_name}"
    assert fitting(whole) == f"set model={net_name} model.activation=relu"
    with pytest.raises(InputError, match=rf"another net than \w+ \(.*\): set model={net_name}$"):
        match(alone, {"_target_": other})


def test_a_file_of_no_net_of_ours_has_no_hint() -> None:
    alone = in_memory({"dense": {"kernel": np.zeros((3, 3), np.float32)}})
    assert fitting(alone) == ""
    with pytest.raises(InputError, match=r"choose the model= that was saved$"):
        match(alone, {"_target_": TARGETS["unet"]})
