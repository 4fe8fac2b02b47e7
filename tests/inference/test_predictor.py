"""Recordings and arrays in, class maps of the frame's own size out."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from near_ties import assert_same_but_for_near_ties
from small_checkpoints import INFO
from toy_nets import Brightness, Pool, info, predictor

import hela_seg
from hela_seg.cli import main
from hela_seg.data.stacks import ArraySeries
from hela_seg.inference import Predictor, Tiling, TrainedNet
from hela_seg.system.errors import InputError


@pytest.mark.parametrize("size", [(1, 1), (37, 53), (16, 16), (70, 110)])
def test_frames_of_any_size_come_back_at_their_own(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, *size), dtype=np.uint8)
    labels = predictor(Brightness()).predict(image, "TYX")
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, image > 127)


@pytest.mark.parametrize(
    ("shape", "channels", "axes", "expected"),
    [
        ((8, 9), 1, None, (1, 8, 9)),
        ((2, 8, 9), 1, None, (2, 8, 9)),
        ((2, 1, 8, 9), 1, None, (2, 8, 9)),
        ((3, 8, 9), 3, None, (1, 8, 9)),
        ((8, 9, 3), 3, None, (1, 8, 9)),
        ((2, 3, 8, 9), 3, None, (2, 8, 9)),
        ((2, 8, 9, 3), 3, None, (2, 8, 9)),
        ((3, 8, 3), 3, "CYX", (1, 8, 3)),
        ((3, 8, 9, 3), 3, "TYXC", (3, 8, 9)),
    ],
)
def test_axes_of_arrays_follow_from_the_channels(
    shape: tuple[int, ...], channels: int, axes: str | None, expected: tuple[int, ...]
) -> None:
    labels = predictor(Brightness(), channels).predict(np.zeros(shape, np.uint8), axes)
    assert labels.shape == expected


def test_an_array_of_unknown_axes_is_refused() -> None:
    rgb = predictor(Brightness(), 3)
    for shape in ((3, 8, 3), (8, 9)):
        with pytest.raises(InputError, match="axes="):
            rgb.predict(np.zeros(shape, np.uint8))
    with pytest.raises(InputError, match="expected one of the letters"):
        rgb.predict(np.zeros((3, 8, 9), np.uint8), "XY")


def test_an_array_without_pixels_or_with_pixels_that_are_no_numbers_is_refused() -> None:
    net = predictor(Brightness())
    for shape in ((0, 8, 9), (2, 0, 9)):
        with pytest.raises(InputError, match="expected one frame or more, with pixels"):
            net.predict(np.zeros(shape, np.uint8))
    frames = np.zeros((3, 8, 9), np.float32)
    frames[1, 2, 3] = np.nan
    with pytest.raises(InputError, match="the array holds pixels that are NaN or infinite in frame 1"):
        net.predict(frames)


def test_what_is_neither_a_file_nor_an_array_is_refused_with_what_to_do(tmp_path: Path) -> None:
    frames: Any = [np.zeros((4, 5), np.uint8)]
    with pytest.raises(InputError, match=r"the source is a list, expected a path or a NumPy array: .*stack"):
        predictor(Brightness()).predict(frames)
    with pytest.raises(InputError, match=r"is a folder, expected one file: give its files one by one"):
        predictor(Brightness()).predict(tmp_path)


def test_an_empty_list_of_checkpoints_is_refused() -> None:
    with pytest.raises(InputError, match="the list of checkpoints is empty"):
        hela_seg.load([])


@pytest.mark.parametrize(("z", "expected"), [(0, 0), (1, 1), ("max", 1), ("mean", 0)])
def test_of_a_z_stack_one_plane_or_a_projection_is_seen(tmp_path: Path, z: int | str, expected: int) -> None:
    dark_then_bright = np.array([0, 200], np.uint8).reshape(1, 2, 1, 1).repeat(9, 2).repeat(8, 3)
    tifffile.imwrite(tmp_path / "a.ome.tif", dark_then_bright, metadata={"axes": "TZYX"})
    net = predictor(Brightness())
    with pytest.raises(InputError, match="z and axes, to predict"):
        net.predict(tmp_path / "a.ome.tif")
    assert (net.predict(tmp_path / "a.ome.tif", z=z) == expected).all()
    assert net.predict_proba(tmp_path / "a.ome.tif", z=z).argmax(1).max() == expected
    assert len(net.objects(tmp_path / "a.ome.tif", z=z)["area_px"]) == expected


def test_other_channels_than_trained_on_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "rgb.tif", np.zeros((8, 9, 3), np.uint8), photometric="rgb")
    with pytest.raises(InputError, match=r"rgb\.tif has 3 channel\(s\), expected 1"):
        predictor(Brightness()).predict(tmp_path / "rgb.tif")


def test_the_checkpoints_axes_settle_a_file_that_does_not_state_its_own(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (5, 8, 9), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "plain.tif", frames)
    np.testing.assert_array_equal(predictor(Brightness()).predict(tmp_path / "plain.tif"), frames > 127)


def test_load_gives_what_was_trained(checkpoint: Path, cells: Path) -> None:
    loaded = hela_seg.load(checkpoint)
    assert loaded.classes.names == ["background", "dim", "bright"]
    labels = loaded.predict(cells / "images" / "dish 0.tif")
    assert labels.shape == (2, 48, 64)
    array = tifffile.imread(cells / "images" / "dish 0.tif")
    np.testing.assert_array_equal(loaded.predict(array), labels)


def test_threads_may_share_one_predictor(checkpoint: Path, cells: Path) -> None:
    loaded = hela_seg.load(checkpoint)
    paths = sorted((cells / "images").iterdir())
    alone = [loaded.predict(path) for path in paths]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(loaded.predict, paths))
    np.testing.assert_array_equal(together, alone)


def test_a_device_that_is_not_there_is_refused(checkpoint: Path) -> None:
    with pytest.raises(InputError, match="device is 'abacus'"):
        hela_seg.load(checkpoint, device="abacus")


@pytest.mark.filterwarnings("ignore:.*where the net was trained on", "ignore:class 'dim' has")
@pytest.mark.parametrize("name", ["hela-nucleolus/images/cell56.tif", "t98g-phase/stills/images/set01.tif"])
def test_real_frames_come_back_at_their_own_size(name: str, shared: Path, checkpoint: Path) -> None:
    labels = hela_seg.load(checkpoint).predict(shared / name)
    assert labels.shape[1:] == tifffile.imread(shared / name).shape


@pytest.mark.slow  # what it guards, the small file above does too
def test_a_real_stack_of_unstated_axes_is_predicted_as_time(
    shared: Path, checkpoint: Path, tmp_path: Path
) -> None:
    stack = shared / "hela-h2b-timelapse" / "images.tif"
    assert main("predict", [str(checkpoint), str(stack), "-o", str(tmp_path / "out")]) == 0
    with tifffile.TiffFile(tmp_path / "out" / "images.labels.ome.tif") as file:
        assert (file.series[0].axes, file.series[0].shape) == ("TYX", (20, 700, 1100))


def test_probabilities_sum_to_one_and_agree_with_the_class_maps() -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, 37, 53), dtype=np.uint8)
    net = predictor(Pool(classes=3))
    probabilities = net.predict_proba(image)
    assert (probabilities.shape, probabilities.dtype) == ((3, 3, 37, 53), np.float32)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert_same_but_for_near_ties(net.predict(image), probabilities.argmax(axis=1), probabilities)


def test_frames_from_an_iterator_come_out_one_by_one() -> None:
    frames = [np.full((8 + t, 9), 40 * t, np.uint8) for t in range(6)]
    asked = []

    def camera() -> Iterator[np.ndarray]:
        for frame in frames:
            asked.append(len(frame))
            yield frame

    stream = predictor(Brightness()).stream(camera())
    first = next(stream)
    assert first.shape == (8, 9)
    assert len(asked) < len(frames)
    for frame, labels in zip(frames[1:], stream, strict=True):
        np.testing.assert_array_equal(labels, frame > 127)


def test_each_net_sees_images_normalised_as_in_its_training() -> None:
    """The second net's range is half the first one's, so it says bright from 64 on."""
    wide = info(normalisation=INFO.normalisation | {"kind": "percentile", "low": [0.0], "high": [255.0]})
    narrow = info(normalisation=INFO.normalisation | {"kind": "percentile", "low": [0.0], "high": [128.0]})
    nets = [TrainedNet(Brightness(), kind) for kind in (wide, narrow)]
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    total = image / 255 + image / 128
    np.testing.assert_array_equal(Predictor(nets).predict(image)[0], total > 1)


def test_groups_fill_a_batch_and_end_with_the_series() -> None:
    series = ArraySeries(np.zeros((5, 16, 16), np.uint8), "TYX", 1)
    net = predictor(Brightness(), tiling=Tiling(batch_size=2))
    assert list(net.groups(series)) == [[0, 1], [2, 3], [4]]
    assert list(net.groups(series, [1, 4])) == [[1, 4]]


def test_objects_are_the_cells_of_every_frame() -> None:
    """Two squares in the first frame, one in the second."""
    images = np.zeros((2, 32, 48), np.uint8)
    images[0, 4:10, 4:10] = images[0, 20:24, 30:40] = images[1, 4:10, 5:11] = 200
    cells = predictor(Brightness()).objects(images)
    assert cells["frame"].tolist() == [0, 0, 1]
    assert cells["area_px"].tolist() == [36, 40, 36]
    assert cells["column_px"].tolist() == [6.5, 34.5, 7.5]
    assert cells["mean_intensity_0"].tolist() == [200, 200, 200]


def two_channels(path: Path, names: tuple[str, ...] = ()) -> np.ndarray:
    """A file of two frames with two channels, of which the second is bright where the first is dark."""
    image = np.random.default_rng(0).integers(0, 256, (2, 1, 20, 30), dtype=np.uint8)
    both = np.concatenate([image, 255 - image], axis=1)
    more = {"Channel": {"Name": list(names)}} if names else {}
    tifffile.imwrite(path, both, photometric="minisblack", metadata={"axes": "TCYX", **more})
    return both


@pytest.mark.parametrize(
    ("trained", "asked", "seen"),
    [
        ({"channels": [1]}, None, 1),
        ({"channels": [1]}, [0], 0),
        ({"channels": ["phase"], "channel_names": ["nuclei", "phase"]}, None, 1),
        ({"channels": ["phase"], "images": {"nuclei": "{n}_a.tif", "phase": "{n}_b.tif"}}, None, 1),
    ],
)
def test_the_channels_of_the_training_are_seen(
    tmp_path: Path, trained: dict[str, Any], asked: list[int] | None, seen: int
) -> None:
    both = two_channels(tmp_path / "a.tif")
    net = predictor(Brightness(), 1)
    net.info.config["data"] = trained
    series = net.open(tmp_path / "a.tif", channels=asked)
    assert (np.stack(list(net.frames(series))) == (both[:, seen] > 127)).all()


def test_recordings_of_the_picked_channel_alone_are_taken_as_they_are(tmp_path: Path) -> None:
    image = two_channels(tmp_path / "a.tif")[:, 1]
    tifffile.imwrite(tmp_path / "b.tif", image, photometric="minisblack", metadata={"axes": "TYX"})
    net = predictor(Brightness(), 1)
    net.info.config["data"] = {"channels": ["phase"]}
    assert (net.predict(tmp_path / "b.tif") == (image > 127)).all()
    with pytest.raises(InputError, match=r"has 2 channel\(s\) without names, expected one to be 'phase'"):
        net.open(tmp_path / "a.tif")


def test_a_stream_takes_one_frame_at_a_time() -> None:
    with pytest.raises(InputError, match=r"stream holds 3 frames \(axes TYX\), expected one at a time"):
        list(predictor(Brightness()).stream([np.zeros((3, 20, 30), np.uint8)]))


def test_an_array_of_no_real_numbers_is_refused() -> None:
    with pytest.raises(InputError, match="the array is of complex128, expected real numbers"):
        predictor(Brightness()).predict(np.zeros((20, 30), complex))


def test_a_recording_that_lacks_channels_is_refused_with_what_helps(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((20, 30), np.uint8), photometric="minisblack")
    with pytest.raises(InputError, match=r"1 channel\(s\), expected 2 .*: take images that have them all$"):
        predictor(Brightness(), 2).open(tmp_path / "a.tif")
    colours = predictor(Brightness(), 3)
    with pytest.raises(InputError, match=r"or show grey as colours with channels=\[0,0,0\]"):
        colours.open(tmp_path / "a.tif")
    assert colours.open(tmp_path / "a.tif", channels=[0, 0, 0]).shape == (1, 3, 20, 30)


def test_a_net_that_was_trained_on_grey_makes_colours_grey(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", np.stack([image] * 3, axis=-1), photometric="rgb")
    net = predictor(Brightness(), 1)
    net.info.config["data"] = {"grey": True}
    assert (net.predict(tmp_path / "a.tif")[0] == (image > 127)).all()


def test_nets_that_see_other_channels_do_not_predict_together() -> None:
    first, second = (
        TrainedNet(Brightness(), info(config={"data": {"channels": channels}}), source)
        for channels, source in ((None, "a.ckpt"), ([1], "b.ckpt"))
    )
    with pytest.raises(
        InputError, match=r"b\.ckpt was trained with data\.channels=\[1\] .* a\.ckpt with None"
    ):
        Predictor([first, second], device="cpu")
