"""An ONNX file computes PyTorch's logits at every size, says what it is, or is not written."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch
from packaging.version import Version
from small_nets import ByChance, ByContent, Doubles, each_net, made, same_logits, trained

from hela_seg.inference.onnx_net import OnnxNet
from hela_seg.interchange.exported import OPSET, write_onnx
from hela_seg.system.errors import InputError

CHATTY = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")


@each_net(quick="residual_unet")
def test_onnx_runtimes_logits_are_pytorchs(name: str, tmp_path: Path) -> None:
    net = made(name)
    write_onnx(net, tmp_path / "a.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    same_logits(net, lambda image: session.run(None, {"image": image.numpy()})[0])
    onnx.checker.check_model(tmp_path / "a.onnx", full_check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]


def test_names_axes_and_operators_are_those_that_are_promised(tmp_path: Path) -> None:
    write_onnx(trained(Doubles()), tmp_path / "a.onnx")
    model = onnx.load(tmp_path / "a.onnx")
    (image,), (logits,) = model.graph.input, model.graph.output
    assert (image.name, logits.name) == ("image", "logits")
    assert image.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    fixed = [axis.dim_value for axis in image.type.tensor_type.shape.dim]
    assert fixed == [0, 3, 0, 0]  # 0 where any size goes
    assert {entry.domain: entry.version for entry in model.opset_import}[""] == OPSET == 18


def test_the_file_says_what_it_holds(tmp_path: Path) -> None:
    net = trained(Doubles(), config={"data": {"pixel_size": 0.5}})
    write_onnx(net, tmp_path / "a.onnx")
    words = {entry.key: entry.value for entry in onnx.load(tmp_path / "a.onnx").metadata_props}
    assert json.loads(words["hela_seg"]) == json.loads(json.dumps(net.info.to_plain()))
    assert (words["stride"], words["classes"], words["pixel_size"]) == ("4", "background, dim, bright", "0.5")
    assert OnnxNet(tmp_path / "a.onnx").info == net.info


def test_what_is_no_logits_is_not_taken_for_them(tmp_path: Path) -> None:
    write_onnx(trained(Doubles()), tmp_path / "a.onnx", "probabilities")
    model = onnx.load(tmp_path / "a.onnx")
    assert model.graph.output[0].name == "probabilities"
    assert {"classes", "stride"} <= {entry.key for entry in model.metadata_props}
    with pytest.raises(InputError, match="does not say which net it holds"):
        OnnxNet(tmp_path / "a.onnx")


@pytest.mark.skipif(
    Version(torch.__version__) < Version("2.11"),
    reason="older PyTorch writes one branch of such a net as ONNX, which is compared later",
)
def test_a_net_that_computes_by_what_it_sees_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"best\.ckpt holds a net that ONNX cannot express") as caught:
        write_onnx(trained(ByContent()), tmp_path / "a")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_other_logits_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ONNX Runtime computes .* off, expected at most 1e-04"):
        write_onnx(trained(ByChance()), tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_loggers_are_as_loud_afterwards_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for level, name in enumerate(CHATTY, start=11):
        monkeypatch.setattr(logging.getLogger(name), "level", level)
    write_onnx(trained(Doubles()), tmp_path / "a.onnx")
    with pytest.raises(InputError):
        write_onnx(trained(ByChance()), tmp_path / "b.onnx")
    assert [logging.getLogger(name).level for name in CHATTY] == [11, 12, 13, 14]
