"""Directories of a TIFF file that lead back to one of them, in both formats and byte orders."""

import struct

import numpy as np
import pytest
import tifffile

from hela_seg.data.stacks.tiff.ifds import refuse_broken_chain

KINDS = {
    "TIFF": {"byteorder": "<"},
    "TIFF, big-endian": {"byteorder": ">"},
    "BigTIFF": {"bigtiff": True, "byteorder": "<"},
    "BigTIFF, big-endian": {"bigtiff": True, "byteorder": ">"},
}


def write(path, pages, options):
    frames = np.zeros((pages, 4, 5), np.uint8)
    with tifffile.TiffWriter(path, **options) as file:
        for frame in frames:
            file.write(frame, contiguous=False, metadata=None)
    return path


def link(path, page, target):
    """Make the directory of a page lead to that of another one."""
    with tifffile.TiffFile(path) as file:
        offsets = [entry.offset for entry in file.pages]
        counter, entry, offset = ("Q", 20, "Q") if file.is_bigtiff else ("H", 12, "I")
        order = file.byteorder
    content = bytearray(path.read_bytes())
    (entries,) = struct.unpack_from(order + counter, content, offsets[page])
    end = offsets[page] + struct.calcsize(order + counter) + entries * entry
    struct.pack_into(order + offset, content, end, offsets[target])
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("page", "target"), [(4, 0), (4, 4), (4, 2), (0, 0)])
def test_a_chain_that_comes_back_is_refused_with_the_place(tmp_path, kind, page, target):
    path = write(tmp_path / "a.tif", 5, KINDS[kind])
    with tifffile.TiffFile(path) as file:
        place = file.pages[target].offset
    link(path, page, target)
    with pytest.raises(tifffile.TiffFileError, match=f"its IFDs form a loop at {place}$"):
        refuse_broken_chain(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_chain_with_an_end_passes_however_long(tmp_path, kind):
    refuse_broken_chain(write(tmp_path / "a.tif", 300, KINDS[kind]))


def test_a_loop_far_down_the_chain_is_found(tmp_path):
    path = link(write(tmp_path / "a.tif", 300, KINDS["TIFF"]), 299, 298)
    with pytest.raises(tifffile.TiffFileError, match="form a loop"):
        refuse_broken_chain(path)


@pytest.mark.parametrize("content", [b"", b"II", b"PNG" * 9, b"MM\0*" + bytes(12)])
def test_what_is_no_chain_is_left_to_the_reader(tmp_path, content):
    (tmp_path / "a.tif").write_bytes(content)
    refuse_broken_chain(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", KINDS)
def test_a_chain_that_is_cut_is_refused_with_the_page(tmp_path, kind):
    path = write(tmp_path / "a.tif", 3, KINDS[kind])
    content = path.read_bytes()
    with tifffile.TiffFile(path) as file:
        last = file.pages[-1].offset
    for length in range(16, last + 40):
        path.write_bytes(content[:length])
        with pytest.raises(tifffile.TiffFileError, match=r"inside of page [0-2]$|invalid page offset \d+$"):
            refuse_broken_chain(path)
