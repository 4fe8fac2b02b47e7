"""Where the class maps come from that a report shows beside the truth: a net, or whatever else has some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hela_seg.data.context import parts_of_time
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.split import Block
from hela_seg.inference import Predictor
from hela_seg.report.pictures.blending import Labels


class ClassMaps(Protocol):
    """Class maps of scored frames, the same to the last pixel as when they were counted."""

    @property
    def what(self) -> str:
        """What they are called on the page: ``prediction`` or ``labels``."""
        ...

    def of(self, block: Block, t: int) -> Labels:
        """The class map (H, W) uint8 of frame t of a recording, in a block that was scored."""
        ...


class Predicted:
    """Class maps that a net predicts, frame by frame as they are asked for.

    Args:
        predictor: the net.
        recordings: images and masks.
        blocks: all that were counted, beside the one that is asked for.
    """

    what = "prediction"

    def __init__(
        self, predictor: Predictor, recordings: Sequence[Recording], blocks: Sequence[Block] = ()
    ) -> None:
        self._predictor, self._recordings, self._blocks = predictor, recordings, blocks

    def of(self, block: Block, t: int) -> Labels:
        """See `ClassMaps`."""
        image = self._recordings[block.series].image
        # with the neighbours that it was counted with, for a batch may round otherwise than a single frame
        groups = self._predictor.groups(image, range(block.start, block.stop))
        group = next(group for group in groups if t in group)
        parts = parts_of_time([*self._blocks, block])[block.series, block.part]
        return dict(zip(group, self._predictor.frames(image, group, parts), strict=True))[t]
