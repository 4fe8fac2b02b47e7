"""One training step as ``hela_seg.train`` makes it, against the notebook's net in Keras on the same tiles.

    python tests/benchmarks/keras_step.py PYTHON REFERENCE [NET ...] [--turns 6] [--tile 128] [--batch 4]

``PYTHON`` is an interpreter with TensorFlow 2.15 and segmentation-models 1.0.1, ``REFERENCE`` the file
``keras_reference.py`` with the nets. Each side is a process of its own; they take turns of a few steps, so
that what else the machine does touches both. Set OMP_NUM_THREADS to the cores: TensorFlow is told the same.
"""

from __future__ import annotations

import argparse
import os
import runpy
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

GOAL, WARM_UP, STEPS_A_TURN = 0.85, 3, 2
NETS = ("unet", "vgg19_unet", "inception_unet", "resnet34_unet")


class Turns:
    """In a worker: tells the seconds of each turn, and waits for the word to go on."""

    def __init__(self) -> None:
        self.steps, self.since = -WARM_UP, 0.0

    def step_done(self) -> None:
        """To be called after each step."""
        self.steps += 1
        if self.steps >= 0 and self.steps % STEPS_A_TURN == 0:
            print("turn", time.perf_counter() - self.since, flush=True)
            if not sys.stdin.readline():
                os._exit(0)
            self.since = time.perf_counter()


def work_ours(net: str, batch: int, tile: int) -> None:
    """Train with the shipped configuration until the standard input ends."""
    import pytorch_lightning as pl
    from training_step import fit

    turns = Turns()

    class Watch(pl.Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            turns.step_done()

    fit(net, batch, tile, 10_000, Watch())


def work_keras(reference: str, net: str, batch: int, tile: int) -> None:
    """Train the notebook's net with its loss and optimiser until the standard input ends."""
    import tensorflow as tf

    threads = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
    tf.config.threading.set_intra_op_parallelism_threads(threads)

    def focal(truth: Any, probability: Any) -> Any:
        probability = tf.clip_by_value(probability, 1e-7, 1 - 1e-7)
        return tf.reduce_mean(-truth * 0.25 * (1 - probability) ** 2.0 * tf.math.log(probability))

    model = runpy.run_path(reference)["NETS"][net]((tile, tile, 3))
    model.compile(tf.keras.optimizers.Adam(1e-3), focal)
    images, labels = drawn(batch, tile)
    truth = np.eye(3, dtype=np.float32)[labels]
    turns = Turns()
    while True:
        model.train_on_batch(images, truth)
        turns.step_done()


def drawn(batch: int, tile: int) -> tuple[np.ndarray, np.ndarray]:
    """The same tiles as in training_step.py, which an environment without PyTorch cannot import."""
    random = np.random.default_rng(0)
    images = random.uniform(0, 1, (batch, tile, tile, 3)).astype(np.float32)
    return images, random.choice(3, (batch, tile, tile), p=(0.94, 0.02, 0.04))


def turn(worker: subprocess.Popen[str], *, go: bool) -> float:
    """Seconds a step in the worker's next turn."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    if go:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    while not (line := worker.stdout.readline()).startswith("turn"):
        if not line:
            raise SystemExit("a worker ended, see above")
    return float(line.split()[1]) / STEPS_A_TURN


def compare(given: argparse.Namespace, net: str) -> None:
    """Time one net on both sides and print a line."""
    common = [net, "--tile", str(given.tile), "--batch", str(given.batch)]
    commands = {
        "ours": [sys.executable, __file__, sys.executable, "ours", *common],
        "keras": [given.python, __file__, given.python, given.reference, *common],
    }
    workers = {}
    for side, command in commands.items():
        workers[side] = subprocess.Popen(
            [*command, "--worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        turn(workers[side], go=False)
    times: dict[str, list[float]] = {side: [] for side in workers}
    for _ in range(given.turns):
        for side, worker in workers.items():
            times[side].append(turn(worker, go=True))
    for worker in workers.values():
        worker.communicate()
    ours, keras = (statistics.median(times[side]) for side in ("ours", "keras"))
    verdict = "" if ours / keras <= GOAL else f"  MISSED {GOAL}"
    print(f"{net:15} {ours:7.3f}  {keras:7.3f}   {ours / keras:.2f}{verdict}", flush=True)


def main() -> None:
    """Print a line a net."""
    parser = argparse.ArgumentParser()
    parser.add_argument("python")
    parser.add_argument("reference")
    parser.add_argument("nets", nargs="*", default=NETS)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--tile", type=int, default=128)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.worker:
        print("net              ours s  Keras s   ratio")
        for net in given.nets:
            compare(given, net)
    elif given.reference == "ours":
        work_ours(given.nets[0], given.batch, given.tile)
    else:
        work_keras(str(Path(given.reference)), given.nets[0], given.batch, given.tile)


if __name__ == "__main__":
    main()
