"""A package's description says in the format's words how images become what the net was trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_nets import NETS, Doubles, trained

from hela_seg.data.normalise import Normalisation
from hela_seg.interchange.description import (
    Files,
    description,
    grey_values,
    image_type_of,
    preprocessing,
    tile_side,
)
from hela_seg.runs.checkpoint import ModelInfo
from hela_seg.system.errors import InputError

DIGESTS = {Files.state_dict: "a1", Files.torchscript: "b2", Files.onnx: "c3"}


def normalised(kind: Any, *levels: tuple[float, ...]) -> ModelInfo:
    return trained(Doubles(), normalisation=Normalisation(kind, *levels).to_plain()).info


def test_a_tile_is_half_halo_and_a_multiple_of_the_stride() -> None:
    net = Doubles()
    assert tile_side(trained(net)) == 4 * 128  # the halo is 128 pixels at each side
    net.stride = 30
    assert tile_side(trained(net)) == 540


def test_grey_values_by_type_take_the_type() -> None:
    info = normalised("dtype")
    (step,) = preprocessing(info, "uint16")
    assert step == {"name": "scale_linear", "kwargs": {"gain": 1 / 65535, "offset": 0.0}}
    assert preprocessing(info, "float32") == []
    for unknown in (None, "int8"):
        with pytest.raises(InputError, match=rf"image_type is {unknown} .* one of uint8, uint16, float32"):
            preprocessing(info, unknown)


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (["uint16"], "uint16"),
        (["float64", "float32"], "float32"),  # neither is scaled
        (["uint8", "uint16"], None),
        (["int16"], None),
        ([], None),
    ],
)
def test_the_type_of_images_is_that_of_training(dtypes: list[str], expected: str | None) -> None:
    assert image_type_of(trained(Doubles(), training_statistics={"dtypes": dtypes}).info) == expected
    assert image_type_of(trained(Doubles()).info) is None


def test_percentiles_of_a_frame_are_left_to_the_reader() -> None:
    (step,) = preprocessing(normalised("frame"))
    ends = {"min_percentile": 1.0, "max_percentile": 99.8}
    settings = {"mode": "per_sample", "axes": "yx", "eps": 1e-12}
    assert step == {"name": "scale_range", "kwargs": settings | ends}


@pytest.mark.parametrize("kind", ["percentile", "zscore"])
def test_levels_of_the_training_images_are_one_affine_map_by_channel(kind: str) -> None:
    low, high = (10.0, 20.0, 5.0), (210.0, 70.0, 5.0)  # without contrast nothing is divided by zero
    info = normalised(kind, low, high)
    (step,) = preprocessing(info)
    assert step["name"] == "zero_mean_unit_variance"
    settings = step["kwargs"]
    assert (settings["mode"], settings["mean"], settings["std"]) == (
        "fixed",
        [10.0, 20.0, 5.0],
        [200.0, 50.0, 1.0],
    )
    image = np.full((3, 2, 2), 60, np.uint8)
    here = Normalisation.from_plain(info.normalisation)
    mean, std = (np.reshape(settings[name], (3, 1, 1)) for name in ("mean", "std"))
    there = (image - mean) / (std + settings["eps"])
    np.testing.assert_allclose(here.apply(image, here.statistics(image)), there, rtol=1e-6)


def test_channels_of_all_frames_that_are_shown_are_scaled_alike() -> None:
    settings = {**NETS["unet"], "in_channels": 9}
    levels = Normalisation("percentile", (10.0, 20.0, 30.0), (11.0, 22.0, 33.0)).to_plain()
    net = trained(Doubles(), settings, config={"data": {"context": 1}}, normalisation=levels)
    found = description(net, None, DIGESTS)
    (image,), (output,) = found["inputs"], found["outputs"]
    assert image["shape"]["min"][1] == 9
    assert 9 * output["shape"]["scale"][1] == pytest.approx(3)
    (step,) = image["preprocessing"]
    assert step["kwargs"]["mean"] == [10.0, 20.0, 30.0] * 3
    assert step["kwargs"]["std"] == [1.0, 2.0, 3.0] * 3
    assert (
        "3, from t - 1 to t + 1 in order of time, each with its 3 channel(s), 9 in all"
        in image["description"]
    )
    assert found["config"]["hela_seg"]["context"] == 1


def test_grey_values_of_frames_are_those_of_their_type() -> None:
    assert grey_values(normalised("frame"), None) == ([0.0] * 3, [255.0] * 3)
    assert grey_values(normalised("frame"), "uint16") == ([0.0] * 3, [65535.0] * 3)
    fitted = normalised("percentile", (1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    assert grey_values(fitted, "uint16") == ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])


def test_shapes_are_those_of_the_net() -> None:
    found = description(trained(Doubles(), NETS["unet"]), "uint8", DIGESTS)
    (image,), (output,) = found["inputs"], found["outputs"]
    assert image["shape"] == {"min": [1, 3, 512, 512], "step": [0, 0, 4, 4]}
    assert image["preprocessing"] == [{"name": "scale_linear", "kwargs": {"gain": 1 / 255, "offset": 0.0}}]
    assert (image["axes"], output["axes"], output["halo"]) == ("bcyx", "bcyx", [0, 0, 128, 128])
    five = trained(Doubles(), NETS["unet"], classes=[{"name": str(index)} for index in range(5)], channels=2)
    (output,) = description(five, "uint8", DIGESTS)["outputs"]
    assert output["shape"]["scale"] == [1.0, 2.5, 1.0, 1.0]
    assert output["description"].startswith("of each class, in this order: 0, 1, 2, 3, 4;")


def test_each_file_of_weights_has_its_digest_and_what_reads_it() -> None:
    weights = description(trained(Doubles(), NETS["unet"]), "uint8", DIGESTS)["weights"]
    assert {name: (entry["source"], entry["sha256"]) for name, entry in weights.items()} == {
        "pytorch_state_dict": ("weights.pt", "a1"),
        "torchscript": ("weights.torchscript.pt", "b2"),
        "onnx": ("weights.onnx", "c3"),
    }
    assert weights["pytorch_state_dict"]["architecture"] == "hela_seg.interchange.probabilities.Probabilities"
    assert weights["pytorch_state_dict"]["kwargs"] == {"net": NETS["unet"]}
    assert weights["onnx"]["opset_version"] == 18


def test_the_name_is_the_nets_and_of_a_length_that_the_format_takes() -> None:
    net = {"_target_": "hela_seg.models.smp.SegmentationModel", "arch": "FPN", "encoder_name": "e" * 120}
    assert description(trained(Doubles(), NETS["unet"]), "uint8", DIGESTS)["name"] == "unet of hela-seg"
    long = description(trained(Doubles(), net), "uint8", DIGESTS)["name"]
    assert (len(long), long[:10]) == (100, "FPN on eee")
