"""A run that starts from a checkpoint has that one's net, as if it had been typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_checkpoints import INFO, saved

from hela_seg.cli.start_from import expand_start_from
from hela_seg.runs.checkpoint import CHECKPOINT_KEY
from hela_seg.system.errors import InputError


def test_its_net_stands_before_what_is_typed(tmp_path: Path) -> None:
    net = {
        "_target_": "hela_seg.models.unet.UNet",
        "width": 2,
        "in_channels": 1,
        "classes": 2,
        "dropout": 0.0,
    }
    path = saved(tmp_path / "a.ckpt", **{CHECKPOINT_KEY: INFO.to_plain() | {"net": net}})
    typed = [f"start_from='{path}'", "model.dropout=0.5", "seed=1"]
    assert expand_start_from(typed) == [
        "model=unet",
        "++model.width=2",
        "++model.dropout=0.0",
        *typed,
    ]


@pytest.mark.parametrize(
    "typed",
    [
        ["seed=1"],
        ["start_from=null"],
        ["start_from=gone.ckpt", "model=unet"],
        ["--multirun", "start_from=a.ckpt,b.ckpt"],
    ],
)
def test_who_chooses_a_net_or_no_checkpoint_is_left_alone(typed: list[str]) -> None:
    assert expand_start_from(typed) == typed


@pytest.mark.parametrize("target", ["os.system", "../../other/unet.UNet", "hela_seg.models.nowhere.Net"])
def test_a_net_that_no_option_chooses_is_refused(target: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.ckpt", **{CHECKPOINT_KEY: INFO.to_plain() | {"net": {"_target_": target}}})
    with pytest.raises(InputError, match="which model= cannot choose"):
        expand_start_from([f"start_from={path}"])


def test_a_net_of_a_trusted_module_is_named_by_its_class(tmp_path: Path) -> None:
    net = {"_target_": "my_nets.unet.MyNet", "width": 2, "in_channels": 1, "classes": 2}
    path = saved(tmp_path / "a.ckpt", **{CHECKPOINT_KEY: INFO.to_plain() | {"net": net}})
    typed = [f"start_from={path}", "trust=[other,my_nets]"]
    expected = ["model._target_=my_nets.unet.MyNet", "++model.width=2", *typed]
    assert expand_start_from(typed) == expected
    for trust in ("my_net", "unet", "my_nets.unet.MyNet", "null"):
        with pytest.raises(InputError, match=r"my_nets\.unet\.MyNet.* add trust=my_nets\.unet if you trust"):
            expand_start_from([f"start_from={path}", f"trust={trust}"])
