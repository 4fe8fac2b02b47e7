"""The description file of a bioimage.io package, in version 0.4 of its format.

That is the oldest version that all of today's readers take: deepImageJ's refuses older ones and ilastik's and
QuPath's take 0.4 as well as 0.5, the former by translating it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import torch

from hela_seg.data.normalise import Normalisation
from hela_seg.data.tiles import padded_size
from hela_seg.inference.tiling import Tiling
from hela_seg.inference.trained import TrainedNet
from hela_seg.interchange.card import frames_in_words, kind_of, names_of
from hela_seg.interchange.exported import OPSET, stride_of
from hela_seg.interchange.probabilities import Probabilities
from hela_seg.models import is_own
from hela_seg.runs.checkpoint import ModelInfo
from hela_seg.system.errors import InputError

FORMAT_VERSION = "0.4.10"
HALO = Tiling().halo
OUTPUT = "probabilities"
LICENCE = "MIT"
WEIGHTS = ("pytorch_state_dict", "torchscript", "onnx")
CITATIONS = (
    ("The nets: Ghaznavi et al., Symmetry 16(2), 227 (2024)", "10.3390/sym16020227"),
    (
        "Attention nets: Ghaznavi et al., Comput. Biol. Med. 147, 105805 (2022)",
        "10.1016/j.compbiomed.2022.105805",
    ),
)
LARGEST = {"uint8": 255, "uint16": 65535, "float32": 1}
"""By the types of images that ``image_type=`` takes, what ``normalise=dtype`` makes 1."""

SMALLEST = 1e-12
"""Added to divisors by all steps of the format, which does not let it be 0; too small to change float32."""


class Files:
    """Names of the files of a package, its description aside."""

    test_input = "test_input.npy"
    test_output = "test_output.npy"
    sample_input = "sample_input.tif"
    sample_output = "sample_output.tif"
    cover = "cover.png"
    readme = "README.md"
    state_dict = "weights.pt"
    torchscript = "weights.torchscript.pt"
    onnx = "weights.onnx"


def tile_side(trained: TrainedNet) -> int:
    """Smallest H and W that are stated: half of a tile is beside the halo in each direction.

    The net takes smaller images. But readers cut tiles of what is stated here, and of a tile little larger
    than twice the halo they keep a few pixels and compute hundreds of tiles for an image.
    """
    return padded_size(4 * HALO, stride_of(trained))


def preprocessing(info: ModelInfo, image_type: str | None = None) -> list[dict[str, Any]]:
    """The normalisation in the format's own terms.

    Args:
        info: of the net.
        image_type: ``uint8``, ``uint16`` or ``float32``, of the images that come; see `grey_values`.

    Raises:
        InputError: see `grey_values`.
    """
    normalisation = Normalisation.from_plain(info.normalisation)
    if normalisation.kind == "frame":
        lower, upper = normalisation.percentiles
        ends = {"min_percentile": lower, "max_percentile": upper}
        return [
            {"name": "scale_range", "kwargs": {"mode": "per_sample", "axes": "yx", "eps": SMALLEST} | ends}
        ]
    low, high = grey_values(info, image_type)
    if normalisation.kind == "dtype":
        linear = {"name": "scale_linear", "kwargs": {"gain": 1 / high[0], "offset": 0.0}}
        return [linear] if high[0] != 1 else []
    low, high = (levels * (2 * info.context + 1) for levels in (low, high))  # of each frame alike
    spans = [most - least or 1.0 for least, most in zip(low, high, strict=True)]
    # the one affine map by channel that all readers have, whatever it is called
    settings = {"mode": "fixed", "axes": "yx", "mean": low, "std": spans, "eps": SMALLEST}
    return [{"name": "zero_mean_unit_variance", "kwargs": settings}]


def image_type_of(info: ModelInfo) -> str | None:
    """The type of a net's training images, one of `LARGEST`; None where it is none of them, or several."""
    names = (info.training_statistics or {}).get("dtypes", [])
    found = {"float32" if str(name).startswith("float") else str(name) for name in names}
    return found.pop() if len(found) == 1 and found <= LARGEST.keys() else None


def grey_values(info: ModelInfo, image_type: str | None) -> tuple[list[float], list[float]]:
    """What the normalisation makes 0 and 1, by channel; of a normalisation by frame, values as good as any.

    Raises:
        InputError: grey values are scaled by their type, which is not known or none of `LARGEST`.
    """
    normalisation = Normalisation.from_plain(info.normalisation)
    if normalisation.low is not None and normalisation.high is not None:
        return list(normalisation.low), list(normalisation.high)
    if normalisation.kind == "dtype" and image_type not in LARGEST:
        raise InputError(
            f"image_type is {image_type} and the net scales grey values by their type (normalise=dtype), "
            "of which the training images had none or several that a bioimage.io package can state: set "
            f"image_type= to one of {', '.join(LARGEST)}"
        )
    return [0.0] * info.channels, [float(LARGEST[image_type or "uint8"])] * info.channels


def description(trained: TrainedNet, image_type: str | None, digests: dict[str, str]) -> dict[str, Any]:
    """The content of ``rdf.yaml``.

    Args:
        trained: the net.
        image_type: see `grey_values`.
        digests: SHA-256 of the files of weights, by name.
    """
    info = trained.info
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
        "documentation": Files.readme,
        "covers": [Files.cover],
        "tags": ["semantic-segmentation", "cells", "pytorch", "unet", "2d"],
        "inputs": [_input(trained, image_type)],
        "outputs": [_output(info, classes)],
        "test_inputs": [Files.test_input],
        "test_outputs": [Files.test_output],
        "sample_inputs": [Files.sample_input],
        "sample_outputs": [Files.sample_output],
        "weights": _weights(info, digests),
        "config": {
            "hela_seg": {
                "classes": info.classes,
                "stride": stride_of(trained),
                "normalisation": info.normalisation,
                **({"context": info.context} if info.context else {}),
            }
        },
    }


def _input(trained: TrainedNet, image_type: str | None) -> dict[str, Any]:
    side, stride = tile_side(trained), stride_of(trained)
    return {
        "name": "image",
        "description": "grey values as the microscope's files hold them"
        + (f". {frames_in_words(trained.info)}" if trained.info.context else ""),
        "axes": "bcyx",
        "data_type": "float32",
        "shape": {"min": [1, trained.info.input_channels, side, side], "step": [0, 0, stride, stride]},
        "preprocessing": preprocessing(trained.info, image_type),
    }


def _output(info: ModelInfo, classes: list[str]) -> dict[str, Any]:
    return {
        "name": OUTPUT,
        "description": f"of each class, in this order: {', '.join(classes)}; they sum to 1",
        "axes": "bcyx",
        "data_type": "float32",
        "data_range": [0.0, 1.0],
        "shape": {
            "reference_tensor": "image",
            # not by an offset, of which QuPath takes half as many channels as the format means
            "scale": [1.0, len(classes) / info.input_channels, 1.0, 1.0],
            "offset": [0.0] * 4,
        },
        "halo": [0, 0, HALO, HALO],
    }


def weights_of(info: ModelInfo) -> tuple[str, ...]:
    """The formats of weights that a package holds.

    Weights by themselves need the code of the net, which only a net of this package has wherever hela-seg is.
    """
    return WEIGHTS if is_own(str(info.net["_target_"])) else WEIGHTS[1:]


def _weights(info: ModelInfo, digests: dict[str, str]) -> dict[str, dict[str, Any]]:
    pytorch = {"pytorch_version": str(torch.__version__).partition("+")[0]}
    named = f"{Probabilities.__module__}.{Probabilities.__name__}"
    net = {"architecture": named, "kwargs": {"net": info.net}}
    entries: dict[str, dict[str, Any]] = {
        "pytorch_state_dict": {"source": Files.state_dict} | net | pytorch,
        "torchscript": {"source": Files.torchscript} | pytorch,
        "onnx": {"source": Files.onnx, "opset_version": OPSET},
    }
    return {name: entries[name] | {"sha256": digests[entries[name]["source"]]} for name in weights_of(info)}
