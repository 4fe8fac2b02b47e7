"""The graph that Keras writes into a file of ``model.save``: what each layer reads and computes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hela_seg.interchange.keras.plans import ACTIVATION

DEFAULTS: dict[str, dict[str, Any]] = {
    "InputLayer": {},
    "Conv2D": {"kernel_size": 1, "strides": 1, "padding": "valid", "dilation_rate": 1, "groups": 1},
    "Conv2DTranspose": {"kernel_size": 1, "strides": 1, "padding": "valid", "dilation_rate": 1},
    "BatchNormalization": {"epsilon": 1e-3, "axis": 3},
    "MaxPooling2D": {"pool_size": 2, "strides": 2, "padding": "valid"},
    "UpSampling2D": {"size": 2, "interpolation": "nearest"},
    "ZeroPadding2D": {"padding": 1},
    "Concatenate": {"axis": 3},
    "Add": {},
}
"""For each class of layers of the paper's nets: what decides what it computes, beside the shapes of its
variables, with Keras' default values."""

IDLE = {"Dropout", "SpatialDropout2D"}
"""Classes of layers that do something only during training."""

LINEAR = "linear"


@dataclass(frozen=True, eq=False)
class Node:
    """What one layer of a file computes; a layer with an activation of its own makes two.

    Attributes:
        layer: its name in the file.
        kind: Keras' class, or ``activation``.
        settings: see `settings`; of an activation its ``function``.
        inputs: keys of the nodes that it reads, in order.
    """

    layer: str
    kind: str
    settings: Mapping[str, Any]
    inputs: tuple[str, ...]

    @property
    def function(self) -> str | None:
        """Of an activation, else None."""
        return str(self.settings["function"]) if self.kind == ACTIVATION else None


@dataclass(frozen=True)
class Graph:
    """All nodes of a file by their keys, and the key of the one that gives the output."""

    nodes: Mapping[str, Node]
    output: str

    def computing(self, key: str) -> Node:
        """The node of that key, or, where it does nothing in prediction, the first before it that does.

        Raises:
            KeyError: there is none.
        """
        node = self.nodes[key]
        for _ in self.nodes:
            if node.kind not in IDLE and node.function != LINEAR:
                return node
            node = self.nodes[node.inputs[0]]
        raise KeyError(key)


def read_graph(model_config: str) -> Graph:
    """What the attribute ``model_config`` of a file says, as Keras 2 or 3 writes it.

    Raises:
        ValueError: it does not describe one net of layers that are used once, from images to one output.
    """
    try:
        config = json.loads(model_config)["config"]
        nodes = {key: node for layer in config["layers"] for key, node in _nodes(layer)}
        (output,) = _names(config["output_layers"])
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"its model_config is none that Keras writes for such nets ({error!r})") from None
    return Graph(nodes, output)


def settings(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What decides what a layer computes, in one form however Keras wrote it.

    Sizes that are the same along both axes become one number, the last axis becomes 3, and padding is left
    out where a window does not reach beyond its own step.

    Args:
        kind: Keras' class; of classes that the paper's nets do not have everything given is returned.
        given: the layer's arguments.

    Example:
        ``settings("MaxPooling2D", {"pool_size": [3, 3], "strides": [1, 1]})`` gives ``{"pool_size": 3,
        "strides": 1, "padding": "valid", "data_format": "channels_last"}``.
    """
    if kind not in DEFAULTS:
        return dict(given)
    known = DEFAULTS[kind] | ({"data_format": "channels_last"} if "padding" in DEFAULTS[kind] else {})
    found = {key: _plain(value if given.get(key) is None else given[key]) for key, value in known.items()}
    window = found.get("kernel_size", found.get("pool_size"))
    if isinstance(window, int) and isinstance(found["strides"], int) and window <= found["strides"]:
        del found["padding"]
    if found.get("axis") == -1:
        found["axis"] = 3
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        entries = [_plain(entry) for entry in value]
        return entries[0] if entries and all(entry == entries[0] for entry in entries) else entries
    return float(f"{value:.5g}") if isinstance(value, float) else value  # Keras writes float32 as float64


def _nodes(layer: Mapping[str, Any]) -> Iterator[tuple[str, Node]]:
    """The nodes of one layer; the last one has the layer's name for a key."""
    name, kind, config = layer["name"], layer["class_name"], layer["config"]
    inputs = tuple(_inputs(layer["inbound_nodes"]))
    function = _function(kind, config)
    if kind in {"Activation", "ReLU", "LeakyReLU", "Softmax"}:
        yield name, Node(name, ACTIVATION, {"function": function}, inputs)
    elif function == LINEAR:
        yield name, Node(name, kind, settings(kind, config), inputs)
    else:
        before = f"{name}, before its activation"
        yield before, Node(name, kind, settings(kind, config), inputs)
        yield name, Node(name, ACTIVATION, {"function": function}, (before,))


def _function(kind: str, config: Mapping[str, Any]) -> str:
    """The activation function of a layer, by our names where it is one of our nets'."""
    inner = config.get("activation", LINEAR)
    if isinstance(inner, Mapping):  # a layer in place of a function's name
        return _function(inner["class_name"], inner["config"])
    if kind == "Softmax":
        return "softmax"
    if kind not in {"ReLU", "LeakyReLU"}:
        return f"{inner} of slope 0.2" if inner == "leaky_relu" else str(inner)
    limited = config.get("max_value") is not None or config.get("threshold")
    slope = _plain(float(config.get("alpha", config.get("negative_slope")) or 0.0))
    named = {0.0: "relu", 0.3: "leaky_relu"}.get(slope, f"leaky_relu of slope {slope}")
    return f"{named}, limited" if limited else named


def _inputs(inbound: list[Any]) -> list[str]:
    """Names of the layers that a layer reads."""
    if not inbound:
        return []
    (use,) = inbound
    return list(_histories(use)) if isinstance(use, Mapping) else _names(use)


def _names(places: list[Any]) -> list[str]:
    """Keras 2 writes ``[["conv2d", 0, 0], ...]``, Keras 3 of a single one ``["conv2d", 0, 0]``."""
    return [str(place[0]) for place in ([places] if isinstance(places[0], str) else places)]


def _histories(use: Any) -> Iterator[str]:
    """Names of the layers in the arguments of a call, as Keras 3 writes them."""
    if isinstance(use, Mapping) and "keras_history" in use:
        yield str(use["keras_history"][0])
    elif isinstance(use, Mapping | list):
        for value in use.values() if isinstance(use, Mapping) else use:
            yield from _histories(value)
