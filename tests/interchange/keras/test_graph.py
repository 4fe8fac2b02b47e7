"""What Keras writes of a net is read in one form, whichever Keras wrote it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hela_seg.interchange.keras.graph import Node, read_graph, settings


def text(*layers: dict[str, Any], output: Any = (("last", 0, 0),)) -> str:
    return json.dumps({"class_name": "Functional", "config": {"layers": layers, "output_layers": output}})


def layer(kind: str, name: str, *inbound: Any, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "name": name, "config": config, "inbound_nodes": list(inbound)}


IMAGE = layer("InputLayer", "image")


def last(*layers: dict[str, Any]) -> Node:
    return read_graph(text(IMAGE, *layers)).computing("last")


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("Conv2D", {"kernel_size": [3, 3], "strides": [1, 1], "padding": "same"}, {"padding": "same"}),
        ("Conv2D", {"kernel_size": [1, 1], "padding": "same"}, {"kernel_size": 1, "strides": 1}),
        ("Conv2D", {"kernel_size": [3, 5]}, {"kernel_size": [3, 5]}),
        ("MaxPooling2D", {"strides": None}, {"pool_size": 2, "strides": 2}),
        ("MaxPooling2D", {"pool_size": [3, 3]}, {"pool_size": 3, "strides": 2, "padding": "valid"}),
        ("ZeroPadding2D", {"padding": [[3, 3], [3, 3]]}, {"padding": 3}),
        ("ZeroPadding2D", {"padding": [[0, 1], [0, 1]]}, {"padding": [0, 1]}),
        ("Concatenate", {"axis": -1}, {"axis": 3}),
        ("BatchNormalization", {"axis": [3], "epsilon": 0.0010000000474974513}, {"axis": 3, "epsilon": 1e-3}),
        ("Add", {"name": "add_4"}, {}),
    ],
)
def test_settings_have_one_form(kind: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    found = settings(kind, given)
    assert found | expected == found
    assert "name" not in found


def test_padding_does_not_count_where_windows_do_not_overlap() -> None:
    transposed = {"kernel_size": [2, 2], "strides": [2, 2]}
    same, valid = (settings("Conv2DTranspose", transposed | {"padding": p}) for p in ("same", "valid"))
    assert same == valid
    assert "padding" not in same


def test_a_layer_with_an_activation_of_its_own_is_two() -> None:
    graph = read_graph(text(IMAGE, layer("Conv2D", "last", [["image", 0, 0, {}]], activation="relu")))
    activation = graph.computing("last")
    assert (activation.kind, activation.settings, activation.layer) == (
        "activation",
        {"function": "relu"},
        "last",
    )
    (before,) = activation.inputs
    assert (graph.computing(before).kind, graph.computing(before).layer) == ("Conv2D", "last")
    assert graph.computing(graph.computing(before).inputs[0]).kind == "InputLayer"


@pytest.mark.parametrize(
    ("kind", "config", "function"),
    [
        ("ReLU", {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}, "relu"),
        ("ReLU", {"max_value": 6.0, "negative_slope": 0.0, "threshold": 0.0}, "relu, limited"),
        ("ReLU", {"max_value": None, "negative_slope": 0.0, "threshold": 0.5}, "relu, limited"),
        ("ReLU", {"negative_slope": 0.30000001192092896}, "leaky_relu"),
        ("LeakyReLU", {"alpha": 0.30000001192092896}, "leaky_relu"),
        ("LeakyReLU", {"negative_slope": 0.3}, "leaky_relu"),  # Keras 3
        ("LeakyReLU", {"alpha": 0.01}, "leaky_relu of slope 0.01"),
        ("Activation", {"activation": "relu"}, "relu"),
        ("Activation", {"activation": "leaky_relu"}, "leaky_relu of slope 0.2"),  # as a function, 0.2
        ("Activation", {"activation": "softmax"}, "softmax"),
        ("Activation", {"activation": {"class_name": "LeakyReLU", "config": {"alpha": 0.3}}}, "leaky_relu"),
        ("Softmax", {"axis": -1}, "softmax"),
    ],
)
def test_activations_go_by_what_they_compute(kind: str, config: dict[str, Any], function: str) -> None:
    node = last(layer(kind, "last", [["image", 0, 0, {}]], **config))
    assert (node.kind, node.settings) == ("activation", {"function": function})


def test_what_does_nothing_in_prediction_is_passed_over() -> None:
    dropout = layer("Dropout", "dropout", [["image", 0, 0, {}]], rate=0.05)
    linear = layer("Activation", "last", [["dropout", 0, 0, {}]], activation="linear")
    assert last(dropout, linear).kind == "InputLayer"


def test_layers_that_only_read_each_other_do_not_hang() -> None:
    ring = [layer("Dropout", name, [[source, 0, 0, {}]]) for name, source in (("a", "last"), ("last", "a"))]
    with pytest.raises(KeyError):
        last(*ring)


def test_the_form_of_keras_3_says_the_same() -> None:
    def tensor(name: str) -> dict[str, Any]:
        return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}

    use = {"args": [[tensor("image"), tensor("up")]], "kwargs": {}}
    up = layer("UpSampling2D", "up", {"args": [tensor("image")], "kwargs": {"training": False}})
    joined = text(IMAGE, up, layer("Concatenate", "last", use), output=["last", 0, 0])
    graph = read_graph(joined)
    assert graph.output == "last"
    assert graph.computing("last").inputs == ("image", "up")
    assert graph.computing("up").inputs == ("image",)


@pytest.mark.parametrize(
    "model_config",
    [
        "",
        "no JSON",
        "[]",
        "{}",
        '{"config": 3}',
        '{"config": {"layers": 5, "output_layers": [["a", 0, 0]]}}',
        '{"config": {"layers": [{}], "output_layers": [["a", 0, 0]]}}',
        '{"config": {"layers": [], "output_layers": []}}',
        "[" * 100_000,
        text(IMAGE, output=[["image", 0, 0], ["image", 0, 0]]),
        text(layer("Conv2D", "twice", [["a", 0, 0, {}]], [["b", 0, 0, {}]])),
        '{"class_name": "Sequential", "config": {"name": "s", "layers": []}}',
    ],
)
def test_anything_else_is_refused(model_config: str) -> None:
    with pytest.raises(ValueError, match="its model_config is none"):
        read_graph(model_config)
