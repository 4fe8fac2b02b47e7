"""Lightning's count of epochs and batches, which a run needs to continue between two steps.

These attributes and dictionary keys are internal to Lightning: its documentation does not promise them. Only
this file touches them, pyproject.toml caps Lightning at the minor version that was tested, and
tests/system/test_lightning_loops.py fails where a later version changes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytorch_lightning as pl


def epochs_ended(trainer: pl.Trainer) -> int:
    """How many epochs a trainer has ended: the number, from 0, of the epoch that it begins or continues."""
    progress: Any = trainer.fit_loop.epoch_progress.current  # Lightning annotates a wider type
    return int(progress.processed)


def batches_begun(trainer: pl.Trainer) -> int:
    """How many training batches of the present epoch a trainer has taken from its loader."""
    return int(trainer.fit_loop.epoch_loop.batch_progress.current.ready)


def continue_epoch_as_usual(trainer: pl.Trainer) -> None:
    """Have a resumed trainer treat the end of this epoch like the end of any other.

    Lightning marks the whole epoch as restarted, and then does not update a plateau schedule of the learning
    rate. With ``max_steps`` it even takes the end of an epoch for its middle.
    """
    loop = trainer.fit_loop
    loop._restarting = False
    if loop.epoch_loop.batch_progress.current.completed == 0:
        loop.epoch_loop.restarting = False


def do_not_share_sigterm(trainer: pl.Trainer) -> None:
    """Keep a trainer from asking all ranks at each step for a received SIGTERM, which waits for the GPU."""
    trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None  # type: ignore[method-assign]


def count_between_steps(checkpoint: dict[str, Any], batches: int) -> None:
    """Set a checkpoint's counters as they are between two steps, whichever hook saved it.

    Args:
        checkpoint: as Lightning writes it.
        batches: how many of the present epoch are done; 0 stands for the end of the epoch before.
    """
    loop = checkpoint["loops"]["fit_loop"]
    begun = int(batches > 0)
    for counts in (loop["epoch_progress"]["total"], loop["epoch_progress"]["current"]):
        done = counts["completed"]
        counts.update(ready=done + begun, started=done + begun, processed=done)
    seen = loop["epoch_loop.batch_progress"]
    seen["is_last_batch"] = False
    for counts, done in ((seen["total"], seen["total"]["completed"]), (seen["current"], batches)):
        counts.update(dict.fromkeys(counts, done))


def rescale_batches(checkpoint: dict[str, Any], before: int, now: int) -> None:
    """Convert a checkpoint's count of the present epoch's batches to batches of another size.

    Args:
        checkpoint: as Lightning writes it, saved between two steps.
        before: batches in one step of the optimiser in the run that saved it.
        now: batches in one step of the optimiser in this run.
    """
    counts = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]
    counts.update(dict.fromkeys(counts, counts["completed"] // before * now))
