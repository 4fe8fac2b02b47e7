"""Real Keras files at full size, converted: logits and labels against TensorFlow's, seconds and memory.

    PYTHON tests/benchmarks/keras_files.py write FOLDER PATH_OF_keras_reference.py unet
    python tests/benchmarks/keras_files.py check FOLDER

The first is run once for each net, by a Python that has TensorFlow 2.15 and segmentation-models 1.0. It
builds the net with layers numbered from anywhere, trains it for some steps on noise, and writes it with
``model.save`` and ``model.save_weights``, and its logits for a 512x512 image beside. The steps are small ones
and the means and variances of its normalisations settle in them, so that logits are of ordinary size and an
absolute difference says something.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

NETS = ("unet", "vgg19_unet", "inception_unet", "resnet34_unet")
FILES = {"model.save": "{}.hdf5", "save_weights": "{}_weights.h5"}
SIZE = 512
LEARNING_RATE, MOMENTUM = 1e-5, 0.5
"""Of 20 steps; Keras' own momentum of 0.99 would leave the statistics of untrained layers in the net."""


def image(seed: int, size: int = SIZE) -> np.ndarray:
    """Squares of 16x16 equal pixels (1, H, W, C) uint8."""
    coarse = np.random.default_rng(seed).integers(0, 256, (1, size // 16, size // 16, 3))
    return coarse.repeat(16, axis=1).repeat(16, axis=2).astype(np.uint8)


def write(folder: Path, reference: Path, name: str) -> None:
    """Write the files of one net."""
    sys.path.insert(0, str(reference.parent))
    import keras_reference
    from tensorflow.keras import Model, layers, optimizers

    folder.mkdir(parents=True, exist_ok=True)
    for layer, made in ((layers.Conv2D, 57), (layers.Conv2DTranspose, 3)):
        for _ in range(made):
            layer(1, 1)
    small = keras_reference.NETS[name]((SIZE // 4, SIZE // 4, 3))
    for layer in small.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = MOMENTUM
    small.compile(optimizers.Adam(LEARNING_RATE), "categorical_crossentropy")
    pixels = image(1, SIZE // 4)
    small.fit(pixels / 255, np.eye(3)[pixels[..., 0] // 86], epochs=20, verbose=0)
    model = keras_reference.NETS[name]((SIZE, SIZE, 3))
    model.set_weights(small.get_weights())
    model.compile("adam", "categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    model.save(folder / FILES["model.save"].format(name))
    model.save_weights(folder / FILES["save_weights"].format(name))
    logits = Model(model.input, model.layers[-1].input).predict(image(2) / 255, verbose=0)
    np.save(folder / f"{name}.npy", logits.transpose(0, 3, 1, 2))
    print(name, [layer.name for layer in model.layers if layer.weights][:4])


def check(folder: Path) -> None:
    """Convert the files, each in a process of its own, and print a line a file."""
    files = [(name, how, folder / pattern.format(name)) for name in NETS for how, pattern in FILES.items()]
    # before this process imports torch: a child's peak memory begins with its parent's
    importing, base = timed(["-c", "import torch"])
    used = [
        timed(["-m", "hela_seg.convert", f"model={net}", "overwrite=true", str(p)]) for net, _, p in files
    ]
    print(f"import torch: {importing:.1f} s, {base:.0f} MB; seconds and MB are those beyond it")
    print("net             file           MB  seconds    MB  of file  largest logit difference  others  ties")
    for (name, how, path), (seconds, peak) in zip(files, used, strict=True):
        difference, largest, others, ties = compared(path.with_suffix(".ckpt"), folder / f"{name}.npy")
        size, beyond = path.stat().st_size / 1e6, peak - base
        print(
            f"{name:15} {how:12} {size:4.0f} {seconds - importing:8.1f} {beyond:5.0f} {beyond / size:8.2f}  "
            f"{largest:13.2f} {difference:10.1e}  {others:6}  {ties:4}",
            flush=True,
        )


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory in MB of a Python process."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} ended with status {status}")
    return time.perf_counter() - began, used.ru_maxrss / 1e3


def compared(checkpoint: Path, expected_file: Path) -> tuple[float, float, int, int]:
    """Largest difference of the logits, the largest logit, pixels of another label, and ties.

    A pixel is a tie where its two largest logits are nearer to each other than the difference can move them.
    """
    import torch

    import hela_seg
    from hela_seg.inference.trained import TrainedNet

    expected = np.load(expected_file)
    net = TrainedNet.from_checkpoint(checkpoint).net.eval()
    with torch.inference_mode():
        logits = net(torch.from_numpy(image(2) / np.float32(255)).permute(0, 3, 1, 2)).numpy()
    labels = hela_seg.load(checkpoint).predict(image(2)[0], axes="YXC")
    difference = float(np.abs(logits - expected).max())
    second, first = np.sort(expected, axis=1)[0, -2:]
    ties = int((first - second <= 2 * difference).sum())
    return difference, float(np.abs(expected).max()), int((labels != expected.argmax(1)).sum()), ties


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
    else:
        check(Path(sys.argv[2]))
