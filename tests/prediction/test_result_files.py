"""Files that a prediction makes are known before it begins, and are not taken for recordings after it."""

from __future__ import annotations

from pathlib import Path

from jobs import done, film, job, levels

from hela_seg.prediction.result_files import result_paths, without_results


def test_they_are_named_before_they_are_made(tmp_path: Path) -> None:
    net, out = levels(batch_size=2), tmp_path / "out"
    task = job(tmp_path, net, film(2), film(3), labels="both", entropy=True, label_next=1, film="png")
    named = result_paths(task, out)
    assert named[0] == out / "film0.labels.ome.tif"
    done(task, net, out)
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [*(path.name for path in named), "prediction.json"]
    )


def test_results_beside_recordings_are_no_recordings(tmp_path: Path) -> None:
    net = levels(batch_size=2)
    done(job(tmp_path, net, film(2)), net, tmp_path)
    (tmp_path / "other.labels.ome.tif").touch()  # of nothing that was predicted here
    found = without_results(sorted(tmp_path.glob("*.tif")), tmp_path)
    assert [path.name for path in found] == ["film0.tif", "other.labels.ome.tif"]
