"""All figures of docs/benchmarks.md that take a GPU, in one command of some minutes.

    python tests/benchmarks/gpu.py OUT                      on a machine with a GPU of CUDA
    OMP_NUM_THREADS=1 python tests/benchmarks/gpu.py OUT --small    everything once, tiny, on a CPU

Writes OUT/gpu.json, OUT/gpu.md and a table of kernels for each net (OUT/kernels_NET.txt), each as soon as it
is measured, so that a run that is cut off leaves what it had. Parts, in the order of their worth:

- ``peaks``: matrix products and copies of memory, as this device does them; shares below refer to these
- ``steps``: a step of ``hela_seg.train`` by ``python -m hela_seg.benchmark``, for each net and precision
- ``loader``: how long steps wait for tiles that are decoded from deflated TIFF
- ``prediction``: a recording from a compressed OME-TIFF to its class maps, beside the net alone
- ``bare``: the same nets and segmentation-models-pytorch's in a bare loop, with CUDA graphs, and as the
  paper's notebook steps: float32, channels first, nothing fused
- ``compiled``: the steps of compiled nets, last, since each takes a minute to compile
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
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
from hela_seg.system.hardware import Machine
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
    """

    device: str = "cuda"
    tile: int = 512
    batch: int = 8
    repeats: int = 20
    frames: int = 1000
    frame: int = 1024
    workers: tuple[int, ...] = (8, 16)
    more: tuple[str, ...] = ()

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
    asked.add_argument("--nets", nargs="*", choices=list(NETS), help="all; resnet34_unet with --small")
    args = asked.parse_args()
    sizes, nets = (SMALL, ["resnet34_unet"]) if args.small else (Sizes(), list(NETS))
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
        try:
            found[name] = PARTS[name](sizes, args.nets or nets, args.out)
        except Exception as error:  # the parts that follow are worth having all the same
            found[name] = {"failed": f"{type(error).__name__}: {error}"}
        found["seconds"] = round(time.monotonic() - began, 1)
        (args.out / "gpu.json").write_text(json.dumps(found, indent=1, default=str))
        (args.out / "gpu.md").write_text(markdown(found))
        print(f"{name}: {json.dumps(found[name], default=str)[:400]} ({found['seconds']} s)", flush=True)
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


def peaks(sizes: Sizes, _: list[str], __: Path) -> dict[str, float]:
    """TFLOP/s of square matrix products by type, and GB/s of copies within the device's memory."""
    n = 8192 if sizes.device == "cuda" else 256
    found = {}
    for name, dtype, tf32 in (
        ("32-true, TF32 off", torch.float32, False),
        ("32-true, TF32 on", torch.float32, True),
        ("bf16-mixed", torch.bfloat16, False),
    ):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        a = torch.randn(n, n, device=sizes.here, dtype=dtype)
        found[name] = 2 * n**3 / timed(partial(torch.mm, a, a), sizes.here, sizes.repeats) / 1e12
    block = torch.empty(2**28 if sizes.device == "cuda" else 2**22, device=sizes.here)
    copy = torch.empty_like(block)
    found["GB/s"] = 2 * block.nbytes / timed(lambda: copy.copy_(block), sizes.here, sizes.repeats) / 1e9
    return {name: round(value, 3) for name, value in found.items()}


def steps(sizes: Sizes, nets: list[str], out: Path, more: tuple[str, ...] = ()) -> dict[str, Any]:
    """Median milliseconds of the stages of each net, by precision, from ``python -m hela_seg.benchmark``."""
    found: dict[str, Any] = {}
    precisions = {"bf16-mixed": PRECISIONS["bf16-mixed"]} if more else PRECISIONS
    for name in nets:
        found[name] = {}
        for precision, settings in precisions.items():
            with tempfile.TemporaryDirectory() as folder:
                status = command(
                    "benchmark",
                    [
                        f"model={name}",
                        f"data.tile=[{sizes.tile},{sizes.tile}]",
                        f"data.batch_size={sizes.batch}",
                        f"data.workers={sizes.workers[0]}",
                        f"data.root={out / 'drawn'}",
                        f"data.drawing.height={sizes.tile}",
                        f"data.drawing.width={sizes.tile}",
                        f"repeats={sizes.repeats}",
                        "trainer=gpu" if sizes.device == "cuda" else "trainer=cpu",
                        f"hydra.run.dir={folder}",
                        *settings,
                        *sizes.more,
                        *more,
                    ],
                )
                if status:
                    found[name][precision] = {"failed": status}
                    continue
                (net,) = json.loads((Path(folder) / "benchmark.json").read_text())["nets"].values()
            stages = {stage: round(1000 * median(times), 3) for stage, times in net["seconds"].items()}
            found[name][precision] = stages | {"MiB": (net["peak_memory"] or 0) / 2**20}
    return found


def compiled(sizes: Sizes, nets: list[str], out: Path) -> dict[str, Any]:
    """As `steps`, of compiled nets in bfloat16."""
    return steps(sizes, nets, out, ("trainer.compile=true",))


def made(name: str, sizes: Sizes) -> nn.Module:
    """A net of three channels and classes as ``conf/model`` has it, on the device."""
    plain = to_plain(OmegaConf.load(CONFIG / "model" / f"{name}.yaml"))
    width = {"width": 8} if sizes.more else {}
    return build(plain | width | {"in_channels": 3, "classes": 3}).to(sizes.here)


def bare_step(
    net: nn.Module, loss: nn.Module, half: torch.dtype | None, image: Tensor, label: Tensor, *, fused: bool
) -> Callable[[], None]:
    """One step of Adam on a batch that lies on the device."""
    optimizer = torch.optim.Adam(net.parameters(), fused=fused or None)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(image.device.type, half) if half else nullcontext():
            value = loss(net(image), label)
        torch.autograd.backward(value)
        optimizer.step()

    return step


def bare(sizes: Sizes, nets: list[str], out: Path) -> dict[str, Any]:
    """Milliseconds of bare steps; operations and bytes of a step; the kernels that take longest."""
    generator = torch.Generator().manual_seed(0)
    shape = sizes.batch, 3, sizes.tile, sizes.tile
    first = torch.rand(shape, generator=generator).to(sizes.here)
    image = first.contiguous(memory_format=torch.channels_last)
    label = torch.randint(0, 3, (sizes.batch, sizes.tile, sizes.tile), generator=generator).to(sizes.here)
    recipe, found = DiceCrossEntropyLoss(), dict[str, Any]()

    def milliseconds(net: nn.Module, loss: nn.Module = recipe, **how: Any) -> float:
        given = {"half": torch.bfloat16, "image": image, "label": label, "fused": True} | how
        return round(1000 * timed(bare_step(net, loss, **given), sizes.here, sizes.repeats), 3)

    for name in nets:
        net = made(name, sizes).to(memory_format=torch.channels_last)
        of_net: dict[str, Any] = work_of(bare_step(net, recipe, None, image, label, fused=False))
        of_net["bf16-mixed"] = milliseconds(net)
        kernels(bare_step(net, recipe, torch.bfloat16, image, label, fused=True), out / f"kernels_{name}.txt")
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        plain = made(name, sizes)
        of_net["as the notebook"] = milliseconds(plain, FocalLoss(), half=None, image=first, fused=False)
        if sizes.device == "cuda" and name == "resnet34_unet":
            net.compile(mode="reduce-overhead")
            of_net["bf16-mixed, CUDA graphs"] = milliseconds(net)
        found[name] = of_net
    other = smp.Unet("resnet34", encoder_weights=None, in_channels=3, classes=3).to(sizes.here)
    found["smp.Unet of resnet34"] = {"bf16-mixed": milliseconds(other.to(memory_format=torch.channels_last))}
    return found


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


def loader(sizes: Sizes, _: list[str], out: Path) -> dict[str, float]:
    """Share of the time that steps of ResNet34-U-Net in bfloat16 wait for tiles of deflated TIFF."""
    root, random = out / "deflated", np.random.default_rng(0)
    if not root.exists():
        for index in range(12):
            for folder, frames in (
                ("images", random.poisson(40, (8, sizes.tile, sizes.tile, 3)).astype(np.uint8)),
                ("masks", random.integers(0, 3, (8, sizes.tile, sizes.tile), dtype=np.uint8)),
            ):
                (root / folder).mkdir(parents=True, exist_ok=True)
                path = root / folder / f"{index}.tif"
                axes = "TYXS" if frames.ndim == 4 else "TYX"
                tifffile.imwrite(path, frames, compression="deflate", metadata={"axes": axes})
    found = {}
    for workers in sizes.workers:
        data = TimelapseData(
            layout="folder",
            root=str(root),
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
        found[f"{workers} workers"] = round(waited / all_in_all, 4)
    return found


def prediction(sizes: Sizes, _: list[str], out: Path) -> dict[str, float]:
    """Seconds of predicting a recording, files read and written, and of the net alone on as many frames."""
    trainer = "trainer=gpu" if sizes.device == "cuda" else "trainer=cpu"
    run, recording = out / "trained", out / "recording.ome.tif"
    if not (run / "checkpoints" / "best.ckpt").exists():
        typed = ["model=resnet34_unet", f"data.root={out / 'drawn'}", "report=false", trainer]
        typed += ["trainer.max_epochs=1", "data.steps_per_epoch=30", "data.workers=0"]
        typed += ["data.drawing.height=128", "data.drawing.width=128"]
        command("train", [*typed, f"hydra.run.dir={run}", *sizes.more])
    if not recording.exists():
        random = np.random.default_rng(0)
        frame = random.poisson(40, (sizes.frame, sizes.frame, 3)).astype(np.uint8)
        frames = (np.roll(frame, 7 * t, 0) for t in range(sizes.frames))
        tifffile.imwrite(
            recording,
            frames,
            shape=(sizes.frames, *frame.shape),
            dtype=np.uint8,
            compression="deflate",
            metadata={"axes": "TYXS"},
        )
    found: dict[str, float] = {}
    for name, more in (("with cells", []), ("class maps alone", ["cells=none"])):
        began = time.perf_counter()
        typed = [str(run / "checkpoints" / "best.ckpt"), str(recording), "-o", str(out / "predicted")]
        status = command("predict", [*typed, "overwrite=true", f"device={sizes.device}", *more])
        found[name] = time.perf_counter() - began if status == 0 else float("nan")
    trained = TrainedNet.from_checkpoint(run / "checkpoints" / "best.ckpt")
    net = fuse_conv_bn(trained.net.eval(), trained.info.input_channels)
    ensemble = Ensemble([net], [0], "none", sizes.here, "auto")
    batch = min(16, sizes.frames) if sizes.device == "cuda" else 1
    image = torch.rand(batch, 3, sizes.frame, sizes.frame, device=sizes.here)
    image = image.contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def net_alone() -> None:
        ensemble.classes([image])

    found["net alone"] = timed(net_alone, sizes.here, sizes.repeats) * sizes.frames / batch
    if importlib.util.find_spec("monai"):
        found["MONAI"] = _monai(net.to(sizes.here), image[:1], sizes)
    return {name: round(value, 3) for name, value in found.items()}


def _monai(net: nn.Module, image: Tensor, sizes: Sizes) -> float:
    """Seconds of MONAI's window on as many frames that lie on the device."""
    from monai.inferers import sliding_window_inference

    side = min(512, sizes.frame)

    @torch.inference_mode()
    def window() -> None:
        with torch.autocast(sizes.device, torch.bfloat16):
            sliding_window_inference(image, (side, side), 8, net, overlap=0.25, mode="gaussian")

    return timed(window, sizes.here, sizes.repeats) * sizes.frames


PARTS: dict[str, Callable[[Sizes, list[str], Path], dict[str, Any]]] = {
    "peaks": peaks,
    "steps": steps,
    "loader": loader,
    "prediction": prediction,
    "bare": bare,
    "compiled": compiled,
}


def markdown(found: dict[str, Any]) -> str:
    """What was measured as tables, for docs/benchmarks.md."""
    sizes = found["sizes"]
    head = f"{found['hardware']['processor']}, {sizes['tile']}x{sizes['tile']}, {sizes['batch']} a batch"
    nets = list(found.get("steps", {})) or list(NETS)
    lines = [head, "", f"| milliseconds a step | {' | '.join(nets)} |", "|---" * (len(nets) + 1) + "|"]
    rows: dict[str, dict[str, Any]] = {}
    for part, name in (("steps", "{}"), ("compiled", "{}, compiled"), ("bare", "bare loop, {}")):
        for net, measured in found.get(part, {}).items():
            for how, value in measured.items() if isinstance(measured, dict) else ():
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
        if not isinstance(of, dict) or "TFLOP" not in of or "GB/s" not in found.get("peaks", {}):
            continue
        seconds = of["bf16-mixed"] / 1000
        products = of["TFLOP"] / seconds / found["peaks"]["bf16-mixed"]
        memory = of["GB"] / seconds / found["peaks"]["GB/s"]
        yield f"- {net}, bare loop in bf16: {products:.1%} of matrix products' rate, {memory:.1%} of copies'"


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:,.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
