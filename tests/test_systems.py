"""Windows and macOS lack functions of Linux; the package can be imported without them, and works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from hela_seg.data.stacks import open_series
from hela_seg.inference.ensemble import choose_device
from hela_seg.system.errors import InputError
from hela_seg.system.machine import accelerator_of

IMPORT_ALL = """
import importlib, os, pkgutil, signal, sys
import hela_seg

names = [module.name for module in pkgutil.walk_packages(hela_seg.__path__, "hela_seg.")]
for name in ("background", "panel", "widget"):  # import napari and Qt, which only an extra brings
    names.remove(f"hela_seg.napari.{name}")
for name in names:  # brings in other libraries, which have guards of their own
    importlib.import_module(name)
for name in [name for name in sys.modules if name.partition(".")[0] == "hela_seg"]:
    del sys.modules[name]
for name in ("register_at_fork", "fork", "pread", "pwrite", "sched_getaffinity", "getuid", "geteuid", "kill",
             "killpg", "setsid", "statvfs", "uname", "sync", "posix_fadvise", "O_DIRECTORY", "O_NOFOLLOW"):
    delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "SIGUSR1", "SIGALRM"):
    delattr(signal, name)
for name in ("resource", "fcntl", "pwd", "grp", "termios"):
    sys.modules[name] = None
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def test_every_module_is_imported_without_what_windows_lacks() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    modules = list((Path(__file__).parents[1] / "hela_seg").rglob("*.py"))
    assert int(done.stdout) == len(modules) - 4  # without the package itself and napari's three


def test_a_compressed_file_is_read_without_pread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pread", raising=False)
    frames = np.random.default_rng(0).integers(0, 99, (3, 64, 48)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", frames, compression="zlib", tile=(16, 16), photometric="minisblack")
    series = open_series(tmp_path / "a.tif", "TYX")
    for t in (2, 0, 1):
        np.testing.assert_array_equal(series.frame(t)[0], frames[t])


def test_a_mac_trains_on_its_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert accelerator_of("auto") == "cpu"
    assert accelerator_of("cpu") == "cpu"
    for setting in ("gpu", "mps"):
        with pytest.raises(InputError, match="MPS is not supported"):
            accelerator_of(setting)


def test_a_gpu_of_cuda_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert accelerator_of("auto") == "cuda"
    assert accelerator_of("gpu") == "gpu"


def test_a_prediction_on_mps_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "empty", lambda *_, **__: None)
    with pytest.raises(InputError, match=r"device is 'mps'.*MPS is not supported"):
        choose_device("mps")
