"""The console script: ``hela-seg train ...`` is ``python -m hela_seg.train ...``."""

from __future__ import annotations

import sys
from difflib import get_close_matches

from hela_seg.cli import COMMANDS, USER_FAULT
from hela_seg.cli import main as run
from hela_seg.cli.completion import SCRIPTS, completions
from hela_seg.cli.help import overview, print_answer
from hela_seg.system.version import __version__


def main() -> int:
    """Run the command that is named first; status 2 where there is no such command."""
    name, *typed = sys.argv[1:] or ["--help"]
    if name in COMMANDS:
        return run(name, typed)
    if name in {"-h", "--help"}:
        print_answer(overview())
    elif name == "--version":
        print_answer(f"hela_seg {__version__}")
    elif name == "--completion" and typed and typed[0] in SCRIPTS:
        print_answer(SCRIPTS[typed[0]])
    elif name == "--complete":
        print_answer("\n".join(completions(typed)))
    else:
        near = get_close_matches(name, COMMANDS, 1)
        cure = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(COMMANDS)}"
        print(f"error: '{name}' is no command: {cure} See hela-seg --help", file=sys.stderr)
        return USER_FAULT
    return 0


if __name__ == "__main__":
    sys.exit(main())
