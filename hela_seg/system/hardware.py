"""What is switched on for which hardware: facts about the machine -> choices, by rules and nothing else.

Nothing is timed, so that two runs on one machine choose alike. The rules:

====================  ==========================================================================
precision             bf16-mixed on a GPU or CPU that computes in bfloat16, else 16-mixed on a GPU and
                      32-true on a CPU
TF32                  on GPUs that have it (compute capability 8.0 and later)
fused optimiser step  always, but where gradients are clipped in mixed precision, which Lightning refuses
freed memory          kept for the next step on CPUs, see `keep_freed_memory`
compiled net          never by itself: it takes a minute that short runs do not win back
====================  ==========================================================================

Channels last needs no rule: cuDNN and oneDNN compute convolutions so, and convert any other layout.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from hela_seg.system.errors import InputError

TF32_CAPABILITY = (8, 0)
"""NVIDIA's compute capability from which on tensor cores take float32 as TF32 (Ampere)."""

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
"""Those of Lightning's that hold weights as float32, which is what the nets are handed images in."""

_MALLOC_TRIM_THRESHOLD, _MALLOC_MMAP_THRESHOLD = -1, -3
"""Numbers of glibc's options, from its malloc.h."""

_OUT_OF_MEMORY = (
    "you tried to allocate",  # the computer's memory
    "CUDA error: out of memory",  # a GPU's, outside of PyTorch's own stock
    "CUBLAS_STATUS_ALLOC_FAILED",
    "unable to find an engine",  # cuDNN's, where none of its ways finds room for what it keeps on the side
)
"""What PyTorch says where memory runs out, beside its exception for that."""

Choice = bool | Literal["auto"]


def has_bfloat16() -> bool:
    """Whether this process' GPU computes in bfloat16 itself; PyTorch also counts those that imitate it."""
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def cpu_has_bfloat16() -> bool:
    """Whether the CPU computes in bfloat16 itself (AVX512-BF16 or AMX), and oneDNN may use it.

    A training step then takes about half of its time in float32; imitated, it takes longer than in float32.
    """
    facts: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # torch 2.8 does not tell
    has = any(facts.get(instructions) for instructions in ("avx512_bf16", "amx_bf16"))
    return bool(has and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, of a GPU or of the computer."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)


@dataclass(frozen=True)
class Machine:
    """The facts that choices follow from.

    Attributes:
        gpu: name of the GPU that the net is computed on; None for a CPU.
        capability: its compute capability; (0, 0) for a CPU.
        bfloat16: whether the GPU or the CPU itself computes in bfloat16, rather than imitates it.
        threads: of the CPU that PyTorch uses.
        gpus: how many there are; 0 for a CPU.
    """

    gpu: str | None
    capability: tuple[int, int]
    bfloat16: bool
    threads: int
    gpus: int = 0

    @classmethod
    def here(cls, accelerator: str = "auto") -> Machine:
        """This machine, with the GPU of this process, where there is one and ``accelerator`` allows it."""
        threads = torch.get_num_threads()
        if not on_gpu(accelerator):
            return cls(None, (0, 0), cpu_has_bfloat16(), threads)
        name, capability = torch.cuda.get_device_name(), torch.cuda.get_device_capability()
        return cls(name, capability, has_bfloat16(), threads, torch.cuda.device_count())

    @property
    def name(self) -> str:
        """For people: ``NVIDIA H100``, or ``CPU with 2 threads``."""
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return self.gpu or f"CPU with {threads}"


def on_gpu(accelerator: str) -> bool:
    """Whether ``auto``, ``gpu``, ``cuda`` or ``cpu`` mean a GPU on this machine."""
    return accelerator in {"auto", "gpu", "cuda"} and torch.cuda.is_available()


def set_tf32(on: bool) -> None:
    """Whether this process rounds float32 products on a GPU to TF32.

    PyTorch has several settings for it and refuses some mixtures of them: whatever changes one comes here.
    """
    torch.set_float32_matmul_precision("high" if on else "highest")
    torch.backends.cudnn.allow_tf32 = on


def take_gpu(devices: int | str | Sequence[int]) -> None:
    """Make the one GPU that ``trainer.devices`` may name, as in ``[1]``, that of the whole process.

    Lightning computes on it in any case; facts about the GPU, trials of its memory and predictions follow.
    """
    if isinstance(devices, Sequence) and not isinstance(devices, str):
        torch.cuda.set_device(devices[0])


@dataclass(frozen=True)
class HardwareChoices:
    """What is switched on.

    Attributes:
        precision: as `pytorch_lightning.Trainer` takes it.
        tf32: whether float32 products may be rounded to TF32.
        fused: whether the optimiser updates all weights in one pass.
        compile: whether the net is compiled.
        keep_memory: whether the computer's memory that is freed stays with the process.
        why: for people, in one line.
    """

    precision: str
    tf32: bool
    fused: bool
    compile: bool
    keep_memory: bool
    why: str

    def apply(self) -> None:
        """Set what holds for the whole process: the precision of float32 products, and what is kept."""
        set_tf32(self.tf32)
        if self.keep_memory:
            keep_freed_memory()


def keep_freed_memory() -> bool:
    """Have this process keep the memory that it frees, up to 1 GiB at a time, for what it needs next.

    On a CPU every layer makes new feature maps. By itself, Linux's C library hands blocks of that size back
    at once, and the system clears each page anew: 4 to 7 % of a net's time. The most memory that a process
    takes grows by some percent.

    Returns:
        Whether the C library can do so; with others than glibc nothing changes.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, TypeError, OSError):  # no such function, or (Windows) no library of that name
        return False
    return bool(set_option(_MALLOC_MMAP_THRESHOLD, 2**30) and set_option(_MALLOC_TRIM_THRESHOLD, 2**31 - 1))


def choose(
    machine: Machine,
    *,
    precision: str = "auto",
    tf32: Choice = "auto",
    compiled: bool = False,
    clipped: bool = False,
    fused: Choice = "auto",
    processes: int = 1,
) -> HardwareChoices:
    """Choose by the rules above what is left to ``auto``.

    Args:
        machine: facts.
        precision: ``auto``, or one of `PRECISIONS`, which is then kept.
        tf32: ``auto``, or whether it is wished.
        compiled: whether the net is to be compiled.
        clipped: whether gradients are clipped.
        fused: ``auto``, or what the optimiser is told; False for one that knows no fused step.
        processes: that train together, on machines like this one.

    Raises:
        InputError: TF32 is wished where the hardware lacks it; or an unknown precision, or float16 on a CPU,
            which does not have it; or a fused step where gradients are clipped in mixed precision.

    Example:
        ``choose(Machine(None, (0, 0), False, 2)).precision`` is ``32-true``.
    """
    reason = "as trainer.precision says"
    if precision == "auto":
        without = "16-mixed" if machine.gpu else "32-true"
        precision = "bf16-mixed" if machine.bfloat16 else without
        reason = f"the {'GPU' if machine.gpu else 'CPU'} has {'' if machine.bfloat16 else 'no '}bfloat16"
    known = [name for name in PRECISIONS if machine.gpu or name != "16-mixed"]
    if precision not in known:
        raise InputError(
            f"trainer.precision is {precision}, expected auto or one of {', '.join(known)} on {machine.name}"
        )
    tf32 = _tf32(machine, tf32)
    apart = clipped and precision != "32-true"  # else Lightning takes the gradients to be scaled still
    if apart and fused and fused != "auto":
        raise InputError(f"optimizer.fused is true, but gradients are clipped in {precision}: leave it out")
    why_not = f" (gradients are clipped in {precision})" if apart and fused else ""
    fused = bool(fused) and not apart
    devices = machine.name
    if processes > 1:
        devices = f"{processes} processes, each on {devices}"
    elif machine.gpus > 1:
        devices += f" (1 of {machine.gpus} GPUs; trainer=ddp trains on several)"
    parts = [f"{devices}: {precision} ({reason})"]
    parts += [f"TF32 {'on' if tf32 else 'off'}"] if machine.gpu else []
    parts += ["fused optimiser" if fused else f"optimiser not fused{why_not}", "channels last"]
    parts += ["compiled" if compiled else "not compiled (trainer.compile)"]
    return HardwareChoices(precision, tf32, fused, compiled, machine.gpu is None, ", ".join(parts))


def _tf32(machine: Machine, wish: Choice) -> bool:
    has = machine.gpu is not None and machine.capability >= TF32_CAPABILITY
    if wish is True and not has:
        raise InputError(f"trainer.tf32 is true, but {machine.name} has no TF32: expected auto or false here")
    return wish if isinstance(wish, bool) else has
