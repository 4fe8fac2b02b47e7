"""``python -m hela_seg.export ckpt=... format=...``: a checkpoint for other programs, or for people."""

from __future__ import annotations

import sys

from hela_seg.cli import main

if __name__ == "__main__":
    # before the imports below, which take seconds that --help need not take
    sys.exit(main("export"))

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from hela_seg.inference.onnx_net import SUFFIX
from hela_seg.inference.trained import TrainedNet
from hela_seg.interchange.card import card
from hela_seg.interchange.exported import write_onnx, write_torch_export, write_torchscript
from hela_seg.interchange.package import write_package
from hela_seg.report.tables import print_files
from hela_seg.system.errors import InputError
from hela_seg.system.files import refuse_existing, write_whole
from hela_seg.system.settings import Expected, checked
from hela_seg.system.trust import Trust, modules_of

FORMATS: dict[str, tuple[str, Callable[..., None]]] = {
    "onnx": (".onnx", write_onnx),
    "torch_export": (".pt2", write_torch_export),
    "torchscript": (".torchscript.pt", write_torchscript),
    "bioimageio": (".bioimageio.zip", write_package),
    "card": (".md", lambda trained, path: write_whole(path, card(trained))),
}
"""For each format the ending of its files, and what writes them: of a trained net, to a path."""


@dataclass(frozen=True)
class ExportSettings:
    """All settings; see ``conf/export.yaml``."""

    ckpt: Annotated[str, Expected("the path of one checkpoint")]
    format: Literal["onnx", "torch_export", "torchscript", "bioimageio", "card"] = "onnx"
    output: str | None = None
    image_type: str | None = None
    overwrite: bool = False
    trust: Trust = None


def export(config: Mapping[str, Any]) -> Path:
    """Export as a configuration says; see ``conf/export.yaml`` for its keys.

    Returns:
        The file that was written.

    Raises:
        InputError: an unknown format, a checkpoint that cannot be used or expressed, or a file that is
            already there or cannot be written.
    """
    settings = checked(ExportSettings, config)
    ending, write = FORMATS[settings.format]
    source = Path(settings.ckpt)
    target = Path(settings.output) if settings.output is not None else source.with_suffix(ending)
    if source.suffix == SUFFIX and settings.format != "card":
        raise InputError(
            f"{source} is an export itself, expected the checkpoint that it was made of: name that as ckpt="
        )
    if settings.image_type is not None and settings.format != "bioimageio":
        raise InputError(
            f"image_type is {settings.image_type} with format={settings.format}, expected it with bioimageio "
            "alone: leave it out"
        )
    refuse_existing(target, overwrite=settings.overwrite)
    options = {"image_type": settings.image_type} if settings.format == "bioimageio" else {}
    write(TrainedNet.from_checkpoint(source, modules_of(settings.trust)), target, **options)
    print_files({"read": source, settings.format: target})
    return target
