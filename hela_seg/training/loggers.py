"""Logs kept by services: one for each run, however often it goes on.

Their packages are extras, and not imported before a run asks for them.
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
    """A log that ends with its run, so that the next run of a sweep in this process begins its own.

    Where a run goes on, steps that are done again are in it twice: what was logged offline can neither be
    read nor taken back.
    """

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End the log."""
        super().finalize(status)
        self.experiment.finish(exit_code=int(status != "success"))


class MlflowLog(MLFlowLogger):
    """A log that keeps what its run has logged before it goes on, for MLflow takes nothing back.

    It refuses other settings than those that the run began with, and of steps that are done again it would
    show every figure twice.

    Args:
        is_new: whether its run begins, and does not go on.
        others: see Lightning's `MLFlowLogger`.
    """

    def __init__(self, *, is_new: bool, **others: Any) -> None:
        super().__init__(**others)
        self._is_new = is_new
        self._steps_before: dict[str, int] = {}

    @rank_zero_only
    def log_hyperparams(self, params: Any) -> None:
        """Add the settings of a run that begins."""
        if self._is_new:
            super().log_hyperparams(params)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add figures, but for those that the run had logged of this step before it was interrupted."""
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
    """Hand a run's settings to those logs that lie outside of its folder, where they already are."""
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
    before = _known(folder, "mlflow")
    logger: MlflowLog = _made(
        "mlflow",
        lambda: MlflowLog(
            is_new=before is None,
            experiment_name=experiment,
            tracking_uri=store,
            artifact_location=artifacts,
            run_name=Path(folder).name,
            run_id=before,
        ),
    )
    _remember(folder, "mlflow", lambda: logger.run_id)
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
    logger: WandbLog = _made(
        "wandb",
        lambda: WandbLog(
            name=Path(folder).name,
            save_dir=folder,
            project=project,
            offline=offline,
            id=_known(folder, "wandb"),
            resume="allow",
        ),
    )
    _remember(folder, "wandb", lambda: logger.experiment.id)
    return logger


def _made(package: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except ModuleNotFoundError:
        raise not_installed(f"logger={package}", package, package, "choose logger=csv") from None


def _known(folder: str, service: str) -> str | None:
    path = _path(folder, service)
    return path.read_text(encoding="utf-8").strip() if path.is_file() else None


@rank_zero_only
def _remember(folder: str, service: str, identity: Callable[[], object]) -> None:
    with whole_file(_path(folder, service)) as beside:
        beside.write_text(f"{identity()}\n", encoding="utf-8")


def _path(folder: str, service: str) -> Path:
    return Path(folder) / f"{service}_run.txt"
