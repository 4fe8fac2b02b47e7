"""Which files a prediction makes of its recordings, and what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hela_seg.data.stacks import name_of
from hela_seg.prediction.folder import recorded_names
from hela_seg.prediction.job import Job
from hela_seg.runs import run_folder
from hela_seg.runs.run_folder import SUFFIXES

FOLLOWED = (run_folder.TRACKS_TABLE, run_folder.EVENTS_TABLE, run_folder.LIVES_TABLE)
"""Tables of cells that were followed."""

RANKING = (run_folder.RANKING_TABLE, run_folder.RANKING_SHEET)
"""Which frames are worth labelling next, as a table and as pictures."""


def results_of(job: Job, series: int) -> list[str]:
    """Kinds of files that a recording gets, label maps first."""
    wanted = job.wanted
    labels = ["tiff", "zarr"] if wanted.labels == "both" else [wanted.labels]
    film = [] if wanted.film == "none" else [wanted.film]
    cells = [] if job.is_large(series) else [kind for kind in wanted.cell_files if kind in SUFFIXES]
    tracks: list[str] = []
    if wanted.track and not job.is_large(series):
        # in one frame nothing is followed, and two figures of each of many pictures take most of the time
        lineages = ["lineage", "lineage_svg"] if job.series[series].shape[0] > 1 else []
        tracks = [*lineages, *wanted.track_files]
    return [*labels, *wanted.kinds[1:], *cells, "overlay", *film, *tracks]


def result_paths(job: Job, folder: Path) -> list[Path]:
    """All files that a job makes, label maps first."""
    tables = [run_folder.AREAS_TABLE, run_folder.TIME_COURSE]
    tables += job.wanted.cell_tables
    tables += FOLLOWED if job.wanted.track else []
    tables += RANKING if job.wanted.label_next else []
    of_series = [
        f"{series.name}{suffix}"
        for kind, suffix in SUFFIXES.items()
        for index, series in enumerate(job.series)
        if kind in results_of(job, index)
    ]
    return [folder / name for name in [*of_series, *tables]]


def former_results(job: Job, folder: Path) -> list[str]:
    """Names of the files that an earlier prediction of the same recordings made and this one does not."""
    tables = [*FOLLOWED, *RANKING, *(f"{run_folder.CELLS_TABLE}.{kind}" for kind in ("csv", "parquet"))]
    of_series = [f"{series.name}{suffix}" for series in job.series for suffix in SUFFIXES.values()]
    made = {path.name for path in result_paths(job, folder)}
    return [name for name in [*of_series, *tables] if name not in made and (folder / name).exists()]


def without_results(paths: Sequence[Path], folder: Path) -> list[Path]:
    """The files of a folder without the results that an earlier prediction wrote into it.

    Args:
        paths: recordings and results.
        folder: that they lie in.

    Returns:
        Those that are recordings, in their order.
    """
    recordings = recorded_names(folder)
    tables = {run_folder.TIME_COURSE, run_folder.RANKING_SHEET} if recordings else set()
    results = tables | {f"{name}{suffix}" for name in recordings for suffix in SUFFIXES.values()}
    return [path for path in paths if path.name not in results or name_of(path) in recordings]
