"""``python -m hela_seg.compare outputs/...``: the nets of finished runs side by side."""

from __future__ import annotations

import sys

from hela_seg.cli import main

if __name__ == "__main__":
    # before the imports below, which take seconds that --help need not take
    sys.exit(main("compare"))

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Len

from hela_seg.comparison.rows import Comparison
from hela_seg.report.comparison.folders import compare_folders
from hela_seg.system.settings import Expected, NonNegative, checked


@dataclass(frozen=True)
class CompareSettings:
    """All settings; see ``conf/compare.yaml``."""

    runs: Annotated[
        str | int | Annotated[Sequence[str | int], Len(1)], Expected("folders such as [outputs/a,outputs/b]")
    ]
    output_dir: str
    seed: NonNegative = 0
    published: Literal["auto", "always", "never"] = "auto"


def compare(config: Mapping[str, Any]) -> list[Comparison]:
    """Compare runs as a configuration says; see ``conf/compare.yaml`` for its keys.

    Raises:
        InputError: settings that cannot be used, or no folder holds a finished run.
    """
    settings = checked(CompareSettings, config)
    # jobs of a sweep lie in folders that are named 0, 1 and so on
    given = [settings.runs] if isinstance(settings.runs, str | int) else settings.runs
    folders, output = [Path(str(folder)) for folder in given], Path(settings.output_dir)
    return compare_folders(folders, output, settings.seed, settings.published)
