"""One row a case of bad input: a good file, what is done to it, and the answer.

The answer is the shape of what can be read all the same, or a pattern of the one line that refuses it.
"""

import json
import os
import re
import resource
import struct
import time
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from hela_seg.data.on_disk import DataOnDisk
from hela_seg.data.stacks import open_series
from hela_seg.system.errors import InputError

zarr = pytest.importorskip("zarr", reason="the extra zarr is not installed")

STACK = np.random.default_rng(0).integers(1, 60000, (4, 24, 40), np.uint16)
WHOLE = (4, 1, 24, 40)


def write(path, array=STACK, **options):
    tifffile.imwrite(path, array, **{"photometric": "minisblack", "metadata": {"axes": "TYX"}, **options})
    return path


def write_zarr(path, zarr_format=3, array=STACK):
    names = {"dimension_names": ["t", "y", "x"]} if zarr_format == 3 else {}
    new = zarr.create_array(
        str(path), shape=array.shape, chunks=(1, 16, 16), dtype=array.dtype, zarr_format=zarr_format, **names
    )
    if zarr_format == 2:
        new.attrs["_ARRAY_DIMENSIONS"] = ["t", "y", "x"]
    new[:] = array
    return path


def png(path, array=STACK[0]):
    path.write_bytes(imagecodecs.png_encode(array))
    return path


# Where the parts of a TIFF lie


def entry(path, code, page=0):
    """Offset of a tag's entry in the directory of a page."""
    with tifffile.TiffFile(path) as file:
        return file.pages[page].tags[code].offset


def directory(path, page=0):
    with tifffile.TiffFile(path) as file:
        return file.pages[page].offset


def next_directory(path, page):
    """Offset of the number that says where the next directory lies."""
    at = directory(path, page)
    (count,) = struct.unpack_from("<H", path.read_bytes(), at)
    return at + 2 + 12 * count


def data(path, page=0):
    with tifffile.TiffFile(path) as file:
        return file.pages[page].dataoffsets[0], sum(file.pages[page].databytecounts)


def patch(path, offset, content):
    changed = bytearray(path.read_bytes())
    changed[offset : offset + len(content)] = content
    path.write_bytes(changed)
    return path


def cut(path, size):
    os.truncate(path, size)
    return path


def set_tag(path, code, value, kind=4, count=1, page=0):
    """Write another value into a tag, as a 32-bit number."""
    return patch(path, entry(path, code, page) + 2, struct.pack("<HII", kind, count, value))


TILED = {"tile": (16, 16), "compression": "zlib"}
STRIPS = {"rowsperstrip": 5, "compression": "zlib"}
LZW = {"compression": "lzw"}
PAGES = {"compression": "zlib", "metadata": None}


def stack(folder, **options):
    return write(folder / "bad.tif", byteorder="<", **options)


def flipped(path, page=0):
    """A bit of the compressed pixels."""
    offset, count = data(path, page)
    middle = offset + count // 2
    return patch(path, middle, bytes([path.read_bytes()[middle] ^ 0x10]))


def last_ifd_to(path, page):
    return patch(path, next_directory(path, 3), struct.pack("<I", directory(path, page)))


def long_chain_with_a_loop(folder):
    """150 pages, the last one followed by the 140th: tifffile looks for loops in the first hundred alone."""
    path = stack(folder, array=np.zeros((150, 4, 5), np.uint8), **PAGES)
    return patch(path, next_directory(path, 149), struct.pack("<I", directory(path, 140)))


def petabytes(folder, **options):
    path = stack(folder, **options)
    set_tag(path, 256, 2**25)
    return set_tag(path, 257, 2**25)


def petabyte_png(folder):
    path = png(folder / "bad.png")
    header = b"IHDR" + struct.pack(">II", 2**31 - 1, 2**31 - 1) + path.read_bytes()[24:29]
    return patch(path, 12, header + struct.pack(">I", zlib.crc32(header)))


def rewrite_zarr(path, **changes):
    """Other words in an array's metadata."""
    file = path / "zarr.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    return path


def grid(*chunk):
    return {"name": "regular", "configuration": {"chunk_shape": chunk}}


def ome(folder, old, new):
    """An OME-TIFF with other words of the same length in its metadata."""
    path = write(folder / "bad.ome.tif", ome=True, **LZW)
    assert len(old) == len(new)
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    return path


def parts(folder):
    """One recording in two OME-TIFF files."""
    ids = ["urn:uuid:00000000-0000-4000-8000-00000000000" + str(part) for part in range(2)]
    files = "".join(
        f'<TiffData FirstT="{2 * part}" IFD="0" PlaneCount="2">'
        f'<UUID FileName="part{part}.ome.tif">{ids[part]}</UUID></TiffData>'
        for part in range(2)
    )
    for part in range(2):
        xml = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{ids[part]}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="40" '
            f'SizeY="24" SizeC="1" SizeZ="1" SizeT="4">{files}</Pixels></Image></OME>'
        )
        write(folder / f"part{part}.ome.tif", STACK[2 * part :][:2], description=xml, metadata=None)
    return folder / "part0.ome.tif"


def without_second_part(folder):
    path = parts(folder)
    (folder / "part1.ome.tif").unlink()
    return path


def with_half_a_second_part(folder):
    path = parts(folder)
    cut(folder / "part1.ome.tif", 3000)
    return path


def loop_of_links(folder):
    (folder / "bad.tif").symlink_to(folder / "other.tif")
    (folder / "other.tif").symlink_to(folder / "bad.tif")
    return folder / "bad.tif"


def link_out_of_the_root(folder):
    (folder / "elsewhere").mkdir()
    (folder / "root").mkdir()
    (folder / "root" / "bad.tif").symlink_to(write(folder / "elsewhere" / "good.tif"))
    return folder / "root" / "bad.tif"


def floats(folder, value, **options):
    array = STACK.astype(np.float32)
    array[2, 3, 4] = value
    return stack(folder, array=array, **options)


def without(path, name):
    (path / name).unlink()
    return path


DAMAGED = "is damaged or no TIFF"
CASES = {
    # cut at every structural point
    "empty file": (lambda d: cut(stack(d), 0), r"is empty \(0 bytes\)"),
    "cut in the byte order": (lambda d: cut(stack(d), 1), DAMAGED),
    "cut in the header": (lambda d: cut(stack(d), 6), DAMAGED),
    "cut after the header": (lambda d: cut(stack(d), 8), DAMAGED),
    "cut in an IFD's count": (lambda d: cut(p := stack(d), directory(p) + 1), DAMAGED),
    "cut in an IFD's entries": (lambda d: cut(p := stack(d), directory(p) + 30), DAMAGED),
    "cut in the last IFD": (lambda d: cut(p := stack(d, **PAGES), directory(p, 3) + 30), DAMAGED),
    "cut before the next IFD's offset": (lambda d: cut(p := stack(d), next_directory(p, 0)), DAMAGED),
    "cut in the strip table": (
        lambda d: cut(p := stack(d, array=STACK[:1], **STRIPS), _value(p, 273) + 6),
        DAMAGED,
    ),
    "cut in contiguous pixels": (lambda d: cut(p := stack(d), data(p)[0] + STACK.nbytes - 10), DAMAGED),
    "cut in deflated pixels": (lambda d: cut(p := stack(d, **TILED), p.stat().st_size - 1), DAMAGED),
    "BigTIFF cut in its header": (lambda d: cut(stack(d, bigtiff=True), 12), DAMAGED),
    # bit flips
    "bit flipped in contiguous pixels": (lambda d: flipped(stack(d)), WHOLE),
    "bit flipped in deflate": (lambda d: flipped(stack(d, compression="zlib"), 0), DAMAGED),
    "bit flipped in LZW, which has no checksum": (
        lambda d: flipped(stack(d, compression="lzw")),
        (WHOLE, DAMAGED),
    ),
    "bit flipped in zstd": (lambda d: flipped(stack(d, compression="zstd")), (WHOLE, DAMAGED)),
    "bit flipped in the version": (lambda d: patch(stack(d), 2, b"\x2e"), DAMAGED),
    "compression that is not known": (lambda d: set_tag(stack(d), 259, 60000), DAMAGED),
    # numbers that make no sense
    "wrong byte order": (lambda d: patch(stack(d), 0, b"MM"), DAMAGED),
    "IFD that follows itself": (lambda d: last_ifd_to(stack(d, **PAGES), 3), "form a loop"),
    "IFD that leads to the first": (lambda d: last_ifd_to(stack(d, **PAGES), 0), "form a loop"),
    "loop at the end of a long chain": (long_chain_with_a_loop, "form a loop"),
    "IFD beyond the end": (lambda d: patch(stack(d), 4, struct.pack("<I", 2**32 - 2)), DAMAGED),
    "strip beyond the end": (lambda d: set_tag(stack(d, **PAGES), 273, 2**31, page=3), DAMAGED),
    "strips of petabytes": (lambda d: set_tag(stack(d, **PAGES), 279, 2**32 - 1, page=3), DAMAGED),
    "width of zero": (lambda d: set_tag(stack(d, array=STACK[0], metadata=None), 256, 0), DAMAGED),
    "petabytes in strips": (
        lambda d: petabytes(d, array=STACK[0], metadata=None),
        "at most 2147483648|damaged",
    ),
    "petabytes in tiles": (
        lambda d: petabytes(d, array=STACK[0], **{**TILED, "metadata": None}),
        "at most 2147483648 values: .* data.max_frame_pixels",
    ),
    "tiles of petabytes": (
        lambda d: set_tag(stack(d, array=STACK[0], **{**TILED, "metadata": None}), 322, 2**31),
        DAMAGED,
    ),
    "OME that states a billion frames": (
        lambda d: ome(
            d,
            b'SizeT="4"><Channel ID="Channel:0:0" SamplesPerPixel="1"><LightPath/>',
            b'SizeT="4000000000"><Channel ID="Channel:0:0" SamplesPerPixel="1">   ',
        ),
        "states 4000000000 planes, expected",
    ),
    "OME that is cut": (lambda d: ome(d, b"</Pixels>", b"</Pixel/>"), DAMAGED),
    "PNG of petabytes": (petabyte_png, "at most 2147483648 values"),
    "PNG cut in its header": (lambda d: cut(png(d / "bad.png"), 20), "is damaged or no PNG"),
    "PNG with a flipped bit": (
        lambda d: patch(p := png(d / "bad.png"), 60, bytes([p.read_bytes()[60] ^ 1])),
        "is damaged or no PNG",
    ),
    "TIFF named .png": (lambda d: stack(d).rename(d / "bad.png"), "does not begin as a PNG"),
    "PNG named .tif": (lambda d: png(d / "bad.png").rename(d / "bad.tif"), DAMAGED),
    # values
    "NaN": (lambda d: floats(d, np.nan), r"NaN or infinite in frame 2"),
    "infinity, deflated": (lambda d: floats(d, np.inf, compression="zlib"), r"NaN or infinite in frame 2"),
    "negative floats": (lambda d: floats(d, -1e6), WHOLE),
    "negative integers": (lambda d: stack(d, array=(STACK // 2).astype(np.int16) * -1), WHOLE),
    "complex numbers": (lambda d: stack(d, array=STACK.astype(np.complex64)), "expected real numbers"),
    # several files
    "OME-TIFF without its second file": (without_second_part, r"part1\.ome\.tif"),
    "OME-TIFF with half a second file": (with_half_a_second_part, DAMAGED),
    "frames of unlike sizes in one file": (
        lambda d: write_unlike(d / "bad.tif"),
        r"holds 2 images \(of 3x24x40, 12x40\)",
    ),
    # names and links
    "loop of links": (loop_of_links, "cannot be read .*symbolic links"),
    "link to nothing": (lambda d: link_to_nothing(d), r"cannot be read \(No such file"),
    "link out of the root": (link_out_of_the_root, WHOLE),
    "spaces and umlauts": (lambda d: stack(d).rename(d / "bad Zellen für µm (1).tif"), WHOLE),
    "line break in the name": (lambda d: stack(d).rename(d / "bad\nname.tif"), "line break"),
    "no image": (lambda d: (d / "bad.txt").write_text("a") and d / "bad.txt", "ends in '.txt'"),
    "folder named .tif": (lambda d: (d / "bad.tif").mkdir() or d / "bad.tif", "is no file"),
    # Zarr
    "zarr with a missing chunk": (
        lambda d: without(write_zarr(d / "bad.zarr"), "c/1/0/2"),
        "lacks the chunk 1/0/2",
    ),
    "zarr 2 with a missing chunk": (
        lambda d: without(write_zarr(d / "bad.zarr", 2), "2.1.1"),
        "lacks the chunk 2/1/1",
    ),
    "zarr whose copying broke off": (
        lambda d: without(write_zarr(d / "bad.zarr"), "c/3/1/2"),
        "lacks the chunk 3/1/2",
    ),
    "zarr chunk that is cut": (
        lambda d: cut(write_zarr(d / "bad.zarr") / "c/1/0/0", 9).parents[3],
        "no Zarr",
    ),
    "zarr chunk that is empty": (
        lambda d: cut(write_zarr(d / "bad.zarr") / "c/1/0/0", 0).parents[3],
        "no Zarr",
    ),
    "zarr without metadata": (lambda d: without(write_zarr(d / "bad.zarr"), "zarr.json"), "no Zarr"),
    "zarr with half of its metadata": (
        lambda d: cut(write_zarr(d / "bad.zarr") / "zarr.json", 50).parent,
        "no Zarr",
    ),
    "zarr of petabytes": (
        lambda d: rewrite_zarr(write_zarr(d / "bad.zarr"), shape=[4, 2**25, 2**25]),
        "at most 2147483648 values",
    ),
    "zarr of a billion frames": (
        lambda d: rewrite_zarr(write_zarr(d / "bad.zarr"), shape=[2**40, 24, 40]),
        "lacks the chunk 1099511627775/1/2",
    ),
    "zarr chunks of petabytes": (
        lambda d: rewrite_zarr(write_zarr(d / "bad.zarr"), chunk_grid=grid(1, 2**25, 2**25)),
        "states chunks of 1x33554432x33554432",
    ),
    "empty folder named .zarr": (lambda d: (d / "bad.zarr").mkdir() or d / "bad.zarr", "no Zarr"),
    "file named .zarr": (lambda d: stack(d).rename(d / "bad.zarr"), "is no folder, expected one of Zarr"),
}


def _value(path, code):
    with tifffile.TiffFile(path) as file:
        return file.pages[0].tags[code].valueoffset


def write_unlike(path):
    with tifffile.TiffWriter(path) as file:
        for height in (24, 24, 12, 24):
            file.write(STACK[0, :height], metadata=None, contiguous=False, photometric="minisblack")
    return path


def link_to_nothing(folder):
    (folder / "bad.tif").symlink_to(folder / "gone.tif")
    return folder / "bad.tif"


def answer(path, axes="TYX", **options):
    """The shape of all frames together, or the refusal."""
    try:
        series = open_series(path, axes, **options)
        frames = [series.frame(t) for t in range(series.shape[0])]
    except InputError as error:
        return str(error)
    assert {frame.shape for frame in frames} == {series.shape[1:]}
    assert {frame.dtype for frame in frames} == {series.dtype}
    return series.shape


def assert_answered(found, expected):
    """The shape expected, or one line that names the file and says what is expected."""
    patterns = expected if isinstance(expected[0], tuple) else (expected,)
    if isinstance(found, tuple):
        assert found in patterns
        return
    assert "\n" not in found
    assert "bad" in found or "part" in found
    assert any(isinstance(pattern, str) and re.search(pattern, found) for pattern in patterns), found


@pytest.mark.parametrize("case", CASES)
def test_bad_input_gives_an_array_of_the_stated_shape_or_one_line(tmp_path, case):
    damage, expected = CASES[case]
    assert_answered(answer(damage(tmp_path)), expected)


# Masks, pairs


@pytest.mark.parametrize("compression", ["jpeg", "webp", "jpeg2000", "jpegxl"])
def test_mask_in_a_compression_that_may_be_lossy_is_refused_and_an_image_is_not(tmp_path, compression):
    picture = (STACK[0] // 257).astype(np.uint8)
    options = {"photometric": "rgb", "metadata": None, "compression": compression}
    path = write(tmp_path / "bad.tif", np.stack([picture] * 3, axis=-1), **options)
    assert answer(path, None) == (1, 3, 24, 40)
    assert_answered(answer(path, None, labels=True), "is a mask compressed as .* which may change its values")


def test_link_that_leads_nowhere_is_not_left_out_in_silence(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        link_to_nothing(tmp_path / folder)
    with pytest.raises(InputError, match=r"bad\.tif is not there or cannot be read \(No such file"):
        DataOnDisk("folder", tmp_path).recordings()


# Files that go bad while they are read


OPENED = {
    "contiguous": lambda d: write(d / "bad.tif"),
    "tiles": lambda d: write(d / "bad.tif", **TILED),
    "png": lambda d: png(d / "bad.png"),
    "zarr": lambda d: write_zarr(d / "bad.zarr"),
}


def remove(path):
    path.rename(path.with_name("gone"))


def empty(path):
    os.truncate(path / "zarr.json" if path.is_dir() else path, 0)


@pytest.mark.parametrize("change", [remove, empty])
@pytest.mark.parametrize("kind", OPENED)
@pytest.mark.parametrize("read_before", [True, False], ids=["read before", "not read before"])
def test_file_that_vanishes_or_is_cut_after_it_was_opened_names_itself(tmp_path, kind, change, read_before):
    path = OPENED[kind](tmp_path)
    series = open_series(path)
    if read_before:
        series.frame(0)  # maps the file: to read beyond its end would kill the process
    change(path)
    with pytest.raises(InputError, match=rf"{path.name} is damaged or no (TIFF|PNG|Zarr)"):
        series.frame(0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
@pytest.mark.parametrize("kind", OPENED)
def test_unreadable_file_is_refused(tmp_path, kind):
    path = OPENED[kind](tmp_path)
    path.chmod(0)
    try:
        assert "Permission denied" in answer(path)
    finally:
        path.chmod(0o700)


# Anything at all


SECONDS = 1.0
MEBIBYTES = 64


def assert_bounded(path):
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    found = answer(path, max_frame_pixels=2**20)
    assert time.process_time() - began < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEBIBYTES * 1024
    assert isinstance(found, tuple) or ("\n" not in found and str(path) in found)


GOOD = {
    "contiguous": {},
    "tiles": TILED,
    "pages": PAGES,
    "big": {"bigtiff": True, **STRIPS},
    "ome": {"ome": True, **LZW},
    "imagej": {"imagej": True, "compression": "zstd"},
}


@given(content=st.binary(max_size=600), header=st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
def test_any_bytes_are_answered_in_bounded_time_and_memory(tmp_path_factory, content, header):
    path = tmp_path_factory.mktemp("any") / "bad.tif"
    path.write_bytes(header + content)
    assert_bounded(path)


@pytest.mark.parametrize("kind", GOOD)
@given(data=st.data())
@settings(max_examples=60)
def test_mutated_files_are_answered_in_bounded_time_and_memory(tmp_path_factory, kind, data):
    path = write(tmp_path_factory.mktemp("mutated") / "bad.tif", **GOOD[kind])
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        # directories and metadata lie at the ends
        near = data.draw(st.integers(0, min(len(content), 600) - 1))
        place = data.draw(st.sampled_from([near, len(content) - 1 - near]))
        change = data.draw(st.sampled_from(["byte", "number", "cut", "repeat"]))
        if change == "byte":
            content[place] = data.draw(st.integers(0, 255))
        elif change == "number":
            content[place : place + 4] = data.draw(st.sampled_from([b"\xff" * 4, bytes(4), b"\0\0\0\x40"]))
        elif change == "cut" and place > 8:
            del content[place:]
        else:
            content[place:place] = content[place : place + 12]
    path.write_bytes(content)
    assert_bounded(path)
