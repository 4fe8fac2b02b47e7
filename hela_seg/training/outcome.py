"""What a training run ends with: the checkpoint to use, and its scores on frames that training never saw."""

from __future__ import annotations

import logging
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
from numpy.typing import NDArray
from pytorch_lightning.callbacks import ModelCheckpoint
from rich.console import Console

from hela_seg.comparison.found import read_run
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.split import Block
from hela_seg.inference import Predictor, count_frames
from hela_seg.inference.counting import Counted, LabelMap
from hela_seg.report.quality import quality_to_plain, write_quality
from hela_seg.report.run.examples import predicted
from hela_seg.report.run.page import write_report
from hela_seg.report.run.sections import Material
from hela_seg.report.run.verdict import verdict_of
from hela_seg.report.tables import print_files, print_notes, print_scores, write_results
from hela_seg.runs import records, run_folder
from hela_seg.runs.checkpoint import TEST_KEY, add_to_checkpoint, validation_score
from hela_seg.scores.confusion import Scores, scores_of
from hela_seg.scores.frames import against_truth
from hela_seg.scores.meters import BoundaryMeter, CellMeter, Meters, Quality
from hela_seg.system import distributed
from hela_seg.system.errors import InputError
from hela_seg.training.advice import unlearned

log = logging.getLogger(__name__)

MOST_MEASURED = 2**23
"""Pixels of the test frames whose boundaries and cells are measured, about five seconds of one core.

Of a larger test set frames at even intervals are measured; `hela_seg.evaluate` measures all of them.
"""


@dataclass(frozen=True)
class Result:
    """What a training run ends with.

    Attributes:
        folder: of the run.
        checkpoint: the one that was scored: the best, or the last where nothing was validated.
        matrix: (K, K) confusion matrix on the test frames; None where there are none.
        scores: computed from the matrix.
    """

    folder: Path
    checkpoint: Path
    matrix: NDArray[np.int64] | None
    scores: Scores | None

    @property
    def validation_score(self) -> float | None:
        """The m-IoU of the checkpoint on the validation frames, if any: what a search makes higher."""
        return validation_score(self.checkpoint)


def earlier_result(folder: Path, checkpoint: Path) -> Result:
    """The result of a run that has ended before.

    Args:
        folder: of the run.
        checkpoint: that it ended with.
    """
    if not (folder / run_folder.SCORES_JSON).exists():
        return Result(folder, checkpoint, None, None)
    matrix = np.array(records.read_json(folder / run_folder.SCORES_JSON)["confusion_matrix"])
    return Result(folder, checkpoint, matrix, scores_of(matrix))


def best_checkpoint(trainer: pl.Trainer, folder: Path) -> Path:
    """The checkpoint to use: the best where one is kept, else the last.

    Raises:
        InputError: none was kept.
    """
    kept = [callback for callback in trainer.checkpoint_callbacks if isinstance(callback, ModelCheckpoint)]
    best = next((Path(callback.best_model_path) for callback in kept if callback.best_model_path), None)
    last = folder / run_folder.CHECKPOINTS / run_folder.LAST_CHECKPOINT
    if best is None and not last.exists():
        raise InputError("no checkpoint was kept, expected one to score: use callbacks=default")
    return best or last


def score(
    checkpoint: Path,
    data: TimelapseData,
    folder: Path,
    record: records.RunRecord,
    doubts: Sequence[str] = (),
    *,
    report: bool = True,
    trust: Sequence[str] = (),
) -> Result:
    """Score a checkpoint on the test frames: pixels of all, boundaries and cells of `MOST_MEASURED` pixels.

    The scores are printed, and written into the run's folder and the checkpoint.

    Several processes share the frames; the first of them prints and writes.

    Args:
        checkpoint: to be scored.
        data: as it was trained with.
        folder: of the run.
        record: settings and costs of the training.
        doubts: warnings that stand above the report, for they make its scores doubtful.
        report: whether a page with figures and frames is written too.
        trust: see `hela_seg.models.find_net`.

    Raises:
        InputError: a frame that cannot be read, or a file that cannot be written.
    """
    blocks = data.blocks_of("test")
    if not blocks:
        if distributed.is_rank_zero():
            records.write_record(folder / run_folder.RUN_RECORD, record)
            log.info("no series is kept for testing, so nothing is scored")
            page = write_report(Material(folder, "train", data, [], None), doubts) if report else None
            _print_end(checkpoint, folder, page, data)
        return Result(folder, checkpoint, None, None)
    predictor = Predictor.from_checkpoint(checkpoint, trust=trust)
    (counts, reliability, seconds), quality = _count_and_measure(predictor, data, blocks)
    result = Result(folder, checkpoint, counts.pooled, reached := scores_of(counts.pooled))
    if distributed.is_rank_zero():
        record = replace(record, costs=replace(record.costs, frame_s=seconds / len(counts)))
        more = quality_to_plain(quality, data.classes)
        write_results(folder, counts, data.classes, record, reliability, more)
        write_quality(folder, quality, data.classes)
        add_to_checkpoint(checkpoint, TEST_KEY, counts.to_plain())
        print_scores(reached, data.classes, "Test scores, all pixels pooled")
        print_notes([verdict_of(run := read_run(folder))], Console())
        told = unlearned(reached, data.classes.names, predictor.info.config, "the test frames")
        for line in told:
            log.warning("warning: %s", line)
        maps = predicted(predictor, data.recordings, blocks)
        material = Material(folder, "train", data, blocks, maps, known=run)
        page = write_report(material, [*doubts, *told]) if report else None
        _print_end(checkpoint, folder, page, data)
    return result


def _count_and_measure(
    predictor: Predictor, data: TimelapseData, blocks: Sequence[Block]
) -> tuple[Counted, Quality]:
    """Count the pixels of all frames; measure boundaries and cells of up to `MOST_MEASURED` pixels."""
    recordings = data.recordings
    shapes = {block.series: recordings[block.series].image.shape[2:] for block in blocks}
    pixels = sum((block.stop - block.start) * math.prod(shapes[block.series]) for block in blocks)
    frames = [(recordings[block.series].name, t) for block in blocks for t in range(block.start, block.stop)]
    measured = set(frames[:: max(1, math.ceil(pixels / MOST_MEASURED))])
    meters = Meters(BoundaryMeter(len(data.classes)), CellMeter())  # by default as in conf/evaluate.yaml

    def measure(recording: Recording, t: int, truth: LabelMap, found: LabelMap) -> None:
        """Measure a frame that was counted, if it is one of those at even intervals."""
        if (recording.name, t) in measured:
            meters.add(against_truth(recording, t, truth, found, data.labels))

    counted = count_frames(predictor, recordings, blocks, data.labels, data.launch, measure)
    together, *others = distributed.all_gather(meters)
    for of_process in others:
        together.take_over(of_process)
    return counted, together.quality


def _print_end(checkpoint: Path, folder: Path, report: Path | None, data: TimelapseData) -> None:
    """Name the files, and the commands that come next."""
    print_files({"checkpoint": _short(checkpoint), "run": _short(folder)})
    predict = f"python -m hela_seg.predict {shlex.quote(str(_short(checkpoint)))} IMAGES -o RESULTS"
    further = {"what to label": "the same with label_next=5"}
    if data.files.layout == "synthetic":
        further = {"your images": "python -m hela_seg.check data=auto data.root=FOLDER"}
    print()
    shown = report or folder / run_folder.SCORES_TABLE  # not there where nothing was scored
    look = {"look at": _short(shown)} if shown.exists() else {}
    print_files({**look, "predict": predict, **further})


def _short(path: Path) -> Path:
    """A path as one types it where the command runs."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
