"""Settings of the data: their types, and what follows from them before any file is opened."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from annotated_types import Len

from hela_seg.data.augment import Augmentation
from hela_seg.data.classes import Classes
from hela_seg.data.labels.settings import LabelSettings, class_values
from hela_seg.data.labels.survey import MOST_FRAMES
from hela_seg.data.layouts import FileRules
from hela_seg.data.on_disk import DataOnDisk
from hela_seg.data.patterns.auto import INSTANCE_CLASSES, recognise
from hela_seg.data.patterns.matching import Given
from hela_seg.data.splits.split import Split
from hela_seg.data.stacks import MAX_FRAME_PIXELS, Position, ReadOptions, Z
from hela_seg.data.stacks.channels import Channel
from hela_seg.data.synthetic.recordings import DrawingSettings
from hela_seg.system.errors import InputError
from hela_seg.system.machine import cores
from hela_seg.system.settings import Count, Expected, NonNegative, Share

log = logging.getLogger(__name__)

MOST_WORKERS = 8
"""Beside a GPU; more processes seldom read faster."""

TileSize = Annotated[Sequence[Count], Len(2, 2), Expected("rows and columns of a tile, such as [128,128]")]
"""Rows and columns of a tile, in pixels."""


@dataclass(frozen=True)
class DataSettings:
    """All that ``data`` says; see ``conf/data/folder.yaml``.

    Args:
        layout: how files lie below ``root``: ``folder`` and ``timelapse`` (images and masks with one name),
            ``dryad`` (the paper's), ``ctc`` (the Cell Tracking Challenge's), ``synthetic`` (drawn there
            first), ``auto`` (looked at: `hela_seg.data.patterns.auto`).
        root: the folder with all of it.
        classes: names of the classes, or mappings; see `hela_seg.data.classes.Classes`. None for the
            classes that follow from the layout with ``auto``, or from masks that number cells.
        images: folder below root with the images, one file, or patterns (`hela_seg.data.patterns`).
        masks: the same for the masks; ``GT``, ``ST`` or ``RES`` for ``layout: ctc``.
        axes: order of the axes in files that do not state it, e.g. ``TYX``.
        z: of a Z-stack, the number of the plane to read, or ``max`` or ``mean``; None refuses Z-stacks.
        position: names or numbers of the positions (scenes, wells) to read from files with several;
            None reads all, each as a series of its own.
        sequence: all files are the frames of one series, in the order of their names.
        max_frame_pixels: frames that claim to have more are refused before memory is taken for them.
        fill_missing_chunks: chunks that a Zarr array lacks hold its fill value, instead of being damage.
        drawing: what to draw for ``layout: synthetic``, or the fields of `DrawingSettings` as a dict.
        labels: how masks are read, or the fields of `LabelSettings` as a dict.
        split: how series are split, or the fields of `Split` as a dict.
        normalise: a kind of `hela_seg.data.normalise.Normalisation`; ``auto`` for ``frame`` where series are
            single images or exposed unlike each other (`hela_seg.data.exposure`), else ``percentile``.
        context: how many frames before and after each one the net sees as further channels; see
            `hela_seg.data.context`.
        tile: rows and columns of a tile; None for a size that suits the training frames, see
            `hela_seg.data.tiles.tile_of_frames`.
        batch_size: tiles of a batch (N); None for as many as `hela_seg.data.tiles.tiles_of_step` says.
        foreground_share: share of the training tiles, from 0 to 1, that show a pixel of a foreground class.
        most_indexed: masks read before training, to count and locate the classes; of more frames, only
            every second, third ... of each series (`hela_seg.data.labels.survey.survey`).
        steps_per_epoch: batches in an epoch; None for as many as cover the training frames once.
        workers: processes that read tiles; None for none beside a CPU, and up to 8 beside a GPU.
        seed: of the places of training tiles and of the augmentation.
        augment: random changes of training tiles.
        grey: images in colours are made grey, so that they may lie among grey ones.
        channels: numbers from 0, or names, of the image channels that the net sees; None for all.
        channel_names: names of the image channels, where files do not name them.
    """

    layout: Literal["folder", "timelapse", "dryad", "ctc", "synthetic", "auto"]
    root: str | Path
    classes: Sequence[str | Mapping[str, Any]] | None = None
    images: Given = "images"
    masks: Given = "masks"
    axes: str | None = None
    z: Z = None
    position: Position = None
    sequence: bool = False
    max_frame_pixels: Count = MAX_FRAME_PIXELS
    fill_missing_chunks: bool = False
    drawing: DrawingSettings | None = None
    labels: LabelSettings | None = None
    split: Split | None = None
    normalise: Literal["auto", "dtype", "percentile", "frame", "zscore"] = "auto"
    context: NonNegative = 0
    tile: TileSize | None = None
    batch_size: Count | None = None
    foreground_share: Share = 0.0
    most_indexed: Count = MOST_FRAMES
    steps_per_epoch: Count | None = None
    workers: NonNegative | None = None
    seed: NonNegative = 0
    augment: Augmentation | None = None
    grey: bool = False
    channels: Sequence[Channel] | None = None
    channel_names: Sequence[str] | None = None

    def files(self, classes: Classes, labels: LabelSettings) -> DataOnDisk:
        """Where the files lie and what they may be like.

        Raises:
            InputError: settings that do not go together.
        """
        rules = FileRules(
            labels=labels,
            class_values=class_values(classes, labels, self.masks),
            neighbours=self.context > 0,
            position=self.position,
            reading=ReadOptions(
                self.axes,
                z=self.z,
                max_frame_pixels=self.max_frame_pixels,
                fill_missing_chunks=self.fill_missing_chunks,
            ),
            channel_names=tuple(self.channel_names or ()),
            channels=self.channels,
            grey=self.grey,
        )
        drawing = self.drawing or DrawingSettings()
        return DataOnDisk(
            self.layout, Path(self.root), self.images, self.masks, self.sequence, rules, drawing
        )


def recognised(settings: DataSettings) -> DataSettings:
    """The settings that ``data=auto`` stands for.

    Raises:
        InputError: the layout is not certain.
    """
    known = recognise(Path(settings.root), settings.axes)
    labels = settings.labels or LabelSettings()
    kind = known.kind or labels.kind
    classes = settings.classes or list(known.classes) or None
    shown = replace(known, kind=kind, classes=tuple(Classes(classes).names) if classes else ())
    log.info("%s holds %s; data=auto stands for %s", settings.root, known.name, shown.settings)
    labels = replace(labels, kind=kind, sparse=known.sparse or labels.sparse)
    return replace(
        settings, layout="folder", images=known.images, masks=known.masks, labels=labels, classes=classes
    )


def named_classes(labels: LabelSettings, classes: Sequence[str | Mapping[str, Any]] | None) -> Classes:
    """The classes as given, or the classes that masks with numbers of cells are turned into.

    Raises:
        InputError: none are given, and masks hold values or colours.
    """
    if classes is None and labels.kind != "instances":
        raise InputError(
            "data.classes is not given, expected the names of the classes, background first: add "
            "data.classes=[background,...] with a name for each value of the masks, or "
            "data.labels.kind=instances where each cell has a number of its own"
        )
    return Classes(INSTANCE_CLASSES if classes is None else classes)


def default_workers() -> int:
    """Processes that read tiles: none where the net itself needs the CPU, else one for each spare core."""
    return min(MOST_WORKERS, cores() - 1) if torch.cuda.is_available() else 0
