"""``data.context``: what is trained with it predicts, is scored, goes on and is exported with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from conftest import SMALL_NET, draw_cells
from near_ties import assert_same_but_for_near_ties

import hela_seg
from hela_seg.cli import main
from hela_seg.data.stacks import write_tiff
from hela_seg.runs.checkpoint import CHECKPOINT_KEY, read_checkpoint, read_content, save_whole
from hela_seg.system.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore:.*where the net was trained on", "ignore:class '.*' has")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Settings of one recording of 14 frames, which is split in time."""
    root = tmp_path_factory.mktemp("film")
    for name, stack in zip(("images", "masks"), draw_cells(0, 14), strict=True):
        write_tiff(root / name / "dish.tif", stack, "TYX")
    return ["data=folder", f"data.root={root}", "data.classes=[background,dim,bright]", "data.context=1"]


@pytest.fixture(scope="module")
def trained(film: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of one epoch."""
    folder = tmp_path_factory.mktemp("run")
    more = ["model=unet", "loss=focal", "scheduler=constant", "augment=microscopy", "report=true"]
    more += ["trainer.max_epochs=1", f"hydra.run.dir={folder}"]
    assert main("train", [*film, *SMALL_NET, *more]) == 0
    return folder


@pytest.fixture(scope="module")
def best(trained: Path) -> Path:
    return trained / "checkpoints" / "best.ckpt"


def test_the_checkpoint_remembers_it(best: Path) -> None:
    info, weights = read_checkpoint(best)
    assert (info.context, info.channels, info.input_channels, info.net["in_channels"]) == (1, 1, 3, 3)
    assert info.config["data"]["context"] == 1
    assert next(iter(weights.values())).shape[1] == 3


def test_a_checkpoint_whose_net_takes_other_channels_is_refused(best: Path, tmp_path: Path) -> None:
    content = dict(read_content(best))
    content[CHECKPOINT_KEY]["config"]["data"]["context"] = 10**6
    save_whole(tmp_path / "a.ckpt", content)
    with pytest.raises(InputError, match=r"a\.ckpt is damaged .*data\.context=1000000 .* net of 3"):
        hela_seg.load(tmp_path / "a.ckpt")


def test_commands_and_python_predict_alike(best: Path, film: list[str], tmp_path: Path) -> None:
    movie = Path(film[1].partition("=")[2]) / "images" / "dish.tif"
    array, net = tifffile.imread(movie), hela_seg.load(best)
    assert main("predict", [str(best), str(movie), "-o", str(tmp_path / "out")]) == 0
    expected, scores = net.predict(array), net.predict_proba(array)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "dish.labels.ome.tif"), expected)
    assert_same_but_for_near_ties(np.stack(list(net.stream(array))), expected, scores)
    # frames far from the middle one do not matter, those beside it do
    other = array.copy()
    other[:4], other[7:] = array[:4, ::-1], array[7:, ::-1]
    np.testing.assert_array_equal(net.predict_proba(other)[5], scores[5])
    other[6] = array[6, ::-1]
    assert (net.predict_proba(other)[5] != scores[5]).any()


def test_its_own_data_and_others_are_scored(best: Path, film: list[str], tmp_path: Path) -> None:
    named = [entry for entry in film if not entry.startswith("data.context")]
    for number, data in enumerate(([], named, film)):
        assert main("evaluate", [f"ckpt={best}", *data, f"hydra.run.dir={tmp_path / str(number)}"]) == 0


def test_a_run_goes_on_with_it_and_not_without(trained: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main("train", [f"resume={trained}", "data.context=0", "trainer.max_epochs=2"]) == 2
    assert "data.context is 0, but this run began with 1" in capfd.readouterr().err
    assert main("train", [f"resume={trained}", "trainer.max_epochs=2"]) == 0
    assert read_checkpoint(trained / "checkpoints" / "last.ckpt")[0].context == 1


def test_the_check_looks_at_such_data(
    film: list[str], cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main("check", [*film, "hydra.run.dir=" + str(tmp_path / "a")]) == 0
    assert "shown 3 times over" not in capfd.readouterr().err
    for number in range(3):
        image, mask = draw_cells(number, 1)
        write_tiff(tmp_path / "stills" / "images" / f"{number}.tif", image[0], "YX")
        write_tiff(tmp_path / "stills" / "masks" / f"{number}.tif", mask[0], "YX")
    stills = [film[0], f"data.root={tmp_path / 'stills'}", *film[2:]]
    assert main("check", [*stills, "hydra.run.dir=" + str(tmp_path / "b")]) == 0
    assert capfd.readouterr().err.count("it is shown 3 times over") == 1


def test_onnx_takes_all_frames_as_channels_and_predicts_here_too(best: Path, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    path = tmp_path / "best.onnx"
    assert main("export", [str(best), "-o", str(path)]) == 0
    session = onnxruntime.InferenceSession(path)
    assert session.get_inputs()[0].shape[1] == 3
    assert session.get_modelmeta().custom_metadata_map["context"] == "1"
    array = draw_cells(3, 4)[0]
    scores = hela_seg.load(best).predict_proba(array)
    np.testing.assert_allclose(hela_seg.load(path).predict_proba(array), scores, atol=5e-5)
    # by hand: percentiles of the training frames, frame before frame, the last one repeated
    normalisation = read_checkpoint(best)[0].normalisation
    low, high = normalisation["low"][0], normalisation["high"][0]
    shown = (array[[2, 3, 3]].astype(np.float32) - low) / (high - low)
    (logits,) = session.run(None, {"image": shown[None]})
    odds = np.exp(logits[0] - logits[0].max(axis=0))
    np.testing.assert_allclose(odds / odds.sum(axis=0), scores[3], atol=1e-4)
