"""Training ends at once where it is told to, and says how it goes on or what the machine lacks."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import SMALL_NET
from torch._dynamo.exc import TorchDynamoException

from hela_seg.cli import main
from hela_seg.training.task import SegmentationTask


def train(cells: Path, folder: Path, *more: str) -> int:
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]"]
    return main("train", [*data, *SMALL_NET, "trainer.max_epochs=1", f"hydra.run.dir={folder}", *more])


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl+C interrupts, which processes that a shell started in the background ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(
    ("step", "number", "status"),
    [("training_step", signal.SIGTERM, 143), ("validation_step", signal.SIGINT, 130)],
)
def test_a_signal_ends_training_at_once_with_its_status_and_how_to_go_on(
    step: str,
    number: signal.Signals,
    status: int,
    cells: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    calls, taken = [], getattr(SegmentationTask, step)

    def told_to_end(task: SegmentationTask, *batch: Any) -> Any:
        calls.append(step)
        if task.current_epoch == 1:
            os.kill(os.getpid(), number)
            pytest.fail("went on")
        return taken(task, *batch)

    monkeypatch.setattr(SegmentationTask, step, told_to_end)
    handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    folder = tmp_path / "my run"
    assert train(cells, folder, "trainer.max_epochs=3") == status
    said, _, typed = capfd.readouterr().err.splitlines()[-1].partition(" with ")
    assert (said, shlex.split(typed)) == ("interrupted: go on", [f"resume={folder}"])
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == handlers
    assert torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 2
    monkeypatch.undo()
    assert main("train", [f"resume={folder}"]) == 0
    predict = next(line for line in capfd.readouterr().out.splitlines() if "hela_seg.predict" in line)
    assert str(folder / "checkpoints" / "best.ckpt") in shlex.split(predict)


def test_a_machine_that_cannot_compile_says_what_it_lacks(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def lacks_a_compiler(image: torch.Tensor) -> torch.Tensor:
        reason = "backend='inductor' raised:\nInvalidCxxCompiler: No working C++ compiler found"
        raise TorchDynamoException(f"{reason}\n\nSet TORCHDYNAMO_VERBOSE=1")

    monkeypatch.setattr(torch.nn.Module, "compile", lambda net: setattr(net, "forward", lacks_a_compiler))
    assert train(cells, tmp_path, "trainer.compile=true") == 2
    assert capfd.readouterr().err.splitlines()[-1] == (
        "error: trainer.compile is true, but the net cannot be compiled here (backend='inductor' raised: "
        "InvalidCxxCompiler: No working C++ compiler found): install what is missing, such as a C++ compiler "
        "(g++), or set trainer.compile=false"
    )
