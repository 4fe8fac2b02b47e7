"""A folder belongs to one prediction, and what is done in it stays done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from jobs import done, film, job, levels

from hela_seg.prediction.folder import ResultFolder
from hela_seg.prediction.job import Shard
from hela_seg.system.errors import InputError


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
    with pytest.raises(InputError, match="holds a prediction with entropy=false, majority=1: choose another"):
        done(job(tmp_path, net, film(2), entropy=True, majority=3), net, tmp_path / "out")
    in_tiles = replace(first, provenance={**first.provenance, "settings": '{"tile": [256, 256]}'})
    with pytest.raises(InputError, match="holds a prediction with tile=auto: choose another"):
        done(in_tiles, net, tmp_path / "out")
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


def test_as_many_frames_go_together_as_in_the_earlier_start(tmp_path: Path) -> None:
    """A machine with other memory goes on with the units of the first, and ends like it."""
    first, other = levels(batch_size=2), levels(batch_size=3)
    done(job(tmp_path, first, film(7)), first, tmp_path / "out", Shard(1, 2))
    begun = ResultFolder(tmp_path / "out").begin(job(tmp_path, other, film(7)), [], overwrite=False)
    assert begun.group_size == [2]
    done(begun, other, tmp_path / "out")
    assert ResultFolder(tmp_path / "out").is_finished(job(tmp_path, other, film(7)))


def test_a_refused_prediction_leaves_nothing_behind(tmp_path: Path) -> None:
    net, folder = levels(batch_size=1), tmp_path / "out"
    task = job(tmp_path, net, film(2))
    folder.mkdir()
    (folder / "film0.labels.ome.tif").write_text("mine")
    with pytest.raises(InputError, match="is already there"):
        done(task, net, folder)
    assert [path.name for path in folder.iterdir()] == ["film0.labels.ome.tif"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"frames": [0]}', '{"unreadable": {}, "others": 1}'])
def test_a_unit_whose_record_is_damaged_is_done_again(content: str, tmp_path: Path) -> None:
    net, folder = levels(batch_size=1), ResultFolder(tmp_path / "out")
    task = job(tmp_path, net, film(2))
    done(task, net, folder.path, Shard(1, 2))
    (record,) = (folder.path / ".prediction" / "recordings" / "film0").glob("*.json")
    assert folder.is_done(task, task.units[0])
    record.write_text(content)
    assert not folder.is_done(task, task.units[0])
    assert done(task, net, folder.path) is not None


def test_the_last_to_leave_removes_the_parts(tmp_path: Path) -> None:
    net, folder = levels(batch_size=1), ResultFolder(tmp_path / "out")
    task = job(tmp_path, net, film(2))
    with folder.taken_by(Shard(1, 2)):
        with folder.taken_by(Shard(2, 2)):
            folder.begin(task, [], overwrite=False)
            folder.finish(task)
        assert (folder.path / ".prediction").is_dir()
    assert not (folder.path / ".prediction").exists()


@pytest.mark.parametrize("name", ["results", "all.lock", "1-of-2.lock", "locks", "recordings"])
def test_a_recording_may_have_any_name(name: str, tmp_path: Path) -> None:
    net = levels(batch_size=1)
    task = job(tmp_path, net, film(2))
    task.series[0].name = name
    task = replace(task, inputs={name: task.inputs["film0"]})
    assert done(task, net, tmp_path / "out", Shard(1, 2)) is None
    assert done(task, net, tmp_path / "out", Shard(2, 2)) is not None
    assert (tmp_path / "out" / f"{name}.labels.ome.tif").is_file()
    assert not (tmp_path / "out" / ".prediction").exists()


def test_what_a_killed_process_was_writing_goes_when_one_job_works_alone(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path / "out")
    task = job(tmp_path, levels(batch_size=1), film(2))
    unfinished = folder.path / ".prediction" / "recordings" / "film0" / ".000000.labels.tif.77.part"
    with folder.taken_by(Shard()):
        folder.begin(task, [], overwrite=False)
    unfinished.parent.mkdir(parents=True)
    unfinished.write_text("half")
    with folder.taken_by(Shard(1, 2)):
        assert unfinished.exists()  # another shard may be writing it
    with folder.taken_by(Shard()):
        assert not unfinished.exists()
