"""Nets that see the frames before and after, beside nets that see one frame, at the same CPU seconds.

    OMP_NUM_THREADS=1 python tests/benchmarks/context.py DATA OUT.json --contexts 0 1 2 --seconds 100

DATA is the folder that holds ``hela-h2b-timelapse``; the synthetic recordings are drawn beside OUT.json. Each
net is trained with the default recipe in the loop of ``recipe.py``, whose learning rate follows the share of
the CPU seconds that is used up. It is scored as `hela_seg.evaluate` scores, on the last four frames of the
time-lapse, two behind the last that train, or on a synthetic recording that trains nothing. Results are added
to OUT.json; runs that it holds are not repeated. ``--table`` prints them as Markdown:

- m-IoU: over all pixels of all frames;
- F1: of cells, at an IoU of 0.5;
- flicker: share of the pixels whose class is another one than in the frame before, of the prediction and of
  the truth, without ignored pixels.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from recipe import NEW, SETS, Budget, Images, configuration, fit

from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.layouts import Recording
from hela_seg.inference import Predictor, TrainedNet, count_frames
from hela_seg.runs.checkpoint import ModelInfo
from hela_seg.scores.confusion import scores_of
from hela_seg.scores.frames import against_truth
from hela_seg.scores.meters import CellMeter
from hela_seg.training.assembly import begin_with_own_frame, net_config, net_of

DRAWN = Images(["data=synthetic", "data.root={root}"], [], [])
"""The synthetic recordings."""

SPLITS = {"h2b": [("train", 0, 14), ("test", 16, 20)], "synthetic": None}
"""For each set the parts of its one recording; None for a split by recordings."""


def main() -> None:
    """Run what is asked for and not there yet, and print the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("data", type=Path)
    asked.add_argument("out", type=Path)
    asked.add_argument("--sets", nargs="*", default=list(SPLITS), choices=list(SPLITS))
    asked.add_argument("--contexts", nargs="*", type=int, default=[0, 1, 2])
    asked.add_argument("--seeds", nargs="*", type=int, default=[0])
    asked.add_argument("--seconds", type=float, default=100.0)
    asked.add_argument(
        "--alike", action="store_true", help="let the first layer look at all frames alike at first"
    )
    asked.add_argument("--table", action="store_true", help="print what there is and run nothing")
    args = asked.parse_args()
    torch.set_num_threads(1)
    for seed in [] if args.table else args.seeds:
        for name in args.sets:
            for context in args.contexts:
                run = {"set": name, "context": context, "seed": seed, "seconds": args.seconds}
                run["start"] = "alike" if args.alike and context else "own"
                if any(run.items() <= there.items() for there in _found(args.out)):
                    continue
                prepared = _data(name, args.data, args.out.parent, context, seed)
                run |= measure(prepared, seed, args.seconds, own_first=not args.alike)
                args.out.write_text(json.dumps([*_found(args.out), run], indent=1))
                print(json.dumps(run), flush=True)
    print(table(_found(args.out)))


def _found(out: Path) -> list[dict[str, Any]]:
    return json.loads(out.read_text()) if out.exists() else []


def _data(name: str, root: Path, drawn: Path, context: int, seed: int) -> tuple[Any, TimelapseData]:
    """The configuration of the default recipe on a set, and the set, opened and looked at."""
    overrides = [*NEW, f"data.context={context}"]
    place = (drawn, DRAWN) if name == "synthetic" else (root, SETS[name])
    config = configuration(*place, overrides, seed)
    data: TimelapseData = instantiate(config.data, augment=instantiate(config.augment))
    split = SPLITS[name]
    keys = ("part", "start", "stop")
    data.open(split and [{"series": "images", **dict(zip(keys, row, strict=True))} for row in split])
    data.prepare()
    return config, data


def measure(
    prepared: tuple[Any, TimelapseData], seed: int, seconds: float, *, own_first: bool
) -> dict[str, Any]:
    """Train for so many CPU seconds, and score the test frames.

    Returns:
        ``steps``, ``miou``, ``iou`` a class, ``f1``, and ``flicker`` and ``true_flicker``, 0 to 1.
    """
    config, data = prepared
    torch.manual_seed(seed)
    net = net_of(net_config(OmegaConf.to_container(config.model), data))
    if own_first:
        begin_with_own_frame(net, data.channels, data.context)
    net, steps = fit(net, data, config, Budget(seconds))
    return {"steps": steps} | _scored(net.eval(), data)


def _scored(net: torch.nn.Module, data: TimelapseData) -> dict[str, Any]:
    info = ModelInfo(
        net={},
        classes=data.classes.to_plain(),
        normalisation=data.normalisation.to_plain(),
        channels=data.channels,
        axes=data.axes,
        split=data.split_rows(),
        config={"data": {"context": data.context}},
        versions={},
    )
    cells, truths, maps = CellMeter(), [], []

    def look(recording: Recording, t: int, truth: Any, found: Any) -> None:
        cells.add(against_truth(recording, t, truth, found, data.labels))
        truths.append(truth)
        maps.append(found)

    predictor, blocks = Predictor([TrainedNet(net, info)]), data.blocks_of("test")
    result = scores_of(
        count_frames(predictor, data.recordings, blocks, data.labels, watcher=look).frames.pooled
    )
    counted = [truth != IGNORE_INDEX for truth in truths]
    return {
        "miou": round(float(result.mean_iou), 4),
        "iou": [round(float(value), 4) for value in result.iou],
        "f1": round(cells.scores.to_plain()["thresholds"][0]["f1"], 4),
        "flicker": _changed(maps, counted),
        "true_flicker": _changed(truths, counted),
    }


def _changed(maps: list[Any], counted: list[Any]) -> float:
    """Share of pixels whose class is another one than in the frame before, of one recording."""
    pairs = zip(pairwise(maps), pairwise(counted), strict=True)
    changed = np.concatenate([(after != before)[ours & theirs] for (before, after), (ours, theirs) in pairs])
    return round(float(changed.mean()), 5)


def table(runs: list[dict[str, Any]]) -> str:
    """The runs as Markdown, a row for each set and context: means over seeds, and the range of m-IoU."""
    titles = ["set", "context", "first weights", "CPU s", "seeds", "steps", "m-IoU", "IoU by class"]
    titles += ["F1 of cells", "flicker (truth)"]
    lines = [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    keys = ("set", "seconds", "context", "start")
    for values in sorted({tuple(run[name] for name in keys) for run in runs}):
        key = dict(zip(keys, values, strict=True))
        name, seconds, context, start = values
        of = [run for run in runs if key.items() <= run.items()]
        mean = {k: np.mean([r[k] for r in of], axis=0) for k in of[0] if k not in key and k != "seed"}
        spread = f" ({min(r['miou'] for r in of)} to {max(r['miou'] for r in of)})" if of[1:] else ""
        cells = [
            name,
            context,
            start,
            f"{seconds:g}",
            len(of),
            f"{mean['steps']:.0f}",
            f"{mean['miou']:.4f}{spread}",
        ]
        cells += [", ".join(f"{value:.3f}" for value in mean["iou"]), f"{mean['f1']:.3f}"]
        cells.append(f"{mean['flicker']:.2%} ({mean['true_flicker']:.2%})")
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
