"""The console script: ``hela-seg train ...`` is ``python -m hela_seg.train ...``."""

from __future__ import annotations

import sys

from hela_seg.cli import COMMANDS, USER_FAULT
from hela_seg.cli import main as run


def main() -> int:
    """Run the command that is named first; status 2 where there is no such command."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in COMMANDS:
        return run(name, sys.argv[2:])
    usage = f"usage: hela-seg {{{','.join(COMMANDS)}}} ...; hela-seg train --help says more"
    if name in {"-h", "--help"}:
        print(usage)
        return 0
    print(f"error: '{name}' is no command; {usage}", file=sys.stderr)
    return USER_FAULT


if __name__ == "__main__":
    sys.exit(main())
