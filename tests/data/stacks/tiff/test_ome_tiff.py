import resource
import subprocess
import tracemalloc
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks import EncodedFrame, PixelSize, open_series, parts, write_ome_tiff
from hela_seg.data.stacks.tiff import ome_tiff
from hela_seg.system.errors import InputError

CLASSES = Classes(
    ["background", {"name": "round", "colour": "#E69F00"}, {"name": "spread <µ>", "colour": "#0102ff"}]
)
MADE_BY = {"checkpoint": "sha256 12ab", "settings": "{blend: crop}\ntta: none", "input": "a & b.tif"}


def draw(shape, high=3):
    return np.random.default_rng(0).integers(0, high, shape, np.uint8)


def segments(array):
    frame = EncodedFrame(array.shape[:2], array.shape[2] if array.ndim == 3 else 1)
    frame.push(array)
    return frame.segments


def write(path, movie, **options):
    """Write (T, H, W), or (T, K, H, W) where there are four axes."""
    frames = [segments(frame if frame.ndim == 2 else np.moveaxis(frame, 0, -1)) for frame in movie]
    write_ome_tiff(path, iter(frames), movie.shape, **{"provenance": MADE_BY, **options})
    return path


def described(path):
    with tifffile.TiffFile(path) as file:
        return ElementTree.fromstring(file.ome_metadata)


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("frames", [1, 2, 7])
def test_labels_read_back_with_axes_and_calibration(tmp_path, monkeypatch, frames, bigtiff):
    monkeypatch.setattr(ome_tiff, "needs_bigtiff", lambda shape, itemsize: bigtiff)
    labels = draw((frames, 300, 530))
    path = write(
        tmp_path / "a.ome.tif",
        labels,
        classes=CLASSES,
        pixel_size=PixelSize(0.65, 0.325),
        frame_interval_s=300.5,
    )
    with tifffile.TiffFile(path) as file:
        assert (file.is_bigtiff, len(file.pages), file.pages.first.is_tiled) == (bigtiff, frames, False)
        assert file.series[0].axes == ("TYX" if frames > 1 else "YX")
        np.testing.assert_array_equal(file.asarray().reshape(labels.shape), labels)
    series = open_series(path, labels=True)
    assert (series.shape, series.axes) == ((frames, 1, 300, 530), "TYX" if frames > 1 else "YX")
    assert (series.pixel_size, series.frame_interval) == ((0.65, 0.325), 300.5)
    np.testing.assert_array_equal([series.frame(t)[0] for t in range(frames)], labels)


def test_very_large_frames_are_tiled(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "LARGEST_STRIPPED", 300 * 530 - 1)
    labels = draw((2, 300, 530))
    path = write(tmp_path / "a.ome.tif", labels, classes=CLASSES)
    with tifffile.TiffFile(path) as file:
        assert file.pages.first.tile == (256, 256)
        np.testing.assert_array_equal(file.asarray(), labels)


@pytest.mark.parametrize("channels", [[], [3]])
def test_imagej_takes_frames_interval_and_pixel_size_from_the_last_description(tmp_path, channels):
    """With these tags ImageJ 1.51g and 1.53t showed T, micrometres and seconds; others go by OME."""
    calibration = {"pixel_size": PixelSize(0.25, 1.3), "frame_interval_s": 60.0}
    movie = draw((2, *channels, 30, 40))
    path = write(tmp_path / "a.ome.tif", movie, classes=CLASSES, **calibration)
    with tifffile.TiffFile(path) as file:
        tags = file.pages.first.tags
        first, last = (tag.value for tag in tags.getall(270))
        assert first == file.ome_metadata
        stated = dict(line.split("=") for line in last.splitlines())
        assert file.series[0].kind == "ome"
        numerators, denominators = zip(*(tags[f"{axis}Resolution"].value for axis in "YX"), strict=True)
        assert tags["ResolutionUnit"].value == 1
        assert 270 not in file.pages[1].aspage().tags
    assert next(iter(stated)) == "ImageJ"
    assert [stated[key] for key in ("channels", "slices", "frames")] == [str(*channels) or "1", "1", "2"]
    assert [stated[key] for key in ("unit", "finterval", "tunit")] == ["um", "60.0", "sec"]
    assert np.divide(denominators, numerators) == pytest.approx([0.25, 1.3])


def test_numbers_of_32_bits_keep_their_size(tmp_path):
    numbers = np.random.default_rng(0).integers(0, 2**32, (2, 300, 530), np.uint32)
    frames = []
    for number in numbers:
        frames.append(EncodedFrame(number.shape, dtype=np.uint32))
        frames[-1].push(number)
    encoded = (frame.segments for frame in frames)
    write_ome_tiff(tmp_path / "a.ome.tif", encoded, numbers.shape, provenance={}, dtype=np.uint32)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.ome.tif"), numbers)


def test_the_xml_states_sizes_units_classes_and_what_made_the_file(tmp_path):
    calibration = {"pixel_size": PixelSize(0.25, 0.5), "frame_interval_s": 60}
    root = described(write(tmp_path / "dish 1.ome.tif", draw((2, 30, 40)), classes=CLASSES, **calibration))
    assert root.find("{*}Image").get("Name") == "dish 1"
    pixels = dict(root.find(".//{*}Pixels").attrib)
    assert (pixels.pop("ID"), pixels.pop("DimensionOrder")) == ("Pixels:0", "XYCZT")
    sizes = {"SizeX": "40", "SizeY": "30", "SizeC": "1", "SizeZ": "1", "SizeT": "2"}
    width = {"PhysicalSizeX": "0.5", "PhysicalSizeXUnit": "µm"}
    height = {"PhysicalSizeY": "0.25", "PhysicalSizeYUnit": "µm"}
    interval = {"TimeIncrement": "60", "TimeIncrementUnit": "s"}
    assert pixels == {"Type": "uint8"} | sizes | width | height | interval
    annotations = {
        entry.get("Namespace"): {pair.get("K"): pair.text for pair in entry.iterfind(".//{*}M")}
        for entry in root.iterfind(".//{*}MapAnnotation")
    }
    assert annotations == {
        "hela_seg/provenance": MADE_BY,
        "hela_seg/classes": {"0": "background #202020", "1": "round #E69F00", "2": "spread <µ> #0102ff"},
    }
    # Bio-Formats would draw the labels in shades of a channel's colour
    assert all(channel.get("Color") is None for channel in root.iterfind(".//{*}Channel"))


def test_without_calibration_the_xml_states_none(tmp_path):
    pixels = described(write(tmp_path / "a.ome.tif", draw((2, 30, 40)), classes=CLASSES)).find(".//{*}Pixels")
    assert not [name for name in pixels.attrib if name.startswith(("Physical", "Time"))]


@pytest.mark.parametrize("frames", [1, 3])
def test_probabilities_are_a_named_channel_for_each_class(tmp_path, frames):
    movie = draw((frames, 3, 300, 270), 256)
    path = write(tmp_path / "a.ome.tif", movie, classes=CLASSES)
    series = open_series(path)
    assert series.shape == (frames, 3, 300, 270)
    np.testing.assert_array_equal([series.frame(t) for t in range(frames)], movie)
    channels = described(path).findall(".//{*}Channel")
    assert [channel.get("Name") for channel in channels] == CLASSES.names
    # red, green, blue, opaque: 0x202020ff, 0xe69f00ff less 2**32, for OME's colours are signed, 0x0102ffff
    assert [channel.get("Color") for channel in channels] == ["538976511", "-425787137", "16973823"]


def test_planes_without_classes_are_grey(tmp_path):
    path = write(tmp_path / "a.ome.tif", draw((2, 30, 40), 256))
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        assert (page.photometric, page.colormap) == (tifffile.PHOTOMETRIC.MINISBLACK, None)


def colours(path):
    with tifffile.TiffFile(path) as file:
        assert all(page.photometric == tifffile.PHOTOMETRIC.PALETTE for page in file.pages)
        return [tuple(colour) for colour in (file.pages.first.colormap >> 8).T.tolist()]


@pytest.mark.parametrize("count", [2, 3, 8, 16])
def test_classes_have_their_colours_also_where_a_viewer_stretches_to_the_highest_label(tmp_path, count):
    entries = [{"name": str(k), "colour": f"#{k:02x}80{255 - k:02x}"} for k in range(count)]
    table = colours(write(tmp_path / "a.ome.tif", draw((2, 30, 40)), classes=Classes(entries)))
    expected = [(k, 128, 255 - k) for k in range(count)]
    assert table[:count] == expected
    last = count - 1
    # as ByteProcessor.setMinAndMax(0, last) of ImageJ 1.54 looks colours up
    assert [table[min(256 * k // last, 255)] for k in range(count)] == expected


def test_ignored_labels_are_grey_where_they_occur(tmp_path):
    table = colours(write(tmp_path / "a.ome.tif", draw((2, 30, 40)), classes=CLASSES, ignored=True))
    assert table[:3] == [(32, 32, 32), (230, 159, 0), (1, 2, 255)]
    assert table[IGNORE_INDEX] == (128, 128, 128)


def test_the_same_prediction_gives_the_same_bytes_and_another_one_another_identity(tmp_path):
    labels = draw((2, 300, 300))
    first = write(tmp_path / "a.ome.tif", labels, classes=CLASSES)
    content, identity = first.read_bytes(), described(first).get("UUID")
    assert write(tmp_path / "a.ome.tif", labels, classes=CLASSES).read_bytes() == content
    other = write(tmp_path / "a.ome.tif", labels, classes=CLASSES, provenance={"checkpoint": "another"})
    assert described(other).get("UUID") != identity


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frames: frames[:2], "there are 2 frames, expected 3"),
        (lambda frames: [*frames, frames[0]], "more segments"),
        (lambda frames: [frames[0], frames[1][:2], frames[2]], "has 2 segments, expected 3"),
        (lambda frames: [frames[0], frames[1] + frames[1][:1], frames[2]], "has 4 segments, expected 3"),
    ],
)
def test_fewer_or_more_frames_or_segments_are_refused_and_leave_the_former_file(tmp_path, change, message):
    frames = [segments(frame) for frame in draw((3, 600, 1024))]
    path = tmp_path / "a.ome.tif"
    path.write_bytes(b"former")
    with pytest.raises(ValueError, match=message):
        write_ome_tiff(path, change(frames), (3, 600, 1024), provenance={}, classes=CLASSES)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ome.tif"]
    assert path.read_bytes() == b"former"


def test_channels_that_are_not_the_classes_are_refused(tmp_path):
    for classes in (None, CLASSES):
        with pytest.raises(ValueError, match="a class for each of K channels"):
            write_ome_tiff(tmp_path / "a.tif", [], (3, 2, 30, 30), provenance={}, classes=classes)


def test_memory_does_not_grow_with_the_frames(tmp_path):
    frame = segments(draw((64, 64)))

    def peak(count):
        tracemalloc.start()
        frames = (iter(frame) for _ in range(count))
        write_ome_tiff(tmp_path / "a.tif", frames, (count, 64, 64), provenance={}, classes=CLASSES)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak(1)  # what is imported and kept at first use
    assert peak(400) < 1.05 * peak(20)


def test_a_write_that_fails_midway_is_one_line_and_leaves_the_former_file(tmp_path):
    path = write(tmp_path / "a.ome.tif", draw((1, 30, 30)), classes=CLASSES)
    former = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(InputError, match=r"cannot write .*a\.ome\.tif.*with space left"):
            write(path, draw((8, 300, 300), 256), classes=CLASSES)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ome.tif"]
    assert path.read_bytes() == former


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 1 MiB, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("a small disk needs the right to mount one")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_in_one_line_and_leaves_what_was_finished(small_disk):
    finished = write(small_disk / "a.ome.tif", draw((1, 300, 300)), classes=CLASSES)
    content = finished.read_bytes()
    with pytest.raises(InputError, match=r"cannot write .*b\.ome\.tif: No space left on device"):
        write(small_disk / "b.ome.tif", draw((30, 300, 300), 256), classes=CLASSES)
    assert [entry.name for entry in small_disk.iterdir()] == ["a.ome.tif"]
    assert finished.read_bytes() == content
