"""The version is one that packages and tags can have."""

from __future__ import annotations

from packaging.version import Version

from hela_seg.system.version import __version__


def test_the_version_is_written_as_packages_write_it() -> None:
    version = Version(__version__)
    assert str(version) == __version__
    assert version.local is None
    assert len(version.release) == 3
