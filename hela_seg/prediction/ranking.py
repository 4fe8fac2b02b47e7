"""Chooses the frames to label next: frames of high entropy that are not copies of each other.

Entropy alone would choose ten neighbouring frames of one difficult moment. Here it is multiplied by the
distance to the frames chosen before. The product has the form of "information density" in Settles and Craven
(2008), "An analysis of active learning strategies for sequence labeling tasks", with the distance to the
chosen frames in place of a similarity to all. The greedy order, farthest from the chosen first, is that of
Sener and Savarese (2018), "Active learning for convolutional neural networks: a core-set approach".
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from hela_seg.data.checks.perceptual_hash import Hash

FAR_IN_TIME = 10
"""Frames of one recording this far apart are as far as frames of two recordings."""

FAR_IN_HASH = 100
"""Bits of 255 that frames of different cells differ by at least (hela-nucleolus, t98g-phase stills)."""


@dataclass(frozen=True)
class Candidate:
    """A frame that could be labelled.

    Attributes:
        series: its recording, counted from 0.
        t: the frame, counted from 0.
        entropy: mean over its pixels of the entropy of the net's class probabilities, in any unit.
        hash: (4,) uint64, its perceptual hash, see `hela_seg.data.checks.perceptual_hash.perceptual_hash`.
    """

    series: int
    t: int
    entropy: float
    hash: Hash


@dataclass(frozen=True)
class Choice:
    """A frame to label.

    Attributes:
        candidate: the frame.
        distance: 0 to 1, to the nearest of the frames chosen before it; 1 for the first.
    """

    candidate: Candidate
    distance: float

    @property
    def score(self) -> float:
        """Entropy times distance."""
        return self.candidate.entropy * self.distance


def rank(candidates: Iterable[Candidate], count: int) -> list[Choice]:
    """Choose frames one after another, each time that of the highest mean entropy times distance.

    The distance of two frames is the smaller of two numbers: how many bits their perceptual hashes differ in,
    of which 100 or more count as 1; and, for frames of one recording, how far they lie apart in
    time, where 10 frames or more count as 1. A candidate's distance is that to the nearest chosen frame. Of
    equal scores the first in order of series and frame is taken, so that the order of candidates is no
    matter. A frame that scores 0, such as a copy of a chosen one, is not chosen.

    Args:
        candidates: frames that could be labelled; each takes 32 bytes and a few numbers.
        count: how many to choose.

    Returns:
        At most ``count`` frames, the one to label first at the front.

    Raises:
        ValueError: an entropy that is negative or not finite.
    """
    known = sorted(candidates, key=lambda candidate: (candidate.series, candidate.t))
    for candidate in known:
        if not (math.isfinite(candidate.entropy) and candidate.entropy >= 0):
            raise ValueError(f"{candidate} has an entropy that is no number from 0 on")
    entropy = np.array([one.entropy for one in known])
    series, times = np.array([(one.series, one.t) for one in known], np.int64).reshape(-1, 2).T
    hashes = np.array([one.hash for one in known], np.uint64).reshape(-1, 4)
    distances = np.ones(len(known))
    chosen: list[Choice] = []
    while known and len(chosen) < count:
        scores = entropy * distances
        best = int(scores.argmax())
        if scores[best] <= 0:
            break
        chosen.append(Choice(known[best], float(distances[best])))
        bits = np.bitwise_count(hashes ^ hashes[best]).sum(axis=1, dtype=np.int64)
        in_time = np.where(series == series[best], np.abs(times - times[best]) / FAR_IN_TIME, 1.0)
        distances = np.minimum.reduce([distances, bits / FAR_IN_HASH, in_time])
    return chosen
