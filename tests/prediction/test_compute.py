"""Missing units become parts, and those that are there stay as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from jobs import classes_of, done, film, job, levels

from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.prediction.folder import ResultFolder
from hela_seg.prediction.job import Shard
from hela_seg.prediction.run import run
from hela_seg.system.errors import InputError


def test_what_is_done_is_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = levels(batch_size=2)
    task = job(tmp_path, net, film(6))
    done(task, net, tmp_path / "out", Shard(1, 2))
    asked: list[int] = []
    bands = net.bands

    def counted(series, groups, **options):  # type: ignore[no-untyped-def]
        asked.extend(t for group in groups for t in group)
        return bands(series, groups, **options)

    monkeypatch.setattr(net, "bands", counted)
    done(task, net, tmp_path / "out")
    assert asked == [2, 3]


def test_a_damaged_part_is_computed_anew(tmp_path: Path) -> None:
    net, images = levels(batch_size=1), film(4)
    task = job(tmp_path, net, images)
    done(task, net, tmp_path / "out", Shard(1, 2))
    folder = ResultFolder(tmp_path / "out")
    path = folder.part_path(task, task.units[0], "labels")
    path.write_bytes(path.read_bytes()[:-20])
    assert not folder.is_done(task, task.units[0])
    done(task, net, tmp_path / "out")
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "out" / "film0.labels.ome.tif"), classes_of(images)
    )


def test_a_frame_that_cannot_be_read_is_ignored_where_that_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = film(4)
    net = levels(batch_size=2)
    task = job(tmp_path, net, images, probabilities=True)
    read = type(task.series[0]).read

    def torn(self, t, rows, columns):  # type: ignore[no-untyped-def]
        if t == 2:
            raise InputError("film0.tif, frame 2: cut short")
        return read(self, t, rows, columns)

    monkeypatch.setattr(type(task.series[0]), "read", torn)
    folder = ResultFolder(tmp_path / "out")
    with folder.taken_by(Shard()):
        folder.begin(task, [], overwrite=False)
        with pytest.raises(InputError, match="cut short"):
            run(net, task, folder, Shard(), announce=lambda _: None)
        courses = run(net, task, folder, Shard(), announce=lambda _: None, skip_unreadable=True)
    assert courses is not None
    assert courses[0].unreadable == {2: "film0.tif, frame 2: cut short"}
    found = tifffile.imread(tmp_path / "out" / "film0.labels.ome.tif")
    assert (found[2] == IGNORE_INDEX).all()
    np.testing.assert_array_equal(found[[0, 1, 3]], classes_of(images)[[0, 1, 3]])
    assert [cells.sum() for cells in courses[0].cells] == [2, 2, 0, 2]
