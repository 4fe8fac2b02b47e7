"""Logs of MLflow and of Weights & Biases, one for each run, however often it is resumed.

Their packages are extras, which are imported only when a run asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, MLFlowLogger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from hela_seg.system.errors import not_installed
from hela_seg.system.files import make_folder, whole_file

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


def tell_settings(loggers: Iterable[Logger], settings: Mapping[str, Any]) -> None:
    """Log a run's settings with the services; in the run's folder they already are."""
    for logger in loggers:
        if isinstance(logger, MlflowLog | WandbLog):
            logger.log_hyperparams(dict(settings))


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
    return _goes_on(
        folder,
        "mlflow",
        lambda before: MlflowLog(
            is_new=before is None,
            experiment_name=experiment,
            tracking_uri=store,
            artifact_location=artifacts,
            run_name=Path(folder).name,
            run_id=before,
        ),
        lambda logger: logger.run_id,
    )


def wandb(folder: str, project: str = "hela_seg", offline: bool = True) -> Logger:
    """Weights & Biases' log of a run.

    Args:
        folder: of the run; a run that goes on adds to the log that its folder names.
        project: name of the project.
        offline: nothing is sent; ``wandb sync`` does that later.

    Raises:
        InputError: the package is not installed.
    """
    return _goes_on(
        folder,
        "wandb",
        lambda before: WandbLog(
            name=Path(folder).name,
            save_dir=folder,
            project=project,
            offline=offline,
            id=before,
            resume="allow",
        ),
        lambda logger: logger.experiment.id,
    )


def _goes_on(
    folder: str, service: str, make: Callable[[str | None], Any], identity: Callable[[Any], object]
) -> Logger:
    """The log that `make` makes for the identity which a run's folder names; a new log's is noted there."""
    path = Path(folder) / f"{service}_run.txt"
    try:
        logger: Logger = make(path.read_text(encoding="utf-8").strip() if path.is_file() else None)
    except ModuleNotFoundError:
        raise not_installed(f"logger={service}", service, service, "choose logger=csv") from None

    @rank_zero_only
    def note() -> None:
        with whole_file(path) as beside:
            beside.write_text(f"{identity(logger)}\n", encoding="utf-8")

    note()
    return logger
