"""Settings become typed objects; what does not fit its type is refused by its path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import FrozenInstanceError, dataclass
from typing import Any, Literal

import pytest
import torch
from omegaconf import OmegaConf

from hela_seg.models.unet import UNet
from hela_seg.system.errors import InputError
from hela_seg.system.settings import (
    Count,
    Group,
    NonNegative,
    Seed,
    Share,
    build,
    check_group,
    checked,
    flatten,
    validated,
)


@dataclass(frozen=True)
class Inner:
    gap: NonNegative = 2
    names: Sequence[str] | None = None


@dataclass(frozen=True)
class Outer:
    root: str
    inner: Inner | None = None
    count: Count = 4
    share: Share = 0.5
    seed: Seed = 0
    mode: Literal["stop", "skip"] = "stop"
    wish: Count | Literal["auto"] | None = None
    report: bool = True
    group: Group | None = None


def test_settings_become_an_object_with_nested_ones() -> None:
    given = OmegaConf.create({"root": "a", "inner": {"gap": 0, "names": ["b"]}, "share": 1, "wish": "auto"})
    assert checked(Outer, given) == Outer("a", Inner(0, ["b"]), share=1, wish="auto")
    assert checked(Inner, None) == Inner()


def test_the_object_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        checked(Inner, {}).gap = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("count", "many", "data.count is 'many', expected a whole number of 1 or more, such as 4"),
        ("count", 0, "data.count is 0, expected a whole number of 1 or more"),
        ("count", 1.5, "data.count is 1.5, expected a whole number of 1 or more"),
        ("count", True, "data.count is true, expected a whole number of 1 or more"),
        ("count", None, "data.count is null, expected a whole number of 1 or more"),
        ("count", [1], "data.count is [1], expected a whole number of 1 or more"),
        ("share", 1.5, "data.share is 1.5, expected a number from 0 to 1"),
        ("share", "0.5", "data.share is '0.5', expected a number from 0 to 1"),
        ("seed", -1, "data.seed is -1, expected a whole number from 0 to 4294967295"),
        ("seed", 2**32, "data.seed is 4294967296, expected a whole number from 0 to 4294967295"),
        ("mode", "halt", "data.mode is 'halt', expected stop or skip"),
        ("wish", "many", "data.wish is 'many', expected a whole number of 1 or more, auto or null"),
        ("report", "yes", "data.report is 'yes', expected true or false"),
        ("report", 1, "data.report is 1, expected true or false"),
        ("root", None, "data.root is null, expected a word"),
        ("inner", -1, "data.inner is -1, expected settings of its own or null"),
        ("group", "none", "data.group is 'none', expected settings of its own or null"),
        ("inner", {"gap": -1}, "data.inner.gap is -1, expected a whole number of 0 or more"),
        ("inner", {"gpa": 1}, "data.inner has the unknown key(s) gpa, expected some of gap, names"),
        ("inner", {"names": "b"}, "data.inner.names is 'b', expected a list in brackets or null"),
        ("rot", "a", "data has the unknown key(s) rot, expected some of root, inner"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_path(key: str, value: Any, said: str) -> None:
    with pytest.raises(InputError) as refused:
        checked(Outer, {"root": "a", key: value}, "data")
    assert str(refused.value).startswith(said)


def test_what_is_missing_is_asked_for() -> None:
    with pytest.raises(InputError, match=r"^data\.root is not given"):
        checked(Outer, {}, "data")


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ({"_target_": "torch.optim.Adam", "lr": "fast"}, "x.lr is 'fast', expected a number, such as 0.001"),
        ({"_target_": "torch.optim.Adam", "lr": True}, "x.lr is true, expected a number"),
        (
            {"_target_": "torch.optim.Adam", "rate": 1},
            r"x has the unknown key(s) rate, expected some of params",
        ),
        (
            {"_target_": "hela_seg.models.unet.UNet", "width": None},
            "x.width is null, expected a whole number",
        ),
        ({"a": {"_target_": "torch.optim.Adam", "lr": [1]}}, "x.a.lr is [1], expected a number"),
        ({"_target_": "hela_seg.no.Such"}, "x._target_ is 'hela_seg.no.Such', expected the full name"),
        (
            {"_target_": "hela_seg.models.unet.Such"},
            "x._target_ is 'hela_seg.models.unet.Such', expected the",
        ),
    ],
)
def test_groups_are_held_against_their_constructors(group: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as refused:
        check_group(group, "x")
    assert str(refused.value).startswith(said)


def test_arguments_of_any_name_and_type_are_left_to_those_that_take_them() -> None:
    check_group(
        {"_target_": "torch.optim.Adam", "_partial_": True, "betas": [0.9, 0.99], "lr": 1}, "optimizer"
    )
    check_group({"_target_": "collections.Counter", "anything": "goes"}, "x")
    built = {"_target_": "hela_seg.training.schedules.cosine", "_partial_": True, "warm_up": 0.1}
    check_group({"_target_": "hela_seg.training.task.Schedule", "decay": built}, "scheduler")
    with pytest.raises(InputError, match=r"^scheduler\.decay has the unknown key\(s\) speed"):
        check_group(
            {"_target_": "hela_seg.training.task.Schedule", "decay": built | {"speed": 1}}, "scheduler"
        )


def test_a_group_becomes_the_object_that_it_describes() -> None:
    adam = {"_target_": "torch.optim.Adam", "_partial_": True, "betas": [0.5, 0.9]}
    optimizer = build(adam, "optimizer")([torch.nn.Parameter(torch.ones(1))])
    assert tuple(optimizer.defaults["betas"]) == (0.5, 0.9)
    net = {"_target_": "hela_seg.models.unet.UNet", "width": 2, "in_channels": 1}
    assert isinstance(build(net, "model", classes=2), UNet)


def test_a_validated_function_takes_what_fits_alone() -> None:
    @validated("draw")
    def draw(path: str, frames: Count = 1, inner: Inner | None = None) -> Inner | None:
        return inner

    assert draw("a", 2, inner={"gap": 5}) == Inner(5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^draw\.frames is 0, expected a whole number of 1 or more"):
        draw("a", 0)


def test_settings_by_their_paths() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": [2]}}, "e": {}}) == {"a.b": 1, "a.c.d": [2], "e": {}}
