"""An exported ONNX file as a net: read by ONNX Runtime, used as any other."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor, nn

from hela_seg.runs.checkpoint import CHECKPOINT_KEY, ModelInfo, read_info
from hela_seg.system.errors import InputError, import_extra

SUFFIX = ".onnx"
EXPECTED = "expected an ONNX file that hela_seg.export wrote"


class OnnxNet(nn.Module):
    """A net that ONNX Runtime computes: (N, C, H, W) float32 -> logits (N, K, H, W).

    Images come and go as tensors, since all around a net is PyTorch's; the net itself needs none of it.

    Args:
        path: of the file.

    Attributes:
        info: what the file says about its net.
        stride: of which H and W must be multiples.

    Raises:
        InputError: ONNX Runtime is not there, or the file is none that `hela_seg.export` wrote.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        runtime = import_extra("onnxruntime", what="ONNX", extra="onnx")
        options = runtime.SessionOptions()
        options.log_severity_level = 4  # what it says of other files is said below, in one line
        options.intra_op_num_threads = torch.get_num_threads()
        there = runtime.get_available_providers()
        on = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in there]
        try:
            self._session = runtime.InferenceSession(path.read_bytes(), options, providers=on)
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}): check ckpt=") from None
        except Exception as error:  # its exceptions have no common base
            reason = " ".join(str(error).split())[:120]
            raise InputError(f"{path} is no ONNX file or a damaged one ({reason}), {EXPECTED}") from None
        words: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        self.info = _info(path, words)
        self.stride = int(words["stride"])

    def forward(self, image: Tensor) -> Tensor:
        """(N, C, H, W) -> logits (N, K, H, W), on the image's device."""
        pixels = image.detach().cpu().contiguous().numpy()
        (logits,) = self._session.run(None, {self._session.get_inputs()[0].name: pixels})
        return torch.from_numpy(logits).to(image.device)


def _info(path: Path, words: dict[str, str]) -> ModelInfo:
    try:
        plain = json.loads(words[CHECKPOINT_KEY])
    except (KeyError, ValueError):
        plain = None
    info = read_info(path, {CHECKPOINT_KEY: plain})
    if not words.get("stride", "").isdecimal() or int(words["stride"]) < 1:
        raise InputError(f"{path} does not state its stride, {EXPECTED}")
    return info
