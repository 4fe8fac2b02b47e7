"""Jobs side by side leave the same as jobs one after another, whoever launches them."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import SMALL_NET

from hela_seg.cli import main
from hela_seg.runs.sweep.jobs import jobs_in

LAUNCHERS = {
    "joblib": ("hydra_joblib_launcher", ["hydra.launcher.n_jobs=2"]),
    "submitit_local": ("hydra_submitit_launcher", []),
    "ray": ("hydra_ray_launcher", []),
}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.filterwarnings("ignore")  # of what launchers import
def test_jobs_side_by_side(
    launcher: str, cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plugin, options = LAUNCHERS[launcher]
    pytest.importorskip(f"hydra_plugins.{plugin}", reason="needs the extra [cluster]")
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]"]
    settings = [*SMALL_NET, "model=unet", "trainer.max_epochs=1", "logger=csv", "seed=0"]
    sweep = ["--multirun", f"hydra.sweep.dir={tmp_path}", "data.split.validation=9,1,2"]
    command = [*data, *settings, *sweep, f"hydra/launcher={launcher}", *options]
    assert main("train", command) == 3
    assert [job.state for job in jobs_in(tmp_path)] == ["failed", "finished", "finished"]
    assert (tmp_path / "comparison" / "comparison.csv").is_file()
    capfd.readouterr()
    assert main("train", [*command, "resume=true"]) == 3
    assert [job.state for job in jobs_in(tmp_path)] == ["failed", "finished", "finished"]
    assert [job.folder.name for job in jobs_in(tmp_path)] == ["0_unet", "1_unet", "2_unet"]
