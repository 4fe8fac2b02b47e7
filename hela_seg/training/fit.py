"""Lightning's loop: which of its warnings are silenced, and how training ends that is interrupted."""

from __future__ import annotations

import shlex
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytorch_lightning as pl

from hela_seg.data.datamodule import TimelapseData
from hela_seg.system.errors import InputError, Interrupted
from hela_seg.system.hardware import is_out_of_memory
from hela_seg.training.task import SegmentationTask

NEEDLESS_WARNINGS = (
    ".*does not have many workers",  # data.workers has a rule of its own
    ".*smaller than the logging interval",  # short epochs are logged at their end
    ".*LeafSpec.*deprecated",  # between Lightning and torch
    ".*your dataloader is not resumable",  # ours starts where the run goes on
    "Checkpoint directory .* is not empty",  # a run that goes on finds what it left
    ".*recommended to use `self.log.*sync_dist=True",  # what is logged is the same in all processes
    "Grad strides do not match bucket view strides",  # of 1x1 convolutions, whose layout is both
)


def fit(trainer: pl.Trainer, task: SegmentationTask, data: TimelapseData, start: Path | None) -> bool:
    """Train; False where memory ran out.

    An answer and not an exception, whose traceback would hold on to the memory that the caller then measures.

    Args:
        trainer: that trains.
        task: what is trained.
        data: prepared.
        start: the checkpoint that Lightning goes on from; None where training begins anew.

    Raises:
        Interrupted: Ctrl+C or SIGTERM ended it.
        InputError: the net cannot be compiled on this machine.
    """
    with warnings.catch_warnings():
        for needless in NEEDLESS_WARNINGS:
            warnings.filterwarnings("ignore", needless)
        try:
            with _ending_as_by_keyboard():
                trainer.fit(task, datamodule=data, ckpt_path=start, weights_only=True)
        except SystemExit:  # all that Lightning leaves of Ctrl+C
            number = signal.SIGTERM if trainer.received_sigterm else signal.SIGINT
            resume = shlex.quote(f"resume={trainer.default_root_dir}")
            raise Interrupted(number, f"go on with {resume}") from None
        except RuntimeError as error:
            if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                reason = " ".join(str(error).partition("\n\n")[0].split())
                raise InputError(
                    f"trainer.compile is true, but the net cannot be compiled here ({reason}): install what "
                    "is missing, such as a C++ compiler (g++), or set trainer.compile=false"
                ) from None
            if not is_out_of_memory(error):
                raise
            return False
    return True


@contextmanager
def _ending_as_by_keyboard() -> Iterator[None]:
    """Let SIGTERM end training at once, as Ctrl+C does.

    Lightning would wait for the end of a batch or of all validation, and leave with status 0.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
