"""The object that a checkpoint becomes for prediction: recordings or arrays in, class maps out."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.cells import Columns, measure_cells, split_cells
from hela_seg.data.classes import Classes
from hela_seg.data.context import keeping_recent, note_of_single_frames, with_those_around
from hela_seg.data.frames import NormalisedFrames
from hela_seg.data.intensity import intensity_mismatch, share_mismatch
from hela_seg.data.normalise import Normalisation
from hela_seg.data.stacks import ArraySeries, FrameSequence, Series, Z, open_series
from hela_seg.data.stacks.channels import Channel
from hela_seg.data.tiles import Size
from hela_seg.inference.bands import Band, BandMaker, Frame, Unreadable, whole_frames
from hela_seg.inference.ensemble import Ensemble, choose_device
from hela_seg.inference.fuse import fuse_conv_bn
from hela_seg.inference.tiling import Tiling
from hela_seg.inference.trained import TrainedNet, as_trained, check_same_classes
from hela_seg.runs.checkpoint import option_of
from hela_seg.system.errors import InputError

log = logging.getLogger(__name__)

Source = NDArray[Any] | Path | str
"""A recording: an array of grey values, or a file."""


class Predictor:
    """Predicts class maps with one trained net, or with the mean of several.

    It may be used from several threads at once. Nets that were trained with ``data.context`` are shown the
    frames before and after each as well; no frame is read twice for that.

    Args:
        trained: the nets.
        tiling: how frames go through them.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        precision: see `hela_seg.inference.ensemble.Ensemble`.

    Attributes:
        context: how many frames before and after each are looked at.

    Raises:
        InputError: there is no such device, or nets that cannot predict together.
    """

    def __init__(
        self,
        trained: Sequence[TrainedNet],
        tiling: Tiling | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        check_same_classes(trained)
        self._names = [option_of(one.info.net.get("_target_")) for one in trained]
        self.info = trained[0].info
        self.classes = Classes(self.info.classes)
        self.tiling = tiling or Tiling()
        kinds = [(one.info.normalisation, one.info.context) for one in trained]
        distinct = [kind for index, kind in enumerate(kinds) if kind not in kinds[:index]]
        self._kinds = [(Normalisation.from_plain(plain), context) for plain, context in distinct]
        self.context = max(context for _, context in kinds)
        inputs = [distinct.index(kind) for kind in kinds]
        self.device = choose_device(device)
        nets = [fuse_conv_bn(one.net, one.info.input_channels) for one in trained]
        ensemble = Ensemble(nets, inputs, self.tiling.tta, self.device, precision)
        shown = [trained[inputs.index(number)].info.input_channels for number in range(len(distinct))]
        self._maker = BandMaker(ensemble, self.tiling, shown)
        self._said_single = False
        self._statistics = [one.statistics for one in trained]

    def __repr__(self) -> str:
        """Nets, classes and channels, such as ``Predictor(unet, classes: background, round; 1 channel)``."""
        channels = f"{self.info.channels} channel{'s' if self.info.channels > 1 else ''}"
        frames = f" in each of {2 * self.context + 1} frames" if self.context else ""
        names, classes = " + ".join(self._names), ", ".join(self.classes.names)
        return f"Predictor({names}, classes: {classes}; {channels}{frames}; on {self.device})"

    @classmethod
    def from_checkpoint(
        cls,
        path: Path | str | Sequence[Path | str],
        device: str = "auto",
        precision: str = "auto",
        tiling: Tiling | None = None,
        trust: Sequence[str] = (),
    ) -> Predictor:
        """Load a checkpoint, or several to predict with together; nothing in them is executed.

        Args:
            path: of the checkpoint, or a list of them.
            device: see `Predictor`.
            precision: see `Predictor`.
            tiling: see `Predictor`.
            trust: see `TrainedNet.from_checkpoint`.

        Raises:
            InputError: see `TrainedNet.from_checkpoint` and `Predictor`; or a list without any.
        """
        paths = [path] if isinstance(path, Path | str) else path
        if not paths:
            raise InputError("the list of checkpoints is empty, expected one or more: check ckpt=")
        return cls([TrainedNet.from_checkpoint(one, trust) for one in paths], tiling, device, precision)

    def open(
        self,
        source: Source,
        axes: str | None = None,
        z: Z = None,
        position: str | None = None,
        *,
        channels: Sequence[Channel] | None = None,
    ) -> Series:
        """A recording as the net can take it; for the first four arguments see `predict`.

        Args:
            source: a recording.
            axes: of it.
            z: of it.
            position: in it.
            channels: those that the net sees, by number from 0 or by name; None for those of the training.
        """
        if isinstance(source, np.ndarray):
            series: Series = ArraySeries(source, axes, self.info.channels)
        elif not isinstance(source, str | Path):
            raise InputError(
                f"the source is a {type(source).__name__}, expected a path or a NumPy array: make one with "
                "numpy.stack, or hand frames one by one to stream"
            )
        else:
            assumed, z = self.info.axes, self.z_of(z)
            series = open_series(source, axes, assumed_axes=assumed, z=z, position=position)
        return self.as_trained(series, channels)

    def z_of(self, z: Z) -> Z:
        """What is seen of Z-stacks; as in training, where None is given."""
        return self.info.data.get("z") if z is None else z

    def as_trained(self, series: Series, channels: Sequence[Channel] | None = None) -> Series:
        """A series with the channels that the net sees; see `hela_seg.inference.trained.as_trained`."""
        return as_trained(self.info, series, channels)

    def intensity_mismatch(self, series: Series) -> str | None:
        """Say where a series' grey values can hardly be of the kind that one of the nets was trained on.

        Args:
            series: from `open`.

        Returns:
            One line, or None; see `hela_seg.data.intensity.intensity_mismatch`.
        """
        return next(filter(None, (intensity_mismatch(known, series) for known in self._statistics)), None)

    def share_mismatch(self, series: Series, pixels: NDArray[np.int64]) -> str | None:
        """Say where a class was given many times the pixels that it has in training frames.

        Args:
            series: from `open`.
            pixels: (K,) predicted ones of each class, in all frames of the series.

        Returns:
            One line, or None; see `hela_seg.data.intensity.share_mismatch`.
        """
        return share_mismatch(self._statistics[0], series.name, pixels, self.classes, series.shape[2:])

    def predict(
        self, source: Source, axes: str | None = None, z: Z = None, position: str | None = None
    ) -> NDArray[np.uint8]:
        """Class maps (T, H, W) uint8 of a recording, all at once in memory.

        Python warns (`UserWarning`) where the grey values can hardly be of the kind that the net was trained
        on, and where a class has many times its share of the training frames.

        Args:
            source: a TIFF or PNG file, or an array of grey values.
            axes: order of the axes where a file does not state it, or of an array, e.g. ``TYX``. By default
                that of the training data for files; for arrays (T, H, W) or (H, W), or these and a last axis
                of 1, when the net takes one channel, else (T, C, H, W), (C, H, W), or the same with the
                channels last.
            z: what is seen of a file's Z-stack: a plane, ``max`` or ``mean``; by default as in training.
            position: name or number, from 0, of the position that is meant, of a file with several.

        Raises:
            InputError: a file that cannot be read, or another number of channels than the net was trained on.
        """
        series = self._open_to_predict(source, axes, z, position)
        labels = np.stack(list(self.frames(series)))
        doubt = self.share_mismatch(series, np.bincount(labels.ravel(), minlength=len(self.classes)))
        if doubt is not None:
            warnings.warn(doubt, stacklevel=2)
        return labels

    def predict_proba(
        self, source: Source, axes: str | None = None, z: Z = None, position: str | None = None
    ) -> NDArray[np.float32]:
        """Probabilities (T, K, H, W) float32 of a recording, all at once in memory; see `predict`.

        Over K they sum to 1.
        """
        series = self._open_to_predict(source, axes, z, position)
        found = whole_frames(self.bands(series, self.groups(series), probabilities=True))
        return np.stack([band.probabilities for band in found if band.probabilities is not None])

    def objects(
        self, source: Source, axes: str | None = None, z: Z = None, position: str | None = None
    ) -> Columns:
        """The cells of a recording: one row a cell and frame; see `predict`.

        Returns:
            Columns by name, as `hela_seg.cells.measure_cells` gives them: class, area, shape, place and
            mean intensities. ``pandas.DataFrame(net.objects("movie.tif"))`` makes a table of them.
        """
        series = self._open_to_predict(source, axes, z, position)
        of_frames, size = list[Columns](), series.pixel_size
        for t, labels in enumerate(self.frames(series)):
            cells, image, time = split_cells(labels), series.frame(t), series.time_of(t)
            rows = measure_cells(cells, labels, self.classes, image, frame=t, pixel_size=size, time=time)
            of_frames.append(rows)
        return {name: np.concatenate([frame[name] for frame in of_frames]) for name in of_frames[0]}

    def stream(self, frames: Iterable[NDArray[Any]], axes: str | None = None) -> Iterator[NDArray[np.uint8]]:
        """Class maps (H, W) uint8 of frames as they come, from a camera for instance.

        Two frames are read ahead, and with context so many more as the net is shown after each frame. A frame
        of another size ends the context, as the end of a recording does.

        Args:
            frames: (H, W), or (C, H, W) where the net takes several channels; sizes may differ.
            axes: order of a frame's axes, e.g. ``YXC``.

        Raises:
            InputError: one that is several frames, or that `open` refuses.
        """
        singles = (self._open_single(frame, axes) for frame in frames)
        shown = enumerate(with_those_around(singles, self.context))
        bands = self._maker.bands([self._single(t, *together)] for t, together in shown)
        return (band.labels for band in whole_frames(bands))

    def _open_single(self, frame: NDArray[Any], axes: str | None) -> Series:
        series = self.open(frame, axes)
        if series.shape[0] != 1:
            raise InputError(
                f"what was handed to stream holds {series.shape[0]} frames (axes {series.axes}), expected "
                "one at a time: hand them one by one, or say with axes= which axis is of channels"
            )
        return series

    def frames(
        self, series: Series, frames: Iterable[int] | None = None, parts: Sequence[range] | None = None
    ) -> Iterator[NDArray[np.uint8]]:
        """Class maps (H, W) uint8 of a series, each as soon as it is done.

        Args:
            series: from `open`.
            frames: which ones, rising; by default all.
            parts: see `bands`.
        """
        bands = self.bands(series, self.groups(series, frames), parts=parts)
        return (band.labels for band in whole_frames(bands))

    def bands(
        self,
        series: Series,
        groups: Iterable[Sequence[int]],
        *,
        parts: Sequence[range] | None = None,
        probabilities: bool = False,
        skip_unreadable: bool = False,
    ) -> Iterator[Band | Unreadable]:
        """Predictions of a series, a band at a time: memory holds a row of tiles, not a frame.

        Args:
            series: from `open`.
            groups: frames to predict, see `groups`; what is predicted of a frame depends on its group alone.
            parts: ranges of frames that are not shown with those of others, as they are neighbours in time;
                by default all are one.
            probabilities: whether bands bring them.
            skip_unreadable: say so instead of ending where a frame cannot be read, and show the nearest
                frame that can be read beside its neighbours.

        Raises:
            InputError: a frame that cannot be read.
        """
        images = self._images(keeping_recent(series, self.context), parts, skip_unreadable)
        frames = ([Frame(t, images, t) for t in group] for group in groups)
        return self._maker.bands(frames, probabilities=probabilities, skip_unreadable=skip_unreadable)

    def groups(self, series: Series, frames: Iterable[int] | None = None) -> Iterator[list[int]]:
        """Frames in groups that fill a batch; of one frame each where it fills a batch by itself."""
        source = iter(range(series.shape[0]) if frames is None else frames)
        size = self.group_size(series.shape[2:])
        while group := list(islice(source, size)):
            yield group

    def group_size(self, size: Size) -> int:
        """How many frames of H x W pixels fill a batch; 1 where one frame makes one batch or more."""
        return self._maker.group_size(size)

    def _open_to_predict(self, source: Source, axes: str | None, z: Z, position: str | None) -> Series:
        """Open a recording, and warn of grey values that are not as in training.

        Where it holds a single frame and the net looks at several, that is said once.
        """
        series = self.open(source, axes, z, position)
        note = note_of_single_frames(self.context, [series])
        if note is not None and not self._said_single:
            self._said_single = True
            log.warning("warning: %s", note)
        doubt = self.intensity_mismatch(series)
        if doubt is not None:
            warnings.warn(doubt, stacklevel=3)
        return series

    def _images(
        self, series: Series, parts: Sequence[range] | None = None, skip_unreadable: bool = False
    ) -> list[NormalisedFrames]:
        """The series as the nets are shown it, once for each normalisation and context."""
        return [
            NormalisedFrames(series, normalisation, context, parts, skip_unreadable=skip_unreadable)
            for normalisation, context in self._kinds
        ]

    def _single(self, t: int, together: Sequence[Series], at: int) -> Frame:
        """A frame that came by itself, with those around it."""
        series = together[0] if len(together) == 1 else FrameSequence(together, "frames")
        return Frame(t, self._images(series), at)
