"""A trained net as a package of the bioimage.io model zoo, for Fiji, QuPath, ilastik and napari.

It is written in version 0.4.10 of the format, the oldest that the readers of ilastik, QuPath and deepImageJ
take: their releases of some years read 0.4 alone, and what reads 0.5 converts 0.4 as it opens it.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
import zipfile
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import image as pictures
from numpy.typing import NDArray
from omegaconf import OmegaConf

from hela_seg.classes import Classes
from hela_seg.data.normalise import Normalisation
from hela_seg.data.synthetic import draw
from hela_seg.data.tiles import padded_size
from hela_seg.errors import InputError, not_installed
from hela_seg.files import digest, whole_file
from hela_seg.formats.card import card, kind_of, names_of
from hela_seg.formats.exported import stride_of
from hela_seg.formats.onnx_file import OPSET, write_onnx
from hela_seg.formats.torch_files import write_torchscript
from hela_seg.inference.tiling import Tiling
from hela_seg.inference.trained import TrainedNet
from hela_seg.report.overlay import blend
from hela_seg.runs import ModelInfo

FORMAT_VERSION = "0.4.10"
LARGEST_8_BIT = 255
"""``normalise=dtype`` is by the image's own type, which the format cannot say; 8 bits are assumed."""

CITATIONS = (
    ("The nets: Ghaznavi et al., Symmetry 16(2), 227 (2024)", "10.3390/sym16020227"),
    (
        "Attention nets: Ghaznavi et al., Comput. Biol. Med. 147, 105805 (2022)",
        "10.1016/j.compbiomed.2022.105805",
    ),
)
LICENCE = "MIT"
_EXPLAINED = """
## In other programs

The net gives logits; the class of a pixel is the channel with the largest. Tiles overlap by the halo that the
description states. `weights.pt` needs the package hela-seg, the other weights do not.
"""
DESCRIPTION = "rdf.yaml"
WEIGHTS = ("pytorch_state_dict", "torchscript", "onnx")


def write_package(trained: TrainedNet, path: Path) -> None:
    """Write a zip with the net in three formats, an example, a cover, and what the zoo wants to know.

    It is written once bioimageio.core's own test has passed for each kind of weights.

    Raises:
        InputError: a package is missing, the net cannot be expressed, the test fails, or the file cannot be
            written.
    """
    core = _needed("bioimageio.core", "onnx", "onnxscript", "onnxruntime")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _fill(trained, folder)
        _refuse_failing(core, folder / DESCRIPTION, trained)
        with whole_file(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, file.name)


def example_image(info: ModelInfo, size: int) -> NDArray[np.float32]:
    """Drawn cells (1, C, H, W), H and W of that size, over the range of grey values that training saw."""
    drawn = draw(1, size, size, seed=0)[0][0].transpose(2, 0, 1).astype(np.float32)
    if info.channels != len(drawn):
        drawn = np.repeat(drawn.mean(axis=0, keepdims=True), info.channels, axis=0)
    low, high = (np.array(ends, np.float32).reshape(-1, 1, 1) for ends in _grey_values(info))
    image: NDArray[np.float32] = np.rint(low + drawn / drawn.max() * (high - low))
    return image[None]


def preprocessing(info: ModelInfo) -> list[dict[str, Any]]:
    """The normalisation in the format's own terms."""
    normalisation = Normalisation.from_plain(info.normalisation)
    if normalisation.kind == "frame":
        lower, upper = normalisation.percentiles
        settings = {"mode": "per_sample", "axes": "yx", "min_percentile": lower, "max_percentile": upper}
        return [{"name": "scale_range", "kwargs": settings}]
    if normalisation.low is None or normalisation.high is None:
        return [{"name": "scale_linear", "kwargs": {"gain": 1 / LARGEST_8_BIT, "offset": 0.0}}]
    low = list(normalisation.low)
    spans = [high - least or 1.0 for least, high in zip(low, normalisation.high, strict=True)]
    # the one affine map by channel that version 0.4 and its readers have
    settings = {"mode": "fixed", "axes": "yx", "mean": low, "std": spans, "eps": 1e-12}
    return [{"name": "zero_mean_unit_variance", "kwargs": settings}]


def _grey_values(info: ModelInfo) -> tuple[list[float], list[float]]:
    """What the normalisation makes 0 and 1, by channel."""
    normalisation = Normalisation.from_plain(info.normalisation)
    if normalisation.low is None or normalisation.high is None:
        return [0.0] * info.channels, [float(LARGEST_8_BIT)] * info.channels
    return list(normalisation.low), list(normalisation.high)


def _fill(trained: TrainedNet, folder: Path) -> None:
    """Write all files of the package, the description last, which states their digests."""
    size = padded_size(2 * Tiling().halo + 1, stride_of(trained))
    image = example_image(trained.info, size)
    levels = Normalisation.from_plain(trained.info.normalisation)
    with torch.inference_mode():
        pixels = _normalised(levels, trained.info, image)
        logits = trained.net.eval()(torch.from_numpy(pixels)).numpy()
    np.save(folder / "test_input.npy", image)
    np.save(folder / "test_output.npy", logits)
    torch.save(trained.net.state_dict(), folder / "weights.pt")
    write_torchscript(trained, folder / "weights.torchscript.pt")
    write_onnx(trained, folder / "weights.onnx")
    (folder / "README.md").write_text(card(trained) + _EXPLAINED, encoding="utf-8")
    labels = logits[0].argmax(axis=0).astype(np.uint8)
    shown = [blend(image[0], kind, Classes(trained.info.classes)) for kind in (0 * labels, labels)]
    pictures.imsave(folder / "cover.png", np.concatenate(shown, axis=1))
    OmegaConf.save(OmegaConf.create(_description(trained, folder, size)), folder / DESCRIPTION)


def _normalised(levels: Normalisation, info: ModelInfo, image: NDArray[np.float32]) -> NDArray[np.float32]:
    if levels.kind == "dtype":
        return image / np.float32(LARGEST_8_BIT)
    return levels.apply(image[0], levels.statistics(image[0]))[None]


def _description(trained: TrainedNet, folder: Path, size: int) -> dict[str, Any]:
    info, stride, halo = trained.info, stride_of(trained), Tiling().halo
    classes = names_of(info)
    return {
        "type": "model",
        "format_version": FORMAT_VERSION,
        "name": f"{kind_of(info)} of hela-seg"[:100],
        "description": f"Gives each pixel of a microscopic image one of the classes {', '.join(classes)}.",
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        "authors": [{"name": "the user of hela-seg who trained it"}],
        "cite": [{"text": text, "doi": doi} for text, doi in CITATIONS],
        "license": LICENCE,
        "documentation": "README.md",
        "covers": ["cover.png"],
        "tags": ["semantic-segmentation", "cells", "pytorch", "unet", "2d"],
        "inputs": [
            {
                "name": "image",
                "description": "grey values as the microscope's files hold them",
                "axes": "bcyx",
                "data_type": "float32",
                "shape": {"min": [1, info.channels, size, size], "step": [0, 0, stride, stride]},
                "preprocessing": preprocessing(info),
            }
        ],
        "outputs": [
            {
                "name": "logits",
                "description": f"the largest is the pixel's class: {', '.join(classes)}",
                "axes": "bcyx",
                "data_type": "float32",
                "shape": {
                    "reference_tensor": "image",
                    "scale": [1.0, 0.0, 1.0, 1.0],
                    "offset": [0.0, len(classes) / 2, 0.0, 0.0],
                },
                "halo": [0, 0, halo, halo],
            }
        ],
        "test_inputs": ["test_input.npy"],
        "test_outputs": ["test_output.npy"],
        "weights": _weights(trained, folder),
        "config": {
            "hela_seg": {"classes": info.classes, "stride": stride, "normalisation": info.normalisation}
        },
    }


def _weights(trained: TrainedNet, folder: Path) -> dict[str, Any]:
    torch_version = str(torch.__version__).partition("+")[0]
    arguments = {key: value for key, value in trained.info.net.items() if key != "_target_"}
    own: dict[str, dict[str, Any]] = {
        "pytorch_state_dict": {
            "source": "weights.pt",
            "architecture": trained.info.net["_target_"],
            "kwargs": arguments,
            "pytorch_version": torch_version,
        },
        "torchscript": {"source": "weights.torchscript.pt", "pytorch_version": torch_version},
        "onnx": {"source": "weights.onnx", "opset_version": OPSET},
    }
    return {name: entry | {"sha256": digest([folder / entry["source"]])} for name, entry in own.items()}


def _refuse_failing(core: Any, description: Path, trained: TrainedNet) -> None:
    logging.getLogger("bioimageio").setLevel(logging.ERROR)
    for weights in WEIGHTS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            summary = core.test_description(description, weight_format=weights)
        if summary.status != "passed":
            failed = next((e.msg for detail in summary.details for e in detail.errors), summary.status)
            raise InputError(
                f"{trained.source} as {weights} fails the test of bioimageio.core "
                f"({' '.join(str(failed).split())[:200]}): choose another format="
            )


def _needed(*packages: str) -> Any:
    try:
        first, *_ = map(import_module, packages)
    except ImportError as error:
        raise not_installed("format=bioimageio", str(error.name), "bioimageio") from None
    return first
