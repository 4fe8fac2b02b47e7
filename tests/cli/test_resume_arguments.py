"""What is typed to go on becomes what was typed to begin."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs.sweep.test_folders import begun, held

from hela_seg.cli import resume_arguments
from hela_seg.system.errors import InputError


def expanded(typed: list[str], sweeps: Path) -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resume_arguments, "sweeps_folder", lambda: sweeps)
        return resume_arguments.expand_resume_arguments(typed)


def test_a_sweep_that_names_no_folder_goes_on_in_its_last_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["--multirun", "seed=0,1", f"data.root={tmp_path}", "resume=true"]
    sweep = begun(tmp_path / "sweeps" / "x", 0, [], ["seed=0,1", f"data.root='{tmp_path}'"])
    assert expanded(typed, tmp_path / "sweeps") == [
        *typed,
        f"hydra.sweep.dir={sweep}",
    ]
    assert f"going on with the sweep in {sweep}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "typed", [["--multirun", "seed=0,1"], ["-m", "seed=0,1", "resume=false"], ["seed=1"]]
)
def test_who_does_not_ask_begins_anew(
    typed: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(tmp_path / "x", 0, [], ["seed=0,1"])
    assert expanded(typed, tmp_path) == typed
    assert capsys.readouterr().err == ""


def test_where_there_is_none_it_begins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["--multirun", "seed=0,1", "resume=true"]
    assert expanded(typed, tmp_path) == typed
    assert "so one begins" in capsys.readouterr().err


def test_a_folder_that_is_named_is_the_one(tmp_path: Path) -> None:
    typed = ["--multirun", "seed=0,1", "resume=true", "hydra.sweep.dir=here"]
    begun(tmp_path / "there", 0, [], ["seed=0,1"])
    assert expanded(typed, tmp_path) == typed


def test_a_sweeps_folder_stands_for_all_that_was_typed(tmp_path: Path) -> None:
    sweep = begun(tmp_path / "x", 0, ["hydra/launcher=joblib"], ["seed=0,1", "trainer.max_epochs=3"])
    expected = ["--multirun", "hydra/launcher=joblib", "trainer.max_epochs=3", "seed=0,1,2"]
    expected += ["resume=true", f"hydra.sweep.dir={sweep}"]
    assert expanded(["seed=0,1,2", f"resume={sweep}"], tmp_path) == expected
    assert expanded(["-m", "seed=0,1,2", f"resume={sweep}"], tmp_path) == expected


def test_a_run_is_no_sweep(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no sweep to go on with"):
        expanded(["-m", "seed=0,1", f"resume={tmp_path}"], tmp_path)


def test_a_run_takes_up_its_settings_and_those_that_are_typed_now_count_more(tmp_path: Path) -> None:
    held(tmp_path, "run", "model=unet", "trainer.max_epochs=3")
    folder = tmp_path / "run"
    expected = ["model=unet", "trainer.max_epochs=5", "resume=true", f"hydra.run.dir={folder}"]
    assert expanded(["trainer.max_epochs=5", f"resume={folder}"], tmp_path) == expected


def test_the_folder_that_a_run_was_begun_in_is_its_root_from_anywhere(tmp_path: Path) -> None:
    held(tmp_path, "run", "data=folder")
    (tmp_path / "run" / ".hydra" / "config.yaml").write_text("data: {root: .}\n")
    (tmp_path / "run" / ".hydra" / "hydra.yaml").write_text("hydra: {runtime: {cwd: /my/cells}}\n")
    assert "data.root='/my/cells'" in expanded([f"resume={tmp_path / 'run'}"], tmp_path)


def test_a_run_of_an_older_version_keeps_the_defaults_that_it_began_with(tmp_path: Path) -> None:
    held(tmp_path, "run", "model=unet")
    settings = "optimizer: {lr: 0.001}\ndata: {normalise: percentile, tile: [64, 64]}\n"
    (tmp_path / "run" / ".hydra" / "config.yaml").write_text(settings)
    began = {"optimizer.lr=0.001", "data.normalise=percentile", "model=unet"}
    assert set(expanded([f"resume={tmp_path / 'run'}"], tmp_path)[:-2]) == began
    again = expanded(["optimizer.lr=0.1", f"resume={tmp_path / 'run'}"], tmp_path)
    assert set(again[:-2]) == {"optimizer.lr=0.1", "data.normalise=percentile", "model=unet"}


@pytest.mark.parametrize("sweeping", [False, True])
def test_the_folder_of_another_command_is_no_run_to_go_on_with(sweeping: bool, tmp_path: Path) -> None:
    noted = "job: {config_name: check}\n  overrides: {hydra: [], task: []}\n"
    if sweeping:
        (tmp_path / "multirun.yaml").write_text(f"hydra:\n  {noted}")
    else:
        held(tmp_path, ".", "data=folder")
        (tmp_path / ".hydra" / "hydra.yaml").write_text(f"hydra:\n  {noted}")
    with pytest.raises(InputError, match=r"is of hela_seg\.check, expected a folder that .* made"):
        expanded([f"resume={tmp_path}"], tmp_path)


def test_to_go_on_takes_a_folder_that_holds_a_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="resume=true does not say which run"):
        expanded(["resume=true"], tmp_path)
    with pytest.raises(InputError, match="holds no run to go on with"):
        expanded([f"resume={tmp_path}"], tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "model=../../elsewhere/net",
        "+callbacks=[watch,'../evil']",
        "model=/home/me/net",
        "hydra/launcher=..\\evil",
    ],
)
def test_a_folder_that_includes_settings_from_elsewhere_is_refused(line: str, tmp_path: Path) -> None:
    held(tmp_path, "run", "data.root=../images", "ckpt_path=/a/last.ckpt", line)
    with pytest.raises(InputError, match=r"overrides\.yaml holds .*a file outside of this program"):
        expanded([f"resume={tmp_path / 'run'}"], tmp_path)
    sweep = begun(tmp_path / "x", 0, [line] if line.startswith("hydra") else [], [line, "seed=0,1"])
    with pytest.raises(InputError, match=r"multirun\.yaml holds .*a file outside of this program"):
        expanded([f"resume={sweep}"], tmp_path)
