"""A run goes on where an earlier one is, looks at its data before it trains, and has a net that fits them."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
import tifffile
import torch
from conftest import SMALL_NET, composed, write_folder
from small_checkpoints import saved

from hela_seg.data.datamodule import TimelapseData
from hela_seg.runs.checkpoint import read_checkpoint
from hela_seg.system.errors import InputError
from hela_seg.system.ranks import RankInfo
from hela_seg.training.assembly import net_config
from hela_seg.training.settings import TrainSettings, resolve
from hela_seg.training.start import Start, find_start, net_to_train, prepare_data

AS_RUN = ["model=unet", "loss=focal", "scheduler=constant", "trainer.max_epochs=2"]
"""What the run of the fixture was trained with."""


def settings_of(root: Path | str, *typed: str) -> TrainSettings:
    data = ["data=folder", f"data.root={root}", "data.classes=[background,dim,bright]"]
    return resolve(composed(*data, *SMALL_NET, *typed), RankInfo())[0]


def prepared(
    settings: TrainSettings, folder: Path, start: Start | None = None
) -> tuple[TimelapseData, list[str]]:
    return prepare_data(settings, folder, start or Start(), RankInfo())


def test_of_a_run_that_is_in_its_folder_the_settings_of_the_data_are_known(
    run: Path, checkpoint: Path, cells: Path
) -> None:
    ended = find_start(settings_of(cells, *AS_RUN, "resume=true"), run)
    assert ended.finished == ended.checkpoint == checkpoint
    longer = find_start(settings_of(cells, *AS_RUN, "resume=true", "trainer.max_epochs=3"), run)
    assert (longer.finished, longer.checkpoint) == (None, run / "checkpoints" / "last.ckpt")
    assert longer.data["root"] == str(cells)
    with pytest.raises(InputError, match=r"optimizer\.lr is 0\.5, but this run began with 0\.006"):
        find_start(settings_of(cells, *AS_RUN, "resume=true", "optimizer.lr=0.5"), run)


def test_a_run_that_starts_from_another_has_data_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert find_start(settings_of("cells"), folder) == Start()
    other = saved(tmp_path / "a.ckpt", optimizer_states=[])
    start = find_start(settings_of("cells", f"ckpt_path={other}", "resume=true"), folder)
    assert start == Start(checkpoint=other)
    assert start.data == {}
    weights_alone = saved(tmp_path / "b.ckpt")
    assert find_start(settings_of("cells", f"ckpt_path={weights_alone}"), folder) == Start()


def test_what_cannot_be_fine_tuned_is_refused_before_data_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.ckpt").write_bytes(b"no checkpoint")
    settings = settings_of("nowhere", "model=unet", f"start_from={tmp_path / 'a.ckpt'}")
    with pytest.raises(InputError, match=r"a\.ckpt"):
        find_start(settings, tmp_path / "run")


def test_a_run_that_goes_on_keeps_the_split_that_it_began_with(
    checkpoint: Path, cells: Path, tmp_path: Path
) -> None:
    begun, _ = read_checkpoint(checkpoint)
    settings = settings_of(cells, "data.split.seed=7", "data.split.test=2")
    assert prepared(settings, tmp_path)[0].split_rows() != begun.split
    assert prepared(settings, tmp_path, Start(None, None, begun))[0].split_rows() == begun.split


def test_pictures_on_two_sides_of_the_split_are_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = write_folder(tmp_path / "cells", series=3)
    for name in ("images", "masks"):
        for copy in (1, 2):
            shutil.copy(root / name / "dish 0.tif", root / name / f"dish {copy}.tif")
    _, doubts = prepared(settings_of(root), tmp_path)
    assert doubts[0].startswith("6 frame(s) of validation or test look like")
    assert f"warning: {doubts[0]}" in caplog.messages
    assert (tmp_path / "split.csv").is_file()


def test_labels_of_no_class_name_file_value_and_pixels(cells: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dish 0\.tif, frame 0: .*2 \(") as refused:
        prepared(settings_of(cells, "data.classes=[background,dim]"), tmp_path)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "split.csv").exists()


@pytest.mark.parametrize(
    ("normalise", "said"),
    [
        ("auto", "data.normalise=auto: frame, since "),
        ("percentile", "take data.normalise=auto or frame"),
        ("frame", None),
    ],
)
def test_series_exposed_unlike_each_other_are_told(
    normalise: str, said: str | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = write_folder(tmp_path / "cells")
    odd = root / "images" / "dish 1.tif"
    tifffile.imwrite(odd, tifffile.imread(odd) // 8, photometric="minisblack", metadata={"axes": "TYX"})
    with caplog.at_level(logging.INFO):
        prepared(settings_of(root, f"data.normalise={normalise}"), tmp_path)
    told = [line for line in caplog.messages if "data.normalise" in line]
    assert [said in line and "dish 1" in line for line in told] == ([True] if said else [])


@pytest.mark.parametrize(("factor", "slow"), [(0.1, True), (1.0, False)])
def test_a_net_that_is_fine_tuned_has_the_weights_of_the_checkpoint(
    factor: float, slow: bool, checkpoint: Path, cells: Path, tmp_path: Path
) -> None:
    more = ["model=unet", f"start_from={checkpoint}", f"start_from_lr_factor={factor}"]
    settings = settings_of(cells, *more)
    data, _ = prepared(settings, tmp_path)
    net, slowed = net_to_train(net_config(settings.model, data), settings, Start(), data)
    held = read_checkpoint(checkpoint)[1]
    assert all(torch.equal(value, held[name]) for name, value in net.named_parameters())
    assert set(slowed) == ({name for name, _ in net.named_parameters()} if slow else set())
