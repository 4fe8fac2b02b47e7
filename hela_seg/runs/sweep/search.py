"""What a search for settings needs to be told, beside where to look."""

from __future__ import annotations

from omegaconf import DictConfig


def configure_sweeper(sweeper: DictConfig) -> None:
    """Have a search look for the highest score, bear failed jobs, and repeat itself when it is repeated.

    By themselves Optuna's sweepers look for the lowest value and end with the first job that fails. Without a
    seed, a search that was interrupted would ask for other settings than those that are done.

    Args:
        sweeper: configuration of the sweeper, changed here; of one that does not search, nothing is.
    """
    if "direction" not in sweeper:
        return
    sweeper.direction = "maximize"
    sweeper.max_failure_rate = 1.0
    if "seed" in sweeper.sampler and sweeper.sampler.seed is None:
        sweeper.sampler.seed = 0
