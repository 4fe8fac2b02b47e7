"""Which runs are one net with several seeds, what to call it, and which runs may stand in one table."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hela_seg.comparison.found import Run
from hela_seg.system.settings import flatten

NO_CHOICE = re.compile(
    r"seed|data\.seed|output_dir|ckpt_path|resume|report|data\.root|data\.workers|optimizer\.fused|experiment"
    r"|logger\..*|callbacks\..*\.folder|trainer\.enable_progress_bar"
)
"""Settings that do not change the net: seeds, paths, and what is logged and shown."""

LONGEST_NAME = 40
"""Characters; a longer name would make a row of many lines in 80 columns."""


def by_net(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs by the name of their net.

    Runs whose settings are the same but for the seed are one net. Where several nets are of one kind, the
    settings in which they differ follow in its name: ``unet, loss.gamma=2.0``. Where that makes a name longer
    than `LONGEST_NAME`, or two names alike, they are numbered instead, ``unet (1)``, and `what_numbers_mean`
    has the settings.
    """
    return {name: group for name, (group, _) in _named(runs).items()}


def what_numbers_mean(runs: Sequence[Run]) -> dict[str, str]:
    """Settings of nets that `by_net` numbers, by name: ``{"unet (1)": "loss.gamma=2.0, model.width=8"}``."""
    return {name: settings for name, (_, settings) in _named(runs).items() if settings}


def _named(runs: Sequence[Run]) -> dict[str, tuple[list[Run], str]]:
    """By the name of each net its runs and, where it is numbered, the settings in which its kind differs."""
    kinds: dict[str, dict[str, list[Run]]] = {}
    # by folder, so that a net has the same number whatever the runs are sorted by
    for run in sorted(runs, key=lambda run: run.folder):
        kinds.setdefault(run.record.kind, {}).setdefault(settings_key(settings_of(run)), []).append(run)
    named: dict[str, tuple[list[Run], str]] = {}
    for kind, nets in kinds.items():
        settings = [", ".join(own) for own in _differing([settings_of(group[0]) for group in nets.values()])]
        names = [f"{kind}, {own}" if own else kind for own in settings]
        numbered = max(map(len, names)) > LONGEST_NAME or len(set(names)) < len(names)
        for number, (name, own, group) in enumerate(zip(names, settings, nets.values(), strict=True), 1):
            named[f"{kind} ({number})" if numbered else name] = (group, own if numbered else "")
    return named


def without_repeats(runs: Sequence[Run]) -> list[Run]:
    """Leave out runs that repeat another one, with its settings, seed and counted pixels.

    Evaluations of a trained checkpoint are such repeats. The run that knows its training time is kept, with
    the boundaries and cells that the other one measured, and with a note on what was left out.
    """
    kept: dict[Any, Run] = {}
    for run in sorted(runs, key=lambda run: run.record.costs.step_ms is None):
        key = (settings_key(settings_of(run)), run.record.seed, run.counts.matrix.tobytes())
        if key in kept:
            first = kept[key]
            moved = run.quality and not first.quality
            fate = "its boundaries and cells are shown there" if moved else "was left out"
            repeats = (*first.repeats, f"{run.folder} repeats {first.folder} and {fate}.")
            kept[key] = replace(first, quality=first.quality or run.quality, repeats=repeats)
        kept.setdefault(key, run)
    return list(kept.values())


def by_test(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that may be compared with each other, the largest group first.

    The runs of a group have the same classes and split, and were scored on the same frames and truth.
    """
    groups: dict[Any, list[Run]] = {}
    for run in runs:
        groups.setdefault(tuple(_test_conditions(run).values()), []).append(run)
    return sorted(groups.values(), key=len, reverse=True)


def what_differs(first: Run, second: Run) -> str:
    """Why two runs cannot be compared: ``other classes, another split``."""
    ours, theirs = _test_conditions(first), _test_conditions(second)
    return ", ".join(what for what in ours if ours[what] != theirs[what])


def _test_conditions(run: Run) -> dict[str, Any]:
    """What two runs must have in common, by the words for the difference."""
    return {
        "other classes": tuple(run.classes.names),
        "another split": json.dumps(run.record.split, sort_keys=True),
        "other frames": tuple(run.counts.places),
        "another truth": run.counts.matrix.sum(axis=2).tobytes(),
    }


def settings_key(settings: Mapping[str, Any]) -> str:
    """Settings as a text; 2 and 2.0 give the same text, and so do null and a missing key.

    Example:
        ``settings_key({"loss.gamma": 2.0, "data.z": None}) == settings_key({"loss.gamma": 2})``
    """
    given = {key: _whole_numbers_as_int(value) for key, value in settings.items() if value is not None}
    return json.dumps(given, sort_keys=True, default=str)


def _whole_numbers_as_int(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _whole_numbers_as_int(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_whole_numbers_as_int(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def settings_of(run: Run) -> dict[str, Any]:
    """Settings of a run that tell its net from others, by their path: ``model.width``."""
    settings = flatten(run.record.config)
    return {key: value for key, value in settings.items() if not NO_CHOICE.fullmatch(key)}


def _differing(all_settings: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Of each net the settings that not all of them share, as they are typed."""
    keys = sorted({key for settings in all_settings for key in settings})
    chosen = [key for key in keys if len({settings_key({key: one.get(key)}) for one in all_settings}) > 1]
    return [[f"{key}={own[key]}" for key in chosen if key in own] for own in all_settings]
