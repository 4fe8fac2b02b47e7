"""What tests of tables and of their figures share."""

from __future__ import annotations

from pathlib import Path

import pytest
from fabricated import frame_counts, write_run

from hela_seg.comparison.found import find_runs
from hela_seg.comparison.rows import Comparison, compare_runs


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    """Two nets, the first with two seeds."""
    for seed in (0, 1):
        write_run(tmp_path / f"unet {seed}", frame_counts(seed, 0.8), seed=seed)
    write_run(tmp_path / "resnet", frame_counts(2, 0.9), net="resnet34_unet")
    (found,) = compare_runs(find_runs([tmp_path])[0])
    return found
