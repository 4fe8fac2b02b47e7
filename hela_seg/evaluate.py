"""``python -m hela_seg.evaluate ckpt=...`` or ``labels=...``: score a net, or label images, against masks."""

from __future__ import annotations

import sys

from hela_seg.cli import main

if __name__ == "__main__":
    # before the imports below, which take seconds that --help need not take
    sys.exit(main("evaluate"))

import logging
from collections.abc import Mapping
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
from hela_seg.data.patterns.auto import INSTANCE_CLASSES
from hela_seg.data.splits.split import Block, Part
from hela_seg.inference import Predictor, count_frames
from hela_seg.report.quality import print_quality, quality_to_plain, write_quality, write_track_scores
from hela_seg.report.run.examples import predicted
from hela_seg.report.run.page import write_report
from hela_seg.report.run.sections import Material
from hela_seg.report.tables import counted, print_files, print_scores, write_results
from hela_seg.runs import records, run_folder
from hela_seg.runs.checkpoint import ModelInfo, read_checkpoint
from hela_seg.scores.confusion import Scores
from hela_seg.scores.counts import FrameCounts
from hela_seg.scores.frames import against_truth
from hela_seg.scores.labelled import Readers, class_map, score_labels
from hela_seg.scores.meters import Meters, Quality
from hela_seg.scores.partners import Partners, find_partners
from hela_seg.system.errors import InputError, PartialResultError, join_names, one_line
from hela_seg.system.files import make_folder
from hela_seg.system.machine import versions
from hela_seg.system.settings import Group, build, checked
from hela_seg.system.trust import Trust, modules_of
from hela_seg.tracking.scores import TrackScores, score_recordings
from hela_seg.training.costs import costs_of, record_of

log = logging.getLogger(__name__)

ScoredPart = Part | Literal["all"]


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
    if settings.ckpt is None:
        raise InputError(
            "ckpt not given, expected a checkpoint or label images to score: add ckpt=... or labels=..."
        )
    return _score_checkpoint(settings, settings.ckpt)


def _score_checkpoint(settings: EvaluateSettings, ckpt: str) -> Scores:
    predictor = Predictor.from_checkpoint(ckpt, settings.device, trust=modules_of(settings.trust))
    data, _ = _truth(settings, predictor.info)
    _refuse_unlike(data, predictor)
    blocks = _blocks(data, settings.part)
    meters = _meters(settings, data.classes)
    scored = {data.names[block.series]: data.recordings[block.series].image for block in blocks}
    doubts = warn_of(map(predictor.intensity_mismatch, scored.values()))

    def measure(recording: Recording, t: int, truth: Any, found: Any) -> None:
        """Measure boundaries and cells of a frame that was counted."""
        meters.add(against_truth(recording, t, truth, found, data.labels))

    counts, reliability, seconds = count_frames(
        predictor, data.recordings, blocks, data.labels, watcher=measure
    )
    series = np.array(counts.series)
    pixels = (counts.matrix[series == name].sum(axis=(0, 1)) for name in scored)
    doubts += warn_of(map(predictor.share_mismatch, scored.values(), pixels))
    costs = replace(costs_of(predictor.info, modules_of(settings.trust)), frame_s=seconds / len(counts))
    record = record_of(predictor.info, costs, predictor.device.type, split=data.split_rows())
    trained = _of_training(predictor.info, counts)
    if trained:
        seen = f"{trained} of {len(counts)} frame(s) have the series and number of frames that trained this"
        doubts += warn_of([f"{seen} net, which flatters their scores: score frames that it never saw"])
    found = _written(settings, counts, predictor.classes, record, meters, reliability, trained)
    maps = predicted(predictor, data.recordings, blocks)
    report = write_report(Material(Path(settings.output_dir), "evaluate", data, blocks, maps), doubts)
    _print_files(settings, {"checkpoint": ckpt}, report)
    return found


def _score_labels(settings: EvaluateSettings, named: str) -> Scores:
    """Score label images on the data that are named, or on those that a checkpoint was tested on."""
    labels, reading = Path(named), build(settings.reading, "reading")
    info = None if settings.ckpt is None else read_checkpoint(settings.ckpt)[0]
    data, plain = _truth(settings, info)
    masks, blocks = plain.get("labels"), _blocks(data, settings.part)
    tracks, followed = (
        ({}, []) if settings.tracks is None else score_recordings(labels, Path(settings.tracks), data.names)
    )
    readers = Readers(data.labels, reading.reader(data.classes, masks), len(data.classes))
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
    counts, scored, faults = score_labels(partners, data.recordings, blocks, readers, meters)
    if faults and not skip:
        raise InputError(one_line(faults))
    found = _written(settings, counts, data.classes, _record_of_labels(settings, data), meters, tracks=tracks)
    doubts = warn_of([_like_class_maps(meters.quality, len(data.classes))])
    lost = _left_out(blocks, len(counts), [*partners.faults, *faults])
    maps = partial(class_map, partners, readers.found)
    material = Material(Path(settings.output_dir), "evaluate", data, scored, maps, followed)
    report = write_report(material, [*doubts, *([lost] if lost else [])])
    _print_files(settings, _files_of(labels, partners), report)
    if lost:
        raise PartialResultError(lost)
    return found


def _truth(settings: EvaluateSettings, info: ModelInfo | None) -> tuple[TimelapseData, Mapping[str, Any]]:
    """The data to score on, those that are named or a net's own, and what they were configured with."""
    if settings.data is not None:
        return _other_data(settings.data, info), settings.data
    if info is None:
        raise InputError(
            "labels are given without truth, expected masks to score them on: name some with data=folder "
            "data.root=..., or with ckpt=... those that a net was tested on"
        )
    return _own_data(info, settings.root), info.config["data"]


def _own_data(info: ModelInfo, root: str | None) -> TimelapseData:
    """The data that the checkpoint was trained on, split as it was then.

    A checkpoint is data: recordings that it would have drawn somewhere are not drawn by its word.

    Args:
        info: of the checkpoint.
        root: where these data lie now; None for where they lay then.

    Raises:
        InputError: it does not say which these were, as one that was converted; or they are not there.
    """
    plain = info.config.get("data")
    if not isinstance(plain, Mapping):
        raise InputError("the checkpoint knows no data of its own, expected some to score it on: set data=")
    data = TimelapseData.from_plain(dict(plain) if root is None else {**plain, "root": root})
    if not data.files.drawn_before:
        raise InputError(
            f"the synthetic recordings of the checkpoint are not below {root or plain['root']}, expected "
            "those that it was trained on: draw some with data=synthetic, or name their place with data.root="
        )
    data.open(info.split)
    return data


def _other_data(given: Group, info: ModelInfo | None) -> TimelapseData:
    """The data that the user names, all of it; what the user leaves out is as in training.

    Raises:
        InputError: masks number cells, and the net was trained on other classes.
    """
    named = given["classes"] is not None
    if info is not None:
        classes = given["classes"] if named else info.classes
        given = {**given, "classes": classes, "context": _context(given, info)}
    data: TimelapseData = build(given, "data")
    if data.files.rules.ids and not named and data.classes.names != list(INSTANCE_CLASSES):
        raise InputError(
            f"masks number cells, which makes {', '.join(INSTANCE_CLASSES)} of them, expected the net's "
            f"classes {', '.join(data.classes.names)}: where these mean the same, name them in data.classes"
        )
    data.open_all()
    return data


def _context(given: Group, info: ModelInfo) -> int:
    """How many frames before and after each the net was trained with.

    Raises:
        InputError: the user names another number.
    """
    if given.get("context") not in (None, 0, info.context):
        raise InputError(
            f"data.context is {given['context']}, expected {info.context} as the net was trained with: leave "
            "it out"
        )
    return info.context


def _refuse_unlike(data: TimelapseData, predictor: Predictor) -> None:
    for what, found, expected, cure in (
        ("classes", len(data.classes), len(predictor.classes), "name the same in data.classes"),
        ("channels", data.channels, predictor.info.channels, "pick some, as in data.channels=[0]"),
    ):
        if found != expected:
            raise InputError(
                f"the data have {found} {what}, expected {expected} as the net was trained on: {cure}, or "
                "take another net"
            )
    ours, theirs = data.classes.names, predictor.classes.names
    if ours != theirs and sorted(ours) == sorted(theirs):
        raise InputError(
            f"data.classes names {', '.join(ours)}, expected {', '.join(theirs)}, the order that the net was "
            "trained with: give that one, with values= where masks hold others"
        )


def _of_training(info: ModelInfo, counts: FrameCounts) -> int:
    """How many of the scored frames have the series and number of frames that trained the net."""
    trained = {
        (row["series"], t)
        for row in info.split
        if row["part"] == "train"
        for t in range(row["start"], row["stop"])
    }
    return sum(place in trained for place in zip(counts.series, counts.frame.tolist(), strict=True))


def _blocks(data: TimelapseData, part: ScoredPart) -> list[Block]:
    blocks = data.blocks if part == "all" else data.blocks_of(part)
    if not blocks:
        raise InputError(
            f"no frame of the data is for '{part}', expected train, validation, test or all: set part="
        )
    return blocks


def _like_class_maps(quality: Quality, classes: int) -> str | None:
    """What to say of label images that number no more cells a frame than a class map has classes."""
    cells = {} if quality.cells is None else quality.cells.to_plain()
    if cells.get("found") != "ids":
        return None
    frames, true, found = (cells[key] for key in ("frames", "true_cells", "found_cells"))
    if not found <= (classes - 1) * frames < true:
        return None
    return (
        f"the label images number {counted(found, 'cell')} in {counted(frames, 'frame')}, the truth {true}: "
        "if they are class maps, as hela_seg.predict writes them, add reading.kind=values"
    )


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


def _print_files(settings: EvaluateSettings, scored: Mapping[str, object], report: Path | None) -> None:
    scores = Path(settings.output_dir) / run_folder.SCORES_TABLE
    print_files({**scored, "scores": scores, "report": report or "none"})


def _files_of(labels: Path, partners: Partners) -> dict[str, object]:
    aside = [path.name for path in partners.left_aside]
    if not aside:
        return {"labels": labels}
    return {"labels": labels, "left aside": f"{join_names(aside, 3)}: of no frame that was scored"}


def _left_out(blocks: list[Block], scored: int, faults: list[str]) -> str:
    """What was not scored and why, in one line; empty where all was."""
    wanted = sum(block.stop - block.start for block in blocks)
    return f"{wanted - scored} of {wanted} frame(s) were left out: {one_line(faults)}" if faults else ""
