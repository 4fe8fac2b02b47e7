"""Logs of MLflow and of Weights & Biases, one for each run, however often it is resumed.

Their packages are extras, which are imported only when a run asks for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, MLFlowLogger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from hela_seg.system.errors import not_installed
from hela_seg.system.files import make_folder, write_whole

_SQLITE = "sqlite:///"


class WandbLog(WandbLogger):
    """A log of Weights & Biases that ends with its run, so that the next run of a sweep begins its own.

    After a run is resumed, repeated steps appear twice: offline logs can be neither read nor removed.
    """

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End the log."""
        super().finalize(status)
        self.experiment.finish(exit_code=int(status != "success"))


class MlflowLog(MLFlowLogger):
    """A log of MLflow that logs no step twice after its run is resumed, because MLflow removes nothing.

    Settings are logged only when the run begins, because MLflow refuses to change them.

    Args:
        is_new: whether the run begins rather than resumes.
        others: see Lightning's `MLFlowLogger`.
    """

    def __init__(self, *, is_new: bool, **others: Any) -> None:
        super().__init__(**others)
        self._is_new = is_new
        self._steps_before: dict[str, int] = {}

    @rank_zero_only
    def log_hyperparams(self, params: Any) -> None:
        """Log the settings, if the run begins."""
        if self._is_new:
            super().log_hyperparams(params)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics, without those that the run logged for this step before it was interrupted."""
        if self._is_new or step is None:
            super().log_metrics(metrics, step)
            return
        super().log_metrics({name: metrics[name] for name in metrics if step > self._last_step(name)}, step)

    def _last_step(self, name: str) -> int:
        if name not in self._steps_before:
            history = self.experiment.get_metric_history(self.run_id, name)
            self._steps_before[name] = max((point.step for point in history), default=-1)
        return self._steps_before[name]


def mlflow(folder: str, store: str, artifacts: str, experiment: str = "hela_seg") -> Logger:
    """MLflow's log of a run.

    Args:
        folder: of the run; a run that goes on adds to the MLflow run that its folder names.
        store: ``sqlite:///outputs/mlflow.db``, or the address of a tracking server.
        artifacts: where the pictures of a new experiment go.
        experiment: its name in the store.

    Raises:
        InputError: the package is not installed.
    """
    if store.startswith(_SQLITE):
        make_folder(Path(store.removeprefix(_SQLITE)).parent)
    before = _noted(folder, "mlflow")
    with _as_extra("mlflow"):
        logger = MlflowLog(
            is_new=before is None,
            experiment_name=experiment,
            tracking_uri=store,
            artifact_location=artifacts,
            run_name=Path(folder).name,
            run_id=before,
        )
    _note(folder, "mlflow", logger.run_id)
    return logger


def wandb(folder: str, project: str = "hela_seg", offline: bool = True) -> Logger:
    """Weights & Biases' log of a run.

    Args:
        folder: of the run; a run that goes on adds to the log that its folder names.
        project: name of the project.
        offline: nothing is sent; ``wandb sync`` does that later.

    Raises:
        InputError: the package is not installed.
    """
    name, before = Path(folder).name, _noted(folder, "wandb")
    with _as_extra("wandb"):
        logger = WandbLog(name, folder, project=project, offline=offline, id=before, resume="allow")
    _note(folder, "wandb", logger.experiment.id)
    return logger


def _noted(folder: str, service: str) -> str | None:
    """The identity of a run's log with a service, as its folder names it; None where the log is new."""
    path = Path(folder) / f"{service}_run.txt"
    return path.read_text(encoding="utf-8").strip() if path.is_file() else None


@rank_zero_only
def _note(folder: str, service: str, identity: object) -> None:
    write_whole(Path(folder) / f"{service}_run.txt", f"{identity}\n")


@contextmanager
def _as_extra(service: str) -> Iterator[None]:
    """Say what to install where the package of a service is not."""
    try:
        yield
    except ModuleNotFoundError:
        raise not_installed(f"logger={service}", service, service, "choose logger=csv") from None
