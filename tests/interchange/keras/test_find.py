"""A layer is found by the graph or by its number, and only where there is no other that it could be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from keras_h5 import graph, moved
from keras_parity import TARGETS, read_manifest

from hela_seg.interchange.keras.find import UnlikeError, by_graph, by_numbers, complaint
from hela_seg.interchange.keras.graph import read_graph
from hela_seg.interchange.keras.plans import PLANS, Layer

each_net = pytest.mark.parametrize("net_name", TARGETS)


def layers_of(net_name: str) -> list[str]:
    """Names of the layers with variables, in the order in which Keras sorts them by depth."""
    return list(dict.fromkeys(str(entry["layer"]) for entry in read_manifest(net_name)["weights"]))


def searched(config: dict[str, Any], net_name: str, activation: str = "relu") -> list[tuple[str, str]]:
    """Our modules and the file's layers, in the order of the plan."""
    plan = PLANS[TARGETS[net_name]]()
    found = by_graph(plan, read_graph(json.dumps(config)), activation)
    return modules({layer: found[layer] for layer in plan.weighted})


def modules(found: dict[Layer, str]) -> list[tuple[str, str]]:
    return [(layer.module, name) for layer, name in found.items()]


def layer(config: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (entry for entry in config["config"]["layers"] if entry["name"] == name)
    return dict(found)


@each_net
def test_numbers_may_start_anywhere(net_name: str) -> None:
    plan, names = PLANS[TARGETS[net_name]](), layers_of(net_name)
    expected = modules(by_numbers(plan, names))
    found = modules(by_numbers(plan, [moved(name, 995) for name in names]))
    assert found == [(module, moved(name, 995)) for module, name in expected]
    assert {name for _, name in expected} == set(names)


@each_net
def test_graph_and_numbers_find_the_same_layers(net_name: str) -> None:
    expected = modules(by_numbers(PLANS[TARGETS[net_name]](), layers_of(net_name)))
    assert searched(graph(net_name), net_name) == expected


def test_the_graph_needs_no_names() -> None:
    config = graph("inception_unet")
    text = json.dumps(config)
    names = [entry["name"] for entry in config["config"]["layers"]]
    for index, name in enumerate(names):
        text = text.replace(f'"{name}"', f'"layer {hash(name) % 1000} {index}"')
    shuffled = json.loads(text)
    renamed = dict(zip(names, (entry["name"] for entry in shuffled["config"]["layers"]), strict=True))
    expected = searched(config, "inception_unet")
    assert searched(shuffled, "inception_unet") == [(module, renamed[name]) for module, name in expected]


def test_the_graph_counts_where_the_numbers_would_mislead() -> None:
    text = json.dumps(graph("unet"))
    swapped = text.replace('"conv2d_1"', '"other"').replace('"conv2d_3"', '"conv2d_1"')
    swapped = swapped.replace('"other"', '"conv2d_3"')
    found = dict(searched(json.loads(swapped), "unet"))
    assert found["encoder.0.second.conv"] == "conv2d_3"
    assert found["encoder.1.second.conv"] == "conv2d_1"


@each_net
def test_another_net_is_refused_either_way(net_name: str) -> None:
    for other in TARGETS:
        if other != net_name:
            with pytest.raises(UnlikeError):
                searched(graph(other), net_name)
            with pytest.raises(UnlikeError):
                by_numbers(PLANS[TARGETS[net_name]](), layers_of(other))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda names: [*names, "dense"], "has left over dense"),
        (lambda names: [*names, "conv2d_99"], "has 20 layers conv2d_N where 19 are expected"),
        (lambda names: names[1:], "has 18 layers conv2d_N where 19 are expected"),
        (lambda names: [*names, "stage1_unit1_bn1"], "has left over stage1_unit1_bn1"),
    ],
)
def test_layers_left_over_on_either_side_are_refused(
    change: Callable[[list[str]], list[str]], said: str
) -> None:
    with pytest.raises(UnlikeError, match=said):
        by_numbers(PLANS[TARGETS["unet"]](), change(layers_of("unet")))


def test_named_layers_that_are_missing_are_refused() -> None:
    names = [name for name in layers_of("resnet34_unet") if name not in ("conv0", "final_conv")]
    with pytest.raises(UnlikeError, match="lacks conv0, final_conv"):
        by_numbers(PLANS[TARGETS["resnet34_unet"]](), names)


def _set(name: str, **settings: Any) -> Callable[[dict[str, Any]], None]:
    return lambda config: layer(config, name)["config"].update(settings)


def _read(name: str, *sources: str) -> Callable[[dict[str, Any]], None]:
    inbound = [[[source, 0, 0, {}] for source in sources]]
    return lambda config: layer(config, name)["inbound_nodes"].__setitem__(slice(None), inbound)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_set("conv2d_3", strides=[2, 2]), "'conv2d_3' has strides 2, expected 1"),
        (_set("conv2d_3", padding="valid"), "'conv2d_3' has padding valid, expected same"),
        (_set("conv2d_3", dilation_rate=[2, 2]), "'conv2d_3' has dilation_rate 2"),
        (_set("conv2d_3", kernel_size=[3, 5]), r"'conv2d_3' has kernel_size \[3, 5\], expected 3"),
        (_set("conv2d_3", data_format="channels_first"), "'conv2d_3' has data_format channels_first"),
        (_set("conv2d_3", activation="relu"), "'conv2d_3' is an activation, expected Conv2D"),
        (_set("batch_normalization_3", epsilon=1e-5), "epsilon 1e-05, expected 0.001"),
        (_set("batch_normalization_3", axis=[1]), "axis 1, expected 3"),
        (_set("up_sampling2d", interpolation="bilinear"), "interpolation bilinear, expected nearest"),
        (_set("max_pooling2d", pool_size=[3, 3]), "pool_size 3, expected 2"),
        (_set("re_lu_4", max_value=6.0), "'re_lu_4' has function relu, limited, expected relu"),
        (_set("re_lu_4", negative_slope=0.1), "'re_lu_4' has function leaky_relu of slope 0.1"),
        (_read("concatenate", "dropout_3", "up_sampling2d"), "expected"),
        (_read("concatenate", "up_sampling2d"), r"reads 1 layer\(s\), expected 2"),
        (_read("conv2d_18", "dropout_7"), "expected"),
        (_read("conv2d_3", "re_lu_9"), "expected"),
        (_read("dropout_8", "dropout_7"), "expected"),
        (_read("dropout_8", "dropout_8"), "or what it reads is not there"),
        (_read("dropout_8", "nowhere"), "'dropout_8' or what it reads is not there"),
    ],
)
def test_one_layer_that_computes_or_reads_something_else_is_enough(
    change: Callable[[dict[str, Any]], None], said: str
) -> None:
    config = graph("unet")
    change(config)
    with pytest.raises(UnlikeError, match=said):
        searched(config, "unet")


def test_a_layer_in_the_place_of_two_is_refused() -> None:
    config = graph("inception_unet")
    entries = [entry["name"] for entry in config["config"]["layers"] if entry["class_name"] == "Conv2D"][:3]
    assert entries[0] == "conv2d_3"  # of the branches, in the order of the file
    _read("batch_normalization", "conv2d_1")(config)
    with pytest.raises(UnlikeError, match="is read where another one is expected"):
        searched(config, "inception_unet")


def test_the_activation_is_that_of_the_graph() -> None:
    config = graph("unet")
    for entry in config["config"]["layers"]:
        if entry["class_name"] == "ReLU":
            entry["class_name"], entry["config"] = "LeakyReLU", {"alpha": 0.30000001192092896}
    assert searched(config, "unet", "leaky_relu") == searched(graph("unet"), "unet")
    with pytest.raises(UnlikeError, match="has function leaky_relu, expected relu"):
        searched(config, "unet")
    layer(config, "re_lu_3")["config"]["alpha"] = 0.2
    with pytest.raises(UnlikeError, match=r"leaky_relu of slope 0\.2, expected leaky_relu"):
        searched(config, "unet", "leaky_relu")


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("Lambda", {"function": "linear"}),
        ("Rescaling", {"scale": 1.0, "offset": 0.0}),
        ("Functional", {"layers": []}),
    ],
)
def test_layers_that_could_do_anything_are_not_passed_over(kind: str, config: dict[str, Any]) -> None:
    changed = graph("unet")
    layer(changed, "dropout_8")["config"].update(config)
    text = json.dumps(changed).replace(
        '"class_name": "Dropout", "config": {"name": "dropout_8"',
        f'"class_name": "{kind}", "config": {{"name": "dropout_8"',
    )
    with pytest.raises(UnlikeError, match=f"'dropout_8' is {kind}, expected an activation"):
        searched(json.loads(text), "unet")


def test_a_closing_softmax_that_reads_nothing_is_refused() -> None:
    config = graph("unet")
    layer(config, "softmax")["inbound_nodes"].clear()
    with pytest.raises(UnlikeError, match="'softmax' is an activation, expected BatchNormalization"):
        searched(config, "unet")


def test_dropout_and_a_closing_softmax_may_be_there_or_not() -> None:
    config = graph("unet")
    config["config"]["output_layers"] = [["batch_normalization_18", 0, 0]]
    _read("max_pooling2d", "re_lu_1")(config)
    assert searched(config, "unet") == searched(graph("unet"), "unet")


def test_long_lists_are_cut_short() -> None:
    assert complaint({"lacks": ["a", "b"], "has left over": []}) == "lacks a, b"
    assert complaint({"lacks": [str(i) for i in range(11)], "has": ["x"]}) == (
        "lacks 0, 1, 2, 3, 4, 5, 6, 7 and 3 more and has x"
    )
