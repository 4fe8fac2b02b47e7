"""A trained net with what its checkpoint says about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from hela_seg.data.intensity import TrainingStatistics
from hela_seg.data.normalise import Normalisation
from hela_seg.data.stacks import Series
from hela_seg.data.stacks.channels import Channel, choose_channels, is_picked
from hela_seg.inference import onnx_net
from hela_seg.models import NothingDrawn, build
from hela_seg.runs.checkpoint import ModelInfo, read_checkpoint
from hela_seg.system.errors import InputError


@dataclass(frozen=True)
class TrainedNet:
    """A net and its description.

    Attributes:
        net: (N, C, H, W) float32 -> logits (N, K, H, W); has an attribute ``stride``.
        info: what its checkpoint says about it.
        source: where it came from, for messages.
    """

    net: nn.Module
    info: ModelInfo
    source: str = "net"

    @property
    def statistics(self) -> TrainingStatistics:
        """Grey values and class shares of the frames that it was trained on."""
        plain, levels = self.info.training_statistics, Normalisation.from_plain(self.info.normalisation)
        return TrainingStatistics.from_plain(plain, levels, self.info.channels, len(self.info.classes))

    @classmethod
    def from_checkpoint(cls, path: Path | str, trust: Sequence[str] = ()) -> TrainedNet:
        """Load a checkpoint, or an ONNX file that `hela_seg.export` made of one; nothing in it is executed.

        Args:
            path: of the file.
            trust: names of modules outside of this package whose nets a checkpoint may name.

        Raises:
            InputError: see `hela_seg.runs.checkpoint.read_checkpoint` and `hela_seg.models.build`; or weights
                that do not fit the net that the checkpoint names.
        """
        if Path(path).suffix == onnx_net.SUFFIX:
            computed = onnx_net.OnnxNet(Path(path))
            return cls(computed, computed.info, str(path))
        info, weights = read_checkpoint(path)
        try:
            with NothingDrawn():
                with torch.device("meta"):  # takes no memory
                    named = build(info.net, trust)
                named.load_state_dict(weights, assign=True)  # looks at names and sizes
                net = build(info.net, trust)
            net.load_state_dict(weights)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"{path} holds weights of another net than it names ({reason}): "
                "expected a file written by hela_seg.train"
            ) from None
        return cls(net, info, str(path))


def as_trained(info: ModelInfo, series: Series, channels: Sequence[Channel] | None = None) -> Series:
    """A series with the channels that a net sees.

    Args:
        info: of the net.
        series: of all channels, or of those that the net sees alone.
        channels: those that the net sees, by number from 0 or by name; None for those of the training.

    Raises:
        InputError: it lacks channels, or has others than the net was trained on.
    """
    if len(info.channel_names) == series.shape[1]:
        series.channel_names = tuple(info.channel_names)
    picked = info.data.get("channels") if channels is None else channels
    # of images that hold what the net sees and nothing else, there is nothing to pick
    if picked and not (channels is None and is_picked(series, picked)):
        series = choose_channels(series, picked)
    if info.data.get("grey"):
        series = choose_channels(series, None, grey=True)
    found = series.shape[1]
    if found != info.channels:
        cure = "pick some, as in channels=[0], or set axes= if they are frames"
        if found < info.channels:
            cure = "take images that have them all"
        if (found, info.channels) == (1, 3):
            cure += ", or show grey as colours with channels=[0,0,0]"
        raise InputError(
            f"{series.path} has {found} channel(s), expected {info.channels} as the net was trained on: "
            f"{cure}"
        )
    return series


def check_same_classes(trained: Sequence[TrainedNet]) -> None:
    """Make sure that nets can predict together.

    Raises:
        InputError: they were trained on other classes, on other channels or on another number of them.
    """
    first, *others = trained
    advice = "expected the same for nets that predict together: predict with one at a time"
    for other in others:
        shown = (one.info.data for one in (first, other))
        ours, theirs = ((data.get("channels"), bool(data.get("grey"))) for data in shown)
        if ours != theirs:
            raise InputError(
                f"{other.source} was trained with data.channels={theirs[0]} and data.grey={theirs[1]} but "
                f"{first.source} with {ours[0]} and {ours[1]}, {advice}"
            )
        for what in ("classes", "channels"):
            if getattr(first.info, what) != getattr(other.info, what):
                raise InputError(f"{other.source} was trained on other {what} than {first.source}, {advice}")
