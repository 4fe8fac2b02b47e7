"""``python -m hela_seg.evaluate ckpt=...`` or ``labels=...``: score a net, or label images, against masks."""

from __future__ import annotations

import sys

from hela_seg.cli import main

if __name__ == "__main__":
    # before the imports below, which take seconds that --help need not take
    sys.exit(main("evaluate"))

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.classes import Classes
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.intensity import warn_of
from hela_seg.data.layouts import Recording
from hela_seg.inference import Predictor, count_frames
from hela_seg.report.quality import (
    doubt_of_cells,
    print_quality,
    quality_to_plain,
    write_quality,
    write_track_scores,
)
from hela_seg.report.run.examples import predicted
from hela_seg.report.run.page import write_report
from hela_seg.report.run.sections import Material
from hela_seg.report.tables import counted, print_files, print_scores, write_results
from hela_seg.runs import records, run_folder
from hela_seg.runs.checkpoint import read_checkpoint
from hela_seg.scores.confusion import Scores
from hela_seg.scores.counts import FrameCounts
from hela_seg.scores.frames import against_truth
from hela_seg.scores.labelled import class_map, score_labels
from hela_seg.scores.meters import Meters
from hela_seg.scores.partners import find_partners
from hela_seg.scores.truth import ScoredPart, blocks_to_score, frames_of_training, open_truth, refuse_unlike
from hela_seg.system.errors import InputError, PartialResultError, join_names, one_line
from hela_seg.system.files import make_folder
from hela_seg.system.machine import versions
from hela_seg.system.settings import Group, build, checked
from hela_seg.system.trust import Trust, modules_of
from hela_seg.tracking.scores import TrackScores, score_recordings
from hela_seg.training.costs import costs_of, record_of


@dataclass(frozen=True)
class EvaluateSettings:
    """All settings; see ``conf/evaluate.yaml``."""

    reading: Group
    output_dir: str
    data: Group | None = None
    ckpt: str | None = None
    root: str | None = None
    labels: str | None = None
    tracks: str | None = None
    name: str | None = None
    on_error: Literal["stop", "skip"] = "stop"
    boundaries: Group | None = None
    cells: Group | None = None
    part: ScoredPart = "test"
    device: str = "auto"
    trust: Trust = None
    seed: int = 0
    trainer: Group | None = None  # of data=synthetic, of no effect here


def evaluate(config: Mapping[str, Any]) -> Scores:
    """Score a checkpoint or label images as a configuration says; see ``conf/evaluate.yaml`` for its keys.

    Raises:
        InputError: a checkpoint, label images or data that cannot be used.
        PartialResultError: label images that cannot be used were left out, as ``on_error=skip`` allows.
    """
    settings = checked(EvaluateSettings, config)
    if settings.labels is not None:
        return _score_labels(settings, settings.labels)
    if settings.tracks is not None:
        raise InputError(
            "tracks are given without labels, expected label images with res_track.txt to score against "
            "them: add labels=, such as what hela_seg.predict writes with track=true tracks=ctc"
        )
    if settings.name is not None:
        raise InputError("name is given without labels, expected label images to be called so: leave it out")
    if settings.ckpt is None:
        raise InputError(
            "ckpt not given, expected a checkpoint or label images to score: add ckpt=... or labels=..."
        )
    return _score_checkpoint(settings, settings.ckpt)


def _score_checkpoint(settings: EvaluateSettings, ckpt: str) -> Scores:
    trust = modules_of(settings.trust)
    predictor = Predictor.from_checkpoint(ckpt, settings.device, trust=trust)
    info = predictor.info
    data, _ = open_truth(settings.data, settings.root, info)
    refuse_unlike(data, info)
    blocks, meters = blocks_to_score(data, settings.part), _meters(settings, data.classes)
    scored = {data.names[block.series]: data.recordings[block.series].image for block in blocks}
    doubts = warn_of(map(predictor.intensity_mismatch, scored.values()))
    ours, theirs = (", ".join(classes.names) for classes in (data.classes, predictor.classes))
    if ours != theirs:
        doubts += warn_of([f"the masks' classes {ours} are scored as the net's {theirs}, place by place"])

    def measure(recording: Recording, t: int, truth: Any, found: Any) -> None:
        """Measure boundaries and cells of a frame that was counted."""
        meters.add(against_truth(recording, t, truth, found, data.labels))

    counts, reliability, seconds = count_frames(
        predictor, data.recordings, blocks, data.labels, watcher=measure
    )
    series = np.array(counts.series)
    pixels = (counts.matrix[series == name].sum(axis=(0, 1)) for name in scored)
    doubts += warn_of(map(predictor.share_mismatch, scored.values(), pixels))
    costs = replace(costs_of(info, trust), frame_s=seconds / len(counts))
    record = record_of(info, costs, predictor.device.type, split=data.split_rows())
    if trained := frames_of_training(info, counts):
        seen = f"{trained} of {len(counts)} frame(s) have the series and number of frames that trained this"
        doubts += warn_of([f"{seen} net, which flatters their scores: score frames that it never saw"])
    found = _written(settings, counts, predictor.classes, record, meters, reliability, trained)
    maps = predicted(predictor, data.recordings, blocks)
    material = Material(Path(settings.output_dir), "evaluate", data, blocks, maps)
    _report(material, doubts, {"checkpoint": ckpt})
    return found


def _score_labels(settings: EvaluateSettings, named: str) -> Scores:
    """Score label images on the data that are named, or on those that a checkpoint was tested on."""
    labels, reading = Path(named), build(settings.reading, "reading")
    info = None if settings.ckpt is None else read_checkpoint(settings.ckpt)[0]
    data, plain = open_truth(settings.data, settings.root, info)
    masks, blocks = plain.get("labels"), blocks_to_score(data, settings.part)
    tracks, followed = (
        ({}, []) if settings.tracks is None else score_recordings(labels, Path(settings.tracks), data.names)
    )
    reader, classes = reading.reader(data.classes, masks), len(data.classes)
    partners = find_partners(
        labels,
        data.recordings,
        blocks,
        files=reading.files,
        axes=reading.axes or plain.get("axes"),
        colours=reading.in_colours(masks),
    )
    meters, skip = _meters(settings, data.classes), settings.on_error == "skip"
    if partners.faults and not skip:
        raise InputError(one_line(partners.faults))
    counts, scored, faults = score_labels(
        partners, data.recordings, blocks, data.labels, reader, classes, meters
    )
    if faults and not skip:
        raise InputError(one_line(faults))
    found = _written(settings, counts, data.classes, _record_of_labels(settings, data), meters, tracks=tracks)
    doubts = warn_of([doubt_of_cells(meters.quality, classes)])
    left_out, wanted = [*partners.faults, *faults], sum(block.stop - block.start for block in blocks)
    lost = f"{wanted - len(counts)} of {wanted} frame(s) were left out: {one_line(left_out)}"
    doubts += [lost] if left_out else []
    maps = partial(class_map, partners, reader)
    files: dict[str, object] = {"labels": labels}
    if aside := [path.name for path in partners.left_aside]:
        files["left aside"] = f"{join_names(aside, 3)}: of no frame that was scored"
    _report(Material(Path(settings.output_dir), "evaluate", data, scored, maps, followed), doubts, files)
    if left_out:
        raise PartialResultError(lost)
    return found


def _meters(settings: EvaluateSettings, classes: Classes) -> Meters:
    boundaries, cells = settings.boundaries, settings.cells
    return Meters(
        None if boundaries is None else build(boundaries, "boundaries", classes=len(classes)),
        None if cells is None else build(cells, "cells"),
    )


def _record_of_labels(settings: EvaluateSettings, data: TimelapseData) -> records.RunRecord:
    how = {key: value for key, value in settings.reading.items() if key != "_target_"}
    path = Path(str(settings.labels)).absolute()
    return records.RunRecord(
        net={"name": settings.name or path.stem},
        seed=None,
        split=data.split_rows(),
        config={"labels": str(path), "reading": how},
        hardware={},
        versions=versions(),
        costs=records.Costs(),
    )


def _written(
    settings: EvaluateSettings,
    counts: FrameCounts,
    classes: Classes,
    record: records.RunRecord,
    meters: Meters,
    reliability: NDArray[np.int64] | None = None,
    trained: int = 0,
    tracks: TrackScores | None = None,
) -> Scores:
    """Write and print all that was found; ``trained`` of the frames may have trained the net."""
    folder, quality = make_folder(Path(settings.output_dir)), meters.quality
    more = quality_to_plain(quality, classes) | ({"frames_of_training": trained} if trained else {})
    more |= {"tracks": tracks} if tracks else {}
    found = write_results(folder, counts, classes, record, reliability, more)
    write_quality(folder, quality, classes)
    seen = f", {trained} OF THEM SEEN IN TRAINING" if trained else ""
    print_scores(found, classes, f"Scores on {counted(len(counts), 'frame')}{seen}, all pixels pooled")
    print_quality(quality, classes)
    write_track_scores(folder, tracks or {})
    return found


def _report(material: Material, doubts: Sequence[str], files: Mapping[str, object]) -> None:
    """Write the page, and print what was scored and where the results are."""
    page = write_report(material, doubts)
    print_files({**files, "scores": material.folder / run_folder.SCORES_TABLE, "report": page or "none"})
