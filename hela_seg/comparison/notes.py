"""Notes below a comparison: on its intervals, seeds, classes and hardware."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from hela_seg.comparison.folds import missing_folds
from hela_seg.comparison.found import Run
from hela_seg.comparison.nets import by_net
from hela_seg.scores.statistics import FEW_UNITS, FEWEST_TO_TEST, RESAMPLES, level_of


def notes_on(runs: Sequence[Run], frames: int, units: int) -> list[str]:
    """Sentences on intervals, seeds, classes and hardware of the runs of one table.

    Args:
        runs: all of them.
        frames: how many were scored and hold pixels that count.
        units: how many independent units these make, see `hela_seg.scores.statistics.units_of`.
    """
    nets = by_net(runs)
    return [
        *(line for run in runs for part in (run.folds or (run,)) for line in part.repeats),
        *_fold_notes(runs),
        _interval_note(frames, units),
        *_seed_notes(nets),
        *_label_image_notes(nets),
        *_absent_class_notes(runs),
        *hardware_notes(runs),
    ]


def _fold_notes(runs: Sequence[Run]) -> Iterator[str]:
    if pooled := [run for run in runs if run.folds]:
        lacking = {f"{run.folder} lacks fold {fold}" for run in pooled for fold in missing_folds(run)}
        there = f" {'; '.join(sorted(lacking))}: its frames are not among those scored." if lacking else ""
        yield (
            f"Out of fold: {len(pooled[0].folds)} trainings a net and seed, each scored on the frames of its "
            f"own fold, whose confusion matrices are summed.{there}"
        )


def _interval_note(frames: int, units: int) -> str:
    if units < 2:
        neighbours = f"{frames} neighbouring frames look alike and count as one image, which"
        what = "a single image" if frames == 1 else neighbours
        return f"No 95 % intervals and no tests: {what} does not show how much scores vary."
    blocks = f"{units} blocks of neighbouring frames or whole recordings ({frames} frames in all)"
    drawn = f"{units} images" if units == frames else blocks
    few = f" Fewer than {FEW_UNITS} make them too narrow all the same." if units < FEW_UNITS else ""
    if units < FEWEST_TO_TEST:
        few += f" With fewer than {FEWEST_TO_TEST} no test can show a difference."
    return (
        "95 % intervals say where the scores of other images of this kind are expected; another training may "
        f"differ by more. They are percentiles of {RESAMPLES} bootstrap draws of {drawn}, at the level "
        f"{100 * level_of(units):.2f} %, which makes up for how few these are.{few}"
    )


def _seed_notes(nets: Mapping[str, Sequence[Run]]) -> Iterator[str]:
    trained = {name: group for name, group in nets.items() if group[0].record.of_net}
    single = [name for name, group in trained.items() if len(group) == 1]
    if single:
        effect = "change the order of nets with close scores" if len(trained) > 1 else "give other scores"
        yield f"Trained with one seed: {', '.join(single)}. Another seed may {effect}."
    elif trained:
        yield "Scores are means over seeds, ± their standard deviation over seeds."
    repeated = [
        f"{name} ({count} with seed {seed})"
        for name, group in nets.items()
        for seed, count in Counter(run.record.seed for run in group).items()
        if seed is not None and count > 1
    ]
    if repeated:
        yield f"Several runs of one seed count as so many seeds: {', '.join(repeated)}."


def _label_image_notes(nets: Mapping[str, Sequence[Run]]) -> Iterator[str]:
    if names := [name for name, group in nets.items() if not group[0].record.of_net]:
        yield f"Label images and no net of this program, of which it knows no costs: {', '.join(names)}."


def _absent_class_notes(runs: Sequence[Run]) -> Iterator[str]:
    true_pixels = runs[0].counts.pooled.sum(axis=1)
    if absent := [c.name for c in runs[0].classes if not true_pixels[c.index]]:
        yield (
            f"Absent from the truth: {', '.join(absent)}. A net that predicts such a class nowhere has no "
            "score for it, which its means leave out; one that does scores 0."
        )


def hardware_notes(runs: Sequence[Run]) -> list[str]:
    """The machine that times and memory were measured on, or that they cannot be compared."""
    hardware = [run.record.hardware for run in runs if run.record.of_net]
    machines = Counter(", ".join(map(str, of_run.values())) for of_run in hardware)
    if not machines:
        return []
    if len(machines) == 1:
        return [f"Times and memory: {next(iter(machines))}."]
    listed = "; ".join(f"{name} ({count} runs)" for name, count in machines.items())
    return [f"Times and memory are of different machines and cannot be compared: {listed}."]
