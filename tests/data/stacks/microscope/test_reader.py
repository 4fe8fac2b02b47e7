"""What readers of all microscope formats share."""

from pathlib import Path

import pytest

from hela_seg.data.stacks.microscope.reader import closed_on_failure


def test_a_file_is_closed_if_its_header_cannot_be_read_and_stays_open_if_it_can(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    with path.open("rb") as sound, path.open("rb") as damaged:
        with closed_on_failure(sound):
            pass
        with pytest.raises(ValueError, match="no header"), closed_on_failure(damaged):
            raise ValueError("no header")
        assert (sound.closed, damaged.closed) == (False, True)
