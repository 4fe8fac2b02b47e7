"""Series exposed unlike each other are named, and each of their frames is then normalised by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.exposure import Exposure, exposures_of, unlike_exposures
from hela_seg.data.stacks import open_series


def write_frames(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    tifffile.imwrite(path, pixels, metadata={"axes": "TYX"})


def write_series(folder: Path, factors: dict[str, tuple[float, float]], frames: int = 1) -> Path:
    """Series of the same cells: grey values times a factor, above an offset."""
    random = np.random.default_rng(0)
    for name, (factor, offset) in factors.items():
        pixels = random.integers(100, 600, (frames, 32, 32)) * factor + offset
        write_frames(folder / "images" / f"{name}.tif", pixels.astype(np.uint16))
        write_frames(folder / "masks" / f"{name}.tif", random.integers(0, 2, pixels.shape, np.uint8))
    return folder


ALIKE = dict.fromkeys("abcd", (1.0, 0.0))


@pytest.mark.parametrize(
    ("odd", "word"), [((1.2, 20.0), None), ((5.0, 0.0), "span"), ((1.0, 700.0), "lie elsewhere")]
)
def test_a_series_of_another_span_or_level_is_named(odd, word, tmp_path):
    folder = write_series(tmp_path, ALIKE | {"odd": odd})
    lines = unlike_exposures(exposures_of([open_series(p) for p in sorted((folder / "images").iterdir())]))
    assert [("odd (" in line, str(word) in line) for line in lines] == (
        [] if word is None else [(True, True)]
    )


def exposures(levels: list[list[tuple[float, float]]]) -> list[Exposure]:
    """Of dark and bright ends, channel by channel; series are called a, b, c ..."""
    return [
        Exposure(
            chr(97 + number),
            "uint16",
            (64, 64),
            np.array([[dark, bright, bright - dark, 0.5] for dark, bright in channels]),
        )
        for number, channels in enumerate(levels)
    ]


def test_two_series_of_one_unusual_exposure_do_not_vouch_for_each_other():
    usual = [[(100.0 + 10 * number, 560.0 + 5 * number)] for number in range(8)]
    (line,) = unlike_exposures(exposures([*usual, [(773.0, 1352.0)], [(760.0, 1340.0)]]))
    assert "i (773 to 1352), j (760 to 1340)" in line
    assert unlike_exposures(exposures([*usual[:3], *[[(773.0, 1352.0)]] * 3])) == []  # two days of three


def test_a_black_level_is_judged_channel_by_channel():
    usual = [[(100.0, 600.0), (100.0, 600.0 + number)] for number in range(5)]
    (line,) = unlike_exposures(exposures([*usual, [(100.0, 600.0), (500.0, 1000.0)]]))
    assert "f (" in line
    assert "lie elsewhere" in line


def test_a_rounded_value_is_no_difference():
    levels = {"a": 16.0, "b": 17.0, "c": 16.0}
    dark = [
        Exposure(name, "uint8", (64, 64), np.array([[low, 18, 18 - low, 0.5]]))
        for name, low in levels.items()
    ]
    assert unlike_exposures(dark) == []


def test_a_file_that_cannot_be_read_is_left_to_training(tmp_path):
    folder = write_series(tmp_path, ALIKE)
    path = folder / "images" / "a.tif"
    series = open_series(path)
    path.write_bytes(path.read_bytes()[:300])
    assert exposures_of([series]) == []


@pytest.mark.parametrize(
    ("odd", "frames", "kind"), [(0.0, 2, "percentile"), (700.0, 2, "frame"), (0.0, 1, "frame")]
)
def test_auto_takes_percentiles_of_each_frame_where_series_differ_or_are_single(odd, frames, kind, tmp_path):
    folder = write_series(tmp_path, ALIKE | {"odd": (1.0, odd)}, frames)
    data = TimelapseData("folder", folder, ["background", "cell"], normalise="auto")
    data.prepare()
    assert data.normalisation.kind == kind
    assert ("odd (" in str(data.normalisation.reason)) == (odd > 0)
    plain = data.normalisation.to_plain()
    assert type(data.normalisation).from_plain(plain).reason == data.normalisation.reason


def test_types_that_differ_are_normalised_by_frame(tmp_path):
    folder = write_series(tmp_path, ALIKE)
    tifffile.imwrite(folder / "images" / "a.tif", np.arange(1024, dtype=np.float32).reshape(32, 32))
    data = TimelapseData("folder", folder, ["background", "cell"])
    data.prepare()
    assert data.normalisation.kind == "frame"
