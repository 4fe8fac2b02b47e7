"""The notebook runs from its first cell to its last, as a user would run it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

NEEDED = "notebooks need the packages nbclient and ipykernel"
nbformat = pytest.importorskip("nbformat", reason=NEEDED)
nbclient = pytest.importorskip("nbclient", reason=NEEDED)
pytest.importorskip("ipykernel", reason=NEEDED)

NOTEBOOK = Path(__file__).parents[1] / "examples" / "quickstart.ipynb"
SHORTER = {
    "series: 5, frames: 6, height: 128, width: 160": "series: 3, frames: 2, height: 128, width: 160",
    "trainer.max_epochs=6": "trainer.max_epochs=1 data.tile=[32,32]",
    "steps_per_epoch=25": "steps_per_epoch=2",
    "model.width=8": "model.width=4 trainer=cpu",
}
"""What a quick run changes in the notebook; each of these stands in it."""

COMMANDS_IN_THE_KERNEL = """
import shlex
import rich.console
from hela_seg.cli import main

rich.console._is_jupyter = lambda: False  # progress is text, as that of a process

def run_here(command):
    python, option, module, *arguments = shlex.split(get_ipython().var_expand(command))
    assert (python, option) == ("python", "-m")
    assert main(module.removeprefix("hela_seg."), arguments) == 0

get_ipython().system = run_here
"""
"""Runs what follows ``!`` without starting a process, which takes longer than the commands themselves."""


@pytest.fixture(autouse=True)
def this_python_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the notebook calls ``python`` runs the tests, also where no environment is activated."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)


def run(notebook, folder: Path):
    """Run all cells in a folder; a cell that fails, or whose command does, ends it with an error."""
    client = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}})
    client.execute()
    return notebook


def texts(notebook) -> str:
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(output.get("text", "") for output in outputs)


def pictures(notebook) -> list[str]:
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [
        kind for output in outputs for kind in output.get("data", {}) if kind in {"image/png", "text/html"}
    ]


def check(notebook, frames: int) -> None:
    said = texts(notebook)
    assert "error:" not in said
    assert f"({frames}, " in said
    assert f"frame {frames - 1}: " in said
    assert sorted(pictures(notebook)) == ["image/png"] * 3 + ["text/html"] * 2


def test_in_colab_one_uploads_images_and_masks_of_the_same_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    chosen = iter([b"image", b"mask"])

    def upload() -> dict[str, bytes]:
        """Like Colab's: what was chosen also lies in the working folder."""
        name, content = "a.tif", next(chosen)
        assert not Path(name).exists()  # or Colab would call it "a (1).tif"
        Path(name).write_bytes(content)
        return {name: content}

    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace(files=SimpleNamespace(upload=upload)))
    monkeypatch.setitem(sys.modules, "google", SimpleNamespace(colab=sys.modules["google.colab"]))
    (cell,) = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if "files.upload" in cell.source]
    exec(cell.source, {"Path": Path})
    held = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*.tif")}
    assert held == {"my cells/images/a.tif": b"image", "my cells/masks/a.tif": b"mask"}


def test_it_was_saved_without_results() -> None:
    """So that a change shows as what was changed, and no picture of anyone's lies in the project."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(
        not cell.outputs and cell.execution_count is None for cell in notebook.cells if "outputs" in cell
    )


def test_it_runs_to_its_end_when_made_shorter(tmp_path: Path) -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    for there, instead in SHORTER.items():
        assert there in text
        text = text.replace(there, instead)
    notebook = nbformat.reads(text, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(COMMANDS_IN_THE_KERNEL))
    check(run(notebook, tmp_path), frames=2)


@pytest.mark.slow
def test_it_runs_to_its_end_as_it_is(tmp_path: Path) -> None:
    check(run(nbformat.read(NOTEBOOK, as_version=4), tmp_path), frames=6)
    shutil.rmtree(tmp_path / "outputs")
