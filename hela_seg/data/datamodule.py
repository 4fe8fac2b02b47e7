"""Wires the rooms of `hela_seg.data` into loaders."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from hela_seg.data import settings
from hela_seg.data.augment import Augmentation
from hela_seg.data.classes import Classes
from hela_seg.data.dataset import GridTiles, RandomTiles, Sample, Uncounted
from hela_seg.data.intensity import TrainingStatistics, training_statistics
from hela_seg.data.labels.survey import MOST_FRAMES, Survey, survey
from hela_seg.data.layouts import Recording
from hela_seg.data.normalise import Normalisation, fit
from hela_seg.data.on_disk import DataOnDisk, blocks_as_stated, common_channels
from hela_seg.data.sampler import EpochSampler
from hela_seg.data.splits.split import Block, Part, Split
from hela_seg.data.splits.table import blocks_of_rows, rows_of_blocks
from hela_seg.data.stacks import MAX_FRAME_PIXELS, Z
from hela_seg.data.synthetic import render
from hela_seg.system.errors import InputError
from hela_seg.system.ranks import RankInfo
from hela_seg.system.settings import refuse_counts

FRAMES_TO_FIT = 200
"""Most training frames that the normalisation is fitted on, evenly spread over all."""


class TimelapseData(pl.LightningDataModule):
    """Recordings on disk as batches of tiles.

    Args:
        layout: how files lie below ``root``: ``folder`` and ``timelapse`` (images and masks with one name),
            ``dryad`` (the paper's), ``ctc`` (the Cell Tracking Challenge's), ``synthetic`` (drawn there
            first).
        root: the folder with all of it.
        classes: names of the classes, or mappings; see `hela_seg.data.classes.Classes`.
        images: folder below root with the images, or one file.
        masks: folder below root with the masks, or one file; ``GT`` or ``ST`` for ``layout: ctc``.
        axes: order of the axes in files that do not state it, e.g. ``TYX``.
        z: what is seen of a Z-stack: a plane by its number, ``max`` or ``mean``; None refuses Z-stacks.
        sequence: all files are the frames of one series, in the order of their names.
        max_frame_pixels: frames that claim to have more are refused before memory is taken for them.
        fill_missing_chunks: chunks that a Zarr array lacks hold its fill value, instead of being damage.
        drawing: arguments of `hela_seg.data.synthetic.render.write`, for ``layout: synthetic``.
        labels: ``kind`` (``values``, ``colours`` or ``instances``), ``border_width`` in pixels (for
            instances), ``ignore_value`` (of pixels that count nowhere, or null), ``sparse`` (images without a
            mask are left aside) and ``resize`` (``nearest``, or null to refuse masks of another size).
        split: arguments of `hela_seg.data.splits.split.Split`.
        normalise: a kind of `hela_seg.data.normalise.Normalisation`.
        tile: rows and columns of a tile.
        batch_size: N.
        foreground_share: of the training tiles, from 0 to 1, that show a pixel of a class but the background.
        most_indexed: masks read before training, to count and locate the classes; of more frames, only
            every second, third ... of each series (`hela_seg.data.labels.survey.survey`).
        steps_per_epoch: batches in an epoch; null for as many as cover the training frames once.
        workers: processes that read tiles; null for none beside a CPU, and up to 8 beside a GPU.
        seed: of tiles and augmentation.
        augment: random changes of training tiles.

    Attributes:
        classes: as given.
        labels: the reader of masks.
        tile: as given.
        batch_size: tiles that loaders hand out at a time. Where it is set to a part of the batch, an epoch
            remains the same samples.
        launch: the place of this process among several that share the tiles; by itself by default.

    Raises:
        InputError: an unknown layout or kind of labels, or settings out of range.
    """

    def __init__(
        self,
        layout: str,
        root: str | Path,
        classes: Sequence[str | Mapping[str, Any]],
        images: str = "images",
        masks: str = "masks",
        axes: str | None = None,
        z: Z = None,
        sequence: bool = False,
        max_frame_pixels: int = MAX_FRAME_PIXELS,
        fill_missing_chunks: bool = False,
        drawing: Mapping[str, Any] | None = None,
        labels: Mapping[str, Any] | None = None,
        split: Mapping[str, Any] | None = None,
        normalise: str = "percentile",
        tile: Sequence[int] = (128, 128),
        batch_size: int = 4,
        foreground_share: float = 0.0,
        most_indexed: int = MOST_FRAMES,
        steps_per_epoch: int | None = None,
        workers: int | None = None,
        seed: int = 0,
        augment: Augmentation | None = None,
    ) -> None:
        super().__init__()
        drawing = settings.arguments_of(render.write, "drawing", drawing, besides=("root",))
        rules = settings.file_rules(labels, z, max_frame_pixels, fill_missing_chunks)
        self._files = DataOnDisk(layout, Path(root), images, masks, axes, sequence, rules, drawing)
        counts = {"batch_size": batch_size, "most_indexed": most_indexed, "steps_per_epoch": steps_per_epoch}
        refuse_counts("data", counts)
        refuse_counts("data", {"workers": workers, "seed": seed}, least=0)
        self.classes = Classes(classes)
        self.labels = settings.label_reader(self.classes, labels)
        self._foreground_share, self._most_indexed = foreground_share, most_indexed
        self._split = Split(**settings.arguments_of(Split, "split", split))
        self._normalise = Normalisation(normalise).kind
        self.tile = settings.tile_size(tile)
        self.batch_size = self._batch = batch_size
        self._steps, self._seed = steps_per_epoch, seed
        self._workers = settings.default_workers() if workers is None else workers
        self._augment = augment
        self._opened = False
        self.launch = RankInfo()

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> TimelapseData:
        """Data as a checkpoint's configuration describes them; of what it names only this class is called.

        Raises:
            InputError: the description has keys that this class does not know, or lacks some that it needs.
        """
        arguments = {key: value for key, value in plain.items() if key != "_target_"}
        known = inspect.signature(cls).parameters
        odd = set(arguments) - set(known)
        odd |= {key for key, of in known.items() if of.default is of.empty and key not in arguments}
        if odd:
            raise InputError(
                f"the checkpoint describes its data with unknown or missing keys ({', '.join(sorted(odd))}), "
                "expected those of this version: name the data with data=..."
            )
        return cls(**arguments)

    def open(self, split: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Find, open and pair the files, and split them; a second call changes nothing.

        Sets ``recordings``, ``blocks`` and ``channels``.

        Args:
            split: rows that an earlier run wrote (`split_rows`), to be kept to.

        Raises:
            InputError: files that are missing, damaged, unlike, or too few to split.
        """
        if self._opened:
            return
        self._open_files()
        lengths = [recording.image.shape[0] for recording in self.recordings]
        if split is not None:
            self.blocks = blocks_of_rows(split, self.names, lengths)
        elif self.recordings[0].part is not None:
            self.blocks = blocks_as_stated(self.recordings)
        else:
            self.blocks = self._split.blocks(lengths, self.names)
        self._opened = True

    def open_all(self) -> None:
        """Like `open`, but every frame is for testing, except where the layout on disk says otherwise."""
        self._open_files()
        self.blocks = [
            Block(index, 0, recording.image.shape[0], recording.part or "test")
            for index, recording in enumerate(self.recordings)
        ]
        self._opened = True

    def _open_files(self) -> None:
        self.recordings: list[Recording] = self._files.recordings()
        self.channels: int = common_channels(self.recordings)

    def prepare(self, index: Path | None = None) -> None:
        """Look at the masks and fit the normalisation to the training frames.

        Sets ``normalisation`` and ``survey``.

        Args:
            index: file that keeps what was found in the masks, for the next start; None keeps nothing.

        Raises:
            InputError: see `open`; masks with values that stand for no class.
        """
        self.open()
        self.survey: Survey = survey(self.recordings, self.blocks, self.labels, index, self._most_indexed)
        frames = (
            (self.recordings[b.series].image, t)
            for b in self.blocks_of("train")
            for t in range(b.start, b.stop)
        )
        step = -(-sum(b.stop - b.start for b in self.blocks_of("train")) // FRAMES_TO_FIT)
        self.normalisation: Normalisation = fit(
            self._normalise, (image.frame(t) for image, t in islice(frames, 0, None, step))
        )

    def training_statistics(self) -> TrainingStatistics:
        """What the training frames are like, for checkpoints; after `prepare`."""
        blocks, positions = self.blocks_of("train"), self.survey.positions
        frames = [(self.recordings[b.series].image, t) for b in blocks for t in range(b.start, b.stop)]
        counts = np.concatenate([positions.of_series(b.series)[b.start : b.stop] for b in blocks])
        return training_statistics(frames, counts, self.normalisation.kind)

    def blocks_of(self, part: Part) -> list[Block]:
        """The blocks of one part."""
        return [block for block in self.blocks if block.part == part]

    @property
    def names(self) -> list[str]:
        """Names of the recordings."""
        return [recording.name for recording in self.recordings]

    def split_rows(self) -> list[dict[str, Any]]:
        """The split as plain rows, see `hela_seg.data.splits.table.rows_of_blocks`."""
        return rows_of_blocks(self.blocks, self.names)

    @property
    def axes(self) -> str:
        """Axes of the training files, for prediction from files that do not state theirs."""
        return max((recording.image.axes for recording in self.recordings), key=len)

    def train_dataloader(self) -> DataLoader[Sample]:
        """Batches of random tiles, ``steps_per_epoch`` of them, less those seen before an interruption."""
        place = self.launch.rank, self.launch.count
        length, epoch = self._epoch_length(), self._epoch()
        sampler = EpochSampler(length, self._samples_seen, epoch, self._batch, *place)
        return self._loader(self.train_tiles(), sampler)

    def train_tiles(self, *, augmented: bool = True) -> RandomTiles:
        """The random tiles of training, or the same ones as they were before augmentation."""
        return RandomTiles(
            self.recordings,
            self.blocks_of("train"),
            self.normalisation,
            self.labels,
            self.tile,
            self._augment if augmented else None,
            self._seed,
            self.survey.positions,
            self._foreground_share,
        )

    def val_dataloader(self) -> DataLoader[Sample] | list[Any]:
        """Batches that cover the validation frames; none where no frame is for validation.

        Where n processes share them, rank r has the tiles r, r + n, r + 2n and so on.
        """
        if not self.blocks_of("validation"):
            return []
        tiles = GridTiles(
            self.recordings, self.blocks_of("validation"), self.normalisation, self.labels, self.tile
        )
        own = range(self.launch.rank, len(tiles), self.launch.count)
        return self._loader(tiles, own) if own else self._loader(Uncounted(tiles), range(1))

    def _loader(self, tiles: Any, sampler: EpochSampler | range) -> DataLoader[Sample]:
        return DataLoader(
            tiles,
            self.batch_size,
            sampler=sampler,
            num_workers=self._workers,
            persistent_workers=self._workers > 0,
            pin_memory=torch.cuda.is_available(),
            # else a pass would draw from the generator that dropout draws from, with workers but once
            generator=torch.Generator(),
        )

    def _epoch_length(self) -> int:
        """Tiles in an epoch, a multiple of the batch."""
        if self._steps is not None:
            return self._steps * self._batch
        tiles = 0
        for block in self.blocks_of("train"):
            height, width = self.recordings[block.series].image.shape[2:]
            per_frame = -(-height // self.tile[0]) * -(-width // self.tile[1])
            tiles += (block.stop - block.start) * per_frame
        return max(tiles // self._batch, 1) * self._batch

    def _epoch(self) -> int:
        """The epoch in which the trainer is about to begin or go on."""
        if self.trainer is None:
            return 0
        progress: Any = self.trainer.fit_loop.epoch_progress.current  # Lightning states a wider type
        return int(progress.processed)

    def _samples_seen(self) -> int:
        """How many samples of the present epoch the trainer has been through.

        A run that was interrupted within an epoch goes on behind these. It is 0 when an epoch begins, and
        again when it has ended, so that callbacks may pass through its tiles once more.
        """
        if self.trainer is None:
            return 0
        batches = self.trainer.fit_loop.epoch_loop.batch_progress.current.ready
        return batches * self.batch_size * self.launch.count % self._epoch_length()
