"""How often grey values are doubted: crops that must raise no alarm, and conversions that must.

A net's training frames are every other image of a set (of the time-lapse, the first five frames); the rule of
``hela_seg.data.intensity`` looks at crops of the other ones, at whole frames of these, and at both after a
conversion. Nothing is trained: the rule needs percentiles alone.

Alarms of the crops of 64, 128 and 256 pixels of all four sets, as last run: 0 of 6322 for each kind of
normalisation, and 0 of 30 whole frames. Of whole frames after a conversion that changes what the net sees,
all are doubted but inverted phase contrast (T98G), whose grey values lie evenly about their middle. Of their
crops of 128 pixels, those of T98G and H2B, which have a black level, are found after division; of nucleoli,
whose black is 0, 72 % at 4 times the grey values and 97 % at 16 times, but none with ``dtype``, where crops
of background look the same. With 5 tiles of 64 pixels as training frames, 4 of 448 such tiles of nucleoli
are doubted, and with 20 none.

Usage: python tests/benchmarks/intensity_alarms.py SHARED/data
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from hela_seg.data.intensity import TrainingStatistics, intensity_mismatch, training_statistics
from hela_seg.data.stacks import ArraySeries

KINDS = ("percentile", "zscore", "dtype", "frame")
SIDES = (64, 128, 256)
Image = NDArray[np.generic]


def main() -> None:
    """Print a table for each set."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    for name, trained, seen in sets(parser.parse_args().data):
        print(f"\n{name}: {len(trained)} training frames, {len(seen)} others")
        for kind in KINDS:
            frames = [(ArraySeries(image, "YX", 1), 0) for image in trained]
            statistics = training_statistics(frames, np.ones((len(frames), 2)), kind)
            for side in SIDES:
                count(f"{kind}: crops of {side}", statistics, [c for i in seen for c in crops(i, side)])
            count(f"{kind}: whole frames", statistics, seen)
            for what, images in conversions(seen).items():
                count(f"{kind}: {what}", statistics, images)
                count(f"{kind}: {what}, crops", statistics, [c for i in images for c in crops(i, 128)])


def sets(root: Path) -> Iterator[tuple[str, list[Image], list[Image]]]:
    """Name, training images and others of each set."""
    for name in ("hela-nucleolus/images", "t98g-phase/stills/images", "t98g-phase/timelapse/images"):
        images = [np.squeeze(tifffile.imread(path)) for path in sorted((root / name).iterdir())]
        yield name, images[::2], images[1::2]
    frames = list(tifffile.imread(root / "hela-h2b-timelapse/images.tif"))
    yield "hela-h2b-timelapse", frames[:5], frames[5:]


def crops(image: Image, side: int) -> list[Image]:
    """Side by side."""
    rows, columns = (range(0, length - side + 1, side) for length in image.shape)
    return [image[row : row + side, column : column + side] for row in rows for column in columns]


def conversions(images: list[Image]) -> dict[str, list[Image]]:
    """The same pictures as other programs might have stored them."""
    largest = np.iinfo(images[0].dtype).max
    changed = {
        "as fractions": [(image / largest).astype(np.float32) for image in images],
        "inverted": [largest - image for image in images],
    }
    if images[0].dtype == np.uint8:
        wide = [image.astype(np.uint16) for image in images]
        changed |= {
            f"times {by} as uint16": [image * np.uint16(by) for image in wide] for by in (4, 16, 19, 20)
        }
        changed |= {"times 128 above 30000": [image * np.uint16(128) + np.uint16(30000) for image in wide]}
        changed |= {"times 257 as uint16 (no harm to dtype)": [image * np.uint16(257) for image in wide]}
    else:
        changed |= {f"divided by {by}": [image // by for image in images] for by in (4, 16)}
        changed |= {"8 bits": [(image // 257).astype(np.uint8) for image in images]}
    return changed


def count(what: str, statistics: TrainingStatistics, images: list[Image]) -> None:
    """Print how many images are doubted."""
    doubted = sum(intensity_mismatch(statistics, ArraySeries(i, "YX", 1)) is not None for i in images)
    print(f"  {what:60} {doubted:6} of {len(images)}")


if __name__ == "__main__":
    main()
