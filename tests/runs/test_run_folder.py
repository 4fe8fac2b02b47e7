"""No two files of a run's or a prediction's folder have one name."""

from __future__ import annotations

from hela_seg.runs import run_folder


def test_names_are_told_apart() -> None:
    names = {key: value for key, value in vars(run_folder).items() if key.isupper()}
    files = [value for value in names.values() if isinstance(value, str)]
    assert len(files) > 30
    assert len(set(files)) == len(files)
    assert set(run_folder.RESUMABLE) < set(files)
