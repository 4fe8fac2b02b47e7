"""All figures of docs/benchmarks.md that take a GPU, in one command of some minutes.

    python tests/benchmarks/gpu.py OUT                      on a machine with a GPU of CUDA
    OMP_NUM_THREADS=1 python tests/benchmarks/gpu.py OUT --small    everything once, tiny, on a CPU

Writes OUT/gpu.json, OUT/gpu.md and a table of kernels for each net (OUT/kernels_NET.txt), anew after each
measurement, so that a run that is cut off leaves what it had. What fails is named there, the rest goes on.
Drawn recordings and predictions, some gigabytes, lie in --scratch. Parts, in the order of their worth:

- ``peaks``: matrix products and copies of memory, as this device does them; shares below refer to these
- ``steps``: a step of ``hela_seg.train`` by ``python -m hela_seg.benchmark``, for each net and precision
- ``loader``: how long steps wait for tiles that are decoded from deflated TIFF
- ``prediction``: a recording from a compressed OME-TIFF to its class maps, beside the net alone
- ``bare``: the same nets and segmentation-models-pytorch's in a bare loop, and as the paper's notebook steps:
  float32, channels first, nothing fused
- ``compiled``: the steps of compiled nets, which take a minute each to compile
- ``graphs``: compiled nets in a bare loop, replayed as CUDA graphs
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import segmentation_models_pytorch as smp
import tifffile
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from hela_seg.cli import CONFIG
from hela_seg.cli import main as command
from hela_seg.data.augment import light
from hela_seg.data.datamodule import TimelapseData
from hela_seg.inference import TrainedNet
from hela_seg.inference.ensemble import Ensemble
from hela_seg.inference.fuse import fuse_conv_bn
from hela_seg.models import build
from hela_seg.system.hardware import Machine, set_tf32
from hela_seg.system.machine import hardware, now, versions
from hela_seg.system.settings import to_plain
from hela_seg.training.losses import DiceCrossEntropyLoss, FocalLoss

NETS = ("residual_unet", "resnet34_unet", "inception_unet", "vgg19_unet", "unet")
"""The default net, and the paper's four."""

NOTEBOOK_MS = {"resnet34_unet": 118, "inception_unet": 385, "vgg19_unet": 245, "unet": 317}
"""The paper's notebook on its authors' Colab GPU, batch 8 of 512x512."""

PRECISIONS = {
    "32-true, TF32 off": ["trainer.precision=32-true", "trainer.tf32=false"],
    "32-true, TF32 on": ["trainer.precision=32-true", "trainer.tf32=true"],
    "bf16-mixed": ["trainer.precision=bf16-mixed"],
}
Measurements = dict[str, Callable[[], Any]]
"""What a part measures, by name, each when it is called."""

WARM_UP = 3
WORK = ("TFLOP", "GB")
"""What a step takes, whatever the device."""


@dataclass(frozen=True)
class Sizes:
    """How large everything is.

    Attributes:
        device: ``cuda`` or ``cpu``.
        tile: rows and columns of training tiles.
        batch: tiles of a step.
        repeats: steps that are timed.
        frames: of the recording to predict, ``frame`` x ``frame`` pixels.
        frame: see above.
        workers: of the loader, one measurement each.
        more: overrides of every net.
        scratch: folder of what is drawn and predicted.
    """

    device: str = "cuda"
    tile: int = 512
    batch: int = 8
    repeats: int = 20
    frames: int = 1000
    frame: int = 1024
    workers: tuple[int, ...] = (8, 16)
    more: tuple[str, ...] = ()
    scratch: Path = Path()

    @property
    def precisions(self) -> dict[str, list[str]]:
        """Settings by name; a CPU has no TF32."""
        return {
            name: PRECISIONS[name] for name in PRECISIONS if self.device == "cuda" or "TF32 on" not in name
        }

    @property
    def here(self) -> torch.device:
        """The device."""
        return torch.device(self.device)


SMALL = Sizes("cpu", 64, 2, 2, 4, 128, (0, 1), ("model.width=8",))


def main() -> None:
    """Measure part after part, and write after each."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("out", type=Path)
    asked.add_argument("--small", action="store_true", help="tiny sizes, on a CPU")
    asked.add_argument("--parts", nargs="*", default=list(PARTS), choices=list(PARTS))
    asked.add_argument(
        "--nets", nargs="*", choices=list(NETS), help="all; unet with --small, quickest to compile"
    )
    asked.add_argument("--scratch", type=Path, help="OUT by default")
    args = asked.parse_args()
    sizes, nets = (SMALL, ["unet"]) if args.small else (Sizes(), list(NETS))
    sizes = replace(sizes, scratch=args.scratch or args.out)
    if sizes.device == "cuda" and not torch.cuda.is_available():
        asked.error("this machine has no GPU of CUDA; --small runs everything once on a CPU")
    args.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {
        "hardware": hardware(Machine.here("auto" if sizes.device == "cuda" else "cpu")),
        "versions": versions(),
        "sizes": vars(sizes),
    }
    began = time.monotonic()
    for name in args.parts:
        of_part = found[name] = dict[str, Any]()
        for key, measure in PARTS[name](sizes, args.nets or nets, args.out).items():
            try:
                of_part[key] = measure()
            except Exception as error:  # what follows is worth having all the same
                of_part[key] = {"failed": f"{type(error).__name__}: {error}"}
            found["seconds"] = round(time.monotonic() - began, 1)
            (args.out / "gpu.json").write_text(json.dumps(found, indent=1, default=str))
            (args.out / "gpu.md").write_text(markdown(found))
            said = json.dumps(of_part[key], default=str)[:400]
            print(f"{name}, {key}: {said} ({found['seconds']} s)", flush=True)
    print(markdown(found))


def timed(action: Callable[[], Any], device: torch.device, repeats: int) -> float:
    """Median seconds of an action, after a few to warm up."""
    seconds = []
    for number in range(WARM_UP + repeats):
        began = now(device)
        action()
        if number >= WARM_UP:
            seconds.append(now(device) - began)
    return median(seconds)


def peaks(sizes: Sizes, _: list[str], __: Path) -> Measurements:
    """TFLOP/s of square matrix products by type, and GB/s of copies within the device's memory."""
    on_gpu = sizes.device == "cuda"
    n = 8192 if on_gpu else 256

    def products(dtype: torch.dtype, *, tf32: bool) -> float:
        set_tf32(tf32)
        a = torch.randn(n, n, device=sizes.here, dtype=dtype)
        return round(2 * n**3 / timed(partial(torch.mm, a, a), sizes.here, sizes.repeats) / 1e12, 3)

    def copies() -> float:
        block = torch.empty(2**28 if on_gpu else 2**22, device=sizes.here)
        copy = torch.empty_like(block)
        seconds = timed(lambda: copy.copy_(block), sizes.here, sizes.repeats)
        return round(2 * block.nbytes / seconds / 1e9, 3)

    return {
        "32-true, TF32 off": partial(products, torch.float32, tf32=False),
        "32-true, TF32 on": partial(products, torch.float32, tf32=True),
        "bf16-mixed": partial(products, torch.bfloat16, tf32=False),
        "GB/s": copies,
    }


def steps(sizes: Sizes, nets: list[str], _: Path) -> Measurements:
    """Median milliseconds of the stages of each net, by precision, from ``python -m hela_seg.benchmark``."""

    def measured(name: str) -> dict[str, Any]:
        return {how: stages(sizes, name, *settings) for how, settings in sizes.precisions.items()}

    return {name: partial(measured, name) for name in nets}


def compiled(sizes: Sizes, nets: list[str], _: Path) -> Measurements:
    """As `steps`, of compiled nets in bfloat16."""

    def measured(name: str) -> dict[str, Any]:
        return {"bf16-mixed": stages(sizes, name, *PRECISIONS["bf16-mixed"], "trainer.compile=true")}

    return {name: partial(measured, name) for name in nets}


def stages(sizes: Sizes, net: str, *settings: str) -> dict[str, float]:
    """Median milliseconds of a net's stages, and the most memory of its steps."""
    with tempfile.TemporaryDirectory() as folder:
        status = command(
            "benchmark",
            [
                f"model={net}",
                f"data.tile=[{sizes.tile},{sizes.tile}]",
                f"data.batch_size={sizes.batch}",
                f"data.workers={sizes.workers[0]}",
                f"data.root={sizes.scratch / 'drawn'}",
                f"data.drawing.height={sizes.tile}",
                f"data.drawing.width={sizes.tile}",
                f"repeats={sizes.repeats}",
                "trainer=gpu" if sizes.device == "cuda" else "trainer=cpu",
                f"hydra.run.dir={folder}",
                *settings,
                *sizes.more,
            ],
        )
        if status:
            return {"failed": status}
        (found,) = json.loads((Path(folder) / "benchmark.json").read_text())["nets"].values()
    times = {stage: round(1000 * median(seconds), 3) for stage, seconds in found["seconds"].items()}
    return times | {"MiB": (found["peak_memory"] or 0) / 2**20}


def made(name: str, sizes: Sizes) -> nn.Module:
    """A net of three channels and classes as ``conf/model`` has it, on the device."""
    plain = to_plain(OmegaConf.load(CONFIG / "model" / f"{name}.yaml"))
    width = {"width": 8} if sizes.more else {}
    return build(plain | width | {"in_channels": 3, "classes": 3}).to(sizes.here)


def bare(sizes: Sizes, nets: list[str], out: Path) -> Measurements:
    """Milliseconds of bare steps; operations and bytes of a step; the kernels that take longest."""
    batch = Batch(sizes)

    def measured(name: str) -> dict[str, Any]:
        net = made(name, sizes).to(memory_format=torch.channels_last)
        of_net: dict[str, Any] = work_of(batch.step(net, fused=False))
        of_net["bf16-mixed"] = batch.milliseconds(net)
        kernels(batch.step(net), out / f"kernels_{name}.txt")
        set_tf32(False)
        notebook: dict[str, Any] = {
            "loss": FocalLoss(),
            "half": None,
            "fused": False,
            "layout": torch.contiguous_format,
        }
        return of_net | {"as the notebook": batch.milliseconds(made(name, sizes), **notebook)}

    def other() -> dict[str, float]:
        net = smp.Unet("resnet34", encoder_weights=None, in_channels=3, classes=3).to(sizes.here)
        return {"bf16-mixed": batch.milliseconds(net.to(memory_format=torch.channels_last))}

    return {name: partial(measured, name) for name in nets} | {"smp.Unet of resnet34": other}


def graphs(sizes: Sizes, nets: list[str], _: Path) -> Measurements:
    """Milliseconds of bare steps of compiled nets, whose kernels CUDA graphs replay; none on a CPU."""

    def measured(name: str) -> dict[str, float]:
        net = made(name, sizes).to(memory_format=torch.channels_last)
        net.compile(mode="reduce-overhead")
        return {"bf16-mixed, CUDA graphs": Batch(sizes).milliseconds(net)}

    return {name: partial(measured, name) for name in nets if sizes.device == "cuda"}


class Batch:
    """A batch that lies on the device, and steps on it."""

    def __init__(self, sizes: Sizes) -> None:
        self._sizes, generator = sizes, torch.Generator().manual_seed(0)
        self._image = torch.rand(sizes.batch, 3, sizes.tile, sizes.tile, generator=generator).to(sizes.here)
        label = torch.randint(0, 3, (sizes.batch, sizes.tile, sizes.tile), generator=generator)
        self._label = label.to(sizes.here)

    def milliseconds(self, net: nn.Module, **how: Any) -> float:
        """Of one step, see `step`."""
        return round(1000 * timed(self.step(net, **how), self._sizes.here, self._sizes.repeats), 3)

    def step(
        self,
        net: nn.Module,
        *,
        loss: nn.Module | None = None,
        half: torch.dtype | None = torch.bfloat16,
        fused: bool = True,
        layout: torch.memory_format = torch.channels_last,
    ) -> Callable[[], None]:
        """One step of Adam."""
        optimizer = torch.optim.Adam(net.parameters(), fused=fused or None)
        image, label = self._image.contiguous(memory_format=layout), self._label
        loss = loss or DiceCrossEntropyLoss()

        def step() -> None:
            optimizer.zero_grad()
            with torch.autocast(image.device.type, half) if half else nullcontext():
                value = loss(net(image), label)
            torch.autograd.backward(value)
            optimizer.step()

        return step


class _Traffic(TorchDispatchMode):
    """Adds up the bytes that operators read and write, were none of them fused; views count nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.bytes += sum(one.nbytes for one in _tensors((args, result)))
        return result


def _tensors(nested: Any) -> Iterator[Tensor]:
    if isinstance(nested, Tensor):
        yield nested
    elif isinstance(nested, tuple | list):
        for one in nested:
            yield from _tensors(one)


def work_of(step: Callable[[], None]) -> dict[str, float]:
    """Floating point operations of the convolutions of a step, in 10^12, and GB in and out of operators."""
    step()  # the optimiser takes its memory
    counted, traffic = FlopCounterMode(display=False), _Traffic()
    with counted:
        step()
    with traffic:
        step()
    return dict(zip(WORK, (counted.get_total_flops() / 1e12, traffic.bytes / 1e9), strict=True))


def kernels(step: Callable[[], None], path: Path) -> None:
    """Write what takes longest within five steps, as PyTorch's profiler tells it."""
    gpu = torch.cuda.is_available()
    activities = [torch.profiler.ProfilerActivity.CPU]
    activities += [torch.profiler.ProfilerActivity.CUDA] if gpu else []
    with torch.profiler.profile(activities=activities) as trace:
        for _ in range(5):
            step()
    order = "self_cuda_time_total" if gpu else "self_cpu_time_total"
    path.write_text(trace.key_averages().table(sort_by=order, row_limit=40))


def loader(sizes: Sizes, _: list[str], __: Path) -> Measurements:
    """Share of the time that steps of ResNet34-U-Net in bfloat16 wait for tiles of deflated TIFF."""
    return {f"{workers} workers": partial(_waiting, sizes, workers) for workers in sizes.workers}


def _deflated(sizes: Sizes) -> Path:
    """A folder of twelve recordings of noise with masks."""
    root, random = sizes.scratch / "deflated", np.random.default_rng(0)
    for index in range(0 if root.exists() else 12):
        for folder, frames in (
            ("images", random.poisson(40, (8, sizes.tile, sizes.tile, 3)).astype(np.uint8)),
            ("masks", random.integers(0, 3, (8, sizes.tile, sizes.tile), dtype=np.uint8)),
        ):
            (root / folder).mkdir(parents=True, exist_ok=True)
            axes = "TYXS" if frames.ndim == 4 else "TYX"
            path = root / folder / f"{index}.tif"
            tifffile.imwrite(path, frames, compression="deflate", metadata={"axes": axes})
    return root


def _waiting(sizes: Sizes, workers: int) -> float:
    data = TimelapseData(
        layout="folder",
        root=str(_deflated(sizes)),
        classes=["background", "round", "spread"],
        tile=(sizes.tile, sizes.tile),
        batch_size=sizes.batch,
        steps_per_epoch=WARM_UP + 5 * sizes.repeats,
        workers=workers,
        normalise="dtype",
        augment=light(),
    )
    data.prepare()
    net = made("resnet34_unet", sizes).to(memory_format=torch.channels_last)
    optimizer, loss = torch.optim.Adam(net.parameters()), DiceCrossEntropyLoss()
    batches, waited, all_in_all = iter(data.train_dataloader()), 0.0, 0.0
    for number in range(WARM_UP + 5 * sizes.repeats):
        began = now(sizes.here)
        batch = next(batches)
        got = time.perf_counter()
        image = batch["image"].to(sizes.here, non_blocking=True)
        label = batch["label"].to(sizes.here, non_blocking=True)
        with torch.autocast(sizes.device, torch.bfloat16):
            value = loss(net(image.contiguous(memory_format=torch.channels_last)), label)
        optimizer.zero_grad()
        torch.autograd.backward(value)
        optimizer.step()
        if number >= WARM_UP:
            waited += got - began
            all_in_all += now(sizes.here) - began
    return round(waited / all_in_all, 4)


def prediction(sizes: Sizes, _: list[str], __: Path) -> Measurements:
    """Seconds of predicting a recording, files read and written, and of the net alone on as many frames."""

    import_module("hela_seg.predict")  # whose imports are not what is timed

    def predicted(*more: str) -> float:
        typed = [str(_checkpoint(sizes)), str(_recording(sizes)), "-o", str(sizes.scratch / "predicted")]
        began = time.perf_counter()
        status = command("predict", [*typed, "overwrite=true", f"device={sizes.device}", *more])
        return round(time.perf_counter() - began, 3) if status == 0 else float("nan")

    @cache
    def net() -> nn.Module:
        trained = TrainedNet.from_checkpoint(_checkpoint(sizes))
        return fuse_conv_bn(trained.net, trained.info.input_channels).to(sizes.here)

    def images(batch: int) -> Tensor:
        image = torch.rand(batch, 3, sizes.frame, sizes.frame, device=sizes.here)
        return image.contiguous(memory_format=torch.channels_last)

    def net_alone() -> float:
        batch = min(16, sizes.frames) if sizes.device == "cuda" else 1
        ensemble, image = Ensemble([net()], [0], "none", sizes.here, "auto"), images(batch)
        seconds = timed(lambda: ensemble.classes([image]), sizes.here, sizes.repeats)
        return round(seconds * sizes.frames / batch, 3)

    found: Measurements = {
        "class maps alone": partial(predicted, "cells=none"),
        "with cells": predicted,
        "net alone": net_alone,
    }
    if importlib.util.find_spec("monai"):
        found["MONAI"] = lambda: _monai(net(), images(1), sizes)
    return found


@cache
def _checkpoint(sizes: Sizes) -> Path:
    """Of a ResNet34-U-Net that was trained for 30 steps."""
    run = sizes.scratch / "trained"
    typed = ["model=resnet34_unet", f"data.root={sizes.scratch / 'drawn'}", "report=false"]
    typed += ["trainer=gpu" if sizes.device == "cuda" else "trainer=cpu", f"hydra.run.dir={run}"]
    typed += ["trainer.max_epochs=1", "data.steps_per_epoch=30", "data.workers=0"]
    typed += ["data.drawing.height=128", "data.drawing.width=128"]
    if not (run / "checkpoints" / "best.ckpt").exists() and command("train", [*typed, *sizes.more]):
        raise RuntimeError("hela_seg.train failed, and said why above")
    return run / "checkpoints" / "best.ckpt"


@cache
def _recording(sizes: Sizes) -> Path:
    """A compressed OME-TIFF of noise."""
    path = sizes.scratch / "recording.ome.tif"
    frame = np.random.default_rng(0).poisson(40, (sizes.frame, sizes.frame, 3)).astype(np.uint8)
    frames = (np.roll(frame, 7 * t, 0) for t in range(sizes.frames))
    how: dict[str, Any] = {"compression": "deflate", "compressionargs": {"level": 1}, "dtype": np.uint8}
    if not path.exists():
        shape = (sizes.frames, *frame.shape)
        tifffile.imwrite(path, frames, shape=shape, metadata={"axes": "TYXS"}, **how)
    return path


def _monai(net: nn.Module, image: Tensor, sizes: Sizes) -> float:
    """Seconds of MONAI's window on as many frames that lie on the device."""
    from monai.inferers import sliding_window_inference

    side = min(512, sizes.frame)

    @torch.inference_mode()
    def window() -> None:
        with torch.autocast(sizes.device, torch.bfloat16):
            sliding_window_inference(image, (side, side), 8, net, overlap=0.25, mode="gaussian")

    return round(timed(window, sizes.here, sizes.repeats) * sizes.frames, 3)


PARTS: dict[str, Callable[[Sizes, list[str], Path], Measurements]] = {
    "peaks": peaks,
    "steps": steps,
    "loader": loader,
    "prediction": prediction,
    "bare": bare,
    "compiled": compiled,
    "graphs": graphs,
}


def markdown(found: dict[str, Any]) -> str:
    """What was measured as tables, for docs/benchmarks.md."""
    sizes = found["sizes"]
    machine = f"{found['hardware']['device']}, {found['hardware']['processor']}"
    head = f"{machine}, {sizes['tile']}x{sizes['tile']}, {sizes['batch']} a batch"
    nets = list(found.get("steps", {})) or list(NETS)
    lines = [head, "", f"| milliseconds a step | {' | '.join(nets)} |", "|---" * (len(nets) + 1) + "|"]
    rows: dict[str, dict[str, Any]] = {}
    names = {"steps": "{}", "compiled": "{}, compiled", "bare": "bare loop, {}", "graphs": "bare loop, {}"}
    for part, name in names.items():
        for net, measured in found.get(part, {}).items():
            for how, value in measured.items():
                if how in WORK:
                    continue
                value = value.get("full step", "failed") if isinstance(value, dict) else value
                rows.setdefault(name.format(how), {})[net] = value
    rows["the notebook, on its authors' GPU"] = NOTEBOOK_MS
    lines += [f"| {row} | {' | '.join(_cell(of.get(net)) for net in nets)} |" for row, of in rows.items()]
    parts = [part for part in ("peaks", "loader", "prediction") if part in found]
    lines += ["", *(f"- {part}: {json.dumps(found[part])}" for part in parts)]
    shares = list(_shares(found))
    return "\n".join([*lines, *shares, ""])


def _shares(found: dict[str, Any]) -> Iterator[str]:
    """How near each net's step comes to the device's measured peaks."""
    for net, of in found.get("bare", {}).items():
        if "TFLOP" not in of or not isinstance(found.get("peaks", {}).get("GB/s"), float):
            continue
        seconds = of["bf16-mixed"] / 1000
        products = of["TFLOP"] / seconds / found["peaks"]["bf16-mixed"]
        memory = of["GB"] / seconds / found["peaks"]["GB/s"]
        yield f"- {net}, bare loop in bf16: {products:.1%} of matrix products' rate, {memory:.1%} of copies'"


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:,.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
