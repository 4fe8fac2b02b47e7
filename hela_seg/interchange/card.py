"""A page in Markdown that says what a checkpoint is: its data, its scores, its uses and its limits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hela_seg.comparison.found import Run, read_run
from hela_seg.comparison.rows import MEASURES, all_figures
from hela_seg.data.splits.table import PARTS
from hela_seg.inference.onnx_net import SUFFIX
from hela_seg.inference.trained import TrainedNet
from hela_seg.runs.checkpoint import TEST_KEY, ModelInfo, option_of, read_content
from hela_seg.scores.counts import FrameCounts
from hela_seg.scores.statistics import (
    FEW_UNITS,
    Interval,
    count_of,
    intervals_of,
    level_of,
    resampled,
    summed,
    units_of,
)
from hela_seg.system.errors import InputError

SHOWN = ("iou", "dice", "precision", "recall")
HEADINGS = {"iou": "IoU", "dice": "Dice", "precision": "Precision", "recall": "Recall"}


def card(trained: TrainedNet) -> str:
    """The card of a net as Markdown; scores are those of its run's test frames, see `test_counts`."""
    counts = test_counts(trained)
    parts = [_net(trained), _data(trained.info), _scores(trained.info, counts), _use(trained.info, counts)]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def test_counts(trained: TrainedNet) -> FrameCounts | None:
    """The counted pixels of the test frames: those in the checkpoint, else in the folder of its run.

    None where there are neither: in a converted checkpoint, or one that was not scored.
    """
    source = Path(trained.source)
    is_checkpoint = source.is_file() and source.suffix != SUFFIX
    held = read_content(source).get(TEST_KEY) if is_checkpoint else None
    if held is not None:
        return FrameCounts.from_plain(held, len(trained.info.classes))
    run = run_of(trained)
    return None if run is None else run.counts


def run_of(trained: TrainedNet) -> Run | None:
    """The finished run that a checkpoint belongs to, if it lies in its folder; None where it does not."""
    folder = Path(trained.source).absolute().parent.parent
    try:
        run = read_run(folder)
    except InputError:
        return None
    mine = (trained.info.net, trained.info.split)
    return run if (run.record.net, run.record.split) == mine else None


def intervals(counts: FrameCounts) -> tuple[dict[str, list[Interval]], int]:
    """Scores of frames with 95 % intervals, for each measure the mean over classes and then the classes.

    Returns:
        The scores, and how many independent units of test frames they are drawn from.
    """
    units = units_of(counts)
    count, rows = count_of(units), 1 + counts.matrix.shape[-1]
    found = intervals_of(*resampled(summed(counts.matrix, units), all_figures), level_of(count))
    starts = range(0, rows * len(MEASURES), rows)
    return {name: found[at : at + rows] for name, at in zip(MEASURES, starts, strict=True)}, count


def _net(trained: TrainedNet) -> Iterator[str]:
    info = trained.info
    settings = ", ".join(f"{key} {value}" for key, value in info.net.items() if key != "_target_")
    parameters = sum(parameter.numel() for parameter in trained.net.parameters())
    yield f"# {kind_of(info)}, {len(info.classes)} classes"
    yield ""
    yield f"A net that gives each pixel of a microscopic image one of {len(info.classes)} classes:"
    yield f"{', '.join(names_of(info))}."
    yield ""
    weights = f", {parameters:,} weights" if parameters else ""
    yield f"- Net: `{info.net['_target_']}` ({settings}){weights}"
    yield f"- Takes: {info.channels} channel(s), axes of its files {info.axes or 'as they state them'}"
    if info.context:
        yield f"- {frames_in_words(info)}"
    yield f"- Normalisation of grey values: {_normalisation(info)}"
    yield f"- Made with: {', '.join(f'{name} {version}' for name, version in info.versions.items())}"


def _data(info: ModelInfo) -> Iterator[str]:
    yield "## Data"
    yield ""
    if not info.split:
        yield "Nothing is known of what it was trained on: it was converted from a file of another program."
        return
    yield f"Layout `{info.data.get('layout', 'unknown')}`, split by whole recordings or by blocks of time:"
    yield ""
    yield "| part | series | frames |"
    yield "|---|---|---|"
    frames: Counter[str] = Counter()
    for row in info.split:
        frames[row["part"]] += row["stop"] - row["start"]
    for part in sorted(frames, key=lambda name: (*PARTS, name).index(name)):
        series = {row["series"] for row in info.split if row["part"] == part}
        yield f"| {part} | {len(series)} | {frames[part]} |"


def _scores(info: ModelInfo, counts: FrameCounts | None) -> Iterator[str]:
    yield "## Scores"
    yield ""
    if counts is None:
        yield "No test scores are in this checkpoint or beside it. `python -m hela_seg.evaluate` counts them."
        return
    found, units = intervals(counts)
    yield f"All pixels of {len(counts)} test frames pooled; in brackets 95 % intervals by drawing"
    yield f"{units} independent unit(s) of them anew."
    yield ""
    yield "| class | " + " | ".join(HEADINGS[name] for name in SHOWN) + " |"
    yield "|---" * (1 + len(SHOWN)) + "|"
    for place, name in enumerate(["mean", *names_of(info)]):
        cells = [name.replace("|", r"\|"), *(_in_words(found[measure][place]) for measure in SHOWN)]
        yield f"| {' | '.join(cells)} |"


def _use(info: ModelInfo, counts: FrameCounts | None) -> Iterator[str]:
    yield "## Intended use"
    yield ""
    yield "Class maps of recordings like those that it was trained on: the same kind of cells, microscope,"
    yield "contrast and magnification. For research; not for diagnosis."
    yield ""
    yield "## Limits"
    yield ""
    yield "- Other cells, stains, microscopes or pixel sizes may give maps that look right and are wrong:"
    yield "  score some frames of your own first."
    if info.normalisation["kind"] in ("percentile", "zscore"):
        yield "- Grey values are scaled by figures of the training images; a film of another exposure is not."
    if len({row["series"] for row in info.split}) == 1:
        yield "- One single recording made training, validation and test: scores on another may be far lower."
    if counts is not None and count_of(units_of(counts)) < FEW_UNITS:
        yield "- Few independent test images: the true scores may lie outside of the intervals."
    if counts is None:
        yield "- Not scored here."


def frames_in_words(info: ModelInfo) -> str:
    """How the frames follow each other in the channels of a net that is shown several."""
    k, count = info.context, 2 * info.context + 1
    return (
        f"Frames: {count}, from t - {k} to t + {k} in order of time, each with its {info.channels} "
        f"channel(s), {info.input_channels} in all; the classes are those of frame t, and at the ends of a "
        "recording the nearest frame stands for those that are not there"
    )


def names_of(info: ModelInfo) -> list[str]:
    """Names of the classes, background first."""
    return [entry["name"] for entry in info.classes]


def kind_of(info: ModelInfo) -> str:
    """Name of the net as in ``model=``; of a net of a zoo its architecture and encoder."""
    if "arch" in info.net:
        return f"{info.net['arch']} on {info.net['encoder_name']}"
    return option_of(info.net["_target_"])


def _normalisation(info: ModelInfo) -> str:
    plain = info.normalisation
    if plain["low"] is None:
        if plain["kind"] == "dtype":
            return "0 to the largest value of the image's type becomes 0 to 1"
        least, most = plain["percentiles"]
        return f"percentiles {least:g} to {most:g} of each frame become 0 to 1"
    pairs = zip(plain["low"], plain["high"], strict=True)
    return "; ".join(f"{low:g} to {high:g} becomes 0 to 1" for low, high in pairs) + f" ({plain['kind']})"


def _in_words(interval: Interval) -> str:
    if math.isnan(interval.value):
        return "-"
    if not interval.known:
        return f"{interval.value:.4f}"
    return f"{interval.value:.4f} ({interval.low:.3f}-{interval.high:.3f})"
