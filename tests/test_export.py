"""``export`` writes checkpoints for other programs, or says in one line why not."""

from __future__ import annotations

import json
import pickle
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tifffile
import torch
from conftest import SMALL_NET
from near_ties import assert_same_but_for_near_ties

import hela_seg
from hela_seg.cli import COMMANDS, main
from hela_seg.runs.checkpoint import read_checkpoint
from hela_seg.system.errors import InputError


@pytest.fixture(scope="module")
def shallow(cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a net of few layers, which exporters write in a fraction of the time."""
    folder = tmp_path_factory.mktemp("shallow")
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]", *SMALL_NET]
    net = ["model=residual_unet", "model.levels=3", "trainer.max_epochs=1"]
    assert main("train", [*data, *net, f"hydra.run.dir={folder}"]) == 0
    return folder / "checkpoints" / "best.ckpt"


@pytest.fixture(scope="module")
def onnx_export(shallow: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That checkpoint as ONNX."""
    path = tmp_path_factory.mktemp("onnx") / "best.onnx"
    assert main("export", [str(shallow), "-o", str(path)]) == 0
    return path


@pytest.mark.filterwarnings("ignore:the median grey value")  # of noise
def test_an_onnx_file_predicts_as_its_checkpoint_does(
    onnx_export: Path, shallow: Path, cells: Path, tmp_path: Path
) -> None:
    movie = cells / "images" / "dish 0.tif"
    expected = hela_seg.load(shallow)
    predictor = hela_seg.load(onnx_export)
    assert predictor.info == expected.info
    # logits of about 12 are 3e-5 off float64's in PyTorch and 2e-5 in onnxruntime, probabilities half of that
    np.testing.assert_allclose(predictor.predict_proba(movie), expected.predict_proba(movie), atol=5e-5)
    odd = np.random.default_rng(0).integers(0, 255, (37, 51)).astype(np.uint8)
    for source in (movie, odd):
        found, scores = predictor.predict(source), expected.predict_proba(source)
        assert_same_but_for_near_ties(found, expected.predict(source), scores, within=1e-4)
    assert main("predict", [str(onnx_export), str(movie), "-o", str(tmp_path / "out")]) == 0
    labels = tifffile.imread(tmp_path / "out" / "dish 0.labels.ome.tif")
    np.testing.assert_array_equal(labels, predictor.predict(movie))


def test_an_onnx_file_says_what_it_is(onnx_export: Path, shallow: Path) -> None:
    words = {entry.key: entry.value for entry in onnx.load(onnx_export).metadata_props}
    info, _ = read_checkpoint(shallow)
    assert json.loads(words["hela_seg"]) == json.loads(json.dumps(info.to_plain()))
    assert words["classes"] == "background, dim, bright"
    assert json.loads(words["normalisation"])["kind"] == "percentile"
    assert (words["stride"], words["halo"], words["axes"], words["pixel_size"]) == (
        "4",
        "128",
        "NCHW",
        "null",
    )


@pytest.mark.parametrize("content", [b"", b"no onnx", bytes(100), pickle.dumps(print)])
def test_no_onnx_file_is_one_line(
    content: bytes, tmp_path: Path, cells: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.onnx").write_bytes(content)
    movie, output = str(cells / "images"), str(tmp_path / "o")
    assert main("predict", [str(tmp_path / "a.onnx"), movie, "-o", output]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert "a.onnx" in line


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda words: words.pop("hela_seg"), "does not say which net it holds"),
        (lambda words: words.update(hela_seg="{"), "does not say which net it holds"),
        (lambda words: words.update(hela_seg="{}"), "is damaged (missing or unknown"),
        (lambda words: words.update(stride="0"), "does not state its stride"),
    ],
)
def test_an_onnx_file_of_another_program_is_one_line(
    spoil: Any, said: str, onnx_export: Path, tmp_path: Path
) -> None:
    model = onnx.load(onnx_export)
    words = {entry.key: entry.value for entry in model.metadata_props}
    spoil(words)
    onnx.helper.set_model_props(model, words)
    onnx.save(model, tmp_path / "a.onnx")
    with pytest.raises(InputError) as caught:
        hela_seg.load(tmp_path / "a.onnx")
    assert said in str(caught.value)


@pytest.mark.parametrize("format", ["torch_export", "torchscript", "card"])
def test_what_is_there_stays_unless_the_user_says_so(
    format: str, shallow: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "a file, (1)"
    target.write_text("precious")
    arguments = [str(shallow), f"format={format}", "-o", str(target)]
    assert main("export", arguments) == 2
    assert "is already there" in capfd.readouterr().err
    assert target.read_text() == "precious"
    assert main("export", [*arguments, "overwrite=true"]) == 0
    assert target.read_bytes()[:8] != b"precious"
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    if format != "card":
        with pytest.raises(InputError, match=r"is an export for other programs and no checkpoint"):
            hela_seg.load(target)


def test_an_onnx_file_is_neither_exported_nor_trained_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"its content is not looked at")
    for typed in (["export", str(path), "format=torchscript"], ["train", f"start_from={path}"]):
        assert main(typed[0], typed[1:]) == 2
        assert f"error: {path} is an export" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == [path]


def test_files_stand_beside_the_checkpoint_by_default(checkpoint: Path, tmp_path: Path) -> None:
    shutil.copy(checkpoint, tmp_path / "my net.ckpt")
    assert main("export", [str(tmp_path / "my net.ckpt"), "format=torchscript"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"my net.ckpt", "my net.torchscript.pt"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["format=tflite"], "format is 'tflite', expected onnx, torch_export"),
        (["output=/proc/nowhere/a", "format=card"], "cannot write /proc/nowhere/a"),
        (["output=/proc/nowhere/a", "format=torchscript"], "cannot write /proc/nowhere/a"),
        (["image_type=uint8"], "image_type is uint8 with format=onnx, expected it with bioimageio alone"),
        (["ckpt=nowhere.ckpt"], "nowhere.ckpt is not there"),
        (["ckpt=null"], "ckpt is null, expected the path of one checkpoint"),
        (["ckpt=[a.ckpt,b.ckpt]"], "a.ckpt is not there"),
    ],
)
def test_settings_that_cannot_be_used_are_one_line(
    arguments: list[str], said: str, checkpoint: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main("export", [f"ckpt={checkpoint}", *arguments]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert said in line


def test_without_its_packages_onnx_is_one_line(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert main("export", [str(checkpoint), "-o", str(tmp_path / "a.onnx")]) == 2
    assert 'pip install "hela-seg[onnx]"' in capfd.readouterr().err


class _Bomb:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


TAKES_A_CHECKPOINT = {
    "evaluate": "ckpt={bad} hydra.run.dir={out}",
    "predict": "ckpt={bad} input={cells}/images output={out}",
    "train": "ckpt_path={bad} data=folder data.root={cells} data.classes=[a,b,c] hydra.run.dir={out}",
    "export": "ckpt={bad} output={out}",
}
NO_CHECKPOINT = {"check", "compare", "benchmark", "convert", "track"}


@pytest.mark.parametrize("command", TAKES_A_CHECKPOINT)
@pytest.mark.parametrize("by_torch", [True, False])
def test_a_checkpoint_that_holds_code_is_refused_and_the_code_never_runs(
    command: str, by_torch: bool, cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bad, mark = tmp_path / "bad.ckpt", tmp_path / "it ran"
    content = {"state_dict": {}, "hela_seg": _Bomb(mark)}
    if by_torch:
        torch.save(content, bad)
    else:
        bad.write_bytes(pickle.dumps(content))
    typed = TAKES_A_CHECKPOINT[command].format(bad=bad, cells=cells, out=tmp_path / "out").split()
    assert main(command, typed) == 2
    assert "pickled code, which is never run" in capfd.readouterr().err
    assert not mark.exists()
    torch.load(bad, weights_only=False) if by_torch else pickle.loads(bad.read_bytes())
    assert mark.exists()  # the trap was a real one


def test_no_command_is_forgotten() -> None:
    assert set(COMMANDS) == {*TAKES_A_CHECKPOINT, *NO_CHECKPOINT}
    paths = set().union(*(COMMANDS[name].paths for name in NO_CHECKPOINT))
    assert not {path for path in paths if "ckpt" in path}
