"""Each command of docs/tracks.md works where files lie as it says."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from documents import commands
from small_checkpoints import INFO

from hela_seg.cli import main
from hela_seg.data.classes import Classes
from hela_seg.data.ctc_tracks import write_ctc_frames, write_ctc_truth, write_track_table
from hela_seg.data.stacks import write_tiff
from hela_seg.data.synthetic.render import draw_tracked
from hela_seg.models import build
from hela_seg.runs.checkpoint import write_checkpoint
from hela_seg.tracking.ctc import read_ctc
from hela_seg.tracking.geff import write_geff
from hela_seg.tracking.tables import Followed
from hela_seg.tracking.trackmate import write_trackmate

PAGE = Path(__file__).parents[1] / "docs" / "tracks.md"
COMMANDS = commands(PAGE)
DRAWN = draw_tracked(6, 96, 96, 1)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint, a recording, and masks and tracks of it in every form that the page names."""
    pytest.importorskip("ctc_metrics", reason="the extra track is not installed")
    pytest.importorskip("zarr", reason="the extra zarr is not installed")
    desk = tmp_path_factory.mktemp("desk")
    classes = [{"name": name} for name in ("background", "round", "spread")]
    net = {"_target_": "hela_seg.models.unet.UNet", "width": 2, "in_channels": 3, "classes": 3}
    torch.manual_seed(0)
    info = replace(INFO, net=net, classes=classes, channels=3, axes="TYXS")
    write_checkpoint(desk / "best.ckpt", info, build(net).state_dict())
    write_tiff(desk / "movie.tif", DRAWN.images, "TYXS")
    for name in ("a", "b"):
        write_tiff(desk / "maps" / f"{name}.tif", DRAWN.labels, "TYX", frame_interval_s=300.0)
        write_tiff(desk / "masks" / f"{name}.tif", DRAWN.cells, "TYX", frame_interval_s=300.0)
        write_tiff(desk / "images" / f"{name}.tif", DRAWN.images, "TYXS", frame_interval_s=300.0)
    (desk / "plate.csv").write_text("series,condition\na,control\nb,drug\n")
    write_ctc_truth(desk / "ctc" / "01_GT", DRAWN.cells, DRAWN.tracks)
    write_ctc_frames(desk / "found" / "01_RES", "mask", DRAWN.cells)
    write_track_table(desk / "found" / "01_RES" / "res_track.txt", DRAWN.tracks)
    lives = read_ctc(DRAWN.cells.astype(np.int64), DRAWN.tracks, Classes(["background", "cell"]))
    followed = Followed("a", lives, Classes(["background", "cell"]))
    write_trackmate(desk / "saved.xml", followed)
    write_geff(desk / "tracks.geff", followed)
    write_ctc_frames(desk / "ctc" / "01", "t", DRAWN.images[..., 1].astype(np.uint16))
    return desk


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.usefixtures("no_report")
def test_a_command_of_the_page_works(
    command: str,
    desk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    words = shlex.split(command)
    assert words[:2] == ["python", "-m"]
    here = tmp_path / "desk"
    shutil.copytree(desk, here)
    monkeypatch.chdir(here)
    if "results/movie.labels.ome.tif" in words:
        write_tiff(Path("results/movie.labels.ome.tif"), DRAWN.labels, "TYX")
        words.append("classes=[background,round,spread]")
    name, typed = words[2].removeprefix("hela_seg."), words[3:]
    assert main(name, typed) == 0, capfd.readouterr().err
    output = typed[typed.index("-o") + 1] if "-o" in typed else "evaluated"
    expected = {"track": "tracks.csv", "predict": "events.csv", "evaluate": "track_scores.csv"}
    assert (here / output / expected[name]).is_file()


def test_the_page_names_every_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in ("tracks.csv", "events.csv", "lives.csv", "time_course.png", "NAME.lineage.png"):
        assert f"`{name}`" in text
