"""Wires the rooms of `hela_seg.data` into loaders."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from hela_seg.data.augment import Augmentation
from hela_seg.data.context import note_of_single_frames
from hela_seg.data.dataset import GridTiles, RandomTiles, Sample, Uncounted
from hela_seg.data.exposure import choose_normalisation, exposures_of, unlike_exposures
from hela_seg.data.intensity import TrainingStatistics, training_statistics
from hela_seg.data.labels.survey import MOST_FRAMES, Survey, survey
from hela_seg.data.layouts import FileRules, Recording
from hela_seg.data.normalise import AUTO, Normalisation, fit
from hela_seg.data.on_disk import DataOnDisk, blocks_as_stated, common_channels, groups_as_stated
from hela_seg.data.patterns.matching import Given
from hela_seg.data.sampler import EpochSampler
from hela_seg.data.settings import (
    LabelSettings,
    TileSize,
    class_values,
    default_workers,
    label_reader,
    named_classes,
    recognised,
)
from hela_seg.data.splits.split import Block, Part, Split
from hela_seg.data.splits.table import blocks_of_rows, rows_of_blocks
from hela_seg.data.stacks import MAX_FRAME_PIXELS, Position, Series, Z
from hela_seg.data.stacks.channels import Channel
from hela_seg.data.synthetic.render import DrawingSettings
from hela_seg.data.tiles import LARGEST_TILE, Size, tile_of_frames, tiles_of_step
from hela_seg.system import lightning_loops
from hela_seg.system.errors import InputError
from hela_seg.system.ranks import RankInfo
from hela_seg.system.settings import Count, NonNegative, Share, fitting_arguments, validated

log = logging.getLogger(__name__)

FRAMES_TO_FIT = 200
"""Most training frames that the normalisation is fitted on, evenly spread over all."""


class TimelapseData(pl.LightningDataModule):
    """Recordings on disk as batches of tiles.

    Args:
        layout: how files lie below ``root``: ``folder`` and ``timelapse`` (images and masks with one name),
            ``dryad`` (the paper's), ``ctc`` (the Cell Tracking Challenge's), ``synthetic`` (drawn there
            first), ``auto`` (looked at: `hela_seg.data.patterns.auto`).
        root: the folder with all of it.
        classes: names of the classes, or mappings; see `hela_seg.data.classes.Classes`. None for those that
            follow from the layout with ``auto``, or from masks that number cells.
        images: folder below root with the images, one file, or patterns (`hela_seg.data.patterns`).
        masks: the same of the masks; ``GT``, ``ST`` or ``RES`` for ``layout: ctc``.
        axes: order of the axes in files that do not state it, e.g. ``TYX``.
        z: what is seen of a Z-stack: a plane by its number, ``max`` or ``mean``; None refuses Z-stacks.
        position: of files with several positions (scenes, wells), names or numbers of those that are read;
            None reads all, each as a series of its own.
        sequence: all files are the frames of one series, in the order of their names.
        max_frame_pixels: frames that claim to have more are refused before memory is taken for them.
        fill_missing_chunks: chunks that a Zarr array lacks hold its fill value, instead of being damage.
        drawing: what is drawn for ``layout: synthetic``, or the fields of `DrawingSettings` as a dict.
        labels: how masks are read, or the fields of `LabelSettings` as a dict.
        split: how series are split, or the fields of `Split` as a dict.
        normalise: a kind of `hela_seg.data.normalise.Normalisation`; ``auto`` for ``frame`` where series are
            single images or exposed unlike each other (`hela_seg.data.exposure`), else ``percentile``.
        context: how many frames before and after each the net is shown as further channels; see
            `hela_seg.data.context`.
        tile: rows and columns of a tile; None for those of the training frames, up to
            `hela_seg.data.tiles.LARGEST_TILE`.
        batch_size: N; None for as many tiles as have the pixels of the largest one.
        foreground_share: of the training tiles, from 0 to 1, that show a pixel of a class but the background.
        most_indexed: masks read before training, to count and locate the classes; of more frames, only
            every second, third ... of each series (`hela_seg.data.labels.survey.survey`).
        steps_per_epoch: batches in an epoch; null for as many as cover the training frames once.
        workers: processes that read tiles; null for none beside a CPU, and up to 8 beside a GPU.
        seed: of tiles and augmentation.
        augment: random changes of training tiles.
        grey: images in colours are made grey, so that they may lie among grey ones.
        channels: of the images, those that are seen, by number from 0 or by name; None for all.
        channel_names: of the images' channels, where files do not name them.

    Attributes:
        classes: as given.
        files: where they lie and how they are read.
        split: how series are split.
        labels: the reader of masks.
        context: as given.
        tile: as given; where it was left open, after `prepare`.
        step_tiles: N as given, or after `prepare`.
        batch_size: tiles that loaders hand out at a time. Where it is set to a part of the batch, an epoch
            remains the same samples.
        launch: the place of this process among several that share the tiles; by itself by default.

    Raises:
        InputError: an unknown layout or kind of labels, or settings out of range.
    """

    @validated("data")
    def __init__(
        self,
        layout: str,
        root: str | Path,
        classes: Sequence[str | Mapping[str, Any]] | None = None,
        images: Given = "images",
        masks: Given = "masks",
        axes: str | None = None,
        z: Z = None,
        position: Position = None,
        sequence: bool = False,
        max_frame_pixels: Count = MAX_FRAME_PIXELS,
        fill_missing_chunks: bool = False,
        drawing: DrawingSettings | None = None,
        labels: LabelSettings | None = None,
        split: Split | None = None,
        normalise: str = AUTO,
        context: NonNegative = 0,
        tile: TileSize | None = None,
        batch_size: Count | None = None,
        foreground_share: Share = 0.0,
        most_indexed: Count = MOST_FRAMES,
        steps_per_epoch: Count | None = None,
        workers: NonNegative | None = None,
        seed: NonNegative = 0,
        augment: Augmentation | None = None,
        grey: bool = False,
        channels: Sequence[Channel] | None = None,
        channel_names: Sequence[str] | None = None,
    ) -> None:
        given = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        super().__init__()
        self._given = given
        masks_as = labels or LabelSettings()
        if layout == "auto":
            layout, images, masks, masks_as, classes = recognised(Path(root), masks_as, classes, axes)
        self.classes = named_classes(masks_as, classes)
        rules = FileRules(
            masks_as.kind == "colours",
            masks_as.sparse,
            masks_as.resize,
            z,
            max_frame_pixels,
            fill_missing_chunks,
            ids=masks_as.kind == "instances",
            neighbours=context > 0,
            position=position,
            class_values=class_values(self.classes, masks_as, masks),
            threshold=masks_as.threshold,
            channel_names=tuple(channel_names or ()),
            channels=channels,
            grey=grey,
            axes=axes,
        )
        self.files = DataOnDisk(
            layout, Path(root), images, masks, sequence, rules, drawing or DrawingSettings()
        )
        self.labels = label_reader(self.classes, masks_as)
        self._foreground_share, self._most_indexed = foreground_share, most_indexed
        self.split = split or Split()
        self._normalise = normalise if normalise == AUTO else Normalisation(normalise).kind
        self.context = context
        self.tile: Size = LARGEST_TILE if tile is None else (tile[0], tile[1])
        self.batch_size = self.step_tiles = batch_size or 1
        self._steps, self._seed = steps_per_epoch, seed
        self._workers = default_workers() if workers is None else workers
        self._augment = augment
        self._opened = self._prepared = False
        self.launch = RankInfo()

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> TimelapseData:
        """Data as a checkpoint's configuration describes them; of what it names only this class is called.

        Raises:
            InputError: the description has keys that this class does not know, or lacks some that it needs.
        """
        arguments = {key: value for key, value in plain.items() if key != "_target_"}
        try:
            return cls(**fitting_arguments(cls, arguments, "data"))
        except InputError as error:
            raise InputError(f"the checkpoint describes its data as this version cannot: {error}") from None

    def to_plain(self) -> dict[str, Any]:
        """The arguments as `from_plain` takes them, without the augmentation, which only training needs."""
        plain = {key: _as_plain(value) for key, value in self._given.items() if key != "augment"}
        return plain | {"root": str(Path(self._given["root"]).absolute())}

    def prepare_data(self) -> None:
        """Lightning's hook, called once on each machine: draws what ``layout: synthetic`` is to hold."""
        if not self.files.drawn_before:
            self.files.recordings()

    def setup(self, stage: str | None = None) -> None:
        """Lightning's hook, before training: find, open, pair and split the files, and look at the masks.

        May be called before, to build a net with ``input_channels`` and ``len(classes)``; a second call
        changes nothing. It does what `open` and `prepare` do, which let a run choose more.

        Args:
            stage: makes no difference.

        Raises:
            InputError: see `prepare`; or several processes train, whom only the command gives each its part.
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
        self.survey: Survey = survey(self.recordings, self.blocks, self.labels, index, self._most_indexed)
        # of frames that are normalised each by itself it does not matter how they were exposed
        used = set() if self._normalise == "frame" else {block.series for block in self.blocks}
        self.unlike_exposures = unlike_exposures(
            exposures_of([self.recordings[series].image for series in sorted(used)])
        )
        kind, reason = self._normalise, None
        if kind == AUTO:
            lengths = [self.recordings[series].image.shape[0] for series in used]
            kind, reason = choose_normalisation(lengths, self.unlike_exposures)
        frames = self._training_frames()
        some = frames[:: -(-len(frames) // FRAMES_TO_FIT)]
        fitted = fit(kind, (image.frame(t) for image, t in some))
        self.normalisation: Normalisation = replace(fitted, reason=reason)
        self._choose_tiles()
        self._prepared = True

    def _choose_tiles(self) -> None:
        """Size and number of the tiles of a step, where they were left open."""
        if self._given["tile"] is None:
            self.tile = tile_of_frames(
                self.recordings[block.series].image.shape[2:] for block in self.blocks_of("train")
            )
        if self._given["batch_size"] is None:
            self.batch_size = self.step_tiles = tiles_of_step(self.tile, self.launch.count)
        self._given |= {"tile": self.tile, "batch_size": self.step_tiles}

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
        place = self.launch.rank, self.launch.count
        length, epoch = self._epoch_length(), self._epoch()
        sampler = EpochSampler(length, self._samples_seen, epoch, self.step_tiles, *place)
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
            self._augment.rotations if augmented and self._augment else None,
            self.context,
        )

    def val_dataloader(self) -> DataLoader[Sample] | list[Any]:
        """Batches that cover the validation frames; none where no frame is for validation.

        Where n processes share them, rank r has the tiles r, r + n, r + 2n and so on.
        """
        if not self.blocks_of("validation"):
            return []
        tiles = GridTiles(
            self.recordings,
            self.blocks_of("validation"),
            self.normalisation,
            self.labels,
            self.tile,
            self.context,
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
            return self._steps * self.step_tiles
        tiles = 0
        for block in self.blocks_of("train"):
            height, width = self.recordings[block.series].image.shape[2:]
            per_frame = -(-height // self.tile[0]) * -(-width // self.tile[1])
            tiles += (block.stop - block.start) * per_frame
        return max(tiles // self.step_tiles, 1) * self.step_tiles

    def _epoch(self) -> int:
        """The epoch in which the trainer is about to begin or go on."""
        return 0 if self.trainer is None else lightning_loops.epochs_ended(self.trainer)

    def _samples_seen(self) -> int:
        """How many samples of the present epoch the trainer has been through.

        A run that was interrupted within an epoch goes on behind these. It is 0 when an epoch begins, and
        again when it has ended, so that callbacks may pass through its tiles once more.
        """
        if self.trainer is None:
            return 0
        batches = lightning_loops.batches_begun(self.trainer)
        return batches * self.batch_size * self.launch.count % self._epoch_length()


def _as_plain(value: Any) -> Any:
    """Lists, dicts and primitives in place of dataclasses, tuples, mappings and paths, at every depth."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): _as_plain(item) for key, item in value.items()}
    if isinstance(value, Path | str):
        return str(value)
    return [_as_plain(item) for item in value] if isinstance(value, Sequence) else value
