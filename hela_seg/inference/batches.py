"""How many tiles go through a net at once, and what happens where that is too many."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from hela_seg.data.tiles import Size
from hela_seg.system.errors import InputError
from hela_seg.system.hardware import is_out_of_memory

CPU_PIXELS = 2 * 512 * 512
"""Pixels of a batch on a CPU: enough to keep its cores busy, few enough for its caches."""

GPU_PIXELS = 16 * 512 * 512
"""Most pixels of a batch on a GPU; more of them gain no speed."""

GPU_SHARE = 0.6
"""Share of the free GPU memory that a batch may take; the rest is for fragments and other programs."""


class Batches:
    """Runs batches, smaller ones where memory does not suffice.

    Args:
        run: images -> results, along N.
        device: where it runs.
        size: tiles in a batch, or ``auto``.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Tensor]], tuple[Tensor, ...]],
        device: torch.device,
        size: int | str = "auto",
    ) -> None:
        self._run, self._device, self._size = run, device, size
        self._most: int | None = None

    def size(self, channels: Sequence[int], tile: Size) -> int:
        """Tiles of (h, w) in a batch, with so many channels in each of the tensors that `run` takes.

        On a GPU one tile goes through the net first, and the memory that it takes tells how many fit.
        """
        if isinstance(self._size, int):
            return self._size
        pixels = tile[0] * tile[1]
        if self._device.type != "cuda":
            return max(1, CPU_PIXELS // pixels)
        most = max(1, GPU_PIXELS // pixels)
        return min(most, self._fitting([torch.zeros(1, count, *tile) for count in channels]))

    def run(self, images: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Results (N, ...) each, of images (N, C, h, w), one tensor for each normalisation.

        Raises:
            InputError: not even one tile fits into memory.
        """
        count = len(images[0])
        if self._most is not None and count > self._most:
            parts = zip(*(torch.split(image, self._most) for image in images), strict=True)
            results = zip(*(self.run(part) for part in parts), strict=True)
            return tuple(torch.cat(result) for result in results)
        try:
            return self._run(images)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if count == 1:
                raise InputError(
                    f"one tile of {' x '.join(map(str, images[0].shape[2:]))} pixels does not fit into the "
                    "memory of the device: choose smaller ones with inference.tile=[512,512], or device=cpu"
                ) from None
        # outside of the except clause, whose traceback would keep the failed batch in memory
        torch.cuda.empty_cache()
        self._most = count // 2
        return self.run(images)

    def _fitting(self, tile: Sequence[Tensor]) -> int:
        torch.cuda.reset_peak_memory_stats(self._device)
        before = torch.cuda.memory_allocated(self._device)
        self.run(tile)
        taken = torch.cuda.max_memory_allocated(self._device) - before
        free, _ = torch.cuda.mem_get_info(self._device)
        return max(1, int(free * GPU_SHARE) // max(taken, 1))
