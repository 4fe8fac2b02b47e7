"""A checkpoint is enough by itself, and whatever else comes in its place is refused without being run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from small_checkpoints import INFO, saved

from hela_seg.cli import main
from hela_seg.inference.trained import TrainedNet
from hela_seg.models import build
from hela_seg.runs.checkpoint import CHECKPOINT_FORMAT, CHECKPOINT_KEY, read_checkpoint, save_whole
from hela_seg.system.errors import InputError


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_what_was_saved_is_read_back_with_the_nets_own_names(tmp_path: Path) -> None:
    info, weights = read_checkpoint(saved(tmp_path / "a.ckpt"))
    assert info == INFO
    assert list(weights) == ["head.weight"]


def test_weights_of_other_parts_are_left_out(tmp_path: Path) -> None:
    state = {"net.a": torch.ones(1), "loss.weights": torch.ones(1)}
    assert list(read_checkpoint(saved(tmp_path / "a.ckpt", state_dict=state))[1]) == ["a"]


@pytest.mark.parametrize("command", ["evaluate", "predict", "train"])
def test_pickled_code_is_refused_and_never_run(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "bomb.ckpt", bomb=Bomb(tmp_path / "exploded"))
    key = "ckpt_path" if command == "train" else "ckpt"
    more = [f"input={tmp_path}", "output=out"] if command == "predict" else []
    assert main(command, [f"{key}=bomb.ckpt", *more]) == 2
    assert "holds pickled code, which is never run" in capfd.readouterr().err
    assert not (tmp_path / "exploded").exists()
    assert not (tmp_path / "out").exists()


def test_a_bare_pickle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    path.write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))
    with pytest.raises(InputError, match="no checkpoint"):
        read_checkpoint(path)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_a_checkpoint_cut_short_is_refused(share: float, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.ckpt", padding=torch.zeros(10_000))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"expected a file written by hela_seg\.train"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({CHECKPOINT_KEY: None}, "does not say which net it holds"),
        ({CHECKPOINT_KEY: INFO.to_plain() | {"format": CHECKPOINT_FORMAT + 1}}, "update hela_seg"),
        ({CHECKPOINT_KEY: INFO.to_plain() | {"moon": 1}}, "missing or unknown: moon"),
        ({"state_dict": {}}, "holds no weights"),
    ],
)
def test_a_file_that_says_too_little_or_too_much_is_refused(
    change: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=expected):
        read_checkpoint(saved(tmp_path / "a.ckpt", **change))


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ckpt").write_text("no checkpoint at all")
    for path in (tmp_path / "a.ckpt", tmp_path / "missing.ckpt", tmp_path):
        with pytest.raises(InputError, match=str(path)):
            read_checkpoint(path)


@pytest.mark.parametrize("content", [b".", b"J", b"K", b"\x80\x02h\x01.", b"a.", b"X\x01"])
def test_whatever_bytes_there_are_they_are_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.ckpt").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.ckpt is no checkpoint"):
        read_checkpoint(tmp_path / "a.ckpt")


def test_a_place_that_cannot_be_written_is_not_called_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="File name too long"):
        save_whole(tmp_path / ("a" * 254), {})


def test_a_folder_is_no_checkpoint_and_not_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is a folder, expected a checkpoint such as best\.ckpt"):
        read_checkpoint(tmp_path)
    with pytest.raises(InputError, match=r"a\.ckpt is not there, expected a checkpoint"):
        read_checkpoint(tmp_path / "a.ckpt")


def test_a_bare_tensor_is_refused(tmp_path: Path) -> None:
    torch.save(torch.ones(3), tmp_path / "a.ckpt")
    with pytest.raises(InputError, match="does not say which net it holds"):
        read_checkpoint(tmp_path / "a.ckpt")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("channels", "three"),
        ("channels", 0),
        ("channels", True),
        ("classes", "cell"),
        ("net", []),
        ("axes", 7),
    ],
)
def test_what_a_checkpoint_says_has_the_types_that_it_should(key: str, value: Any, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.ckpt", **{CHECKPOINT_KEY: INFO.to_plain() | {key: value}})
    with pytest.raises(InputError, match=rf"a\.ckpt is damaged \({key} is "):
        read_checkpoint(path)


def test_a_net_larger_than_its_weights_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    net = {"_target_": "hela_seg.models.unet.UNet", "in_channels": 1, "classes": 2}
    small = build({**net, "width": 2}).state_dict()
    state = {f"net.{name}": value for name, value in small.items()}
    plain = INFO.to_plain() | {"net": {**net, "width": 2**14}}  # 8 TB of weights
    path = saved(tmp_path / "a.ckpt", state_dict=state, **{CHECKPOINT_KEY: plain})
    with pytest.raises(InputError, match="holds weights of another net than it names"):
        TrainedNet.from_checkpoint(path)
