"""A trained net as a file for other programs: ONNX, ``torch.export`` and TorchScript.

All of them hold the checkpoint's description, take images of any number and size, and get their name only
once their logits are PyTorch's.
"""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hela_seg.inference.onnx_net import OnnxNet
from hela_seg.inference.tiling import Tiling
from hela_seg.inference.trained import TrainedNet
from hela_seg.runs.checkpoint import CHECKPOINT_KEY
from hela_seg.system.errors import InputError, import_extra
from hela_seg.system.files import whole_file

LARGEST_DIFFERENCE = 1e-4
"""Of logits computed by the export and by PyTorch, as a share of the largest."""

OPSET = 18
"""Of ONNX's operators: what PyTorch's exporter writes without translating it further."""

LOGITS = "logits"

METADATA_FILE = "hela_seg.json"
"""Name of the metadata inside of files of ``torch.export`` and TorchScript."""


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


def write_torch_export(trained: TrainedNet, path: Path) -> None:
    """Write what ``torch.export.load`` reads: (N, C, H, W) float32 -> logits (N, K, H, W).

    N may be anything, H and W any multiples of the net's stride but the stride itself, which ``torch.export``
    takes for another graph. Classes, normalisation and the rest stand in ``hela_seg.json`` inside
    (``torch.export.load(path, extra_files={"hela_seg.json": ""})``).

    Raises:
        InputError: the net cannot be expressed, or the file cannot be written.
    """
    # into memory first: a path would have to end in .pt2, and a file's name before it is whole does not
    what, content = "torch.export", io.BytesIO()
    with exporting(what, trained):
        net, shapes = trained.net.eval(), dynamic_shapes(trained)
        program = torch.export.export(net, (example(trained),), dynamic_shapes=shapes)
        refuse_changed_logits(trained, what, program.module())
        torch.export.save(program, content, extra_files={METADATA_FILE: json.dumps(metadata(trained))})
    with whole_file(path) as beside:
        beside.write_bytes(content.getbuffer())


def write_torchscript(trained: TrainedNet, path: Path) -> None:
    """Write what ``torch.jit.load`` reads, also from C++: (N, C, H, W) float32 -> logits (N, K, H, W).

    N may be anything, H and W any multiples of the net's stride. Classes, normalisation and the rest stand in
    ``hela_seg.json`` inside (``_extra_files``).

    Raises:
        InputError: the net cannot be expressed, or the file cannot be written.
    """
    # into memory first: PyTorch has its own errors for a disk that is full or may not be written
    what, content = "TorchScript", io.BytesIO()
    with exporting(what, trained):
        with torch.no_grad():
            traced = torch.jit.trace(trained.net.eval(), example(trained), check_trace=False)  # type: ignore[no-untyped-call]
        refuse_changed_logits(trained, what, traced)
        torch.jit.save(traced, content, _extra_files={METADATA_FILE: json.dumps(metadata(trained))})
    with whole_file(path) as beside:
        beside.write_bytes(content.getbuffer())


def metadata(trained: TrainedNet) -> dict[str, str]:
    """The checkpoint's description as texts by name; the chief entries also stand alone, for people."""
    info = trained.info
    return {
        CHECKPOINT_KEY: json.dumps(info.to_plain()),
        "classes": ", ".join(entry["name"] for entry in info.classes),
        "normalisation": json.dumps(info.normalisation),
        "axes": "NCHW",
        "stride": str(stride_of(trained)),
        "halo": str(Tiling().halo),
        "pixel_size": json.dumps(info.data.get("pixel_size")),
        "written_by": f"hela_seg {info.versions.get('hela_seg', '')}".strip(),
        **({"context": str(info.context)} if info.context else {}),
    }


def stride_of(trained: TrainedNet) -> int:
    """The number that H and W must be multiples of."""
    return int(trained.net.stride)  # type: ignore[arg-type]


def example(trained: TrainedNet, rows: int = 4, columns: int = 6, images: int = 2) -> Tensor:
    """Images (N, C, H, W) of 0 to 1, H and W as many times the stride."""
    generator = torch.Generator().manual_seed(0)
    stride = stride_of(trained)
    size = (images, trained.info.input_channels, rows * stride, columns * stride)
    return torch.rand(size, generator=generator)


def dynamic_shapes(trained: TrainedNet) -> tuple[dict[int, Any]]:
    """For ``torch.export``: N is free, and H and W are multiples of the stride."""
    stride = stride_of(trained)
    rows, columns = (stride * torch.export.Dim(f"{name}_{stride}ths") for name in ("rows", "columns"))
    return ({0: torch.export.Dim("images"), 2: rows, 3: columns},)


@contextmanager
def exporting(what: str, trained: TrainedNet) -> Iterator[None]:
    """Export a net or try the export: warnings on the way concern nobody, and what is raised is one line.

    Args:
        what: the format, or the program that reads it.
        trained: the net.

    Raises:
        InputError: the format cannot express the net, for a layer without counterpart or one of a fixed size.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except InputError:
        raise
    except Exception as error:  # each exporter and each runtime has its own
        reason = " ".join(str(error.__cause__ or error).split())[:200]
        raise InputError(
            f"{trained.source} holds a net that {what} cannot express ({reason}): choose another format="
        ) from None
    finally:
        logging.disable(before)


def refuse_changed_logits(trained: TrainedNet, what: str, run: Callable[[Tensor], Tensor]) -> None:
    """Compare the logits of PyTorch and of an export, for images of a size and number new to it.

    Raises:
        InputError: the logits differ, or the export does not take these images.
    """
    images = example(trained, rows=3, columns=5, images=1)
    with torch.inference_mode():
        expected = trained.net.eval()(images)
        with exporting(what, trained):
            found = run(images)
    largest = expected.abs().max().clamp(min=1e-30)
    difference = float((found - expected).abs().max() / largest) if found.shape == expected.shape else 1.0
    if not difference <= LARGEST_DIFFERENCE:
        raise InputError(
            f"{trained.source} holds a net whose logits {what} computes {difference:.1e} off, expected at "
            f"most {LARGEST_DIFFERENCE:.0e} of the largest: choose another format="
        )
