"""Inputs and folders that are not what they should be, met half-way through a prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from conftest import draw_cells
from near_ties import assert_same_but_for_near_ties
from victims import EVERYTHING, FRAMES, DieAtRename, content, predict, units_done, write_film

import hela_seg
from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.runs import run_folder

DAMAGED = 9
"""Number of the frame that cannot be decoded."""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film"))


def test_an_input_that_changed_in_between_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    film, folder, log = write_film(tmp_path), tmp_path / "out", tmp_path / "log"
    typed = [str(checkpoint), str(film), *EVERYTHING, "-o", str(folder)]
    assert predict(typed, before=DieAtRename(6)) == 9
    done = units_done(folder)
    images = tifffile.imread(film)
    images[-1, 0, 0] ^= 1
    tifffile.imwrite(film, images, photometric="minisblack", metadata={"axes": "TYX"}, compression="zlib")
    assert predict(typed, log) == 2
    assert "another content of the input 'film': choose another output folder" in log.read_text()
    assert units_done(folder) == done > 0
    assert predict([*typed, "overwrite=true"]) == 0


@pytest.fixture
def damaged(film: Path, tmp_path: Path) -> Path:
    """The recording with other bytes amid one deflated frame."""
    path = tmp_path / "damaged.tif"
    content = bytearray(film.read_bytes())
    with tifffile.TiffFile(film) as file:
        page = file.pages[DAMAGED]
        middle = page.dataoffsets[0] + page.databytecounts[0] // 2
    content[middle : middle + 50] = bytes(50)
    path.write_bytes(content)
    return path


def test_a_frame_that_cannot_be_decoded_is_named_and_may_be_skipped(
    checkpoint: Path, film: Path, damaged: Path, tmp_path: Path
) -> None:
    folder, log = tmp_path / "out", tmp_path / "log"
    typed = [str(checkpoint), str(damaged), *EVERYTHING, "-o", str(folder)]
    assert predict(typed, log) == 2
    said = log.read_text()
    assert said.count("\n") == 1
    assert said.startswith(f"error: frame {DAMAGED} of {damaged} is damaged")
    assert "on_error=skip" in said
    assert units_done(folder) == DAMAGED // 4
    assert predict([*typed, "on_error=skip"], log) == 3
    assert log.read_text().startswith("warning: 1 frame(s) could not be read and are ignored pixels")
    labels = tifffile.imread(folder / "damaged.labels.ome.tif")
    assert predict([str(checkpoint), str(film), *EVERYTHING, "-o", str(tmp_path / "whole")]) == 0
    whole = tifffile.imread(tmp_path / "whole" / "film.labels.ome.tif")
    others = np.arange(FRAMES) != DAMAGED
    assert (labels[DAMAGED] == IGNORE_INDEX).all()
    # one frame fewer goes through the net together with the others of its batch
    scores = hela_seg.load(checkpoint).predict_proba(film)
    assert_same_but_for_near_ties(labels[others], whole[others], scores[others])


def test_a_recording_of_one_frame_has_every_kind_of_result_but_lineages(
    checkpoint: Path, tmp_path: Path
) -> None:
    images, _ = draw_cells(1, 1)
    tifffile.imwrite(tmp_path / "one.tif", images[0])
    wanted = ["labels=both", "probabilities=true", "entropy=true", "label_next=3", "film=png"]
    wanted += ["cells=parquet", "track=true", "majority=3", "tta=flips"]
    folder = tmp_path / "out"
    assert predict([str(checkpoint), str(tmp_path / "one.tif"), *wanted, "-o", str(folder)]) == 0
    assert tifffile.imread(folder / "one.labels.ome.tif").shape == images[0].shape
    assert {path.name for path in folder.iterdir()} == {
        *(f"one.{kind}.ome.tif" for kind in ("labels", "probabilities", "entropy")),
        *("one.labels.zarr", "one.overlay.png", "one.film.png", "cells.parquet", "areas.csv"),
        *("time_course.png", "label_next.csv", "label_next.png", "prediction.json"),
        *("tracks.csv", "events.csv", "lives.csv"),  # lineages are drawn of several frames
    }


def test_results_of_another_checkpoint_are_replaced_only_when_told_to(
    checkpoint: Path, film: Path, tmp_path: Path
) -> None:
    folder, log, other = tmp_path / "out", tmp_path / "log", tmp_path / "other.ckpt"
    assert predict([str(checkpoint), str(film), "-o", str(folder)]) == 0
    before = content(folder)
    weights = torch.load(checkpoint, weights_only=True)
    for value in weights["state_dict"].values():
        value += 1
    torch.save(weights, other)
    typed = [str(other), str(film), "-o", str(folder)]
    assert predict(typed, log) == 2
    assert "holds a prediction with another checkpoint: choose another output" in log.read_text()
    assert content(folder) == before
    assert predict([*typed, "overwrite=true"]) == 0
    after = content(folder)
    assert after.keys() == before.keys()
    assert after["film.labels.ome.tif"] != before["film.labels.ome.tif"]


@pytest.mark.parametrize("text", ["not JSON", "[]", '{"frames": 3}'])
def test_a_file_that_only_has_the_name_of_our_record_is_left_alone(
    text: str, checkpoint: Path, film: Path, tmp_path: Path
) -> None:
    folder, log = tmp_path / "out", tmp_path / "log"
    folder.mkdir()
    (folder / run_folder.PREDICTION_RECORD).write_text(text)
    assert predict([str(checkpoint), str(film), "-o", str(folder), "overwrite=true"], log) == 2
    assert "expected the record of a prediction" in log.read_text()
    assert content(folder)[run_folder.PREDICTION_RECORD] == text.encode()
