"""Files of ``torch.export`` and TorchScript compute PyTorch's logits at every size, or are not written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from small_nets import NETS, ByChance, ByContent, Doubles, each_net, made, same_logits, trained

from hela_seg.inference import TrainedNet
from hela_seg.interchange.exported import write_torch_export, write_torchscript
from hela_seg.system.errors import InputError

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning"),
    # of torch 2.11's own reader of torch.export's files
    pytest.mark.filterwarnings("ignore:The given buffer is not writable"),
]
each_kind = pytest.mark.parametrize("write", [write_torch_export, write_torchscript])
Write = Callable[[TrainedNet, Path], None]
Said = dict[str, str]


def loaded(write: Write, path: Path) -> tuple[torch.nn.Module, Said]:
    """What PyTorch alone reads of a file: the net, and what the file says of it."""
    extra = {"hela_seg.json": ""}
    if write is write_torchscript:
        net = torch.jit.load(path, _extra_files=extra)
    else:
        net = torch.export.load(path, extra_files=extra).module()
    return net, json.loads(extra["hela_seg.json"])


@each_net(quick="resnet34_unet")
def test_torch_exports_logits_are_pytorchs(name: str, tmp_path: Path) -> None:
    net = made(name)
    write_torch_export(net, tmp_path / "a.pt2")
    same_logits(net, loaded(write_torch_export, tmp_path / "a.pt2")[0], least=2)


@pytest.mark.parametrize("name", NETS)
def test_torchscripts_logits_are_pytorchs(name: str, tmp_path: Path) -> None:
    net = made(name)
    write_torchscript(net, tmp_path / "a.pt")
    same_logits(net, loaded(write_torchscript, tmp_path / "a.pt")[0])


@each_kind
def test_a_file_of_any_name_holds_the_net_and_what_is_known_of_it(write: Write, tmp_path: Path) -> None:
    net = trained(Doubles(), config={"data": {"pixel_size": 0.5}})
    write(net, tmp_path / "an export")
    found, said = loaded(write, tmp_path / "an export")
    image = torch.tensor([0.0, 0.25, 1.0]).reshape(1, 3, 1, 1).expand(1, 3, 8, 12)
    assert found(image)[0, :, 7, 11].tolist() == [0.0, 0.5, 2.0]
    assert json.loads(said["hela_seg"]) == json.loads(json.dumps(net.info.to_plain()))
    assert (said["stride"], said["classes"], said["pixel_size"]) == ("4", "background, dim, bright", "0.5")
    assert [path.name for path in tmp_path.iterdir()] == ["an export"]


def test_a_net_that_computes_by_what_it_sees_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"best\.ckpt holds a net that torch\.export cannot express") as said:
        write_torch_export(trained(ByContent()), tmp_path / "a")
    assert "\n" not in str(said.value)
    assert not list(tmp_path.iterdir())


@each_kind
def test_other_logits_are_refused_and_leave_nothing(write: Write, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="off, expected at most 1e-04 of the largest"):
        write(trained(ByChance()), tmp_path / "a")
    assert not list(tmp_path.iterdir())


@each_kind
def test_where_nothing_may_be_written_is_one_line(write: Write) -> None:
    if not Path("/proc").is_dir():
        pytest.skip("there is no /proc, a folder that nobody may write to")
    with pytest.raises(InputError, match=r"cannot write /proc/net\.pt: .*; choose a folder"):
        write(trained(Doubles()), Path("/proc/net.pt"))
