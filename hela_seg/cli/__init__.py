"""From what is typed to a command's configuration and its exit status.

- ``commands``: which there are, and the grammar of each
- ``arguments``: positions, options and paths as typed -> Hydra's overrides
- ``keys``: the shipped configuration files, with what their comments say
- ``help``, ``completion``, ``nearest``: what is answered without Hydra: help, the Tab key, "did you mean"
- ``resume_arguments``, ``start_from``: what was typed before, or follows from a checkpoint -> arguments;
  ``untrusted``: what a record may say
- ``run``: Hydra composes the configuration, the command runs, and what goes wrong becomes one line

Only ``run`` and what it calls import Hydra, and only a command imports PyTorch: help and paths that are not
there are answered before.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from hela_seg.cli.arguments import overrides, refuse_absent_paths, setting
from hela_seg.cli.commands import COMMANDS, CONFIG, USER_FAULT, Command
from hela_seg.cli.help import help_of, print_answer
from hela_seg.system.errors import InputError
from hela_seg.system.ranks import RankInfo
from hela_seg.system.version import __version__

__all__ = ["COMMANDS", "CONFIG", "USER_FAULT", "Command", "main", "overrides", "setting"]


def main(name: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command as from the shell: ``main("train", ["model=unet"])``.

    Args:
        name: one of `COMMANDS`.
        arguments: what was typed after the command; by default this process's own.

    Returns:
        Exit status: 0, 2 where the user must mend something, 3 where the work is done but for input that was
        left out, 130 after Ctrl+C and 143 where training is told to end, or 1 for a fault of ours, with its
        traceback.
    """
    typed = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if asked := [word for word in typed if word == "-h" or re.fullmatch("--help(=.*)?", word)]:
            words = [word.partition("=")[2] for word in asked] + [w for w in typed if not w.startswith("-")]
            print_answer(help_of(name, list(filter(None, words))))
            return 0
        if "--version" in typed:
            print_answer(f"hela_seg {__version__}")
            return 0
        refuse_absent_paths(COMMANDS[name], overrides(COMMANDS[name], typed))
        if "torch" not in sys.modules and RankInfo.here().rank == 0:
            # before the imports that take seconds; a program that calls this has them behind it
            print(f"hela-seg {name} {__version__}", file=sys.stderr, flush=True)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return USER_FAULT
    from hela_seg.cli.run import run

    return run(name, typed)
