import logging
import os

import numpy as np
import pytest
import tifffile
from tiff_samples import COMPRESSIONS, draw, write

from hela_seg.data.stacks import open_series
from hela_seg.system.errors import InputError


def _flipped_strips(content):
    """Offsets of strips moved beyond the end of the file."""
    return content.replace((273).to_bytes(2, "little"), (60000).to_bytes(2, "little"))


DAMAGE = {
    "nothing": lambda content: b"",
    "header only": lambda content: content[:8],
    "half a header": lambda content: content[:5],
    "cut in the first IFD": lambda content: content[:60],
    "garbage": lambda content: bytes(range(256)) * 20,
    "text": lambda content: b"frame,area\n1,200\n",
    "garbage after the header": lambda content: content[:8] + bytes(range(256)) * 20,
    "IFD beyond the end": lambda content: content[:4] + (2**31).to_bytes(4, "little") + content[8:],
    "no strip offsets": _flipped_strips,
    "zeros after the header": lambda content: content[:8] + bytes(len(content) - 8),
    "wrong byte order": lambda content: b"MM" + content[2:],
}
GOOD = {
    "contiguous": {"metadata": {"axes": "TYX"}},
    "compressed": {"metadata": {"axes": "TYX"}, "compression": "zlib"},
    "imagej": {"imagej": True, "metadata": {"axes": "TYX"}},
    "imagej compressed": {"imagej": True, "metadata": {"axes": "TYX"}, "compression": "zlib"},
    "ome": {"ome": True, "metadata": {"axes": "TYX"}, "compression": "lzw"},
    "ome contiguous": {"ome": True, "metadata": {"axes": "TYX"}},
    "plain contiguous": {"metadata": None},
    "plain": {"metadata": None, "compression": "zlib"},
    "bigtiff": {"metadata": {"axes": "TYX"}, "bigtiff": True},
}


def outcome(path):
    """Frames that can be read, or the one line of the refusal."""
    try:
        series = open_series(path, "TYX")
        return np.concatenate([series.frame(t) for t in range(series.shape[0])])
    except InputError as error:
        refusal = str(error)
    assert "\n" not in refusal
    assert str(path) in refusal
    return refusal


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("kind", GOOD)
def test_damaged_file_is_refused_in_one_line_that_names_it(tmp_path, kind, damage):
    path = tmp_path / "damaged.tif"
    tifffile.imwrite(path, draw("TYX"), photometric="minisblack", **{"byteorder": "<", **GOOD[kind]})
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    assert isinstance(outcome(path), str)


@pytest.mark.parametrize("silenced", [False, True], ids=["", "tifffile's logger is silenced"])
@pytest.mark.parametrize("kind", GOOD)
def test_wherever_a_file_is_cut_no_frame_is_lost_in_silence(tmp_path, monkeypatch, kind, silenced):
    monkeypatch.setattr(logging.getLogger("tifffile"), "disabled", silenced)
    path = tmp_path / "cut.tif"
    array = draw("TYX")[:, :9, :11]
    tifffile.imwrite(path, array, photometric="minisblack", **GOOD[kind])
    content = path.read_bytes()
    for size in range(1, len(content), 1 + len(content) // 150):
        path.write_bytes(content[:size])
        found = outcome(path)
        assert isinstance(found, str) or np.array_equal(found, array)


def test_damage_inside_compressed_data_is_refused_when_read(tmp_path):
    path = write(tmp_path / "a.tif", "TYX", compression="zlib")
    with tifffile.TiffFile(path) as file:
        offset = file.pages[2].dataoffsets[3]
    content = bytearray(path.read_bytes())
    content[offset : offset + 30] = bytes(30)
    path.write_bytes(content)
    series = open_series(path, "TYX")
    np.testing.assert_array_equal(series.frame(1)[0], draw("TYX")[1])
    with pytest.raises(InputError, match=r"a\.tif is damaged"):
        series.frame(2)


@pytest.mark.parametrize("silenced", [False, True], ids=["", "tifffile's logger is silenced"])
def test_imagej_stack_with_fewer_pages_than_it_states_is_refused(tmp_path, monkeypatch, silenced):
    monkeypatch.setattr(logging.getLogger("tifffile"), "disabled", silenced)
    description = "ImageJ=1.54f\nimages=9\nframes=9\nhyperstack=true\n"
    options = {"description": description, "metadata": None, "compression": "zlib"}
    tifffile.imwrite(tmp_path / "a.tif", draw("TYX"), photometric="minisblack", **options)
    with pytest.raises(InputError, match=r"a\.tif is damaged"):
        open_series(tmp_path / "a.tif")


def test_large_imagej_stack_with_one_directory_is_counted_by_what_it_states(tmp_path, monkeypatch):
    """ImageJ writes no further directory beyond 4 GiB: all frames follow the first one."""
    monkeypatch.setattr(logging.getLogger("tifffile"), "disabled", True)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, draw("TYX"), imagej=True, metadata={"axes": "TYX"}, byteorder="<")
    with tifffile.TiffFile(path) as file:
        first, frames = file.pages.first, file.pages.first.dataoffsets[0]
    content = bytearray(path.read_bytes())
    place = first.offset + 2 + 12 * len(first.tags)
    content[place : place + 4] = bytes(4)
    path.write_bytes(content)
    np.testing.assert_array_equal(open_series(path).frame(4)[0], draw("TYX")[4])
    path.write_bytes(content[: frames + 37 * 53 * 3])
    with pytest.raises(InputError, match=r"a\.tif is damaged .*states 5 planes and holds 1"):
        open_series(path)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_file_that_is_cut_after_it_was_opened_is_refused_when_read(tmp_path, compression):
    path = write(tmp_path / "a.tif", "TYX", compression=compression, cut="tiles")
    series = open_series(path, "TYX")
    with tifffile.TiffFile(path) as file:
        last = file.pages[-1]
    os.truncate(path, last.dataoffsets[-1] + last.databytecounts[-1] - 20)  # a JPEG decoder would not mind
    with pytest.raises(InputError, match=r"a\.tif is damaged"):
        series.frame(4)


def test_a_tag_that_nobody_needs_may_be_odd(tmp_path, caplog):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, draw("YX"), extratags=[(65001, 2, 4, b"abc\0", True)], metadata=None)
    content = path.read_bytes()
    tag = (65001).to_bytes(2, "little")
    at = content.index(tag)
    path.write_bytes(content[: at + 2] + (99).to_bytes(2, "little") + content[at + 4 :])
    np.testing.assert_array_equal(open_series(path).frame(0)[0], draw("YX"))
    assert logging.getLogger("tifffile").propagate
