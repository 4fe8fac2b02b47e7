"""Rules are tested by facts handed in, so that no GPU is needed."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import SMALL_NET
from torch import nn

from hela_seg.cli import main
from hela_seg.runs.checkpoint import read_checkpoint
from hela_seg.system.errors import InputError
from hela_seg.system.hardware import Machine, choose, is_out_of_memory, take_gpu

CPU_FLAGS = Path("/proc/cpuinfo")

CPU = Machine(None, (0, 0), bfloat16=False, threads=2)
EPYC = replace(CPU, bfloat16=True)
T4 = Machine("Tesla T4", (7, 5), bfloat16=False, threads=8)
H100 = Machine("NVIDIA H100", (9, 0), bfloat16=True, threads=16)


@pytest.fixture
def kept_settings() -> Iterator[None]:
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32 = before[1]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep memory")
def test_large_blocks_that_were_freed_are_taken_again_without_new_pages() -> None:
    program = """
import resource, sys
import torch
from hela_seg.system.hardware import keep_freed_memory

def new_pages():
    for _ in range(8):  # until a freed block is found that has room for the alignment too
        torch.ones(2**24)  # 64 MiB, which is 16,384 pages
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(new_pages(), keep_freed_memory(), new_pages())
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    by_itself, done, kept = run.stdout.split()
    assert done == "True"
    assert int(kept) < int(by_itself) / 10


@pytest.mark.parametrize(
    ("machine", "precision", "tf32"),
    [
        (CPU, "32-true", False),
        (EPYC, "bf16-mixed", False),
        (T4, "16-mixed", False),
        (H100, "bf16-mixed", True),
    ],
)
def test_the_rules(machine: Machine, precision: str, tf32: bool) -> None:
    chosen = choose(machine)
    assert (chosen.precision, chosen.tf32, chosen.fused, chosen.compile) == (precision, tf32, True, False)
    assert chosen.keep_memory == (machine.gpu is None)


def test_what_the_configuration_says_is_kept() -> None:
    chosen = choose(H100, precision="32-true", tf32=False, compiled=True)
    assert (chosen.precision, chosen.tf32, chosen.compile) == ("32-true", False, True)


@pytest.mark.parametrize("machine", [T4, H100, EPYC])
def test_gradients_that_are_clipped_in_mixed_precision_need_a_step_that_is_not_fused(
    machine: Machine,
) -> None:
    assert choose(machine).fused
    assert not choose(machine, clipped=True).fused
    assert choose(machine, precision="32-true", clipped=True).fused


def test_gradients_are_clipped_in_mixed_precision(cells: Path, tmp_path: Path) -> None:
    typed = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]", *SMALL_NET]
    typed += ["trainer.max_epochs=1", "trainer=cpu", "trainer.gradient_clip_val=1.0"]
    assert main("train", [*typed, "trainer.precision=bf16-mixed", f"hydra.run.dir={tmp_path}"]) == 0


def test_one_line_says_what_and_why() -> None:
    assert choose(H100).why == (
        "NVIDIA H100: bf16-mixed (the GPU has bfloat16), TF32 on, fused optimiser, channels last, "
        "not compiled (trainer.compile)"
    )
    assert choose(CPU).why.startswith("CPU with 2 threads: 32-true (the CPU has no bfloat16), fused")
    assert choose(CPU, precision="bf16-mixed").why.startswith(
        "CPU with 2 threads: bf16-mixed (as trainer.precision says), fused optimiser"
    )
    assert Machine(None, (0, 0), bfloat16=False, threads=1).name == "CPU with 1 thread"


def test_it_says_whether_the_step_is_fused_and_not_what_the_rule_would_be() -> None:
    assert ", optimiser not fused, channels last" in choose(CPU, fused=False).why
    assert ", fused optimiser, channels last" in choose(CPU, fused=True, clipped=True).why
    with pytest.raises(InputError, match=r"optimizer\.fused is true, but gradients are clipped"):
        choose(T4, precision="16-mixed", fused=True, clipped=True)


def test_a_gpu_that_is_named_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    for devices in (1, [2]):
        take_gpu(devices)
    assert taken == [2]


def test_it_says_which_devices_are_used_and_which_are_left() -> None:
    four = replace(H100, gpus=4)
    assert choose(four).why.startswith("NVIDIA H100 (1 of 4 GPUs; trainer=ddp trains on several): bf16-mixed")
    assert choose(four, processes=4).why.startswith("4 processes, each on NVIDIA H100: bf16-mixed")
    assert choose(replace(H100, gpus=1)).why.startswith("NVIDIA H100: bf16-mixed")


def test_tf32_where_there_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="Tesla T4 has no TF32: expected auto or false"):
        choose(T4, tf32=True)


@pytest.mark.parametrize(
    ("machine", "precision", "known"),
    [
        (H100, "bf16-true", "32-true, bf16-mixed, 16-mixed on NVIDIA H100"),
        (CPU, "64-true", "32-true, bf16-mixed on CPU with 2 threads"),
        (CPU, "16-mixed", "32-true, bf16-mixed on CPU with 2 threads"),
    ],
)
def test_other_precisions_are_refused(machine: Machine, precision: str, known: str) -> None:
    with pytest.raises(
        InputError, match=f"^trainer.precision is {precision}, expected auto or one of {known}$"
    ):
        choose(machine, precision=precision)


@pytest.mark.usefixtures("kept_settings")
def test_float32_products_are_rounded_only_where_chosen() -> None:
    choose(H100).apply()
    assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == ("high", True)
    choose(CPU).apply()
    assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == ("highest", False)


def test_words_that_say_that_memory_ran_out() -> None:
    assert not is_out_of_memory(RuntimeError("shapes differ"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 B"))
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"))
    assert is_out_of_memory(RuntimeError("CUDA error: out of memory"))
    assert is_out_of_memory(RuntimeError("GET was unable to find an engine to execute this computation"))


def test_this_machine_is_seen_as_it_is() -> None:
    has = Machine.here("cpu").bfloat16
    assert Machine.here("cpu") == Machine(None, (0, 0), has, threads=torch.get_num_threads())
    assert (Machine.here().gpu is not None) == torch.cuda.is_available()


@pytest.mark.skipif(not CPU_FLAGS.exists(), reason="only Linux lists what a CPU has as a file")
@pytest.mark.skipif(not hasattr(torch.cpu, "get_capabilities"), reason="an older torch does not tell")
@pytest.mark.parametrize("highest", ["", "AVX2"])
def test_a_cpu_has_bfloat16_where_it_lists_it_and_onednn_may_use_it(highest: str) -> None:
    listed = {"avx512_bf16", "amx_bf16"} & set(CPU_FLAGS.read_text().split())
    program = "from hela_seg.system.hardware import cpu_has_bfloat16 as has; print(has())"
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": highest or "DEFAULT"}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == [str(bool(listed) and not highest)]


def test_a_compiled_net_is_the_same_module_under_the_same_keys(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", lambda net: compiled.append(net))
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]", *SMALL_NET]
    arguments = ["trainer.compile=true", "trainer.max_epochs=1", f"hydra.run.dir={tmp_path}"]
    assert main("train", [*data, *arguments]) == 0
    weights = read_checkpoint(tmp_path / "checkpoints" / "best.ckpt")[1]
    assert [set(net.state_dict()) for net in compiled] == [set(weights)]
