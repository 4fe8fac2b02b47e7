"""Directories of a TIFF file that lead back to one of them, in both formats and byte orders."""

import struct

import numpy as np
import pytest
import tifffile

from hela_seg.data.stacks.tiff.ifds import refuse_loops

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
        refuse_loops(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_chain_with_an_end_passes_however_long(tmp_path, kind):
    refuse_loops(write(tmp_path / "a.tif", 300, KINDS[kind]))


def test_a_loop_far_down_the_chain_is_found(tmp_path):
    path = link(write(tmp_path / "a.tif", 300, KINDS["TIFF"]), 299, 298)
    with pytest.raises(tifffile.TiffFileError, match="form a loop"):
        refuse_loops(path)


@pytest.mark.parametrize("content", [b"", b"II", b"PNG" * 9, b"II*\0" + b"\xff" * 20, b"MM\0*" + bytes(12)])
def test_what_is_no_chain_is_left_to_the_reader(tmp_path, content):
    (tmp_path / "a.tif").write_bytes(content)
    refuse_loops(tmp_path / "a.tif")


def test_a_file_cut_anywhere_ends_the_walk(tmp_path):
    path = write(tmp_path / "a.tif", 3, KINDS["TIFF"])
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        refuse_loops(path)
