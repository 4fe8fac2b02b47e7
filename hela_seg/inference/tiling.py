"""How frames go through a net: in which pieces, how these are joined, how many at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Lt

from hela_seg.system.settings import Count, Expected, NonNegative, fitting_arguments

WHOLE_FRAME_PIXELS = 1536 * 1536
"""Frames of up to so many pixels go through the net in one piece, unless a tile is prescribed."""

CROP_TILE, GAUSSIAN_TILE = 1024, 512
"""Most rows and columns of the pieces of larger frames, by the way of joining them."""

PieceSize = Annotated[tuple[Count, Count], Expected("rows and columns, such as [512,512]")]


@dataclass(frozen=True)
class Tiling:
    """How frames go through a net.

    Args:
        tile: most rows and columns of the pieces, rounded up to multiples of the net's stride; ``auto`` takes
            frames of up to `WHOLE_FRAME_PIXELS` whole and cuts larger ones. Pieces are smaller where as many
            of them do.
        blend: how pieces are joined. ``crop`` keeps the inner part of each, which equals the prediction of
            the whole frame where the halo covers the net's receptive field; ``gaussian`` averages
            probabilities where pieces overlap, weighted by a Gaussian around the middle of each.
        halo: context in pixels around the part that ``crop`` keeps.
        overlap: share of a piece's side that neighbours have in common with ``gaussian``, 0 to below 1.
        batch_size: pieces that go through the net at once; ``auto`` finds how many fit.
        tta: test-time augmentation, which averages the probabilities of transformed copies of each piece:
            ``none`` predicts it once, ``flips`` also its three mirror images, ``dihedral`` all of these also
            transposed.

    Raises:
        InputError: a value that is none of these.
    """

    tile: Literal["auto"] | PieceSize = "auto"
    blend: Literal["crop", "gaussian"] = "crop"
    halo: NonNegative = 128
    overlap: Annotated[float, Ge(0), Lt(1), Expected("a share from 0 to below 1")] = 0.25
    batch_size: Literal["auto"] | Count = "auto"
    tta: Literal["none", "flips", "dihedral"] = "none"

    def __post_init__(self) -> None:
        fitting_arguments(Tiling, vars(self), "inference")
        if not isinstance(self.tile, str):
            object.__setattr__(self, "tile", tuple(self.tile))
