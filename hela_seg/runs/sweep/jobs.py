"""What becomes of the jobs of a sweep: each leaves word in its folder, whoever launched it."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from hela_seg.runs import records, run_folder
from hela_seg.runs.sweep.folders import JOB_RECORD, SWEEP_RECORD, read_lines
from hela_seg.system.faults import user_message
from hela_seg.system.files import whole_file, write_whole

log = logging.getLogger(__name__)

FINISHED, FAILED, NOT_ENDED = "finished", "failed", "not ended"


@dataclass(frozen=True)
class Job:
    """A job of a sweep.

    Attributes:
        folder: of its run.
        overrides: its settings, as Hydra took them.
        state: `FINISHED`, `FAILED` or `NOT_ENDED`.
        validation_score: m-IoU on the validation frames, of a finished job that had some.
        error: why it failed, in one line.
    """

    folder: Path
    overrides: tuple[str, ...]
    state: str
    validation_score: float | None = None
    error: str | None = None


class Sweep(Callback):
    """Remembers the sweep that this process begins, so that its end can be told however it comes."""

    begun: list[Path] = []  # noqa: RUF012  # one for all: Hydra hands out no callback that it made

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Note its folder, leave there what it is begun with, as not every sweeper does, and aim a search."""
        configure_sweeper(config.hydra.sweeper)
        folder = Path(config.hydra.sweep.dir)
        self.begun.append(folder)
        with whole_file(folder / SWEEP_RECORD) as beside:
            OmegaConf.save(config, beside)


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


def run_job(train: Callable[[], float | None]) -> float | None:
    """Run a job of a sweep; where it fails, say so at once, leave word in its folder and let others go on.

    Args:
        train: does the job; gives its score on the validation frames, None where nothing was validated.

    Returns:
        What a search makes as high as it can; None where the job failed or nothing was validated.
    """
    folder = Path(HydraConfig.get().runtime.output_dir)
    (folder / run_folder.FAILED).unlink(missing_ok=True)
    try:
        return train()
    except Exception as error:
        line, trace = user_message(error), "".join(traceback.format_exception(error))
        if line is None:
            last = " ".join(f"{type(error).__name__}: {error}".split())
            line = f"a fault of hela_seg, traceback in {folder / run_folder.FAILED}: {last}"
        word = {"error": line, "traceback": trace.splitlines()}
        write_whole(folder / run_folder.FAILED, json.dumps(word, indent=2, ensure_ascii=False) + "\n")
        log.error("error: job %s failed: %s", folder.name, line)
        return None


def jobs_in(sweep: Path) -> list[Job]:
    """All jobs that a sweep has begun, in the order of their numbers."""
    folders = [record.parents[len(JOB_RECORD.parts) - 1] for record in sweep.glob(f"*/{JOB_RECORD}")]
    return [_job(folder) for folder in sorted(folders, key=_number)]


def _number(folder: Path) -> tuple[float, str]:
    first = folder.name.split("_")[0]
    return (int(first) if first.isdigit() else float("inf"), folder.name)


def _job(folder: Path) -> Job:
    settings = tuple(read_lines(folder / JOB_RECORD))
    if (folder / run_folder.FAILED).is_file():
        word = records.read_json(folder / run_folder.FAILED)
        return Job(folder, settings, FAILED, error=str(word.get("error")))
    if (folder / run_folder.FINISHED).is_file():
        word = records.read_json(folder / run_folder.FINISHED)
        return Job(folder, settings, FINISHED, validation_score=word.get("validation_score"))
    return Job(folder, settings, NOT_ENDED)
