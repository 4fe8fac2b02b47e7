"""The Tab key offers commands, groups, choices and keys."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hela_seg.cli.completion import SCRIPTS, completions


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["tr"], ["track ", "train "]),
        (["train", "loss=d"], ["loss=dice", "loss=dice_ce"]),
        (["train", "data.split.f"], ["data.split.folds=", "data.split.fold=", "data.split.file="]),
        (["train", "call"], ["callbacks=", "callbacks."]),
        (["predict", "best.ckpt", "maj"], ["majority="]),
        (["nothing", "x"], []),
    ],
)
def test_the_tab_key_offers(typed: list[str], expected: list[str]) -> None:
    assert sorted(completions(typed)) == sorted(expected)


@pytest.mark.parametrize(
    ("shell", "before", "typed", "after", "offered"),
    [
        # bash takes what stands before the equal sign for a word of its own
        (
            "bash",
            "",
            'COMP_LINE="hela-seg train loss=di"; COMP_POINT=${#COMP_LINE}',
            'echo "${COMPREPLY[@]}"',
            "dice dice_ce\n",
        ),
        (
            "zsh",
            'compdef() { }; compadd() { shift 4; echo "$@" }',
            "words=(hela-seg train loss=di); CURRENT=3",
            "",
            "loss=dice loss=dice_ce\n",
        ),
    ],
)
def test_a_shell_completes_after_the_equal_sign(
    shell: str, before: str, typed: str, after: str, offered: str, tmp_path: Path
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    program = tmp_path / "hela-seg"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hela_seg "$@"\n')
    program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    script = "\n".join([before, SCRIPTS[shell], typed, "_hela_seg", after])
    done = subprocess.run(
        [shell, "-c", script], env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == (offered, "")
