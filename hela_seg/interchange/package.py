"""A trained net as a package of the bioimage.io model zoo, for Fiji, QuPath, ilastik and napari."""

from __future__ import annotations

import logging
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import image as pictures
from numpy.typing import NDArray
from omegaconf import OmegaConf

from hela_seg.data.classes import Classes
from hela_seg.data.context import own_channels
from hela_seg.data.normalise import Normalisation
from hela_seg.data.stacks import write_tiff
from hela_seg.data.synthetic.render import draw
from hela_seg.inference.trained import TrainedNet
from hela_seg.interchange.card import card, names_of
from hela_seg.interchange.description import (
    HALO,
    LARGEST,
    LICENCE,
    OUTPUT,
    Files,
    description,
    grey_values,
    image_type_of,
    tile_side,
    weights_of,
)
from hela_seg.interchange.exported import write_onnx, write_torchscript
from hela_seg.interchange.probabilities import with_probabilities
from hela_seg.models import is_own
from hela_seg.report.pictures.blending import blend
from hela_seg.runs.checkpoint import ModelInfo
from hela_seg.system.errors import InputError, import_extra
from hela_seg.system.files import digest, make_folder, whole_file

DESCRIPTION = "rdf.yaml"
Floats = NDArray[np.float32]

_EXPLAINED = """
## In other programs

The package takes images as their files hold them and scales grey values by itself. It gives the probability
of each class; the class of a pixel is the one with the largest. The order is {classes}.
Tiles overlap by a halo of {halo} pixels on each side, which is cut off. {needs}
{by_type}
The sample and the cover are drawn: no image of the training data is in this package.

The licence ({licence}) is hela-seg's. Whoever trained the net names another one, and their own names as
authors, in `{description}` where they share it.
"""
_BY_TYPE = {
    "dtype": """
Images must be of the type {image_type}: 0 to {largest} becomes 0 to 1.
""",
    "frame": """
Grey values are scaled by percentiles of each image. A program that takes them of each tile (QuPath) finds
other classes where tiles differ in brightness.
""",
}


def write_package(trained: TrainedNet, path: Path, image_type: str | None = None) -> None:
    """Write a zip with the net in three formats, an example, a cover, and what the zoo wants to know.

    It is written once bioimageio.core's own test has passed for each kind of weights.

    Args:
        trained: the net.
        path: of the zip.
        image_type: of the images that it will get; None for that of its training images. See
            `hela_seg.interchange.description.grey_values`.

    Raises:
        InputError: a package is missing, the net or its normalisation cannot be expressed, the test fails, or
            the file cannot be written.
    """
    packages = ("bioimageio.core", "onnx", "onnxscript", "onnxruntime")
    core = import_extra(*packages, what="format=bioimageio", extra="bioimageio")
    image_type = image_type or image_type_of(trained.info)
    make_folder(path.parent)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _fill(with_probabilities(trained), image_type, folder)
        _refuse_failing(core, folder / DESCRIPTION, trained)
        with whole_file(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, file.name)


def example_image(info: ModelInfo, size: int, image_type: str | None) -> Floats:
    """Drawn cells (1, C, H, W), H and W of that size, over the range of grey values that the net is for.

    C is that of all frames that the net is shown.
    """
    drawn = draw(2 * info.context + 1, size, size, seed=0)[0].transpose(0, 3, 1, 2).astype(np.float32)
    if info.channels != drawn.shape[1]:
        drawn = np.repeat(drawn.mean(axis=1, keepdims=True), info.channels, axis=1)
    low, high = (np.array(ends, np.float32).reshape(-1, 1, 1) for ends in grey_values(info, image_type))
    frames: Floats = (low + drawn / drawn.max() * (high - low)).astype(np.float32)
    return frames.reshape(1, -1, size, size)


def _fill(shown: TrainedNet, image_type: str | None, folder: Path) -> None:
    """Write all files of the package, the description last, which states their digests."""
    image = example_image(shown.info, tile_side(shown), image_type)
    with torch.inference_mode():
        pixels = _normalised(shown.info, image, image_type)
        probabilities = shown.net(torch.from_numpy(pixels)).numpy()
    _write_example(shown.info, image, probabilities, folder)
    if "pytorch_state_dict" in weights_of(shown.info):
        torch.save(shown.net.state_dict(), folder / Files.state_dict)
    write_torchscript(shown, folder / Files.torchscript)
    write_onnx(shown, folder / Files.onnx, OUTPUT)
    (folder / Files.readme).write_text(card(shown) + _explained(shown.info, image_type), encoding="utf-8")
    digests = {file.name: digest([file]) for file in folder.iterdir()}
    content = description(shown, image_type, digests)
    OmegaConf.save(OmegaConf.create(content), folder / DESCRIPTION)


def _write_example(info: ModelInfo, image: Floats, probabilities: Floats, folder: Path) -> None:
    np.save(folder / Files.test_input, image)
    np.save(folder / Files.test_output, probabilities)
    write_tiff(folder / Files.sample_input, image[0], "CYX")
    write_tiff(folder / Files.sample_output, probabilities[0], "CYX")
    labels = probabilities[0].argmax(axis=0).astype(np.uint8)
    own = image[0, own_channels(info.channels, info.context)]
    shown = [blend(own, kind, Classes(info.classes)) for kind in (0 * labels, labels)]
    pictures.imsave(folder / Files.cover, np.concatenate(shown, axis=1))


def _explained(info: ModelInfo, image_type: str | None) -> str:
    by_type = _BY_TYPE.get(info.normalisation["kind"], "")
    needs = f"`{Files.state_dict}` needs the package\nhela-seg, the other two files of weights do not."
    return _EXPLAINED.format(
        classes=", ".join(names_of(info)),
        halo=HALO,
        needs=needs if is_own(str(info.net["_target_"])) else "",
        by_type=by_type.format(image_type=image_type, largest=LARGEST.get(image_type or "")),
        licence=LICENCE,
        description=DESCRIPTION,
    )


def _normalised(info: ModelInfo, image: Floats, image_type: str | None) -> Floats:
    """The image as training scales one of that type."""
    levels = Normalisation.from_plain(info.normalisation)
    if levels.kind == "dtype":
        return image / np.float32(LARGEST[image_type or "uint8"])
    frames = np.split(image[0], 2 * info.context + 1)
    return np.concatenate([levels.apply(frame, levels.statistics(frame)) for frame in frames])[None]


def _refuse_failing(core: Any, file: Path, trained: TrainedNet) -> None:
    logging.getLogger("bioimageio").setLevel(logging.ERROR)
    for weights in weights_of(trained.info):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            summary = core.test_description(file, weight_format=weights)
        if summary.status != "passed":
            failed = next((e.msg for detail in summary.details for e in detail.errors), summary.status)
            raise InputError(
                f"{trained.source} as {weights} fails the test of bioimageio.core "
                f"({' '.join(str(failed).split())[:200]}): choose another format="
            )
