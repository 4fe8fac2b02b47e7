"""A trained net as an ONNX file, with all in it that predicting takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from hela_seg.inference.onnx_net import OnnxNet
from hela_seg.inference.trained import TrainedNet
from hela_seg.interchange.exported import dynamic_shapes, example, exporting, metadata, refuse_changed_logits
from hela_seg.runs.checkpoint import CHECKPOINT_KEY
from hela_seg.system.errors import import_extra
from hela_seg.system.files import whole_file

OPSET = 18
"""Of ONNX's operators: what PyTorch's exporter writes without translating it further."""

LOGITS = "logits"


def write_onnx(trained: TrainedNet, path: Path, output: str = LOGITS) -> None:
    """Write a net as ONNX, ``image`` (N, C, H, W) float32 -> ``logits`` (N, K, H, W).

    N may be anything, H and W any multiples of the net's stride; nothing is padded inside. PyTorch's
    exporter by ``torch.export`` writes it; the older one by TorchScript takes sizes of intermediate images
    for constants. Then ONNX Runtime computes an image of another size, and the file gets its name only if the
    logits are PyTorch's.

    Args:
        trained: the net.
        path: of the file.
        output: what the net gives; a file of anything but logits is for other programs and is refused in
            prediction here, which would take it for logits.

    Raises:
        InputError: a package is missing, ONNX cannot express the net, or the file cannot be written.
    """
    onnx = import_extra("onnx", "onnxscript", "onnxruntime", what="ONNX", extra="onnx")
    with exporting("ONNX", trained):
        program: Any = torch.onnx.export(
            trained.net.eval(),
            (example(trained),),
            dynamo=True,
            dynamic_shapes=dynamic_shapes(trained),
            input_names=["image"],
            output_names=[output],
            opset_version=OPSET,
            verbose=False,
        )
    with whole_file(path) as beside:
        program.save(str(beside), external_data=False)
        model = onnx.load(beside)
        onnx.helper.set_model_props(model, metadata(trained))
        onnx.save(model, beside)
        refuse_changed_logits(trained, "ONNX Runtime", OnnxNet(beside))
        if output != LOGITS:
            others = {name: said for name, said in metadata(trained).items() if name != CHECKPOINT_KEY}
            onnx.helper.set_model_props(model, others)
            onnx.save(model, beside)
