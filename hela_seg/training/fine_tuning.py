"""Fine-tuning: what a new net takes over from a checkpoint, matched by the names of classes and channels.

The net is the checkpoint's; its classes and channels may differ. Layers whose sizes hang on neither are taken
over. So are the rows of the last layer for classes with the same name, and the weights of the first layer for
the same channels, where it is known which these are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hela_seg.data.classes import Classes
from hela_seg.data.datamodule import TimelapseData
from hela_seg.runs.checkpoint import ModelInfo, option_of, read_checkpoint
from hela_seg.system.errors import InputError
from hela_seg.training.assembly import net_of

PROBE = 1000
"""Added to the number of channels or classes to see which sizes of a net's weights grow with it."""

FREE_ARGUMENTS = ("_target_", "in_channels", "classes", "dropout", "encoder_weights")
"""Arguments of a net that may differ without changing what the weights that are taken over compute."""


Places = list[int | None]
"""For each class or input channel of the new net its place in the checkpoint's; None for a new one."""


@dataclass(frozen=True)
class Inputs:
    """The channels that a net is shown.

    Attributes:
        channels: C of one frame.
        context: how many frames before and after are shown too.
        names: of the C channels; empty where they are not known.
    """

    channels: int
    context: int = 0
    names: tuple[str, ...] = ()

    @classmethod
    def of_data(cls, data: TimelapseData) -> Inputs:
        """The channels of opened data."""
        names = tuple(data.recordings[0].image.channel_names)
        return cls(data.channels, data.context, names if len(names) == data.channels else ())

    @classmethod
    def of_checkpoint(cls, info: ModelInfo) -> Inputs:
        """The channels that a checkpoint's net was trained on, with the names that its settings gave."""
        picked, names = info.data.get("channels"), info.channel_names
        if picked:
            by_number = dict(enumerate(names))
            names = [by_number.get(one, one) for one in picked]
        known = len(names) == info.channels and not info.data.get("grey")
        known = known and all(isinstance(name, str) for name in names)
        return cls(info.channels, info.context, tuple(names) if known else ())

    def matched(self, other: Inputs) -> Places | None:
        """The place of each of these channels among another net's; None where that is not known.

        Channels are the same by their names where both sides have names and share one, else by their
        position in the frame where both have as many.
        """
        ours, theirs = self.names, other.names
        if not set(ours) & set(theirs):
            if self.channels != other.channels:
                return None
            ours = theirs = tuple(map(str, range(self.channels)))
        there = [(t, name) for t in range(-other.context, other.context + 1) for name in theirs]
        here = [(t, name) for t in range(-self.context, self.context + 1) for name in ours]
        return [there.index(one) if one in there else None for one in here]

    def __str__(self) -> str:
        frames = f" in each of {2 * self.context + 1} frames" if self.context else ""
        names = f" ({', '.join(self.names)})" if self.names else ""
        return f"{self.channels} channel(s){names}{frames}"


@dataclass(frozen=True, eq=False)
class Transfer:
    """What a net takes over from a checkpoint; see `plan`.

    Attributes:
        weights: of the checkpoint, by name.
        class_axes: for weights with a size that is the number of classes, which axis that is.
        input_axes: the same for the number of channels that the net is shown.
        classes: places of the classes.
        inputs: places of the channels; None begins the first layer anew.
        lines: for the user: what is kept and what begins anew.
        warnings: for the user: what does not fit and is done all the same.
    """

    weights: Mapping[str, Tensor]
    class_axes: Mapping[str, int]
    input_axes: Mapping[str, int]
    classes: Places
    inputs: Places | None
    lines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def fill(self, net: nn.Module) -> None:
        """Put the weights into a new net, of which the rest stays as it was drawn."""
        net.load_state_dict({name: self._filled(name, new) for name, new in net.state_dict().items()})

    def kept(self, net: nn.Module) -> list[str]:
        """Names of the net's parameters that are taken over as a whole."""
        axes = ((self.class_axes, self.classes), (self.input_axes, self.inputs))
        partly = {name for named, places in axes if places is None or None in places for name in named}
        return [name for name, _ in net.named_parameters() if name not in partly]

    def _filled(self, name: str, new: Tensor) -> Tensor:
        old = self.weights[name]
        if name in self.class_axes:
            return _by_place(new, old, self.class_axes[name], self.classes)
        if name not in self.input_axes:
            return old
        if self.inputs is None:
            return new
        axis = self.input_axes[name]
        # a convolution that does not look at a new channel yet gives what it gave without it
        return _by_place(new.zero_() if axis == 1 else new, old, axis, self.inputs)


def plan(
    path: Path, config: Mapping[str, Any], classes: Sequence[str], inputs: Inputs, trust: Sequence[str] = ()
) -> Transfer:
    """What a net of a configuration takes over from a checkpoint; no memory is taken for the net.

    Args:
        path: of the checkpoint; nothing in it is executed.
        config: of the new net; see `hela_seg.training.assembly.net_config`.
        classes: names of the new net's classes.
        inputs: channels that the new net is shown.
        trust: see `hela_seg.models.find_net`.

    Raises:
        InputError: no checkpoint, or one of another net than the configuration's.
    """
    info, weights = read_checkpoint(path)
    sizes = _sizes(config, trust)
    class_axes, input_axes = (_axes_of(config, sizes, key, trust) for key in ("classes", "in_channels"))
    held = Classes(info.classes).names
    theirs = Inputs.of_checkpoint(info)
    shown = info.input_channels
    expected = {name: _resized(size, class_axes.get(name), len(held)) for name, size in sizes.items()}
    expected = {name: _resized(size, input_axes.get(name), shown) for name, size in expected.items()}
    found = {name: _size(value) for name, value in weights.items()}
    if info.net.get("_target_") != config["_target_"] or found != expected:
        raise InputError(
            f"{path} holds {_described(info.net)}, but model is {_described(config)}, expected the same net: "
            "leave model= out, and the checkpoint's is taken"
        )
    _refuse_larger_than_file(path, weights)
    places = [held.index(name) if name in held else None for name in classes]
    transfer = Transfer(weights, class_axes, input_axes, places, inputs.matched(theirs))
    about_ends = {"classes": _about_classes(held, classes), "inputs": _about_inputs(inputs, theirs)}
    warnings = [*_renamed(path, inputs, theirs), *_unlike(path, info.net, config)]
    return replace(transfer, lines=tuple(_told(_groups(transfer), about_ends)), warnings=tuple(warnings))


def _sizes(config: Mapping[str, Any], trust: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The sizes of all weights of a net, without making them."""
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in net_of(config, trust).state_dict().items()}


def _axes_of(
    config: Mapping[str, Any], sizes: Mapping[str, tuple[int, ...]], key: str, trust: Sequence[str]
) -> dict[str, int]:
    """For each weight whose size grows with an argument of the net, the axis that does."""
    larger = _sizes({**config, key: config[key] + PROBE}, trust)
    return {
        name: axis
        for name, size in sizes.items()
        for axis, (one, other) in enumerate(zip(size, larger.get(name, size), strict=False))
        if other - one == PROBE
    }


def _size(value: Any) -> tuple[int, ...] | None:
    plain = isinstance(value, Tensor) and value.layout == torch.strided and not value.is_complex()
    return tuple(value.shape) if plain else None


def _resized(size: tuple[int, ...], axis: int | None, count: int) -> tuple[int, ...]:
    return tuple(count if place == axis else length for place, length in enumerate(size))


def _refuse_larger_than_file(path: Path, weights: Mapping[str, Tensor]) -> None:
    """A few bytes can pretend to be a large weight, and a net of that size would be made for it."""
    stated = sum(value.numel() * value.element_size() for value in weights.values())
    if stated > path.stat().st_size:
        raise InputError(
            f"{path} is damaged (it states weights of {stated} bytes, more than the file has), expected a "
            "file written by hela_seg.train"
        )


def _by_place(new: Tensor, old: Tensor, axis: int, places: Places) -> Tensor:
    filled = new.clone()
    for place, source in enumerate(places):
        if source is not None:
            filled.select(axis, place).copy_(old.select(axis, source))
    return filled


def _described(net: Mapping[str, Any]) -> str:
    ends = ("_target_", "in_channels", "classes")
    settings = " ".join(f"{key}={value}" for key, value in net.items() if key not in ends)
    return f"{option_of(net.get('_target_'))} with {settings or 'no settings'}"


def _groups(transfer: Transfer) -> dict[str, set[str]]:
    """For each group of layers what its weights hang on: ``classes``, ``inputs`` or nothing (``kept``)."""
    groups: dict[str, set[str]] = {}
    for name in transfer.weights:
        parts = name.split(".")
        if parts[-1] == "num_batches_tracked":
            continue  # a count, and not what a layer has learned
        group = ".".join(parts[: 1 + (parts[0] == "model")])  # segmentation-models-pytorch's are one deeper
        at_ends = {"classes": transfer.class_axes, "inputs": transfer.input_axes}
        hangs = next((end for end, named in at_ends.items() if name in named), "kept")
        groups.setdefault(group, set()).add(hangs)
    return groups


def _told(groups: Mapping[str, set[str]], about: Mapping[str, str | None]) -> Iterator[str]:
    """A line for all groups that are kept as a whole, and one for each that is not."""
    changed = {
        group: [str(about[end]) for end in ("inputs", "classes") if end in hangs and about[end]]
        for group, hangs in groups.items()
    }
    whole = [group for group, words in changed.items() if not words]
    if whole:
        yield f"kept: {', '.join(whole)}"
    for group, words in changed.items():
        if words:
            others = ["its other layers are kept"] if "kept" in groups[group] else []
            yield f"{group}: {'; '.join([*words, *others])}"


def _about_classes(held: Sequence[str], now: Sequence[str]) -> str | None:
    """What becomes of the last layer; None where it is kept as it is."""
    if list(held) == list(now):
        return None
    both, new = [n for n in now if n in held], [n for n in now if n not in held]
    gone = [n for n in held if n not in now]
    if not both:
        names = ", ".join(held)
        return f"the last layer begins anew, for no class of the checkpoint ({names}) is among these"
    words = [f"{', '.join(both)} taken over by the names of the classes"]
    words += [f"{', '.join(new)} begin(s) anew"] if new else []
    words += [f"{', '.join(gone)} left out"] if gone else []
    return ", ".join(words)


def _about_inputs(now: Inputs, held: Inputs) -> str | None:
    """What becomes of the first layer; None where it is kept as it is."""
    places = now.matched(held)
    if places is None:
        return (
            f"the first layer begins anew, for images have {now} and the checkpoint's had {held}, and names "
            "that would match them are not known on both sides"
        )
    if places == list(range((2 * held.context + 1) * held.channels)):
        return None
    how = "by the names of the channels" if set(now.names) & set(held.names) else "by frames"
    new = "; new channels begin with weights of 0" if None in places else ""
    return f"the first layer taken over {how}, for images have {now} and the checkpoint's had {held}{new}"


def _renamed(path: Path, now: Inputs, held: Inputs) -> Iterator[str]:
    if now.names and held.names and now.channels == held.channels and not set(now.names) & set(held.names):
        yield (
            f"the channels are {', '.join(now.names)}, but {path} was trained with {', '.join(held.names)}: "
            "they are taken for the same in this order"
        )


def _unlike(path: Path, held: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(held.keys() & now.keys() - set(FREE_ARGUMENTS)):
        if held[key] != now[key]:
            yield (
                f"model.{key} is {now[key]}, but {path} was trained with {held[key]}: the weights fit, but "
                "compute something else"
            )
