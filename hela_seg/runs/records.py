"""What lies beside the scores of a run, as JSON: its settings, its costs and what it ran on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hela_seg.runs.checkpoint import option_of
from hela_seg.system.errors import InputError
from hela_seg.system.files import write_whole

RECORD_FORMAT = 1
"""Raised when an older program could no longer read a newer record."""

MEASURED = {
    "parameters": "all numbers of the net that training changes",
    "multiply_adds": "of convolutions and matrix products, one image of the size of a training tile going "
    "forward, counted by torch.utils.flop_counter (2 floating point operations are 1 multiply-add)",
    "step_ms": "milliseconds of a training step of a batch, waiting for its tiles included: median over the "
    "epochs of their mean, the last step of each left out",
    "frame_s": "seconds to predict a test frame with its probabilities, reading and normalising included: "
    "mean over all, the first included",
    "peak_memory": "most bytes in use at one time while training: of the GPU's memory as PyTorch hands it "
    "out, or without a GPU of the whole process",
}
"""How each of a run's `Costs` was measured."""


@dataclass(frozen=True)
class Costs:
    """What a run cost; `MEASURED` says how each is measured, and None stands for what was not.

    Attributes:
        parameters: of the net.
        multiply_adds: of one tile.
        tile: rows and columns of a training tile.
        batch_size: tiles in a step.
        step_ms: milliseconds a training step.
        frame_s: seconds a predicted frame.
        peak_memory: bytes.
    """

    parameters: int | None = None
    multiply_adds: int | None = None
    tile: tuple[int, int] | None = None
    batch_size: int | None = None
    step_ms: float | None = None
    frame_s: float | None = None
    peak_memory: int | None = None


@dataclass(frozen=True)
class RunRecord:
    """What lies beside the scores of a run, so that it can be compared without opening its checkpoint.

    Attributes:
        net: ``_target_`` and arguments of the net; of label images that were scored in place of a net's
            predictions their ``name`` alone.
        seed: of weights, tiles and augmentation; None for label images and converted nets.
        split: rows of the split of the scored data: series, start, stop (exclusive), part.
        config: the resolved configuration of the training run; of label images how they were read.
        hardware: device, processor and precision, in words.
        versions: name and version of the program and the libraries that wrote it.
        costs: of training and predicting.
        launch: how processes that trained together were started, see `Launch.to_plain`; None for
            one that was started by itself.
        format: `RECORD_FORMAT` of the program that wrote it.
    """

    net: dict[str, Any]
    seed: int | None
    split: list[dict[str, Any]]
    config: dict[str, Any]
    hardware: dict[str, str]
    versions: dict[str, str]
    costs: Costs
    launch: dict[str, Any] | None = None
    format: int = RECORD_FORMAT

    @property
    def of_net(self) -> bool:
        """Whether a net of this program was scored, and not label images of another."""
        return "_target_" in self.net

    @property
    def kind(self) -> str:
        """The net as `option_of` names it; of label images their name and that they are such."""
        labels = f"{self.net.get('name', 'unknown')} (labels)"
        return option_of(self.net["_target_"]) if self.of_net else labels


def write_record(path: Path, record: RunRecord) -> None:
    """Write a record as JSON, with how its costs were measured; the file appears whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    text = json.dumps(asdict(record) | {"measured": MEASURED}, indent=2, ensure_ascii=False) + "\n"
    write_whole(path, text)


def read_record(path: Path) -> RunRecord:
    """Read what `write_record` wrote.

    Raises:
        InputError: no such file, a newer one, or one that does not hold what a record holds.
    """
    plain = read_json(path)
    plain.pop("measured", None)
    written = plain.get("format", 0)
    if not isinstance(written, int) or written > RECORD_FORMAT:
        raise InputError(
            f"{path} has format {written}, expected at most {RECORD_FORMAT}: it is from a newer version, "
            "update hela_seg"
        )
    try:
        costs = dict(plain.pop("costs"))
        tile = None if costs["tile"] is None else tuple(costs["tile"])
        return RunRecord(costs=Costs(**(costs | {"tile": tile})), **plain)
    except (TypeError, ValueError, KeyError) as error:
        cure = "expected a file of a run: hela_seg.evaluate writes it anew"
        raise InputError(f"{path} is damaged ({error}), {cure}") from None


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file of a run.

    Raises:
        InputError: it is not there, cannot be read, or holds no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): the run has not ended") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON ({error}): the file is damaged") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} holds {type(content).__name__}, expected an object of a run's JSON")
    return content
