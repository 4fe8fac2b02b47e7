"""Images of another kind than those of the training are doubted; other exposures and dark crops are not."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from conftest import draw_cells
from hypothesis import given
from hypothesis import strategies as st
from jobs import Levels, film
from numpy.typing import NDArray
from small_checkpoints import INFO

from hela_seg.cli import main
from hela_seg.data.classes import Classes
from hela_seg.data.intensity import (
    TrainingStatistics,
    intensity_mismatch,
    share_mismatch,
    training_statistics,
    warn_of,
)
from hela_seg.data.normalise import Normalisation, fit
from hela_seg.data.stacks import ArraySeries
from hela_seg.inference import Predictor, TrainedNet
from hela_seg.runs.checkpoint import CHECKPOINT_KEY
from hela_seg.system.errors import InputError

Images = NDArray[Any]
KINDS = ("percentile", "zscore", "dtype")

EIGHT_BITS = film(5, (60, 70))
"""Background of 20 to 28, cells of 120 to 238."""

BLACK = np.clip(EIGHT_BITS.astype(int) - 28, 0, 255).astype(np.uint8)
"""The same with a black level of 0."""

TWELVE_BITS = EIGHT_BITS.astype(np.uint16) * 17


def series(images: Images, axes: str = "TYX", channels: int = 1) -> ArraySeries:
    return ArraySeries(images, axes, channels)


def trained_on(images: Images, kind: str = "percentile") -> TrainingStatistics:
    """Statistics of frames (T, H, W), of which a twentieth is of class 1."""
    frames = [(series(images), t) for t in range(len(images))]
    return training_statistics(frames, np.full((len(images), 2), (95, 5)), kind)


def of_version_0_1_0(images: Images, kind: str = "percentile") -> TrainingStatistics:
    """All that the checkpoints of that version tell."""
    return TrainingStatistics.from_plain(None, fit(kind, images[:, None]), 1, 2)


KNOWN = [trained_on, of_version_0_1_0]


@pytest.mark.parametrize("images", [EIGHT_BITS, BLACK], ids=["a black level", "black is 0"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("factor", [4, 16, 19, 20])
def test_the_same_picture_of_another_bit_depth_is_doubted(images: Images, kind: str, factor: int) -> None:
    changed = series(images.astype(np.uint16) * np.uint16(factor))
    assert "(uint16), where the net was trained on" in (
        intensity_mismatch(trained_on(images, kind), changed) or ""
    )


@pytest.mark.parametrize("images", [EIGHT_BITS, BLACK], ids=["a black level", "black is 0"])
@pytest.mark.parametrize("kind", ["percentile", "zscore"])
def test_8_bit_values_times_256_above_an_offset_are_doubted(images: Images, kind: str) -> None:
    raised = (images // 4).astype(np.uint16) * np.uint16(256) + np.uint16(5000)
    assert intensity_mismatch(trained_on(images, kind), series(raised))


def test_of_the_same_type_only_more_than_three_times_the_span_is() -> None:
    twelve_bits = BLACK.astype(np.uint16) * np.uint16(16)
    for factor, doubted in ((2, False), (4, True)):
        changed = series(twelve_bits * np.uint16(factor))
        assert (intensity_mismatch(trained_on(twelve_bits), changed) is not None) == doubted


def test_of_a_wider_type_so_are_values_well_above_all_that_the_training_type_holds() -> None:
    bright, dim = BLACK + BLACK // 5, BLACK // 2  # up to 252 and 105
    for factor, doubted in ((3, False), (4, True)):  # up to 315 and 420, which is below 3 times the span
        changed = series(dim.astype(np.uint16) * np.uint16(factor))
        assert (intensity_mismatch(trained_on(bright), changed) is not None) == doubted


def test_an_offset_alone_is_doubted() -> None:
    raised = series(TWELVE_BITS + np.uint16(3000))
    assert "trained on 34" in (intensity_mismatch(trained_on(TWELVE_BITS), raised) or "")


@pytest.mark.parametrize(
    ("known", "kind"),
    [(trained_on, "percentile"), (trained_on, "zscore"), (of_version_0_1_0, "percentile")],
)
@pytest.mark.parametrize(
    ("change", "factor"),
    [("rescaled to 8 bits", 1 / 17), ("to 16 bits", 16), ("to 0 to 1", 1 / 4095), ("upside down", -1)],
)
def test_another_scale_is_doubted(
    known: Callable[..., TrainingStatistics], kind: str, change: str, factor: float
) -> None:
    changed = series(TWELVE_BITS.astype(np.float32) * factor)
    assert "the result is likely to be wrong" in (intensity_mismatch(known(TWELVE_BITS, kind), changed) or "")


@pytest.mark.parametrize("kind", [*KINDS, "frame"])
def test_a_picture_whose_black_and_white_have_changed_places_is_doubted(kind: str) -> None:
    said = intensity_mismatch(trained_on(BLACK, kind), series(255 - BLACK))
    assert "invert the images" in (said or "")


@given(gain=st.floats(0.4, 2.5), offset=st.floats(-100, 300))
def test_another_exposure_is_not(gain: float, offset: float) -> None:
    exposed = series(TWELVE_BITS.astype(np.float32) * gain + offset)
    for known in KNOWN:
        assert intensity_mismatch(known(TWELVE_BITS), exposed) is None


@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint16, ">u2"])
def test_the_same_values_in_another_type_are_not(
    known: Callable[..., TrainingStatistics], dtype: Any
) -> None:
    assert intensity_mismatch(known(TWELVE_BITS), series(TWELVE_BITS.astype(dtype))) is None


@pytest.mark.parametrize("dtype", [np.uint8, bool])
def test_the_same_contents_in_parts_of_the_types_largest_value_are_not(dtype: Any) -> None:
    statistics = trained_on(EIGHT_BITS, "dtype")
    assert intensity_mismatch(statistics, series(EIGHT_BITS.astype(np.uint16) * np.uint16(257))) is None
    assert intensity_mismatch(statistics, series((EIGHT_BITS / 255).astype(np.float32))) is None


@pytest.mark.parametrize("images", [EIGHT_BITS, BLACK, TWELVE_BITS], ids=["8 bits", "black is 0", "12 bits"])
@pytest.mark.parametrize("kind", [*KINDS, "frame"])
def test_a_crop_of_background_or_of_a_cell_alone_is_not(kind: str, images: Images) -> None:
    statistics = trained_on(images, kind)
    background, cell = images[:, :6, 40:], images[:1, 24:30, 17:23]
    assert np.ptp(background) < 0.1 * np.ptp(images)
    assert cell.min() > 0.7 * images.max()
    for crop in (background, cell):
        assert intensity_mismatch(statistics, series(crop)) is None


@pytest.mark.parametrize("kind", ["percentile", "zscore"])
def test_a_checkpoint_of_version_0_1_0_does_not_doubt_a_crop_of_background(kind: str) -> None:
    crop = TWELVE_BITS[:, :6, 40:]
    assert intensity_mismatch(of_version_0_1_0(TWELVE_BITS, kind), series(crop)) is None


@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("kind", ["percentile", "zscore"])
@pytest.mark.parametrize("name", ["hela-h2b-timelapse/images.tif", "t98g-phase/stills/images"])
def test_no_crop_of_a_recording_like_the_training_one_is_and_every_conversion_is(
    known: Callable[..., TrainingStatistics], kind: str, name: str, shared: Path
) -> None:
    place = shared / name
    trained, seen = (np.squeeze(open_frame(place, t)) for t in (0, 1))
    statistics = known(trained[None], kind)
    crops = [seen[r : r + 64, c : c + 64] for r in range(0, 600, 200) for c in range(0, 1000, 100)]
    assert not any(intensity_mismatch(statistics, series(crop[None])) for crop in crops)
    for largest, dtype in ((255, np.uint8), (1, np.float32)):
        converted = (seen.astype(np.float64) * largest / 65535).astype(dtype)
        assert intensity_mismatch(statistics, series(converted[None]))


def open_frame(place: Path, number: int) -> Images:
    """A frame of a stack, or of a folder of single ones."""
    if place.is_dir():
        return tifffile.imread(sorted(place.iterdir())[number])
    return tifffile.imread(place, key=number)


def test_training_frames_that_differ_among_themselves_allow_for_more() -> None:
    bright = EIGHT_BITS.astype(np.uint16) * np.uint16(4)
    dim = EIGHT_BITS.astype(np.uint16)
    assert intensity_mismatch(trained_on(dim), series(bright))
    assert intensity_mismatch(trained_on(np.concatenate([dim, bright])), series(bright)) is None


def test_the_line_says_what_was_found_what_was_expected_and_what_to_do() -> None:
    step = np.repeat(np.arange(101, dtype=np.uint8), 10)[None, None]  # percentiles 1 and 99.8 are 1 and 99.8
    said = intensity_mismatch(trained_on(step), series(step.astype(np.uint16) * np.uint16(16)))
    assert said == (
        "'array' has grey values of about 16 to 1600 (uint16), where the net was trained on 1 to 100 (uint8):"
        " the result is likely to be wrong; convert the images (about 0.062 times theirs) to the grey values "
        "of the training, or use a net trained on such images or with data.normalise=frame"
    )


def test_of_integers_over_their_largest_value_the_line_names_what_files_hold() -> None:
    said = intensity_mismatch(trained_on(BLACK, "dtype"), series(BLACK.astype(np.uint16) * np.uint16(16)))
    highest = np.percentile(BLACK.reshape(5, -1), 99.8, axis=1)
    assert f"of about 0 to {16 * np.median(highest):g} (uint16)" in (said or "")
    assert f"trained on 0 to {highest.max():g} (uint8)" in (said or "")
    assert "(about 16 times theirs)" in (said or "")


def test_for_version_0_1_0_integers_over_their_largest_value_must_not_become_other_floats() -> None:
    by_dtype = TrainingStatistics.from_plain(None, Normalisation("dtype"), 1, 2)
    assert intensity_mismatch(by_dtype, series(TWELVE_BITS)) is None
    assert intensity_mismatch(by_dtype, series(TWELVE_BITS.astype(np.float32) / 4095)) is None
    assert "on 0 to 1:" in (intensity_mismatch(by_dtype, series(TWELVE_BITS.astype(np.float32))) or "")


@pytest.mark.parametrize("known", KNOWN)
def test_of_frames_that_are_normalised_by_themselves_no_range_is_doubted(
    known: Callable[..., TrainingStatistics],
) -> None:
    assert intensity_mismatch(known(TWELVE_BITS, "frame"), series(TWELVE_BITS / np.float32(1e6))) is None


def test_each_channel_is_judged() -> None:
    alike = series(np.stack([TWELVE_BITS, TWELVE_BITS], axis=1), "TCYX", 2)
    statistics = training_statistics([(alike, t) for t in range(5)], np.ones((5, 2)), "percentile")
    second = series(np.stack([TWELVE_BITS, TWELVE_BITS // 100], axis=1), "TCYX", 2)
    assert intensity_mismatch(statistics, alike) is None
    assert "of about 3 to" in (intensity_mismatch(statistics, second) or "")


@pytest.mark.parametrize("place", [0, 2, 4])
def test_an_empty_frame_among_others_is_not_doubted(place: int) -> None:
    images = TWELVE_BITS.copy()
    images[place] = 0
    assert intensity_mismatch(trained_on(TWELVE_BITS), series(images)) is None


def test_what_cannot_be_read_is_left_to_the_prediction_to_say() -> None:
    class Torn(ArraySeries):
        def read(self, t: int, rows: slice, columns: slice) -> Images:
            raise InputError("torn")

    assert intensity_mismatch(trained_on(TWELVE_BITS), Torn(TWELVE_BITS, "TYX", 1)) is None


def test_statistics_come_back_from_a_checkpoint_and_from_json() -> None:
    statistics = trained_on(TWELVE_BITS)
    plain = json.loads(json.dumps(statistics.to_plain()))
    again = TrainingStatistics.from_plain(plain, Normalisation("percentile", (0.0,), (1.0,)), 1, 2)
    assert again.to_plain() == statistics.to_plain()
    assert again.shares.tolist() == [[0.95, 0.05], [0.95, 0.05]]


@pytest.mark.parametrize(
    "change",
    [
        {"figures": "three"},
        {"figures": [[[1, 2]]]},
        {"figures": [[[float("nan")] * 4]] * 3},
        {"shares": None},
        {"dtypes": 7},
        {"frame_pixels": []},
    ],
)
def test_what_else_a_checkpoint_may_hold_in_their_place_is_refused(change: dict[str, Any]) -> None:
    plain = trained_on(TWELVE_BITS).to_plain() | change
    with pytest.raises(InputError, match="training_statistics"):
        TrainingStatistics.from_plain(plain, Normalisation("dtype"), 1, 2)


@pytest.mark.parametrize(
    ("pixels", "size", "odd"),
    [
        ([3, 97], (60, 70), True),
        ([97, 3], (60, 70), False),  # background alone
        ([52, 48], (60, 70), False),  # less than half
        ([3, 97], (30, 30), False),  # a crop, which may lie in one cell
        ([0, 0], (60, 70), False),
    ],
)
def test_a_class_of_many_times_its_training_share_is_doubted(
    pixels: list[int], size: tuple[int, int], odd: bool
) -> None:
    said = share_mismatch(
        trained_on(TWELVE_BITS), "film", np.array(pixels), Classes(["background", "cell"]), size
    )
    assert (said is not None) == odd
    if said:
        assert "class 'cell' has 97.0% of the pixels of 'film', in the training frames 5.0%" in said


def test_of_several_recordings_the_first_doubt_is_told_and_how_many_have_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for doubts in ([None, "a", None, "b"], ["a"], [None]):
        warn_of(doubts)
    assert caplog.messages == ["warning: a (1 other recordings likewise)", "warning: a"]


def levels(images: Images, kind: str = "dtype") -> Predictor:
    """A net that says background, dim or bright by the grey value, trained on frames."""
    classes = [{"name": "background"}, {"name": "dim"}, {"name": "bright"}]
    frames = [(series(images), t) for t in range(len(images))]
    statistics = training_statistics(frames, np.full((len(images), 3), (94, 3, 3)), kind).to_plain()
    return Predictor([TrainedNet(Levels(), replace(INFO, classes=classes, training_statistics=statistics))])


def test_python_warns_of_what_is_predicted_by_arrays() -> None:
    net, other = levels(EIGHT_BITS), EIGHT_BITS.astype(np.uint16) * np.uint16(16)
    for ask in (net.predict, net.predict_proba, net.objects):
        with pytest.warns(UserWarning, match=r"of about .* \(uint16\), where the net was trained on") as told:
            ask(other)
        assert told[0].filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            ask(EIGHT_BITS)


def test_python_warns_of_a_class_that_takes_over() -> None:
    half = np.full((1, 60, 70), 86, np.uint8)
    half[:, :, ::4], half[:, 0] = 21, 236
    with pytest.warns(UserWarning, match="class 'dim' has"):
        levels(EIGHT_BITS).predict(half)


@pytest.fixture
def sixteen_times(tmp_path: Path) -> Path:
    """The recordings of `cells` with 12 bits, as ``data=folder`` reads them."""
    for index in range(2):
        images, labels = draw_cells(index, 2)
        for name, stack in (("images", images.astype(np.uint16) * np.uint16(16)), ("masks", labels)):
            (tmp_path / "wide" / name).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(tmp_path / "wide" / name / f"dish {index}.tif", stack, metadata={"axes": "TYX"})
    return tmp_path / "wide"


@pytest.mark.usefixtures("no_report")
def test_the_commands_say_it_in_one_line(
    checkpoint: Path, cells: Path, sixteen_times: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    images = sixteen_times / "images"
    assert main("predict", [str(checkpoint), str(images), "-o", str(tmp_path / "out")]) == 0
    said = capfd.readouterr().err
    assert said.count("(uint16), where the net was trained on") == 1
    assert "(1 other recordings likewise)" in said
    data = ["data=folder", f"data.root={sixteen_times}", f"hydra.run.dir={tmp_path / 'eval'}"]
    assert main("evaluate", [str(checkpoint), *data]) == 0
    assert capfd.readouterr().err.count("(uint16), where the net was trained on") == 1
    assert main("predict", [str(checkpoint), str(cells / "images"), "-o", str(tmp_path / "own")]) == 0
    assert "where the net was trained on" not in capfd.readouterr().err


def test_training_keeps_them_in_the_checkpoint(checkpoint: Path) -> None:
    import torch

    plain = torch.load(checkpoint, weights_only=True)[CHECKPOINT_KEY]["training_statistics"]
    assert (plain["dtypes"], plain["frame_pixels"]) == (["uint8"], 48 * 64)
    lowest, _, highest = np.array(plain["figures"])[:, 0]
    assert 5 <= lowest[0] <= highest[0] <= 8  # of 20 less 15 and more
    assert 200 < lowest[1] <= highest[1] <= 234
    overall, largest = np.array(plain["shares"])
    assert overall.sum() == pytest.approx(1)
    assert largest[2] == 144 / (48 * 64)  # one square of 12 by 12
