"""Files hold what the nets said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from jobs import classes_of, done, film, job, levels


def test_class_maps_are_those_of_the_net(tmp_path: Path) -> None:
    images = film(5)
    net = levels(batch_size=2)
    done(job(tmp_path, net, images), net, tmp_path / "out")
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "out" / "film0.labels.ome.tif"), classes_of(images)
    )


def test_probabilities_and_entropy_are_bytes_of_their_range(tmp_path: Path) -> None:
    """`Levels` gives logits 3, 0, 0: e^3 / (e^3 + 2) = 0.9094 is 232 of 255, the others 0.0453 are 12."""
    images = film(2)
    net = levels(batch_size=1)
    done(job(tmp_path, net, images, probabilities=True, entropy=True), net, tmp_path / "out")
    probabilities = tifffile.imread(tmp_path / "out" / "film0.probabilities.ome.tif")
    assert probabilities.shape == (2, 3, 40, 50)
    expected = np.where(classes_of(images)[:, None] == np.arange(3)[:, None, None], 232, 12)
    np.testing.assert_array_equal(probabilities, expected)
    entropy = tifffile.imread(tmp_path / "out" / "film0.entropy.ome.tif")
    # -(0.9094 ln 0.9094 + 2 * 0.0453 ln 0.0453) / ln 3 = 0.3337
    assert np.unique(entropy).tolist() == [85]
