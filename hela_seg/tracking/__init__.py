"""Numbered cells of a recording's frames -> lives: who is who, who divided into whom, and how long it took.

- ``mending``: how far the stage moved; cells in pieces for a frame, or several in one, as those that touch
- ``linking``: which cells of neighbouring frames are one; gaps, divisions and fusions
- ``follow``: the frames of a recording through all of this, one after the other
- ``lives``: tracks from beginning to end, with parents and daughters, and their stays in one class
- ``durations``: survival curves, medians, rates, tests
- ``tables``: rows of tracks.csv and events.csv; ``answers``: rows of lives.csv, of conditions side by side
- ``sources``: where cells come from: masks, or masks and tracks of other programs; ``reading``: their files
- ``ctc``, ``trackmate``, ``geff``: forms of other programs, in and out, by way of ``graphs``
- ``scores``: tracks against true ones
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Labels = NDArray[np.integer[Any]]
ClassMap = NDArray[np.uint8]
