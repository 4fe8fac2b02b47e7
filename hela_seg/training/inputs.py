"""The channels that a net is shown, and which of them are those of another net."""

from __future__ import annotations

from dataclasses import dataclass

from hela_seg.data.datamodule import TimelapseData
from hela_seg.runs.checkpoint import ModelInfo

Places = list[int | None]
"""For each class or input channel of the new net its place in the checkpoint's; None for a new one."""


@dataclass(frozen=True)
class Inputs:
    """The channels that a net is shown.

    Attributes:
        channels: C of one frame.
        context: how many frames before and after are shown too.
        names: of the C channels; empty where they are not known.
    """

    channels: int
    context: int = 0
    names: tuple[str, ...] = ()

    @classmethod
    def of_data(cls, data: TimelapseData) -> Inputs:
        """The channels of opened data."""
        names = tuple(data.recordings[0].image.channel_names)
        return cls(data.channels, data.context, names if len(names) == data.channels else ())

    @classmethod
    def of_checkpoint(cls, info: ModelInfo) -> Inputs:
        """The channels that a checkpoint's net was trained on, with the names that its settings gave."""
        picked, names = info.data.get("channels"), info.channel_names
        if picked:
            by_number = dict(enumerate(names))
            names = [by_number.get(one, one) for one in picked]
        known = len(names) == info.channels and not info.data.get("grey")
        known = known and all(isinstance(name, str) for name in names)
        return cls(info.channels, info.context, tuple(names) if known else ())

    def matched(self, other: Inputs) -> Places | None:
        """The place of each of these channels among another net's; None where that is not known.

        Channels are the same by their names where both sides have names and share one, else by their
        position in the frame where both have as many.
        """
        ours, theirs = self.names, other.names
        if not set(ours) & set(theirs):
            if self.channels != other.channels:
                return None
            ours = theirs = tuple(map(str, range(self.channels)))
        there = [(t, name) for t in range(-other.context, other.context + 1) for name in theirs]
        here = [(t, name) for t in range(-self.context, self.context + 1) for name in ours]
        return [there.index(one) if one in there else None for one in here]

    def __str__(self) -> str:
        frames = f" in each of {2 * self.context + 1} frames" if self.context else ""
        names = f" ({', '.join(self.names)})" if self.names else ""
        return f"{self.channels} channel(s){names}{frames}"
