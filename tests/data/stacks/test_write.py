import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from hela_seg.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks import LabelWriter, open_series, write_png, write_tiff
from hela_seg.errors import InputError

CLASSES = Classes(
    ["background", {"name": "round", "colour": "#E69F00"}, {"name": "spread", "colour": "#0102ff"}]
)


def draw(shape, high=3, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, high, shape).astype(dtype)


def directories(content):
    """All directories of a classic TIFF as {tag: values}, read by hand as ImageJ's TiffDecoder does."""
    order = {b"II": "<", b"MM": ">"}[content[:2]]
    kinds = {2: (1, "c"), 3: (2, "H"), 4: (4, "I"), 5: (8, "II")}
    (offset,) = struct.unpack_from(f"{order}I", content, 4)
    found = []
    while offset:
        (entries,) = struct.unpack_from(f"{order}H", content, offset)
        tags = {}
        for entry in range(offset + 2, offset + 2 + 12 * entries, 12):
            tag, kind, count = struct.unpack_from(f"{order}HHI", content, entry)
            size, letters = kinds.get(kind, (1, "B"))
            at = entry + 8 if size * count <= 4 else struct.unpack_from(f"{order}I", content, entry + 8)[0]
            tags[tag] = struct.unpack_from(order + letters * count, content, at)
        found.append(tags)
        (offset,) = struct.unpack_from(f"{order}I", content, offset + 2 + 12 * entries)
    return found


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_label_stack_is_what_imagej_opens_as_frames_in_the_classes_colours(tmp_path, frames):
    labels = draw((frames, 37, 53))
    LabelWriter(tmp_path / "a.tif", labels.shape, CLASSES).write(iter(labels))
    content = (tmp_path / "a.tif").read_bytes()
    pages = directories(content)
    assert len(pages) == frames
    lines = b"".join(pages[0][270]).rstrip(b"\0").decode().splitlines()
    assert lines[0].startswith("ImageJ=")
    assert {f"images={frames}", *([f"frames={frames}"] if frames > 1 else [])} <= set(lines)
    assert not any(line.startswith(("slices=", "channels=")) for line in lines)
    for page, frame in zip(pages, labels, strict=True):
        # one kind of picture throughout, else ImageJ opens the first alone
        assert (page[256], page[257], page[258], page[259], page[262]) == ((53,), (37,), (8,), (8,), (3,))
        colours = np.array(page[320]).reshape(3, 256) >> 8
        assert colours[:, :3].T.tolist() == [[32, 32, 32], [230, 159, 0], [1, 2, 255]]
        assert colours[:, IGNORE_INDEX].tolist() == [128] * 3
        strips = zip(page[273], page[279], strict=True)
        pixels = b"".join(zlib.decompress(content[start : start + size]) for start, size in strips)
        np.testing.assert_array_equal(np.frombuffer(pixels, np.uint8).reshape(37, 53), frame)


@pytest.mark.parametrize("frames", [1, 2, 7])
@pytest.mark.parametrize("calibration", [(None, None), (0.325, 300.5)])
def test_label_stack_reads_back_with_its_calibration(tmp_path, frames, calibration):
    labels = draw((frames, 37, 53))
    pixel_size, interval = calibration
    writer = LabelWriter(
        tmp_path / "a.tif", labels.shape, CLASSES, pixel_size_um=pixel_size, frame_interval_s=interval
    )
    writer.write(iter(labels))
    series = open_series(tmp_path / "a.tif", labels=True)
    assert (series.shape, series.dtype) == ((frames, 1, 37, 53), np.uint8)
    np.testing.assert_array_equal([series.frame(t)[0] for t in range(frames)], labels)
    assert series.pixel_size == (pixel_size and pytest.approx(pixel_size, rel=1e-6))
    assert series.frame_interval == interval
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.imagej_metadata.get("frames", 1) == frames
        assert file.series[0].axes == ("TYX" if frames > 1 else "YX")
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "a.tif"), labels.squeeze(0) if frames == 1 else labels
    )


@pytest.mark.parametrize(
    ("axes", "shape", "dtype"),
    [
        ("TYXS", (4, 37, 53, 3), np.uint8),
        ("TYXS", (1, 37, 53, 3), np.uint8),
        ("TYX", (4, 37, 53), np.uint16),
        ("TYX", (1, 37, 53), np.uint8),
        ("TYX", (3, 37, 53), np.uint8),
        ("TCYX", (4, 2, 37, 53), np.uint16),
        ("CYX", (3, 37, 53), np.uint8),
        ("YX", (37, 53), np.uint8),
    ],
)
def test_stack_reads_back_with_its_axes_and_calibration(tmp_path, axes, shape, dtype):
    array = draw(shape, 2**16, dtype)
    write_tiff(tmp_path / "a.tif", array, axes, pixel_size_um=0.6, frame_interval_s=300)
    series = open_series(tmp_path / "a.tif")
    order = [axes.replace("S", "C").find(letter) for letter in "TCYX"]
    expected = array.transpose([axis for axis in order if axis >= 0])
    expected = expected.reshape(*(1 if axis < 0 else shape[axis] for axis in order))
    assert (series.shape, series.dtype) == (expected.shape, dtype)
    np.testing.assert_array_equal([series.frame(t) for t in range(len(expected))], expected)
    assert series.pixel_size == pytest.approx(0.6, rel=1e-6)
    assert series.frame_interval == 300


def broken(frames):
    yield from frames
    raise InputError("the third frame is damaged")


@pytest.mark.parametrize("written", [0, 2])
def test_a_failure_among_the_frames_leaves_nothing_or_the_former_file(tmp_path, written):
    path = tmp_path / "new" / "a.tif"
    labels = draw((4, 37, 53))
    with pytest.raises(InputError, match="third frame"):
        LabelWriter(path, labels.shape, CLASSES).write(broken(labels[:written]))
    assert list(path.parent.iterdir()) == []
    path.write_bytes(b"former")
    with pytest.raises(InputError, match="third frame"):
        LabelWriter(path, labels.shape, CLASSES).write(broken(labels[:written]))
    assert path.read_bytes() == b"former"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (draw((3, 37, 53)), "there are 3 frames, expected"),
        (draw((4, 53, 37)), "frame 1 is"),
        (draw((4, 37, 53)) > 1, "frame 1 is .* bool"),
    ],
    ids=["fewer", "turned", "dtype"],
)
def test_other_frames_than_said_are_a_mistake_and_leave_no_file(tmp_path, frames, reason):
    with pytest.raises(ValueError, match=reason):
        LabelWriter(tmp_path / "a.tif", (4, 37, 53), CLASSES).write(iter(frames))
    assert list(tmp_path.iterdir()) == []


def test_frames_are_taken_one_at_a_time_on_machines_of_many_cores(tmp_path, monkeypatch):
    monkeypatch.setattr(tifffile.TIFF, "MAXWORKERS", 8)
    sizes = []

    def frames():
        for frame in np.random.default_rng(0).integers(0, 3, (6, 600, 600), np.uint8):
            sizes.append(sum(path.stat().st_size for path in tmp_path.iterdir()))
            yield frame

    LabelWriter(tmp_path / "a.tif", (6, 600, 600), CLASSES).write(frames())
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("shape", [(37, 53, 3), (37, 53)])
def test_picture_reads_back(tmp_path, shape):
    picture = draw(shape, 256)
    write_png(tmp_path / "new" / "a b.png", picture)
    with Image.open(tmp_path / "new" / "a b.png") as image:
        np.testing.assert_array_equal(np.asarray(image), picture)
