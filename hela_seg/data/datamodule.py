"""Wires the rooms of `hela_seg.data` into loaders."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from hela_seg.data.context import note_of_single_frames
from hela_seg.data.dataset import GridTiles, RandomTiles, Sample, Uncounted
from hela_seg.data.exposure import choose_normalisation, exposures_of, unlike_exposures
from hela_seg.data.intensity import TrainingStatistics, training_statistics
from hela_seg.data.labels.readers import LabelReader
from hela_seg.data.labels.settings import LabelSettings, label_reader
from hela_seg.data.labels.survey import Survey, survey
from hela_seg.data.layouts import Recording
from hela_seg.data.normalise import AUTO, Normalisation, fit
from hela_seg.data.on_disk import blocks_as_stated, common_channels, groups_as_stated
from hela_seg.data.sampler import EpochSampler
from hela_seg.data.settings import DataSettings, default_workers, named_classes, recognised
from hela_seg.data.splits.split import Block, Part, Split
from hela_seg.data.splits.table import blocks_of_rows, rows_of_blocks
from hela_seg.data.stacks import Series
from hela_seg.data.tiles import LARGEST_TILE, Size, tile_of_frames, tiles_of_step
from hela_seg.system import lightning_loops
from hela_seg.system.errors import InputError
from hela_seg.system.ranks import RankInfo
from hela_seg.system.settings import called_with_fields

log = logging.getLogger(__name__)

FRAMES_TO_FIT = 200
"""Most training frames that the normalisation is fitted on, evenly spread over all."""


class TimelapseData(pl.LightningDataModule):
    """Recordings on disk as batches of tiles.

    Args:
        settings: given as the fields of `DataSettings`: ``TimelapseData("folder", "cells", tile=(64, 64))``.

    Attributes:
        classes: the classes as given, or as they follow from the layout.
        files: where they lie and how they are read.
        split: how series are split.
        labels: the reader of masks.
        context: frames before and after each one, as given.
        tile: rows and columns of a tile; where they were left open, they are known after `prepare`.
        step_tiles: tiles of a step; where they were left open, they are known after `prepare`.
        batch_size: tiles that loaders hand out at a time. Where it is set to a part of the batch, an epoch
            remains the same samples.
        launch: the place of this process among several that share the tiles; by itself by default.

    Raises:
        InputError: an unknown layout or kind of labels, or settings out of range.
    """

    @called_with_fields(DataSettings, "data")
    def __init__(self, settings: DataSettings) -> None:
        super().__init__()
        self._settings = settings
        known = recognised(settings) if settings.layout == "auto" else settings
        labels = known.labels or LabelSettings()
        self.classes = named_classes(labels, known.classes)
        self.files = known.files(self.classes, labels)
        self.labels = label_reader(self.classes, labels)
        self.split = settings.split or Split()
        self.context = settings.context
        rows, columns = settings.tile or (LARGEST_TILE, LARGEST_TILE)
        self.tile: Size = rows, columns
        self.batch_size = self.step_tiles = settings.batch_size or 1
        self._opened = self._prepared = False
        self.launch = RankInfo()

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> TimelapseData:
        """Data as a checkpoint's configuration describes them; of what it names only this class is called.

        Raises:
            InputError: the description has keys that this class does not know, or lacks some that it needs.
        """
        try:
            return cls(**{key: value for key, value in plain.items() if key != "_target_"})
        except InputError as error:
            raise InputError(f"the checkpoint describes its data as this version cannot: {error}") from None

    def to_plain(self) -> dict[str, Any]:
        """The arguments as `from_plain` takes them, without the augmentation, which only training needs."""
        given = asdict(replace(self._settings, root=Path(self._settings.root).absolute(), augment=None))
        plain: dict[str, Any] = json.loads(json.dumps(given, default=_builtin))
        del plain["augment"]
        return plain

    def setup(self, stage: str | None = None) -> None:
        """Lightning's hook, before training: find, open, pair and split the files, and look at the masks.

        May be called before, to build a net with ``input_channels`` and ``len(classes)``; a second call
        changes nothing. It does what `open` and `prepare` do, which let a run choose more.

        Args:
            stage: makes no difference.

        Raises:
            InputError: see `prepare`; or several processes train together, which only `hela_seg.train` can.
        """
        if self.trainer is not None and self.trainer.world_size != self.launch.count:
            raise InputError(
                f"{self.trainer.world_size} processes train together, but these data are for "
                f"{self.launch.count}, expected one: several devices take hela_seg.train with trainer=ddp"
            )
        if not self._prepared:
            self.prepare()

    def open(self, split: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Find, open and pair the files, and split them; a second call changes nothing.

        Sets ``recordings``, ``blocks`` and ``channels``, which is C of one frame.

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
            self.blocks = self.split.blocks(lengths, self.names, groups_as_stated(self.recordings))
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
        self.recordings: list[Recording] = self.files.recordings()
        self.channels: int = common_channels(self.recordings)
        note = note_of_single_frames(self.context, [recording.image for recording in self.recordings])
        if note is not None:
            log.warning("warning: %s", note)

    @property
    def input_channels(self) -> int:
        """Channels that the net is shown: those of each frame, of its neighbours and its own."""
        return (2 * self.context + 1) * self.channels

    def prepare(self, index: Path | None = None) -> None:
        """Look at the masks and fit the normalisation to the training frames.

        Sets ``normalisation``, ``survey`` and ``unlike_exposures``: lines of `unlike_exposures`.

        Args:
            index: file that keeps what was found in the masks, for the next start; None keeps nothing.

        Raises:
            InputError: see `open`; masks with values that stand for no class.
        """
        self.open()
        most = self._settings.most_indexed
        self.survey: Survey = survey(self.recordings, self.blocks, self.labels, index, most)
        self.normalisation = self._fitted_normalisation()
        self._choose_tiles()
        self._prepared = True

    def _fitted_normalisation(self) -> Normalisation:
        kind: str = self._settings.normalise
        reason = None
        # of frames that are normalised each by itself it does not matter how they were exposed
        used = sorted({block.series for block in self.blocks}) if kind != "frame" else []
        images = [self.recordings[series].image for series in used]
        self.unlike_exposures = unlike_exposures(exposures_of(images))
        if kind == AUTO:
            kind, reason = choose_normalisation([image.shape[0] for image in images], self.unlike_exposures)
        frames = self._training_frames()
        some = frames[:: -(-len(frames) // FRAMES_TO_FIT)]
        return replace(fit(kind, (image.frame(t) for image, t in some)), reason=reason)

    def _choose_tiles(self) -> None:
        """Size and number of the tiles of a step, where they were left open."""
        alone = self.normalisation.kind == "frame"
        if self._settings.tile is None:
            sizes = (self.recordings[block.series].image.shape[2:] for block in self.blocks_of("train"))
            self.tile = tile_of_frames(sizes, alone=alone)
        if self._settings.batch_size is None:
            self.batch_size = self.step_tiles = tiles_of_step(self.tile, self.launch.count, alone=alone)
        self._settings = replace(self._settings, tile=self.tile, batch_size=self.step_tiles)

    def training_statistics(self) -> TrainingStatistics:
        """What the training frames are like, for checkpoints; after `prepare`."""
        positions = self.survey.positions
        counts = [positions.of_series(b.series)[b.start : b.stop] for b in self.blocks_of("train")]
        return training_statistics(self._training_frames(), np.concatenate(counts), self.normalisation.kind)

    def _training_frames(self) -> list[tuple[Series, int]]:
        blocks = self.blocks_of("train")
        return [(self.recordings[b.series].image, t) for b in blocks for t in range(b.start, b.stop)]

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
        length, launch = self._epoch_length(), self.launch
        epoch = 0 if self.trainer is None else lightning_loops.epochs_ended(self.trainer)
        sampler = EpochSampler(length, self._samples_seen, epoch, self.step_tiles, launch.rank, launch.count)
        return self._loader(self.train_tiles(), sampler)

    def train_tiles(self, *, augmented: bool = True) -> RandomTiles:
        """The random tiles of training, or the same ones as they were before augmentation."""
        settings = self._settings
        return RandomTiles(
            *self._tiled("train"),
            settings.augment if augmented else None,
            settings.seed,
            self.survey.positions,
            settings.foreground_share,
            self.context,
        )

    def val_dataloader(self) -> DataLoader[Sample] | list[Any]:
        """Batches that cover the validation frames; none where no frame is for validation.

        Where n processes share them, rank r has the tiles r, r + n, r + 2n and so on.
        """
        if not self.blocks_of("validation"):
            return []
        tiles = GridTiles(*self._tiled("validation"), self.context)
        own = range(self.launch.rank, len(tiles), self.launch.count)
        return self._loader(tiles, own) if own else self._loader(Uncounted(tiles), range(1))

    def _tiled(self, part: Part) -> tuple[list[Recording], list[Block], Normalisation, LabelReader, Size]:
        """What the tiles of a part are cut from, and how."""
        return self.recordings, self.blocks_of(part), self.normalisation, self.labels, self.tile

    def _loader(self, tiles: Any, sampler: EpochSampler | range) -> DataLoader[Sample]:
        workers = self._settings.workers
        workers = default_workers() if workers is None else workers
        return DataLoader(
            tiles,
            self.batch_size,
            sampler=sampler,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
            # else a pass would draw from the generator that dropout draws from, with workers but once
            generator=torch.Generator(),
        )

    def _epoch_length(self) -> int:
        """Tiles in an epoch, a multiple of the batch."""
        if self._settings.steps_per_epoch is not None:
            return self._settings.steps_per_epoch * self.step_tiles
        tiles = 0
        for block in self.blocks_of("train"):
            height, width = self.recordings[block.series].image.shape[2:]
            per_frame = -(-height // self.tile[0]) * -(-width // self.tile[1])
            tiles += (block.stop - block.start) * per_frame
        return max(tiles // self.step_tiles, 1) * self.step_tiles

    def _samples_seen(self) -> int:
        """How many samples of the present epoch the trainer has been through.

        A run that was interrupted within an epoch goes on behind these. It is 0 when an epoch begins, and
        again when it has ended, so that callbacks may pass through its tiles once more.
        """
        if self.trainer is None:
            return 0
        batches = lightning_loops.batches_begun(self.trainer)
        return batches * self.batch_size * self.launch.count % self._epoch_length()


def _builtin(value: Any) -> Any:
    """A dict, list or word in place of what JSON does not know, such as OmegaConf's lists and paths."""
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Sequence) else str(value)
