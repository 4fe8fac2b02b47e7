"""Segmentations against truth, beyond counted pixels, and label images of any program in place of a net's.

- ``frames``: a frame, its truth and what was found in it
- ``meters``: boundaries and cells of frames, added up
- ``reading``: how label images are read, and which cells they number
- ``partners``: which label file belongs to which frame
- ``labelled``: label images as segmented frames
"""

from __future__ import annotations

from hela_seg.scoring.frames import SegmentedFrame, against_truth
from hela_seg.scoring.labelled import CountedLabels, LabelImages, Readers, one_line, score_labels
from hela_seg.scoring.meters import BoundaryMeter, CellMeter, CellScores, Meters, Quality
from hela_seg.scoring.partners import Partners, find_partners
from hela_seg.scoring.reading import Reading

__all__ = [
    "BoundaryMeter",
    "CellMeter",
    "CellScores",
    "CountedLabels",
    "LabelImages",
    "Meters",
    "Partners",
    "Quality",
    "Readers",
    "Reading",
    "SegmentedFrame",
    "against_truth",
    "find_partners",
    "one_line",
    "score_labels",
]
