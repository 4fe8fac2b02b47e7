"""Tests of what only a GPU of CUDA shows; elsewhere they skip, with the reason.

    pytest -m gpu -n 0 -W default tests/gpu                 on a machine with a GPU, in a few minutes
    HELA_SEG_TEST_DEVICE=cpu pytest -m gpu -n 0 tests/gpu   the same code on a CPU, without what it lacks

Tests that look at CUDA itself (its memory, transfers and synchronisation) skip on a CPU in either case.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

DEVICE = os.environ.get("HELA_SEG_TEST_DEVICE", "cuda")
"""Where these tests compute."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, and say why they skip; what takes a minute to compile comes last."""
    items.sort(key=lambda item: "compiled" in item.name and item.path.is_relative_to(Path(__file__).parent))
    for item in items:
        if not item.path.is_relative_to(Path(__file__).parent):
            continue
        item.add_marker("gpu")
        if DEVICE != "cuda":
            continue
        # PyTorch and Lightning, of whatever version the machine has, warn of themselves there: of TF32 when
        # they compile, of debugging modes, of forks beside CUDA's threads
        item.add_marker(pytest.mark.filterwarnings("default"))
        if not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="this machine has no GPU of CUDA"))


@pytest.fixture
def device() -> torch.device:
    """Where a test computes that runs anywhere."""
    return torch.device(DEVICE)


@pytest.fixture
def cuda() -> Iterator[torch.device]:
    """A GPU, which a test may fill and limit."""
    if DEVICE != "cuda":
        pytest.skip("looks at CUDA itself")
    torch.cuda.empty_cache()
    yield torch.device("cuda")
    torch.cuda.set_sync_debug_mode("default")
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


@pytest.fixture
def trainer(device: torch.device) -> list[str]:
    """The overrides that make a run compute there."""
    return ["trainer=gpu", "trainer.accelerator=cuda"] if device.type == "cuda" else ["trainer=cpu"]
