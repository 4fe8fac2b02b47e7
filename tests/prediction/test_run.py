"""Whatever the way there, the results are those of one undisturbed run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
from jobs import CLASSES, Levels, classes_of, done, film, job, levels
from small_checkpoints import INFO
from torch import Tensor

from hela_seg.inference import Predictor, Tiling, TrainedNet
from hela_seg.prediction.folder import ResultFolder
from hela_seg.prediction.job import Shard, Unit
from hela_seg.prediction.run import run
from hela_seg.runs.checkpoint import ModelInfo


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_an_interrupted_run_goes_on_and_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    net = levels(batch_size=2)
    wanted = {"probabilities": True, "entropy": True, "label_next": 2, "labels": "both"}
    task = job(tmp_path, net, film(7), film(3, seed=1), **wanted)
    done(task, net, tmp_path / "whole")

    class PulledPlugError(Exception):
        pass

    def pull_the_plug(unit: Unit) -> None:
        if unit.number == 2:
            raise PulledPlugError

    folder = ResultFolder(tmp_path / "parts")
    with folder.taken_by(Shard()):
        folder.begin(task, [], overwrite=False)
        with pytest.raises(PulledPlugError):
            run(net, task, folder, Shard(), announce=pull_the_plug)
    assert folder.is_done(task, task.units[0])
    assert not folder.is_finished(task)
    done(task, net, tmp_path / "parts")
    assert content(tmp_path / "parts") == content(tmp_path / "whole")


class LastShown(Levels):
    """The levels of the last of the frames that are shown."""

    def forward(self, image: Tensor) -> Tensor:
        return super().forward(image[:, -1:])


def test_shards_look_at_the_frames_across_their_borders(tmp_path: Path) -> None:
    known = ModelInfo(**(INFO.to_plain() | {"classes": CLASSES, "config": {"data": {"context": 2}}}))
    net, images = Predictor([TrainedNet(LastShown(), known)], Tiling(batch_size=2)), film(7)
    task = job(tmp_path, net, images)
    for number in (2, 1, 3):
        done(task, net, tmp_path / "shared", Shard(number, 3))
    labels = tifffile.imread(tmp_path / "shared" / "film0.labels.ome.tif")
    np.testing.assert_array_equal(labels, classes_of(images)[[2, 3, 4, 5, 6, 6, 6]])


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_shards_share_the_work_and_the_last_one_joins_it(tmp_path: Path, order: tuple[int, ...]) -> None:
    net = levels(batch_size=2)
    task = job(tmp_path, net, film(7), film(3, seed=1))
    done(task, net, tmp_path / "whole")
    ended = [done(task, net, tmp_path / "shared", Shard(number, 3)) for number in order]
    assert [courses is None for courses in ended] == [True, True, False]
    assert content(tmp_path / "shared") == content(tmp_path / "whole")


def test_shards_may_work_side_by_side(tmp_path: Path) -> None:
    net = levels(batch_size=1)
    task = job(tmp_path, net, film(9))
    done(task, net, tmp_path / "whole")
    with ThreadPoolExecutor(3) as pool:
        ended = list(pool.map(lambda k: done(task, net, tmp_path / "out", Shard(k, 3)), (1, 2, 3)))
    assert sum(courses is not None for courses in ended) == 1
    assert content(tmp_path / "out") == content(tmp_path / "whole")
