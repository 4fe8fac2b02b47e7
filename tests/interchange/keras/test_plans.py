"""Plans have our nets' convolutions and normalisations, layer by layer, in the notebook's order."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from keras_parity import TARGETS
from torch import nn
from torchvision.models import vgg

from hela_seg.interchange.keras.plans import ACTIVATION, IMAGE, PLANS, VGG_FEATURES, Layer, Plan
from hela_seg.models import build

each_net = pytest.mark.parametrize("net_name", TARGETS)

KINDS = {"Conv2D": nn.Conv2d, "Conv2DTranspose": nn.ConvTranspose2d, "BatchNormalization": nn.BatchNorm2d}

NAMED = {ACTIVATION: "activations", "Conv2D": "convolutions", "Conv2DTranspose": "transposed"} | {
    "BatchNormalization": "normalisations",
    "MaxPooling2D": "poolings",
    "UpSampling2D": "upsamplings",
    "Concatenate": "joins",
    "ZeroPadding2D": "paddings",
    "Add": "sums",
}
COUNTS = {
    # nine pairs of convolutions, and the head
    "unet": {"convolutions": 19, "normalisations": 19, "activations": 18}
    | {"poolings": 4, "upsamplings": 4, "joins": 4},
    # 16 of VGG19, without normalisation; four pairs of the decoder; the head
    "vgg19_unet": {"convolutions": 25, "transposed": 4, "normalisations": 8, "activations": 24}
    | {"poolings": 4, "joins": 4},
    # nine modules with seven convolutions each, of which one has none of the rest; the head
    "inception_unet": {"convolutions": 64, "normalisations": 55, "activations": 54}
    | {"poolings": 4 + 9, "upsamplings": 4, "joins": 9 + 4},
    # 16 units with two convolutions and four shortcuts, the stem, five pairs of the decoder, the head
    "resnet34_unet": {"convolutions": 32 + 4 + 1 + 10 + 1, "normalisations": 32 + 2 + 1 + 10}
    | {"activations": 32 + 2 + 10, "poolings": 1, "upsamplings": 5, "joins": 4, "paddings": 34, "sums": 16},
}


def plan_of(net_name: str) -> Plan:
    return PLANS[TARGETS[net_name]]()


def modules(net_name: str) -> dict[str, Any]:
    """Our net's modules with weights of their own, by name."""
    with torch.device("meta"):
        net = build({"_target_": TARGETS[net_name]})
    return {name: module for name, module in net.named_modules() if isinstance(module, tuple(KINDS.values()))}


@each_net
def test_each_module_of_ours_has_its_layers_and_each_layer_its_module(net_name: str) -> None:
    ours, plan = modules(net_name), plan_of(net_name)
    assert {layer.module for layer in plan.weighted} == set(ours)
    assert all(isinstance(ours[layer.module], KINDS[layer.kind]) for layer in plan.weighted)


@each_net
def test_settings_are_those_of_our_modules(net_name: str) -> None:
    ours = modules(net_name)
    for layer in plan_of(net_name).weighted:
        module = ours[layer.module]
        if layer.kind == "BatchNormalization":
            assert module.eps == layer.settings["epsilon"], layer.module
        else:
            assert set(module.kernel_size) == {layer.settings["kernel_size"]}, layer.module
            assert set(module.stride) == {layer.settings.get("strides", 1)}, layer.module


@each_net
def test_layers_are_as_many_as_the_paper_draws(net_name: str) -> None:
    image, *layers = plan_of(net_name).layers
    assert image.kind == IMAGE
    assert Counter(NAMED[layer.kind] for layer in layers) == COUNTS[net_name]


@each_net
def test_a_layer_reads_only_what_was_made_before_and_all_is_read_but_the_logits(net_name: str) -> None:
    plan, seen = plan_of(net_name), set[Layer]()
    for layer in plan.layers:
        assert set(layer.inputs) <= seen
        seen.add(layer)
    read = {source for layer in plan.layers for source in layer.inputs}
    assert seen - read == {plan.logits}


def test_layers_stand_in_the_order_of_their_making() -> None:
    first = plan_of("unet").layers[1:8]
    assert [(layer.kind, layer.module) for layer in first] == [
        ("Conv2D", "encoder.0.first.conv"),
        ("BatchNormalization", "encoder.0.first.norm"),
        (ACTIVATION, ""),
        ("Conv2D", "encoder.0.second.conv"),
        ("BatchNormalization", "encoder.0.second.norm"),
        (ACTIVATION, ""),
        ("MaxPooling2D", ""),
    ]


@pytest.mark.parametrize(("net_name", "place"), [("unet", 1), ("vgg19_unet", 1), ("inception_unet", 0)])
def test_channels_of_the_encoder_stand_where_the_notebook_joins_them(net_name: str, place: int) -> None:
    layers = plan_of(net_name).layers
    halving = [layer for layer in layers if layer.kind == "MaxPooling2D" and not layer.settings]
    # of the decoder's joins the first is the smallest; all before them lie in the encoder
    joins = [layer for layer in layers[layers.index(halving[-1]) :] if layer.kind == "Concatenate"]
    skips = [source for layer in halving for source in layer.inputs]
    assert [join.inputs[place] for join in joins if set(join.inputs) & set(skips)] == skips[::-1]


def test_vgg19s_convolutions_are_where_torchvision_has_them() -> None:
    with torch.device("meta"):
        features = vgg.make_layers(vgg.cfgs["E"])
    found = tuple(place for place, layer in enumerate(features) if isinstance(layer, nn.Conv2d))
    assert found == VGG_FEATURES


def test_names_that_the_authors_gave_are_known() -> None:
    names = {net_name: [layer.name for layer in plan_of(net_name).weighted] for net_name in TARGETS}
    assert set(names["unet"]) == set(names["inception_unet"]) == {""}
    assert names["vgg19_unet"][14:17] == ["block5_conv3", "block5_conv4", ""]
    assert names["resnet34_unet"][:5] == ["bn_data", "conv0", "bn0", "stage1_unit1_bn1", "stage1_unit1_sc"]
    assert names["resnet34_unet"][-3:] == ["decoder_stage4b_conv", "decoder_stage4b_bn", "final_conv"]
    assert len(set(names["resnet34_unet"])) == len(names["resnet34_unet"])
