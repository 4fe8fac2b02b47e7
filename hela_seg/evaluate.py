"""``python -m hela_seg.evaluate ckpt=...``: score a checkpoint against masks."""

from __future__ import annotations

import sys

from hela_seg.cli import main

if __name__ == "__main__":
    # before the imports below, which take seconds that --help need not take
    sys.exit(main("evaluate"))

from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from hela_seg import runs
from hela_seg.costs import costs_of, record_of
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.splits import Block
from hela_seg.errors import InputError
from hela_seg.files import make_folder
from hela_seg.inference import Predictor, count_frames
from hela_seg.metrics import Scores
from hela_seg.report.run import write_report
from hela_seg.report.tables import print_files, print_scores, write_results


def evaluate(config: DictConfig) -> Scores:
    """Score a checkpoint as a configuration says; see ``conf/evaluate.yaml`` for its keys.

    Raises:
        InputError: a checkpoint or data that cannot be used.
    """
    predictor = Predictor.from_checkpoint(config.ckpt, config.device)
    data = _own_data(predictor.info) if config.get("data") is None else _other_data(config, predictor.info)
    _refuse_unlike(data, predictor)
    blocks = _blocks(data, config.part)
    counts, reliability, seconds = count_frames(predictor, data.recordings, blocks, data.labels)
    costs = replace(costs_of(predictor.info), frame_s=seconds / len(counts))
    record = record_of(predictor.info, costs, predictor.device.type, split=data.split_rows())
    folder = make_folder(Path(config.output_dir))
    found = write_results(folder, counts, predictor.classes, record, reliability)
    print_scores(found, predictor.classes, f"Scores on {len(counts)} frame(s), all pixels pooled")
    report = write_report(folder, "evaluate", data, blocks, predictor)
    files = {"checkpoint": config.ckpt, "scores": folder / runs.SCORES_TABLE, "report": report or "none"}
    print_files(files)
    return found


def _own_data(info: runs.ModelInfo) -> TimelapseData:
    """The data that the checkpoint was trained on, split as it was then.

    Raises:
        InputError: it does not say which these were, as one that was converted.
    """
    if "data" not in info.config:
        raise InputError("the checkpoint knows no data of its own, expected some to score it on: set data=")
    data = TimelapseData.from_plain(info.config["data"])
    data.open(info.split)
    return data


def _other_data(config: DictConfig, info: runs.ModelInfo) -> TimelapseData:
    """The data that the user names, all of it; what the user leaves out is as in training."""
    if OmegaConf.is_missing(config.data, "classes"):
        config.data.classes = info.classes
    data: TimelapseData = instantiate(config.data)
    data.open_all()
    return data


def _refuse_unlike(data: TimelapseData, predictor: Predictor) -> None:
    pairs: list[tuple[str, Any, Any]] = [
        ("classes", len(data.classes), len(predictor.classes)),
        ("channels", data.channels, predictor.info.channels),
    ]
    for what, found, expected in pairs:
        if found != expected:
            raise InputError(
                f"the data have {found} {what}, expected {expected} as the net was trained on: "
                "name other data with data=... or another checkpoint with ckpt=..."
            )


def _blocks(data: TimelapseData, part: str) -> list[Block]:
    blocks = data.blocks if part == "all" else [block for block in data.blocks if block.part == part]
    if not blocks:
        raise InputError(
            f"no frame of the data is for '{part}', expected train, validation, test or all: set part="
        )
    return blocks
