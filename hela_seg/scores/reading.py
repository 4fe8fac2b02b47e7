"""How label images are read, where they differ from the masks of the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hela_seg.data.classes import Classes
from hela_seg.data.labels.readers import InstanceLabels, LabelReader
from hela_seg.data.labels.settings import LabelSettings, label_reader
from hela_seg.system.errors import InputError


@dataclass(frozen=True)
class Reading:
    """How label images are read; what is None is as for the masks of the truth.

    Args:
        kind: ``values``, ``colours`` or ``instances``.
        classes: as `hela_seg.data.classes.Classes` takes them, with the values or colours that stand for the
            classes in label images.
        axes: order of the axes in files that do not state it, e.g. ``TYX``.
        files: names of the label files up to the ending, with ``{name}`` in place of the image's, such as
            ``{name}_mask``; None for the image's own name, alone or with what programs append to it.

    Raises:
        InputError: ``files`` lacks ``{name}``.
    """

    kind: Literal["values", "colours", "instances"] | None = None
    classes: Sequence[str | Mapping[str, Any]] | None = None
    axes: str | None = None
    files: str | None = None

    def __post_init__(self) -> None:
        if self.files is not None and "{name}" not in self.files:
            raise InputError(
                f"reading.files is '{self.files}', expected {{name}} in it, which stands for the image's "
                "name: write reading.files='{name}_mask'"
            )

    def reader(self, truth: Classes, masks: Mapping[str, Any] | None) -> LabelReader:
        """The reader of label images, where masks of the truth are read by the settings ``data.labels``.

        Raises:
            InputError: other classes than those of the truth, or ids of cells where the truth has classes
                that ids do not tell apart.
        """
        of_masks = {"kind": "values"} | dict(masks or {})
        kind = self.kind or of_masks["kind"]
        like_masks = kind == of_masks["kind"]
        if kind == "instances" and not like_masks:
            if len(truth) != 2:
                raise InputError(
                    f"reading.kind is instances but the truth has {len(truth)} classes "
                    f"({', '.join(truth.names)}), which ids of cells do not tell apart: set "
                    "data.labels.kind=instances if its masks number cells too, or "
                    "data.classes=[background,cell] with all mask values of cells"
                )
            return InstanceLabels(border_width=0)  # every id as the one class beside the background
        classes = self._classes(truth)
        ignored = of_masks.get("ignore_value") if like_masks else None
        width = of_masks.get("border_width", 2)
        return label_reader(classes, LabelSettings(kind, width, ignored))

    def in_colours(self, masks: Mapping[str, Any] | None) -> bool:
        """Whether classes are painted in colours; ``masks`` as in `reader`."""
        return (self.kind or (masks or {}).get("kind")) == "colours"

    def _classes(self, truth: Classes) -> Classes:
        if self.classes is None:
            return truth
        classes = Classes(self.classes)
        if classes.names != truth.names:
            raise InputError(
                f"reading.classes names {', '.join(classes.names)}, expected {', '.join(truth.names)} as the "
                "truth has them: give the same names in the same order"
            )
        return classes
