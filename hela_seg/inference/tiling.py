"""How frames go through a net: in which pieces, how these are joined, how many at once."""

from __future__ import annotations

from dataclasses import dataclass

from hela_seg.data.tiles import Size
from hela_seg.system.errors import InputError

WHOLE_FRAME_PIXELS = 1536 * 1536
"""Frames of up to so many pixels go through the net in one piece, unless a tile is prescribed."""

CROP_TILE, GAUSSIAN_TILE = 1024, 512
"""Most rows and columns of the pieces of larger frames, by the way of joining them."""

BLENDS = ("crop", "gaussian")
TTA = ("none", "flips", "dihedral")
TILE_WORDS = "auto or [rows, columns] above 0"


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

    tile: Size | str = "auto"
    blend: str = "crop"
    halo: int = 128
    overlap: float = 0.25
    batch_size: int | str = "auto"
    tta: str = "none"

    def __post_init__(self) -> None:
        if not isinstance(self.tile, str | int | float):
            object.__setattr__(self, "tile", tuple(self.tile))

        def is_count(value: object) -> bool:
            """Whether it is a whole number above 0."""
            return isinstance(value, int) and value > 0

        sides = self.tile if isinstance(self.tile, tuple) else ()
        for key, good, expected in (
            ("tile", self.tile == "auto" or [is_count(side) for side in sides] == [True, True], TILE_WORDS),
            ("blend", self.blend in BLENDS, " or ".join(BLENDS)),
            ("tta", self.tta in TTA, ", ".join(TTA)),
            ("halo", isinstance(self.halo, int) and self.halo >= 0, "a whole number, 0 pixels or more"),
            ("overlap", 0 <= self.overlap < 1, "a share from 0 to below 1"),
            (
                "batch_size",
                self.batch_size == "auto" or is_count(self.batch_size),
                "auto or a whole number above 0",
            ),
        ):
            if not good:
                raise InputError(f"inference.{key} is {getattr(self, key)}, expected {expected}")
