"""Wrong values are refused before PyTorch is imported, in the words of the check that sees every value."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import composed
from refusals import refusal

from hela_seg.system.early_checks import refuse_early
from hela_seg.system.settings import check_group, to_plain

WRONG_VALUES = """
import sys
from hela_seg.cli import main
for typed in sys.argv[1:]:
    print(main("train", [typed, "hydra.run.dir=run"]), "torch" in sys.modules)
"""


def test_a_wrong_value_is_refused_without_torch(tmp_path: Path) -> None:
    said = {
        "data.batch_size=no": "data.batch_size is 'no', expected a whole number of 1 or more or null",
        "data.workers=1.5": "data.workers is 1.5, expected a whole number of 0 or more or null",
        "trainer.max_steps=x": "trainer.max_steps is 'x', expected a whole number of 1 or more",
        "minutes=-1": "minutes is -1, expected a number above 0 or null",
        "report=3": "report is 3, expected true or false",
    }
    typed = [sys.executable, "-c", WRONG_VALUES, *said]
    done = subprocess.run(typed, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "2 False\n" * len(said)
    refused = [
        line.removeprefix("error: ") for line in done.stderr.splitlines() if line.startswith("error: ")
    ]
    assert refused == list(said.values())


@pytest.mark.parametrize(
    ("group", "said"),
    [
        (
            {"_target_": "hela_seg.models.unet.UNet", "width": "wide"},
            "x.width is 'wide', expected a whole number, such as 64",
        ),
        (
            {"a": {"_target_": "hela_seg.training.schedules.cosine", "warm_up": True}},
            "x.a.warm_up is true, expected a number, such as 0.05",
        ),
        (
            {"_target_": "hela_seg.data.datamodule.TimelapseData", "foreground_share": 2},
            "x.foreground_share is 2, expected a number from 0 to 1",
        ),
    ],
    ids=["a class", "a function in a group", "a class that is called with the fields of another"],
)
def test_plain_values_are_refused_as_by_the_full_check(group: dict[str, Any], said: str) -> None:
    assert refusal(refuse_early, group, "x").startswith(said)
    assert refusal(check_group, group, "x") == refusal(refuse_early, group, "x")


@pytest.mark.parametrize(
    "group",
    [
        {"_target_": "torch.optim.Adam", "lr": "fast"},
        {"_target_": "hela_seg.no.Such", "width": "wide"},
        {"_target_": "hela_seg.models.unet.Such", "width": "wide"},
        {"_target_": "hela_seg.models.unet.UNet", "other": "wide", "width": [1]},
        {"width": "wide"},
    ],
    ids=["of others", "no module", "no class", "unknown key and list", "no target"],
)
def test_what_it_cannot_know_is_left_to_the_full_check(group: dict[str, Any]) -> None:
    refuse_early(group)


def test_values_that_ship_pass() -> None:
    plain = to_plain(composed())
    refuse_early(plain, target="hela_seg.training.settings.TrainSettings")
    refuse_early(plain["trainer"], "trainer", "hela_seg.training.settings.TrainerSettings")
