"""A command run by Hydra: its configuration is composed, its function called, a fault said in one line."""

from __future__ import annotations

import logging
import os
import re
import shlex
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib import import_module
from typing import Any

import hydra
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from hela_seg.cli.arguments import named_classes, overrides, refuse_absent, setting
from hela_seg.cli.commands import COMMANDS, CONFIG, OUR_FAULT, PARTIAL, READ_LAYOUTS, USER_FAULT
from hela_seg.cli.keys import all_keys
from hela_seg.cli.nearest import with_suggestion
from hela_seg.cli.resume_arguments import expand_resume_arguments, record_kept, refuse_folder_of_another
from hela_seg.cli.start_from import expand_start_from
from hela_seg.runs.sweep.folders import key_of
from hela_seg.runs.sweep.jobs import Sweep, jobs_in, run_job
from hela_seg.system.early_checks import refuse_early
from hela_seg.system.errors import InputError, Interrupted, PartialResultError
from hela_seg.system.faults import user_message
from hela_seg.system.ranks import MULTIRUN, RankInfo, overrides_for_rank
from hela_seg.system.settings import flatten, to_plain


def run(name: str, typed: list[str]) -> int:
    """Run a command, and answer with its exit status; see `hela_seg.cli.main`.

    Args:
        name: one of `COMMANDS`.
        typed: what was typed after it.
    """
    # Hydra would print its own report and leave with status 1
    os.environ["HYDRA_FULL_ERROR"] = "1"
    Sweep.begun.clear()
    try:
        typed = _expanded(name, typed)
        with record_kept(typed) if name == "train" else nullcontext():
            _run_hydra(name, overrides(COMMANDS[name], typed))
    except PartialResultError as left_out:
        print(f"warning: {left_out}", file=sys.stderr)
        return PARTIAL
    except (KeyboardInterrupt, Interrupted) as end:
        status = end.status if isinstance(end, Interrupted) else Interrupted(signal.SIGINT).status
        how = str(end) or COMMANDS[name].goes_on
        if Sweep.begun:  # of a sweep not one job alone goes on
            how = f"go on with {shlex.quote(f'resume={Sweep.begun[0]}')}"
        print(": ".join(filter(None, ["interrupted", how])), file=sys.stderr)
        return status
    except Exception as error:
        message = user_message(error)
        if message is None:
            traceback.print_exc()
            print(f"error: this is a fault of hela_seg, not of your input: {error}", file=sys.stderr)
            return OUR_FAULT
        print(f"error: {with_suggestion(name, message)}", file=sys.stderr)
        return USER_FAULT
    return 0


def call(name: str, arguments: Sequence[str], settings: Mapping[str, Any]) -> Any:
    """Run a command inside of a script or a notebook, without a command line.

    Handlers of logging's root stay as they are.

    Args:
        name: one of `COMMANDS`.
        arguments: as typed on the command line, such as ``model=unet``.
        settings: the same as values of Python, by their keys; mappings are settings of a group.

    Returns:
        What the command's function returns.

    Raises:
        InputError: what the command would end with status 2 for.
        KeyboardInterrupt: it was interrupted; its message says how it goes on.
    """
    option = next((argument for argument in arguments if argument.startswith("-")), None)
    if option is not None:
        raise InputError(f"'{option}' is an option of the command line, expected settings such as model=unet")
    failures: list[Exception] = []
    found: list[Any] = []
    typed_here = [*arguments, *(setting(key, value) for key, value in flatten(settings).items())]
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        typed = _expanded(name, typed_here)
        with record_kept(typed), initialize_config_dir(str(CONFIG), name, "1.3"):
            run_command = partial(_run_command, name, failures, found)
            hydra_here = GlobalHydra.instance().hydra
            if hydra_here is not None:
                hydra_here.run(name, run_command, overrides(COMMANDS[name], typed))
            if failures:
                raise failures[0]
    except Interrupted as end:
        raise KeyboardInterrupt(str(end)) from None
    except Exception as error:
        message = user_message(error)
        if message is None:
            raise
        raise InputError(with_suggestion(name, message)) from error
    finally:
        root.handlers[:], root.level = handlers, level
    return found[0]


def _expanded(name: str, typed: Sequence[str]) -> list[str]:
    """Arguments with those that follow from a checkpoint, an earlier run, or several processes.

    Raises:
        InputError: see `refuse_folder_of_another` and, of ``train``, `expand_resume_arguments`.
    """
    typed = _with_folder(name, typed)
    if name == "train":
        # first, as a sweep to go on with is found by its settings
        typed = expand_resume_arguments(expand_start_from(typed))
    refuse_folder_of_another(name, typed)
    if name == "train":
        return overrides_for_rank(RankInfo.here(), typed)
    if name == "evaluate" and not any(key_of(argument) == "data" for argument in typed):
        # of a checkpoint's own data nothing but their place may be said
        return [re.sub(r"^data\.root=", "root=", argument) for argument in typed]
    return list(typed)


def _with_folder(name: str, typed: Sequence[str]) -> list[str]:
    """``output_dir=`` by Hydra's name, so that the record of a run or sweep lies with its results."""
    folder = "hydra.sweep.dir" if MULTIRUN & set(typed) else "hydra.run.dir"
    if folder in map(key_of, typed) or not any(key.path == "output_dir" for key in all_keys(name)):
        return list(typed)
    return [re.sub("^output_dir=", f"{folder}=", argument) for argument in typed]


def _without_defaults_of_others(config: DictConfig, typed: Sequence[str]) -> None:
    """Where the class of a group is typed, take the defaults of the class before it out of the group."""
    given = [key_of(line) for line in typed]
    for path in named_classes(typed):
        group = OmegaConf.select(config, path)
        if not isinstance(group, DictConfig):
            continue  # switched off with null
        with open_dict(group):
            for name in [str(key) for key in group if not str(key).startswith("_")]:
                key = f"{path}.{name}"
                if not any(one == key or one.startswith(f"{key}.") for one in given):
                    del group[name]


@contextmanager
def _composed_for_typed_classes() -> Iterator[None]:
    """What Hydra itself shows (``--cfg job``) and records is what the command gets."""
    compose = ConfigLoaderImpl.load_configuration

    def load(self: ConfigLoaderImpl, *args: Any, **kwargs: Any) -> DictConfig:
        """Compose as Hydra does, without the defaults of a class that another one replaces."""
        config = compose(self, *args, **kwargs)
        _without_defaults_of_others(config, config.hydra.overrides.task)
        return config

    ConfigLoaderImpl.load_configuration = load  # type: ignore[method-assign]
    try:
        yield
    finally:
        ConfigLoaderImpl.load_configuration = compose  # type: ignore[method-assign]


def _run_command(name: str, failures: list[Exception], found: list[Any], config: DictConfig) -> Any:
    """Call a command's function with what was composed; without a sweep, what it raises is kept for later."""
    try:
        # once more, for a launcher's own processes compose by themselves
        _without_defaults_of_others(config, HydraConfig.get().overrides.task)
        _refuse_missing(config)
        OmegaConf.set_readonly(config, True)  # what a command reads is what was typed
        _refuse_absent(config, COMMANDS[name].inputs)
        if HydraConfig.get().mode != RunMode.MULTIRUN:  # where `run_job` notes what is wrong with a job
            _refuse_misfits(name, config)
        _say_where(config)
        # imported only now, so that a bad configuration is answered without torch
        command = getattr(import_module(f"hela_seg.{name}"), name)
        if name == "train" and HydraConfig.get().mode == RunMode.MULTIRUN:
            return run_job(lambda: command(config).validation_score)
        found.append(command(config))
    except Exception as error:
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            raise  # Hydra goes on with the other jobs, and says which one this was
        failures.append(error)


def _run_hydra(name: str, arguments: list[str]) -> None:
    failures: list[Exception] = []
    run_composed = partial(_run_command, name, failures, [])
    before = sys.argv
    sys.argv = [f"hela-seg {name}", *arguments]
    try:
        with _composed_for_typed_classes():
            hydra.main(version_base="1.3", config_path=str(CONFIG), config_name=name)(run_composed)()
    except Exception as error:
        if not Sweep.begun or not jobs_in(Sweep.begun[0]):
            raise
        failures.append(error)
    finally:
        sys.argv = before
    if Sweep.begun:
        # imported only now, because it takes seconds
        import_module("hela_seg.report.comparison.folders").end_sweep(Sweep.begun[0], failures)
    elif failures:
        raise failures[0]


def _refuse_missing(config: DictConfig) -> None:
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        needed = " ".join(f"{key}=..." for key in missing)
        are, value = ("is", "a value") if len(missing) == 1 else ("are", "a value for each")
        raise InputError(f"{' and '.join(missing)} {are} not given, expected {value}: add {needed}")


def _refuse_absent(config: DictConfig, inputs: Sequence[str]) -> None:
    """Look at what is to be read before the imports that take seconds."""
    for key in inputs:
        named = OmegaConf.select(config, key)
        if key == "data.root" and OmegaConf.select(config, "data.layout") not in READ_LAYOUTS:
            continue
        for path in named if isinstance(named, Sequence) and not isinstance(named, str) else [named]:
            if isinstance(path, str) and path:
                refuse_absent(path, key)


def _refuse_misfits(name: str, config: DictConfig) -> None:
    """Look at values of plain types before the imports that take seconds."""
    plain = to_plain(config)
    if name == "train":
        refuse_early(plain["trainer"], "trainer", "hela_seg.training.settings.TrainerSettings")
    own = {"train": "hela_seg.training.settings.TrainSettings"}
    refuse_early(plain, target=own.get(name, f"hela_seg.{name}.{name.capitalize()}Settings"))


def _say_where(config: DictConfig) -> None:
    """A line before the imports that take seconds: where the files of the command go."""
    target = OmegaConf.select(config, "output") or OmegaConf.select(config, "output_dir")
    if target and "torch" not in sys.modules and RankInfo.here().rank == 0:
        print(f"results go into {target}", file=sys.stderr, flush=True)
