"""Which axis of a file is time, channel, row and column: stated by the file, or by the user, never guessed."""

from __future__ import annotations

from pathlib import Path

from hela_seg.errors import InputError

_SYNONYMS = str.maketrans("HWS", "YXC")


def resolve(found: str, shape: tuple[int, ...], *, stated: bool, wanted: str | None, path: Path) -> str:
    """Decide the axes of a file.

    Args:
        found: one letter an axis, as the file or its reader names them (T, C, S, Z, Y, X; Q and I are unknown).
        shape: length of each axis.
        stated: the letters are the file's own statement, not its reader's default.
        wanted: the user's word on it (``data.axes``). It counts where it has as many letters as the file has axes.
        path: named in messages.

    Returns:
        One letter an axis: T, C, Y and X once each at most, and ``_`` for an axis of length 1 that is dropped.

    Raises:
        InputError: the axes are not known or not usable; the message shows the setting that settles it.

    Example:
        ``resolve("QYX", (20, 700, 1100), stated=False, wanted="TYX", path=...) == "TYX"``
    """
    if wanted is not None:
        wanted = _checked(wanted)
        if len(wanted) == len(shape):
            return wanted
        if len(wanted) == sum(length > 1 for length in shape):
            letters = iter(wanted)
            return "".join(next(letters) if length > 1 else "_" for length in shape)
    letters = "".join(
        "_" if length == 1 and letter not in "YX" else letter.translate(_SYNONYMS)
        for letter, length in zip(found, shape, strict=True)
    )
    named = letters.replace("_", "")
    if named == "YX" or (stated and set(named) <= set("TCYX") and len(set(named)) == len(named)):
        return letters
    size = "x".join(map(str, shape))
    if stated and "Z" in named:
        raise InputError(
            f"{path} is a Z-stack (axes {found}, {size}), expected frames in time: project it to one plane, "
            f"or set data.axes={named.replace('Z', 'T')} if the slices are frames"
        )
    raise InputError(f"{path} does not say what its axes mean ({size}), expected {_choices(named)}")


def _checked(wanted: str) -> str:
    letters = wanted.upper().translate(_SYNONYMS)
    if set(letters) <= set("TCYX") and len(set(letters)) == len(letters) and {"Y", "X"} <= set(letters):
        return letters
    raise InputError(f"data.axes is '{wanted}', expected the letters T, C, Y, X once each, such as TYX or TCYX")


def _choices(named: str) -> str:
    choices = {3: ("TYX", "CYX"), 4: ("TCYX", "TYXC")}.get(len(named), ("TCYX",))
    return " or ".join(f"data.axes={choice}" for choice in choices) + ": set the one that is true"
