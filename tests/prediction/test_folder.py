"""A folder belongs to one prediction, and what is done in it stays done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from jobs import done, film, job, levels

from hela_seg.errors import InputError
from hela_seg.prediction.folder import ResultFolder
from hela_seg.prediction.job import Shard


def test_a_second_run_into_one_folder_is_told_so(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path / "out")
    said = "is being written by another prediction"
    with folder.taken_by(Shard()), pytest.raises(InputError, match=said), folder.taken_by(Shard()):
        pass
    with folder.taken_by(Shard(1, 2)):
        with ResultFolder(tmp_path / "out").taken_by(Shard(2, 2)):
            pass
        for other in (Shard(1, 2), Shard()):
            with pytest.raises(InputError, match="is being written"), folder.taken_by(other):
                pass


def test_results_of_something_else_are_not_overwritten(tmp_path: Path) -> None:
    net = levels(batch_size=1)
    first = job(tmp_path, net, film(2))
    done(first, net, tmp_path / "out")
    (tmp_path / "other").mkdir()
    other = job(tmp_path / "other", net, film(2, seed=5))
    with pytest.raises(InputError, match="another content of the input 'film0'"):
        done(other, net, tmp_path / "out")
    with pytest.raises(InputError, match="other wanted results"):
        done(job(tmp_path, net, film(2), entropy=True), net, tmp_path / "out")
    retrained = replace(first, provenance={**first.provenance, "checkpoint sha256": "0"})
    with pytest.raises(InputError, match="another checkpoint"):
        done(retrained, net, tmp_path / "out")


def test_overwriting_keeps_what_an_interrupted_run_of_the_same_did(tmp_path: Path) -> None:
    net = levels(batch_size=1)
    task = job(tmp_path, net, film(4))
    done(task, net, tmp_path / "out", Shard(1, 2))
    folder = ResultFolder(tmp_path / "out")
    folder.begin(task, [], overwrite=True)
    assert folder.is_done(task, task.units[0])
    done(task, net, tmp_path / "out")
    folder.begin(task, [], overwrite=True)
    assert not folder.is_finished(task)
