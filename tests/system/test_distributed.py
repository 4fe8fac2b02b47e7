"""Processes that train together hear each other, and one by itself hears itself."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from ranks import Talks, train

from hela_seg.system import distributed
from hela_seg.system.ranks import RankInfo


def test_a_process_by_itself_gets_its_own_word_back_at_once() -> None:
    values = torch.tensor([1.0, 3.0])
    with distributed.process_group(RankInfo(), gpu=False), distributed.rank_zero_first():
        assert distributed.is_rank_zero()
        assert distributed.broadcast_from_rank_zero("word") == "word"
        assert distributed.all_gather(7) == [7]
        distributed.average([values])
        distributed.broadcast_tensors([values])
    assert values.tolist() == [1.0, 3.0]


def test_several_hear_the_first_all_and_their_mean(tmp_path: Path) -> None:
    ended = train(tmp_path / "said", 3, ["--help"], Talks(tmp_path))
    assert ended.status == [0, 0, 0], ended.said
    heard = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(3)]
    assert [words.pop("first") for words in heard] == [True, False, False]
    expected = {"told": "by 0", "gathered": [0, 10, 20], "mean": 1.0, "taken": 0.0, "made": True}
    assert heard == [expected] * 3


def test_what_srun_says_is_said_as_torchrun_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"SLURM_STEP_NODELIST": "n[7-8]", "SLURM_JOB_ID": "123456"})
    distributed._say_as_torchrun(RankInfo(rank=5, count=8, local_rank=1, local_count=4, launcher="srun"))
    assert {name: word for name, word in os.environ.items() if not name.startswith("SLURM")} == {
        "MASTER_ADDR": "n7",
        "MASTER_PORT": "18456",
        "RANK": "5",
        "WORLD_SIZE": "8",
        "LOCAL_RANK": "1",
        "LOCAL_WORLD_SIZE": "4",
        "GROUP_RANK": "1",
    }
