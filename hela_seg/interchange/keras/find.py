"""Which layer of a Keras file is which of a plan: by the file's graph, or by the numbers of its layers."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping

from hela_seg.interchange.keras.graph import Graph, Node, settings
from hela_seg.interchange.keras.plans import ACTIVATION, IMAGE, NUMBERED, Layer, Plan
from hela_seg.system.errors import join_names


class UnlikeError(Exception):
    """A file does not hold the net that it is compared with; says in what they differ."""


def by_graph(plan: Plan, graph: Graph, activation: str) -> dict[Layer, str]:
    """Walk both graphs in step, from the logits back to the image.

    Each layer must compute what the plan's computes and read the same layers in the same order, so that there
    is one way at most in which they can belong together.

    Args:
        plan: of our net.
        graph: of the file.
        activation: ``relu`` or ``leaky_relu``, our net's.

    Returns:
        For each layer of the plan the name of the file's.

    Raises:
        UnlikeError: the first difference.
    """
    found: dict[Layer, Node] = {}
    owners: dict[Node, Layer] = {}
    pending = [(plan.logits, _logits(graph))]
    while pending:
        layer, node = pending.pop()
        if layer in found or node in owners:
            if found.get(layer) is not node or owners.get(node) is not layer:
                raise UnlikeError(f"layer '{node.layer}' is read where another one is expected")
            continue
        found[layer], owners[node] = node, layer
        _compare(layer, node, activation)
        inputs = [_computing(graph, key) for key in node.inputs]
        pending += zip(layer.inputs, inputs, strict=True)
    return {layer: node.layer for layer, node in found.items()}


def _logits(graph: Graph) -> Node:
    """The node that the closing softmax reads, or the last one where there is none."""
    last = _computing(graph, graph.output)
    return _computing(graph, last.inputs[0]) if last.function == "softmax" and last.inputs else last


def _computing(graph: Graph, key: str) -> Node:
    try:
        return graph.computing(key)
    except (KeyError, IndexError):
        raise UnlikeError(f"layer '{key}' or what it reads is not there") from None


def _compare(layer: Layer, node: Node, activation: str) -> None:
    if node.kind != layer.kind:
        raise UnlikeError(f"layer '{node.layer}' is {_kind(node.kind)}, expected {_kind(layer.kind)}")
    expected = {"function": activation} if layer.kind == ACTIVATION else settings(layer.kind, layer.settings)
    for key, value in expected.items():
        if node.settings.get(key) != value:
            raise UnlikeError(f"layer '{node.layer}' has {key} {node.settings.get(key)}, expected {value}")
    if len(node.inputs) != len(layer.inputs):
        raise UnlikeError(
            f"layer '{node.layer}' reads {len(node.inputs)} layer(s), expected {len(layer.inputs)}"
        )


def _kind(kind: str) -> str:
    return {ACTIVATION: "an activation", IMAGE: "the image"}.get(kind, kind)


def by_numbers(plan: Plan, layers: Collection[str]) -> dict[Layer, str]:
    """Match layers by the names that the author gave, and the others by the order of their numbers.

    Keras numbers the layers of one class as they are created, over all nets of a session; so the numbers may
    start anywhere, and the i-th of a class is the plan's i-th.

    Args:
        plan: of our net.
        layers: names of the file's layers that have variables.

    Returns:
        For each layer of the plan that has variables the name of the file's.

    Raises:
        UnlikeError: layers that only one of the two has.
    """
    expected: dict[str, list[Layer]] = defaultdict(list)
    for layer in plan.weighted:
        expected[layer.name or NUMBERED[layer.kind]].append(layer)
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for name in layers:
        kind, number = (name, 0) if name in expected else _kind_and_number(name)
        found[kind].append((number, name))
    complaints = {
        "lacks": [kind for kind in expected if kind not in found],
        "has left over": [name for kind, names in found.items() if kind not in expected for _, name in names],
        "has": [
            f"{len(found[kind])} layers {kind}_N where {len(places)} are expected"
            for kind, places in expected.items()
            if kind in found and len(found[kind]) != len(places)
        ],
    }
    said = complaint(complaints)
    if said:
        raise UnlikeError(f"it {said}")
    names_of = {
        layer: name
        for kind, places in expected.items()
        for layer, (_, name) in zip(places, sorted(found[kind]), strict=True)
    }
    return {layer: names_of[layer] for layer in plan.weighted}


def complaint(lists: Mapping[str, list[str]]) -> str:
    """Lists in words, the empty ones left out and long ones cut short.

    Example:
        ``complaint({"lacks": ["a", "b"], "has left over": []}) == "lacks a, b"``
    """
    return " and ".join(f"{what} {join_names(names, 8)}" for what, names in lists.items() if names)


def _kind_and_number(layer: str) -> tuple[str, int]:
    """``conv2d`` -> (conv2d, 0), ``conv2d_57`` -> (conv2d, 57)."""
    found = re.fullmatch(r"(.+)_(\d{1,9})", layer)
    return (found[1], int(found[2])) if found else (layer, 0)
