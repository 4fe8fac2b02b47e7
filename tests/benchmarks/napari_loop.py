"""Ten mended frames: the scores of a recording before and after, by what the buttons of napari's panel call.

    OMP_NUM_THREADS=1 python tests/benchmarks/napari_loop.py OUT --seeds 0 1

A net learns from synthetic recordings for a minute or less. It predicts a new one (Predict), the ten frames
that are suggested (Next frame to label) are given their true class maps (Paint) and saved (Save mended
frames), the net is trained on them (Train on all masks) and predicts again. Scores are those of the frames
that were not mended, all pixels pooled. OUT gets a folder for each seed and must not hold one.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

import hela_seg
from hela_seg.data.stacks import write_tiff
from hela_seg.data.synthetic.render import draw
from hela_seg.napari.finetune import save_masks, train
from hela_seg.napari.frames import LazyFrames
from hela_seg.napari.segment import Prediction, Shown, axes_of, predict
from hela_seg.scores.confusion import scores_of
from hela_seg.scores.metrics import confusion_matrix

FRAMES, SIDE = 40, 192
EPOCHS = 20
"""What the panel proposes."""


def main() -> None:
    """Go through the loop once for each seed and print a row of a table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("out", type=Path)
    asked.add_argument("--seeds", nargs="*", type=int, default=[0])
    asked.add_argument("--steps", type=int, default=100, help="of the first net")
    args = asked.parse_args()
    print("| seed | m-IoU before | after | IoU of background, round, spread before | after | training |")
    print("|---|---|---|---|---|---|")
    for seed in args.seeds:
        folder = args.out / str(seed)
        folder.mkdir(parents=True)
        checkpoint = first_net(folder, seed, args.steps)
        images, truth = draw(FRAMES, SIDE, SIDE, seed=1000 + seed)
        write_tiff(folder / "dish.tif", images, "TYXS")
        before = predicted(checkpoint, folder / "dish.tif", images)
        mended = before.to_label
        rest = [t for t in range(FRAMES) if t not in mended]
        scored = [score(before.maps, truth, rest)]
        for t in mended:
            before.maps[t] = truth[t]
        save_masks(folder / "mended", before.series, before.maps, before.maps.changed())
        began = time.monotonic()
        *_, tuned = train(checkpoint, folder / "mended", EPOCHS, lambda: False)
        seconds = time.monotonic() - began
        assert isinstance(tuned, Path)
        scored.append(score(predicted(tuned, folder / "dish.tif", images).maps, truth, rest))
        means = " | ".join(f"{np.mean(iou):.3f}" for iou in scored)
        each = " | ".join(", ".join(f"{value:.3f}" for value in iou) for iou in scored)
        print(f"| {seed} | {means} | {each} | {len(mended)} frames, {seconds:.0f} s |", flush=True)


def first_net(folder: Path, seed: int, steps: int) -> Path:
    """A net that has seen few steps of other recordings."""
    result = hela_seg.train(
        "trainer=cpu",
        "report=false",
        seed=seed,
        data={
            "root": str(folder / "drawn"),
            "drawing": {"series": 4, "frames": 6, "height": SIDE, "width": SIDE, "seed": seed},
            "split": {"validation": 1, "test": 0},
            "tile": [96, 96],
            "steps_per_epoch": 25,
        },
        model={"width": 8},
        trainer={"max_epochs": steps // 25},
        **{"hydra.run.dir": str(folder / "first")},
    )
    return result.checkpoint


def predicted(checkpoint: Path, path: Path, images: np.ndarray) -> Prediction:
    """What the button Predict adds to the window."""
    shown = Shown(None, path, images, axes_of(images.ndim, rgb=True))
    *_, found = predict(checkpoint, shown, lambda: False)
    assert isinstance(found, Prediction)
    return found


def score(maps: LazyFrames, truth: np.ndarray, frames: list[int]) -> list[float]:
    """The IoU of each class over some frames."""
    found = np.stack([maps.frame(t) for t in frames])
    matrix = confusion_matrix(torch.from_numpy(found).long(), torch.from_numpy(truth[frames]).long(), 3)
    return [float(value) for value in scores_of(matrix).iou]


if __name__ == "__main__":
    main()
