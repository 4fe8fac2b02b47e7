"""A trained net for programs that have PyTorch and not this one: ``torch.export`` and TorchScript."""

from __future__ import annotations

import io
import json
from pathlib import Path

import torch

from hela_seg.inference.trained import TrainedNet
from hela_seg.interchange.exported import dynamic_shapes, example, exporting, metadata, refuse_changed_logits
from hela_seg.system.files import whole_file

METADATA_FILE = "hela_seg.json"
"""Name, inside of both kinds of files, of what they say about themselves."""


def write_torch_export(trained: TrainedNet, path: Path) -> None:
    """Write what ``torch.export.load`` reads: (N, C, H, W) float32 -> logits (N, K, H, W).

    N may be anything, H and W any multiples of the net's stride but the stride itself, which ``torch.export``
    takes for another graph. Classes, normalisation and the rest stand in ``hela_seg.json`` inside
    (``torch.export.load(path, extra_files={"hela_seg.json": ""})``).

    Raises:
        InputError: the net cannot be expressed, or the file cannot be written.
    """
    # into memory first: a path would have to end in .pt2, and a file's name before it is whole does not
    content = io.BytesIO()
    with exporting(what := "torch.export", trained):
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
    content = io.BytesIO()
    with exporting(what := "TorchScript", trained):
        with torch.no_grad():
            traced = torch.jit.trace(trained.net.eval(), example(trained), check_trace=False)  # type: ignore[no-untyped-call]
        refuse_changed_logits(trained, what, traced)
        torch.jit.save(traced, content, _extra_files={METADATA_FILE: json.dumps(metadata(trained))})
    with whole_file(path) as beside:
        beside.write_bytes(content.getbuffer())
