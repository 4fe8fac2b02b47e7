"""Where the class maps come from that a report shows beside the truth: a net, or whatever else has some."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hela_seg.data.context import parts_of_time
from hela_seg.data.layouts import Recording
from hela_seg.data.splits.split import Block
from hela_seg.inference import Predictor
from hela_seg.report.pictures.blending import Labels

ClassMaps = Callable[[Block, int], Labels]
"""A block that was scored and a frame of it -> the class map (H, W) uint8 whose pixels were counted."""


def predicted(
    predictor: Predictor, recordings: Sequence[Recording], blocks: Sequence[Block] = ()
) -> ClassMaps:
    """Class maps that a net predicts, frame by frame as they are asked for.

    Args:
        predictor: the net.
        recordings: images and masks.
        blocks: all that were counted, beside the one that is asked for.
    """

    def class_map(block: Block, t: int) -> Labels:
        image = recordings[block.series].image
        # with the neighbours that it was counted with, for a batch may round otherwise than a single frame
        groups = predictor.groups(image, range(block.start, block.stop))
        group = next(group for group in groups if t in group)
        parts = parts_of_time([*blocks, block])[block.series, block.part]
        return dict(zip(group, predictor.frames(image, group, parts), strict=True))[t]

    return class_map
