"""``python -m hela_seg.predict ckpt=... input=... output=...``: class maps and cells of recordings."""

from __future__ import annotations

import sys

from hela_seg.cli import main

if __name__ == "__main__":
    # before the imports below, which take seconds that --help need not take
    sys.exit(main("predict"))

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from hela_seg.cells.timecourse import Flicker
from hela_seg.data.context import note_of_single_frames
from hela_seg.data.intensity import warn_of
from hela_seg.data.layouts import FileRules
from hela_seg.data.matched import matched_image
from hela_seg.data.patterns.matching import Given, match
from hela_seg.data.stacks import (
    FrameSequence,
    Position,
    ReadOptions,
    Series,
    Z,
    find_files,
    images_in,
    is_image,
    numbered_sequence,
    path_of,
)
from hela_seg.data.stacks.channels import Channel
from hela_seg.inference import Predictor, Tiling
from hela_seg.prediction.folder import ResultFolder
from hela_seg.prediction.job import Job, Shard, Unit, Wanted, make_job
from hela_seg.prediction.recording import PredictedRecording
from hela_seg.prediction.result_files import former_results, result_paths, without_results
from hela_seg.prediction.run import Announce, run
from hela_seg.report.tables import print_files
from hela_seg.runs import run_folder
from hela_seg.system.errors import InputError, PartialResultError, join_names
from hela_seg.system.files import digest, results_folder
from hela_seg.system.hardware import keep_freed_memory
from hela_seg.system.ranks import RankInfo
from hela_seg.system.settings import Group, build, checked
from hela_seg.system.trust import Trust, modules_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PredictSettings(Wanted):
    """All settings; see ``conf/predict.yaml``."""

    ckpt: str | Sequence[str]
    input: str
    output: str
    inference: Group
    images: str | Sequence[str] | Mapping[str, str] | None = None
    channels: Sequence[Channel] | None = None
    sequence: bool = False
    axes: str | None = None
    z: Z = None
    position: Position = None
    overwrite: bool = False
    on_error: Literal["stop", "skip"] = "stop"
    shard: str | None = None
    device: str = "auto"
    precision: str = "auto"
    blend: str = "crop"
    tta: str = "none"
    verbose: bool = False
    trust: Trust = None


def predict(config: Mapping[str, Any]) -> list[Path]:
    """Predict as a configuration says; see ``conf/predict.yaml`` for its keys.

    Returns:
        The files of this job, label maps first; where other shards are still at work they are yet to come.

    Raises:
        InputError: a checkpoint or recording that cannot be used, or a folder that holds something else.
        PartialResultError: all is written, but for frames that could not be read.
    """
    began = time.perf_counter()
    settings = checked(PredictSettings, config)
    shard = Shard.parse(settings.shard)
    wanted = Wanted(**{key.name: getattr(settings, key.name) for key in fields(Wanted)})
    tiling: Tiling = build(settings.inference, "inference")
    named = [settings.ckpt] if isinstance(settings.ckpt, str) else settings.ckpt
    checkpoints = [Path(path) for path in named]
    with ThreadPoolExecutor(1) as beside:  # of a large file this takes as long as making its net
        hashed = beside.submit(lambda: [(path.name, digest([path])) for path in checkpoints])
        device = _own_device(settings.device)
        predictor = Predictor.from_checkpoint(
            checkpoints, device, settings.precision, tiling, modules_of(settings.trust)
        )
    if predictor.device.type == "cpu":
        keep_freed_memory()
    recordings = _recordings(predictor, settings)
    with results_folder(Path(settings.output)) as path, ResultFolder(path).taken_by(shard) as folder:
        how = {**asdict(tiling), "precision": settings.precision, "axes": settings.axes, "z": settings.z}
        how |= {} if settings.channels is None else {"channels": list(settings.channels)}
        job = make_job(predictor, recordings, wanted, hashed.result(), how)
        _refuse_large(job)
        results = result_paths(job, folder.path)
        if folder.is_finished(job) and not settings.overwrite:
            print_files({"done before": f"{sum(map(Path.exists, results))} files in {folder.path}"})
            return results
        job = folder.begin(job, results, overwrite=settings.overwrite)
        warn_of([note_of_single_frames(predictor.context, job.series)])
        warn_of(map(predictor.intensity_mismatch, job.series))
        with _progress(job, shard, verbose=settings.verbose) as announce:
            skip = settings.on_error == "skip"
            courses = run(predictor, job, folder, shard, announce=announce, skip_unreadable=skip)
    if courses is not None:
        pixels = (np.sum(course.pixels, axis=0) for course in courses)
        warn_of(map(predictor.share_mismatch, job.series, pixels))
    if settings.overwrite and (former := former_results(job, folder.path)):
        stay = f"{join_names(former, 3)} in {folder.path} are of an earlier prediction, with other settings"
        warn_of([f"{stay}: delete them, or choose another output folder"])
    _print_end(job, folder, shard, courses, time.perf_counter() - began)
    return results


def _print_end(
    job: Job, folder: ResultFolder, shard: Shard, courses: Sequence[PredictedRecording] | None, seconds: float
) -> None:
    if courses is None:
        print_files({"shard": f"{shard.number} of {shard.count} is done; the last one writes the results"})
        return
    frames = sum(len(course.pixels) for course in courses)
    facts: dict[str, object] = {"frames": frames, "seconds": f"{seconds:.1f}"}
    for entry in job.classes:
        counts = [int(cells[entry.index]) for course in courses for cells in course.cells]
        if entry.index and counts:
            facts[f"cells, {entry.name}"] = f"{sum(counts)} ({sum(counts) / len(counts):.1f} a frame)"
    judged = [flicker for course in courses for flicker in course.flicker if flicker is not None]
    share = sum(judged, Flicker()).share
    if share is not None:
        facts["flicker"] = f"{share:.3%} of the pixels have another class for one frame"
    paths = [path for path in result_paths(job, folder.path) if path.exists()]
    facts["labels"] = paths[0] if len(job.series) == 1 else f"{len(job.series)} files in {folder.path}"
    facts |= {path.stem.replace("_", " "): path for path in paths if path.suffix in {".csv", ".parquet"}}
    if job.wanted.label_next and not (folder.path / run_folder.RANKING_SHEET).exists():
        facts["label next"] = "nothing: each frame is of one grey value or could not be read"
    facts["all files"] = f"{len(paths)} in {folder.path}"
    print_files(facts)
    _report_unreadable(courses)


def _report_unreadable(courses: Sequence[PredictedRecording]) -> None:
    """End with the frames that could not be read, if there are any."""
    left_out = [(course.series.name, *entry) for course in courses for entry in course.unreadable.items()]
    if left_out:
        name, t, reason = left_out[0]
        raise PartialResultError(
            f"{len(left_out)} frame(s) could not be read and are ignored pixels in the results; the first is "
            f"frame {t} of '{name}': {reason}"
        )


def _recordings(predictor: Predictor, settings: PredictSettings) -> list[Series]:
    source = path_of(settings.input)
    if settings.images is not None:
        return _matched(predictor, settings, source, settings.images)
    is_folder = source.is_dir() and not is_image(source)
    paths = without_results(find_files(source), source) if is_folder else [source]
    recordings = [
        predictor.open(image.path, settings.axes, settings.z, image.position, channels=settings.channels)
        for image in images_in(paths, settings.position)
    ]
    if settings.sequence:
        numbered_sequence(paths)
        return [FrameSequence(recordings, source.resolve().name if is_folder else source.stem)]
    counts = Counter(series.name for series in recordings)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise InputError(
            f"several files are named {twice[0]} up to the ending, expected one each: predict them apart"
        )
    return recordings


def _matched(predictor: Predictor, settings: PredictSettings, folder: Path, images: Given) -> list[Series]:
    """Recordings whose files follow patterns, see `hela_seg.data.patterns`."""
    if settings.sequence:
        raise InputError("sequence is true with images, expected {t} in images: leave sequence out")
    z, assumed = predictor.z_of(settings.z), predictor.info.axes
    rules = FileRules(reading=ReadOptions(settings.axes, assumed, z=z))
    found = match(folder, images, None, setting="images", position=settings.position).or_raise()
    recordings = set(without_results([Path(one.images[0][0][0]) for one in found], folder))
    own = [one for one in found if Path(one.images[0][0][0]) in recordings]
    return [predictor.as_trained(matched_image(one, rules), settings.channels) for one in own]


def _refuse_large(job: Job) -> None:
    """Results that look at whole frames are refused or left out where frames are too large for that."""
    for index, series in enumerate(job.series):
        if not job.is_large(index):
            continue
        size = " x ".join(map(str, series.shape[2:]))
        if job.wanted.majority > 1 or job.wanted.film != "none" or job.wanted.label_next:
            raise InputError(
                f"{series.path} has frames of {size} pixels, too large for majority, film and label_next: "
                "leave these out, or cut the frames"
            )
        log.warning(
            "warning: '%s' has frames of %s pixels, too large to be taken apart into cells", series.name, size
        )


@contextmanager
def _progress(job: Job, shard: Shard, *, verbose: bool) -> Iterator[Announce]:
    """A bar with the time left on a terminal, and a line a unit where that is asked for."""
    total = sum(len(unit.frames) for unit in shard.own(job.units))
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(job.series[0].name, total=total)
        began = time.perf_counter()

        def announce(unit: Unit) -> None:
            """Move the bar on by a unit's frames."""
            series = job.series[unit.series]
            bar.update(task, advance=len(unit.frames), description=series.name)
            if verbose:
                done = f"frames to {unit.frames.stop} of {series.shape[0]} done"
                log.info("%s: %s after %.1f s", series.name, done, time.perf_counter() - began)

        yield announce


def _own_device(name: str) -> str:
    """Each process of ``torchrun`` or ``srun`` has a GPU of its own."""
    here = RankInfo.here()
    if name == "auto" and here.launcher is not None and torch.cuda.is_available():
        return f"cuda:{here.local_rank % torch.cuda.device_count()}"
    return name
