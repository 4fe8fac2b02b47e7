"""An ONNX file computes what its graph says and knows its net; one that is of no use is refused in a line."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto, helper
from toy_nets import Brightness, info

from hela_seg.inference import TrainedNet
from hela_seg.inference.onnx_net import OnnxNet
from hela_seg.interchange.exported import metadata
from hela_seg.system.errors import InputError

SAID = metadata(TrainedNet(Brightness(), info(2)))


def written(path: Path, said: dict[str, str]) -> Path:
    """A graph of one node, whose logits are the image added to itself."""
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2, "H", "W"])
        for name in ("image", "logits")
    ]
    graph = helper.make_graph(
        [helper.make_node("Add", ["image", "image"], ["logits"])], "g", ends[:1], ends[1:]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, said)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("shape", [(1, 2, 16, 16), (3, 2, 48, 32)])
def test_images_of_any_number_and_size_are_computed(shape: tuple[int, ...], tmp_path: Path) -> None:
    image = torch.rand(shape)
    logits = OnnxNet(written(tmp_path / "a.onnx", SAID))(image)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, image + image, rtol=0, atol=0)


def test_images_may_lie_in_memory_as_they_like(tmp_path: Path) -> None:
    net = OnnxNet(written(tmp_path / "a.onnx", SAID))
    image = torch.rand(2, 2, 16, 32, requires_grad=True)
    for view in (image, image.transpose(-2, -1), image.flip(-1), image.to(memory_format=torch.channels_last)):
        torch.testing.assert_close(net(view), 2 * view.detach(), rtol=0, atol=0)


def test_it_knows_its_net_by_itself_and_as_a_checkpoint(tmp_path: Path) -> None:
    path = written(tmp_path / "a.onnx", SAID)
    net, loaded = OnnxNet(path), TrainedNet.from_checkpoint(path)
    assert net.info.to_plain() == loaded.info.to_plain() == info(2).to_plain()
    assert net.stride == Brightness.stride == 16
    assert isinstance(loaded.net, OnnxNet)


def without(key: str) -> dict[str, str]:
    return {name: said for name, said in SAID.items() if name != key}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({}, "hela_seg"),
        (without("hela_seg"), "hela_seg"),
        (SAID | {"hela_seg": "{"}, "hela_seg"),
        (without("stride"), "does not state its stride"),
        (SAID | {"stride": "0"}, "does not state its stride"),
        (SAID | {"stride": "-16"}, "does not state its stride"),
        (SAID | {"stride": "wide"}, "does not state its stride"),
    ],
)
def test_an_onnx_file_of_another_program_is_refused(
    said: dict[str, str], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=rf"a\.onnx .*{reason}") as error:
        OnnxNet(written(tmp_path / "a.onnx", said))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_file_cut_short_is_refused(share: float, tmp_path: Path) -> None:
    path = written(tmp_path / "a.onnx", SAID)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"a\.onnx ") as error:
        OnnxNet(path)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_and_a_folder_are_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "b.onnx").mkdir()
    for name, reason in (("a.onnx", "No such file"), ("b.onnx", "Is a directory")):
        with pytest.raises(InputError, match=rf"{name} cannot be read \({reason}.*check ckpt="):
            OnnxNet(tmp_path / name)
