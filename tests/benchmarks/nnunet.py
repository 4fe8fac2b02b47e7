"""nnU-Net 2.8 on the sets of `recipe.py`, for the same CPU seconds of training, scored in the same way.

    python tests/benchmarks/nnunet.py prepare DATA FOLDER
    OMP_NUM_THREADS=1 PYTHON tests/benchmarks/nnunet.py train FOLDER OUT.json --seconds 600 --seeds 0 1 2

``prepare`` is run by the Python that has hela_seg: it writes the images and class indices of each set in the
form that nnU-Net reads. ``train`` is run by the Python of another environment, with ``nnunetv2``: nnU-Net's
own planning, preprocessing, loss, optimiser, augmentation, deep supervision and mirrored prediction, with
tiles of 128x128, 4 a batch, and a net of 6 stages. Its rate falls with the share of the CPU seconds that is
used, as it falls with the epochs there; planning, preprocessing and prediction are not counted.
OUT.json holds entries as those of `recipe.py`, whose ``--table`` prints both.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from pathlib import Path
from typing import Any

import numpy as np

STAGES, TILE, BATCH = 6, 128, 4
FILTERS = [32, 64, 128, 256, 512, 512]


def main() -> None:
    """Write the images, or train on them."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    stages = asked.add_subparsers(required=True)
    preparing = stages.add_parser("prepare")
    preparing.add_argument("data", type=Path)
    preparing.add_argument("folder", type=Path)
    preparing.add_argument("--sets", nargs="*", default=["nucleolus", "t98g", "h2b"])
    preparing.add_argument("--part", default="test", choices=["validation", "test"])
    preparing.add_argument(
        "--fold", type=int, default=0, help="of --part validation; recipe.py takes its seed"
    )
    preparing.set_defaults(run=prepare)
    training = stages.add_parser("train")
    training.add_argument("folder", type=Path)
    training.add_argument("out", type=Path)
    training.add_argument("--seconds", type=float, default=600.0)
    training.add_argument("--sets", nargs="*")
    training.add_argument("--seeds", nargs="*", type=int, default=[0])
    training.add_argument("--part", default="test", choices=["validation", "test"], help="as prepared")
    training.set_defaults(run=train_all)
    args = asked.parse_args()
    args.run(args)


def prepare(args: argparse.Namespace) -> None:
    """Write each set as FOLDER/raw/Dataset00N_<set>, with test images in imagesTs and labelsTs."""
    import tifffile
    from recipe import open_data

    from hela_seg.data.frames import LabelFrames

    for number, name in enumerate(args.sets, 1):
        data = open_data(args.data, name, [], seed=args.fold, part=args.part)
        folder = args.folder / "raw" / f"Dataset{number:03d}_{name}"
        written = {"train": 0, "test": 0}
        for part, ending in (("train", "Tr"), ("test", "Ts")):
            images, labels = folder / f"images{ending}", folder / f"labels{ending}"
            images.mkdir(parents=True, exist_ok=True)
            labels.mkdir(parents=True, exist_ok=True)
            for block in data.blocks_of(part):
                recording = data.recordings[block.series]
                for t in range(block.start, block.stop):
                    case = f"{part}{written[part]:03d}"
                    for c, channel in enumerate(recording.image.frame(t)):
                        tifffile.imwrite(images / f"{case}_{c:04d}.tif", channel)
                    label = LabelFrames(recording.mask, data.labels).whole(t)
                    tifffile.imwrite(labels / f"{case}.tif", label)
                    written[part] += 1
        description = {
            "channel_names": {str(c): "microscopy" for c in range(data.channels)},
            "labels": {entry.name: number for number, entry in enumerate(data.classes)},
            "numTraining": written["train"],
            "file_ending": ".tif",
            "overwrite_image_reader_writer": "NaturalImage2DIO",
        }
        (folder / "dataset.json").write_text(json.dumps(description))


def train_all(args: argparse.Namespace) -> None:
    """Plan and preprocess each set, train each seed, and add its scores to OUT.json."""
    for kind in ("raw", "preprocessed", "results"):
        os.environ[f"nnUNet_{kind}"] = str((args.folder / kind).absolute())
    os.environ["nnUNet_compile"] = "f"  # noqa: SIM112
    for raw in sorted((args.folder / "raw").iterdir()):
        name = raw.name.partition("_")[2]
        if args.sets and name not in args.sets:
            continue
        os.environ["nnUNet_n_proc_DA"] = "1"  # planning takes no 0  # noqa: SIM112
        plan(args.folder / "preprocessed" / raw.name)
        os.environ["nnUNet_n_proc_DA"] = "0"  # noqa: SIM112
        for seed in args.seeds:
            run = {"set": name, "recipe": "nnU-Net", "seed": seed, "seconds": args.seconds, "part": args.part}
            found = json.loads(args.out.read_text()) if args.out.exists() else []
            if any(run.items() <= there.items() for there in found):
                continue
            run |= train(raw, args.folder / "preprocessed" / raw.name, seed, args.seconds)
            found = json.loads(args.out.read_text()) if args.out.exists() else []
            args.out.write_text(json.dumps([*found, run], indent=1))
            print(json.dumps(run), flush=True)


def plan(folder: Path) -> None:
    """nnU-Net's own plan of a set, with the size of tiles, of batches and of the net as above."""
    from nnunetv2.experiment_planning.plan_and_preprocess_api import (
        extract_fingerprints,
        plan_experiments,
        preprocess,
    )

    number, path = int(folder.name[7:10]), folder / "nnUNetPlans.json"
    if path.exists():
        return
    extract_fingerprints([number], num_processes=1)
    plan_experiments([number])
    plans = json.loads(path.read_text())
    flat = plans["configurations"]["2d"]
    flat |= {"patch_size": [TILE, TILE], "batch_size": BATCH}
    flat["architecture"]["arch_kwargs"] |= {
        "n_stages": STAGES,
        "features_per_stage": FILTERS,
        "kernel_sizes": [[3, 3]] * STAGES,
        "strides": [[1, 1]] + [[2, 2]] * (STAGES - 1),
        "n_conv_per_stage": [2] * STAGES,
        "n_conv_per_stage_decoder": [2] * (STAGES - 1),
    }
    path.write_text(json.dumps(plans))
    preprocess([number], configurations=("2d",), num_processes=(1,))


def train(raw: Path, planned: Path, seed: int, seconds: float) -> dict[str, Any]:
    """Train for so many CPU seconds, predict the test images with mirroring, and score them.

    Returns:
        As `recipe.train`.
    """
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    description = json.loads((raw / "dataset.json").read_text())
    plans = json.loads((planned / "nnUNetPlans.json").read_text()) | {"continue_training": False}
    cpu = torch.device("cpu")
    trainer = nnUNetTrainer(plans, "2d", "all", description, device=cpu)
    trainer.on_train_start()
    trainer.network.train()
    began, steps = time.process_time(), 0
    while (progress := (time.process_time() - began) / seconds) < 1:
        for group in trainer.optimizer.param_groups:
            group["lr"] = trainer.initial_lr * (1 - progress) ** 0.9
        trainer.train_step(next(trainer.dataloader_train))
        steps += 1
    trainer.set_deep_supervision_enabled(False)
    predictor = nnUNetPredictor(
        tile_step_size=0.5,
        use_gaussian=True,
        use_mirroring=True,
        device=cpu,
        allow_tqdm=False,
    )
    predictor.manual_initialization(
        trainer.network.eval(),
        trainer.plans_manager,
        trainer.configuration_manager,
        [trainer.network.state_dict()],
        description,
        "nnUNetTrainer",
        trainer.inference_allowed_mirroring_axes,
    )
    return {"steps": steps} | evaluate(predictor, raw, len(description["labels"]))


def evaluate(predictor: Any, raw: Path, classes: int) -> dict[str, Any]:
    """IoU of each class over all test pixels."""
    from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO

    reader, counts = NaturalImage2DIO(), np.zeros((classes, classes), dtype=np.int64)
    for path in sorted((raw / "labelsTs").iterdir()):
        channels = sorted((raw / "imagesTs").glob(f"{path.stem}_*.tif"))
        image, properties = reader.read_images([str(channel) for channel in channels])
        truth = reader.read_seg(str(path))[0].astype(np.int64).ravel()
        found = predictor.predict_single_npy_array(image, properties).astype(np.int64).ravel()
        counts += np.bincount(truth * classes + found, minlength=classes**2).reshape(classes, classes)
    hits = np.diag(counts)
    iou = hits / (counts.sum(0) + counts.sum(1) - hits)
    return {"iou": [round(float(v), 4) for v in iou], "miou": round(float(iou.mean()), 4)}


if __name__ == "__main__":
    main()
