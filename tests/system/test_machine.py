from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hela_seg.system import machine

CPU = torch.device("cpu")


def test_a_large_array_is_seen_in_the_peak_and_then_forgotten() -> None:
    machine.forget_peak_memory(CPU)
    before = machine.peak_memory(CPU)
    if before is None:
        pytest.skip("this system tells no peak of memory")
    np.ones(200 * 2**20, np.uint8)
    seen = machine.peak_memory(CPU)
    machine.forget_peak_memory(CPU)
    after = machine.peak_memory(CPU)
    assert seen is not None
    assert after is not None
    assert seen - before > 150 * 2**20
    assert seen - after > 150 * 2**20


def test_a_system_that_tells_no_peak_costs_no_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "status").write_text("Name: python\n")
    (tmp_path / "clear_refs").mkdir()  # which cannot be written
    monkeypatch.setattr(machine, "_STATUS", tmp_path / "status")
    monkeypatch.setattr(machine, "_RESET", tmp_path / "clear_refs")
    machine.forget_peak_memory(CPU)
    assert machine.peak_memory(CPU) is None


@pytest.mark.parametrize("known", [True, False])
def test_cores_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    if known:
        monkeypatch.setattr("os.sched_getaffinity", lambda _: {3, 5, 7, 9}, raising=False)
    else:
        monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert machine.cores() == (4 if known else 64)
