"""Folders of empty files, and what patterns match in them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import refusals

from hela_seg.data.patterns.matching import Given, Matched, match


def touch(root: Path, names: Iterable[str]) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def found(root: Path, images: Given, masks: Given | None, **options: Any) -> list[Matched]:
    return match(root, images, masks, **options).or_raise()


def files(root: Path, recording: Matched) -> tuple[object, object]:
    """Paths below the root of the images, and of the masks, in the shape in which they are given."""

    def below(places: object) -> object:
        if isinstance(places, str):
            return Path(places).relative_to(root).as_posix() if Path(places).is_absolute() else places
        assert isinstance(places, tuple)
        return [below(place) for place in places]

    return below(recording.images), below(recording.masks)


refusal = partial(refusals.refusal, found)
