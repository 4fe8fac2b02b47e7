"""From an exception, also one of Hydra's, to one line for the user."""

from __future__ import annotations

import re

from hydra.errors import HydraException, InstantiationException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from hela_seg.system.errors import InputError, message_of

_HYDRA_SMALL_TALK = re.compile(
    r"To append to your config|Config search path:|\s*provider=|Key '.*' is not in"
)
"""Beginnings of lines in Hydra's messages that help those who write a Hydra application, not who use one."""

_NO_CHOICE = "Config group override must be a string or a list"
"""What Hydra says of ``data=null``, in an exception that is none of its own."""

_EXTRAS = {"sweeper": "sweep", "launcher": "cluster"}
_PLUGIN = re.compile(r"hydra/(sweeper|launcher)/(optuna|joblib|submitit_local|submitit_slurm|ray)\b")
"""Choices that packages of an extra bring, as Hydra names those that it does not find."""

_LAUNCHERS = {"joblib", "submitit", "ray"}
"""Packages that start workers, and raise exceptions of their own where one is killed."""


def user_message(error: BaseException) -> str | None:
    """One line for the user, or None where the fault is ours."""
    chain: list[BaseException] = [error]
    while chain[-1].__cause__ is not None:
        chain.append(chain[-1].__cause__)
    for link in chain:
        if isinstance(link, InputError):
            return _one_line(message_of(link))
    if isinstance(error, InstantiationException):
        innermost = chain[-1]
        wrong_argument = isinstance(innermost, TypeError) and "argument" in str(innermost)
        return _one_line(error) if wrong_argument or isinstance(innermost, ImportError) else None
    if isinstance(error, OverrideParseException):
        reason = str(error).splitlines()[0]
        return (
            f"{error.override} is not understood ({reason}): "
            "put the value in quotes inside the shell's quotes"
        )
    if isinstance(error, HydraException | OmegaConfBaseException):
        lacking = _PLUGIN.search(str(error))
        if lacking:
            return f'{lacking[0]} is not installed: run pip install "hela-seg[{_EXTRAS[lacking[1]]}]"'
        lines = [line for line in str(error).splitlines() if not _HYDRA_SMALL_TALK.match(line)]
        said = re.sub(r"Could not override ('[^']*')", r"there is no key or group \1", " ".join(lines))
        return f"{_one_line(said)}: see --help for the groups and keys"
    if isinstance(error, ValueError) and str(error).startswith(_NO_CHOICE):
        return (
            "a group such as data or model is set to what is no name (null, a number), expected one of its "
            "choices: leave it out, or see --help for them"
        )
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}; check the path, its permissions and the free space"
    package = type(error).__module__.partition(".")[0]
    if package in _LAUNCHERS:
        return (
            f"a worker of {package} did not come to its end ({_one_line(error)[:200]}): see its log "
            "for the reason, then type the same command again, which goes on with what is missing"
        )
    return None


def _one_line(error: object) -> str:
    line = " ".join(str(error).split())
    return line if line.endswith("...") else line.rstrip(".:")
