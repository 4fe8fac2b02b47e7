"""The grammar of each command names keys that its configuration has."""

from __future__ import annotations

import pytest

from hela_seg.cli import COMMANDS
from hela_seg.cli.keys import all_keys

OF_HYDRA = {"hydra.run.dir", "hydra.sweep.dir"}


@pytest.mark.parametrize("name", COMMANDS)
def test_positions_options_and_paths_stand_for_keys_that_are_there(name: str) -> None:
    command = COMMANDS[name]
    known = {key.path for key in all_keys(name)} | OF_HYDRA
    flags = {setting.partition("=")[0] for setting in command.flags.values()}
    listed = {command.listed} if command.listed else set()
    assert {*command.positions, *command.options.values(), *flags, *listed} <= known
    assert command.paths <= known
    assert set(command.inputs) <= command.paths | listed
    assert command.about.endswith(".")
    assert len(f"  {name:<10} {command.about}") <= 79
