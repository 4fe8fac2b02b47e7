"""Whatever the way there, the results are those of one undisturbed run."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from jobs import classes_of, film, job, levels

from hela_seg import runs
from hela_seg.classes import IGNORE_INDEX
from hela_seg.errors import InputError
from hela_seg.inference import Predictor
from hela_seg.prediction.folder import ResultFolder
from hela_seg.prediction.follow import Course
from hela_seg.prediction.job import Job, Shard, Unit
from hela_seg.prediction.results import result_paths
from hela_seg.prediction.run import run


def done(job: Job, predictor: Predictor, folder: Path, shard: Shard | None = None) -> list[Course] | None:
    shard, results = shard or Shard(), ResultFolder(folder)
    with results.taken_by(shard):
        results.begin(job, result_paths(job, folder), overwrite=False)
        return run(predictor, job, results, shard, announce=lambda _: None)


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_class_maps_are_those_of_the_net(tmp_path: Path) -> None:
    images = film(5)
    net = levels(batch_size=2)
    done(job(tmp_path, net, images), net, tmp_path / "out")
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "out" / "film0.labels.ome.tif"), classes_of(images)
    )


def test_cells_and_areas_are_those_of_the_class_maps(tmp_path: Path) -> None:
    images = film(3)
    net = levels(batch_size=1)
    courses = done(job(tmp_path, net, images), net, tmp_path / "out")
    assert courses is not None
    assert [cells.tolist() for cells in courses[0].cells] == [[0, 1, 1]] * 3
    with (tmp_path / "out" / runs.AREAS_TABLE).open() as file:
        areas = list(csv.DictReader(file))
    assert [int(row["dim pixels"]) for row in areas] == [
        int((classes_of(frame) == 1).sum()) for frame in images
    ]
    assert [row["bright cells"] for row in areas] == ["1"] * 3
    with (tmp_path / "out" / "cells.csv").open() as file:
        cells = list(csv.DictReader(file))
    assert [(row["series"], row["frame"], row["class"]) for row in cells] == [
        ("film0", str(t), name) for t in range(3) for name in ("dim", "bright")
    ]
    # a disc of radius 6 in pixels, whose centre moves one column a frame
    assert [float(row["column_px"]) for row in cells if row["class"] == "bright"] == pytest.approx(
        [20, 21, 22]
    )


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


def test_probabilities_and_entropy_are_bytes_of_their_range(tmp_path: Path) -> None:
    """`Levels` gives logits 3, 0, 0: e^3 / (e^3 + 2) = 0.9094 is 232 of 255, the others 0.0453 are 12."""
    images = film(2)
    net = levels(batch_size=1)
    done(job(tmp_path, net, images, probabilities=True, entropy=True), net, tmp_path / "out")
    probabilities = tifffile.imread(tmp_path / "out" / "film0.probabilities.ome.tif")
    assert probabilities.shape == (2, 3, 40, 50)
    expected = np.where(classes_of(images)[:, None] == np.arange(3)[:, None, None], 232, 12)
    np.testing.assert_array_equal(probabilities, expected)
    entropy = tifffile.imread(tmp_path / "out" / "film0.entropy.ome.tif")
    # -(0.9094 ln 0.9094 + 2 * 0.0453 ln 0.0453) / ln 3 = 0.3337
    assert np.unique(entropy).tolist() == [85]


def test_the_majority_filter_reaches_every_result(tmp_path: Path) -> None:
    images = film(5)
    images[2] = 20  # both cells vanish for one frame
    images[2, 0, 0] = 28
    net = levels(batch_size=1)
    courses = done(job(tmp_path, net, images, majority=3), net, tmp_path / "out")
    assert courses is not None
    found = tifffile.imread(tmp_path / "out" / "film0.labels.ome.tif")
    assert found[2].max() == 2
    assert [cells.sum() for cells in courses[0].cells] == [2] * 5


def test_tracked_cells_keep_their_number(tmp_path: Path) -> None:
    net = levels(batch_size=1)
    done(job(tmp_path, net, film(4), track=True), net, tmp_path / "out")
    with (tmp_path / "out" / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    tracks = {(row["class"], row["track"]) for row in rows}
    assert len(tracks) == 2
    assert len(rows) == 8


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


def test_regions_that_are_too_small_are_no_cells(tmp_path: Path) -> None:
    images = film(2)
    images[0, 35, 3] = 230
    net = levels(batch_size=1)
    counts = []
    for least_area in (0, 2):
        task = job(tmp_path, net, images, least_area=least_area)
        courses = done(task, net, tmp_path / str(least_area))
        assert courses is not None
        counts.append([int(cells.sum()) for cells in courses[0].cells])
    assert counts == [[3, 2], [2, 2]]
