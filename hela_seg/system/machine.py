"""The machine that times are taken on: what it is, its clock, and the memory that was used."""

from __future__ import annotations

import ctypes
import os
import platform
import time
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from hela_seg.system.errors import InputError
from hela_seg.system.hardware import Machine, on_gpu
from hela_seg.system.version import __version__

LIBRARIES = ("torch", "pytorch-lightning", "segmentation-models-pytorch")
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def hardware(machine: Machine) -> dict[str, str]:
    """What the times depend on, in words."""
    return {"device": machine.name, "processor": _processor(), "system": platform.system()}


def cores() -> int:
    """How many cores this process may use: of those of a cluster's machine a job often has a few."""
    if hasattr(os, "sched_getaffinity"):  # on Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def accelerator_of(setting: str) -> str:
    """The accelerator that ``trainer.accelerator`` means, by Lightning's name for it.

    For ``auto`` and ``gpu`` Lightning would take Apple's MPS on a Mac, which this program does not support.

    Raises:
        InputError: the setting means MPS.
    """
    if setting == "mps" or (setting == "gpu" and not on_gpu(setting) and torch.backends.mps.is_available()):
        raise InputError(
            f"trainer.accelerator is {setting}, expected auto, cpu or cuda: Apple's MPS is not supported"
        )
    if setting == "auto":
        return "cuda" if on_gpu(setting) else "cpu"
    return setting


def versions(*libraries: str) -> dict[str, str]:
    """Versions of this program, of Python, and of those of some libraries that are installed, by name.

    Args:
        libraries: their names on the package index; by default `LIBRARIES`.
    """
    found = {"hela_seg": __version__, "python": platform.python_version()}
    for library in libraries or LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def now(device: torch.device) -> float:
    """Seconds on a clock that is read when the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def forget_peak_memory(device: torch.device) -> None:
    """Begin to watch for the peak of memory anew."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif _RESET.exists():
        # glibc keeps what was freed, which would count as used; other C libraries have no such call
        getattr(ctypes.CDLL(None), "malloc_trim", int)(0)
        with suppress(OSError):  # where /proc cannot be written, the peak is that of the whole process' life
            _RESET.write_text("5")  # Linux: the high-water mark falls to what is used now


def peak_memory(device: torch.device) -> int | None:
    """Most bytes that were used since: of the GPU's, or of this process' in all; None where nothing tells."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if not _RESET.exists():
        return None
    marks = [line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM")]
    return int(marks[0].split()[1]) * 1024 if marks else None


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
