"""Addresses of folders on servers, ``https://`` and ``s3://``, as paths."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from hela_seg.system.errors import import_extra

if TYPE_CHECKING:
    _Path = Path
else:
    _Path = type(Path())  # the system's own class, which can be subclassed before Python 3.12 too

_ADDRESS = re.compile(r"(https?|s3|gs)://?(?=[^/])")
_PACKAGES = {"https": "aiohttp", "http": "aiohttp", "s3": "s3fs", "gs": "gcsfs"}
"""What fsspec needs for each kind of address."""


class Url(_Path):
    """The address of a folder on a server; ``/`` gives what lies inside of it, as with any path."""

    def __str__(self) -> str:
        return _ADDRESS.sub(r"\1://", super().__str__().replace("\\", "/"), count=1)

    def absolute(self) -> Url:
        """The address itself: it does not depend on the folder that a program runs in."""
        return self

    def __reduce__(self) -> tuple[type[Url], tuple[str]]:
        return type(self), (str(self),)


def path_of(place: Path | str) -> Path:
    """A path from what the user gave; an address where it begins as one.

    ``str(path_of("https://server/a.zarr")) == "https://server/a.zarr"``
    """
    return Url(place) if _ADDRESS.match(str(place)) else Path(place)


def joined(root: Path, place: str) -> Path:
    """A place below a folder, unless it is an address itself."""
    return path_of(place) if _ADDRESS.match(place) else path_of(root) / place


def is_remote(path: Path) -> bool:
    """Whether a path is an address."""
    return isinstance(path, Url)


def require_packages(path: Path) -> None:
    """Refuse an address where the packages that read it are not installed.

    Raises:
        InputError: they are not.
    """
    kind = str(path).partition(":")[0]
    import_extra("fsspec", _PACKAGES[kind], what=str(path), extra="remote")
