"""Which axis of a file is time, channel, depth, row and column: stated by file or user, never guessed."""

from __future__ import annotations

from pathlib import Path

from hela_seg.data.stacks.options import ReadOptions
from hela_seg.system.errors import InputError

_SYNONYMS = str.maketrans("HWS", "YXC")

_CHOICES = {
    "?YX": ("TYX", "CYX", "ZYX"),
    "?YXC": ("TYXC", "ZYXC"),
    "??YX": ("TCYX", "TYXC", "TZYX"),
    "???YX": ("TCZYX", "TZCYX"),
}
"""What axes may mean where some of them are not known."""


def resolve(found: str, shape: tuple[int, ...], options: ReadOptions, path: Path, *, stated: bool) -> str:
    """Decide the axes of a file.

    A mask has no channels, and may have no Z where its image has: ``TCZYX``, given for both, then is ``TZYX``
    for a mask of four axes and ``TYX`` for one of three.

    Args:
        found: one letter an axis, as the file or its reader names them (T, C, S, Z, Y, X; others are not
            known).
        shape: length of each axis.
        options: the user's word on it, ``axes``. It counts before the file's where it has as many letters as
            the file has axes, those of length 1 left out if need be. ``assumed_axes`` is the same, but counts
            only where the file states nothing.
        path: named in messages.
        stated: the letters are the file's own statement, not its reader's default.

    Returns:
        One letter an axis: T, C, Z, Y and X once each at most, and ``_`` for an axis of length 1 that is
        dropped.

    Raises:
        InputError: the axes are not known or not usable; the message shows the setting that settles it.

    Example:
        ``resolve("QYX", (20, 700, 1100), ReadOptions("TYX"), path, stated=False) == "TYX"``
    """
    wanted, assumed = options.axes, options.assumed_axes
    if options.labels:
        wanted, assumed = (_without_channels(given, len(shape)) for given in (wanted, assumed))
    letters = _spread(wanted, shape) or _usable(found, shape, stated) or _spread(assumed, shape)
    if letters is None:
        raise InputError(f"{path} {_explain(_without_singles(found, shape), shape)}")
    return letters


def checked(axes: str, allowed: str = "TCZYX") -> str:
    """Axes as the user writes them, in the letters T, C, Z, Y and X; H, W and S stand for Y, X and C.

    Raises:
        InputError: other letters, a letter twice, or no Y and X; ``checked("thws") == "TYXC"``.
    """
    letters = axes.upper().translate(_SYNONYMS)
    if set(letters) <= set(allowed) and len(set(letters)) == len(letters) and {"Y", "X"} <= set(letters):
        return letters
    raise InputError(
        f"the axes are given as '{axes}', expected the letters {', '.join(allowed)} once each at most, Y and "
        "X among them: set data.axes (axes, to predict) to one such as TYX or TCYX"
    )


def _without_channels(axes: str | None, dimensions: int) -> str | None:
    if axes is None:
        return None
    letters = "".join(letter for letter in axes if letter.upper() not in "CS")
    return letters if len(letters) <= dimensions else letters.replace("Z", "").replace("z", "")


def _spread(given: str | None, shape: tuple[int, ...]) -> str | None:
    """The user's letters over the axes of a file; None where their number does not fit."""
    letters = checked(given) if given else ""
    if letters and len(letters) == len(shape):
        return letters
    if letters and len(letters) == sum(length > 1 for length in shape):
        remaining = iter(letters)
        return "".join(next(remaining) if length > 1 else "_" for length in shape)
    return None


def _usable(found: str, shape: tuple[int, ...], stated: bool) -> str | None:
    """The file's letters; None where they leave room for doubt."""
    letters = _without_singles(found, shape)
    named = letters.replace("_", "")
    clear = stated and set(named) <= set("TCZYX") and len(set(named)) == len(named)
    return letters if named == "YX" or clear else None


def _without_singles(found: str, shape: tuple[int, ...]) -> str:
    return "".join(
        "_" if length == 1 and letter not in "YX" else letter.translate(_SYNONYMS)
        for letter, length in zip(found, shape, strict=True)
    )


def _explain(letters: str, shape: tuple[int, ...]) -> str:
    size, named = "x".join(map(str, shape)), letters.replace("_", "")
    unknown = "?" * named.index("Y") + named[named.index("Y") :]
    choices = " or ".join(f"data.axes={axes}" for axes in _CHOICES.get(unknown, ("TCYX",)))
    return (
        f"does not say what its axes mean ({size}), expected {choices}: set the one that is true (axes, to "
        "predict)"
    )
