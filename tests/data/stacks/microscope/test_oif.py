import os

import numpy as np
import pytest
import tifffile
from microscope_samples import movie

from hela_seg.data.stacks import open_series
from hela_seg.system.errors import InputError

pytest.importorskip("oiffile", reason="the extra formats is not installed")

MOVIE = movie(3, 2, 20, 30)
"""T, C, Y and X."""


def write(path):
    axes = {"X": (30, 0, 15, "um"), "Y": (20, 0, 20, "um"), "C": (2, 0, 1, ""), "T": (3, 0, 20000, "ms")}
    parts = ["[ProfileSaveInfo]", 'Name="OIF"', 'Version="2.0.0.0"']
    parts += ["[Axis Parameter Common]", 'AxisOrder="XYCT"']
    for number, (code, (count, start, end, unit)) in enumerate(axes.items()):
        parts += [f"[Axis {number} Parameters Common]", f'AxisCode="{code}"', f"MaxSize={count}"]
        parts += [f"StartPosition={start}", f"EndPosition={end}", f'PixUnit="{unit}"']
    path.write_bytes(b"\xff\xfe" + "\r\n".join(parts).encode("utf-16-le"))
    folder = path.with_name(f"{path.name}.files")
    folder.mkdir()
    for t, c in np.ndindex(3, 2):
        tifffile.imwrite(folder / f"s_C{c + 1:03}T{t + 1:03}.tif", MOVIE[t, c], metadata=None)
    return path


def test_planes_in_files_of_their_own_make_up_a_recording(tmp_path):
    series = open_series(write(tmp_path / "cells.oif"))
    assert series.shape == (3, 2, 20, 30)
    np.testing.assert_array_equal(np.stack([series.frame(t) for t in range(3)]), MOVIE)
    np.testing.assert_array_equal(series.read(2, slice(3, 9), slice(5, 28)), MOVIE[2, :, 3:9, 5:28])
    assert (series.pixel_size, series.frame_interval) == ((1.0, 0.5), 10.0)
    assert len(series.paths) == 7


def test_planes_that_are_missing_or_cut_are_refused(tmp_path):
    path = write(tmp_path / "cells.oif")
    folder = tmp_path / "cells.oif.files"
    os.truncate(folder / "s_C002T003.tif", 100)
    with pytest.raises(InputError, match=r"cells\.oif is damaged or no OIF"):
        open_series(path)
    for file in folder.iterdir():
        file.unlink()
    with pytest.raises(InputError, match=r"cells\.oif is damaged or no OIF"):
        open_series(path)
