import struct

import numpy as np
import pytest
import tifffile

from hela_seg.data.stacks import find_files, open_series
from hela_seg.system.errors import InputError

MOVIE = np.random.default_rng(0).integers(0, 60000, (4, 2, 37, 53), np.uint16)
IDS = [f"urn:uuid:00000000-0000-4000-8000-{part:012}" for part in range(4)]
OPENING = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'


def description(part):
    """The metadata of a recording of one frame a file, as each file of it states them."""
    places = "".join(
        f'<TiffData FirstT="{t}" IFD="0" PlaneCount="2">'
        f'<UUID FileName="dish_t{t}.ome.tif">{uuid}</UUID></TiffData>'
        for t, uuid in enumerate(IDS)
    )
    return (
        f'{OPENING} UUID="{IDS[part]}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" '
        'Type="uint16" SizeX="53" SizeY="37" SizeC="2" SizeZ="1" SizeT="4" PhysicalSizeX="0.65" '
        f'TimeIncrement="5" TimeIncrementUnit="min">{places}</Pixels></Image></OME>'
    )


def write_parts(folder, **options):
    for t, frame in enumerate(MOVIE):
        path = folder / f"dish_t{t}.ome.tif"
        tifffile.imwrite(
            path, frame, description=description(t), metadata=None, photometric="minisblack", **options
        )
    return folder / "dish_t0.ome.tif"


@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "tile": (16, 16)}], ids=["plain", "tiles"])
@pytest.mark.parametrize("part", [0, 2])
def test_recording_over_several_files_is_one_series(tmp_path, options, part):
    write_parts(tmp_path, **options)
    series = open_series(tmp_path / f"dish_t{part}.ome.tif")
    assert (series.shape, series.axes) == ((4, 2, 37, 53), "TCYX")
    assert (series.pixel_size, series.frame_interval) == ((0.65, 0.65), 300)
    assert sorted(path.name for path in series.paths) == [f"dish_t{t}.ome.tif" for t in range(4)]
    for t, frame in enumerate(MOVIE):
        np.testing.assert_array_equal(series.frame(t), frame)
        np.testing.assert_array_equal(series.read(t, slice(9, 20), slice(30, 53)), frame[:, 9:20, 30:53])


def test_parts_are_listed_once_by_the_first(tmp_path):
    write_parts(tmp_path)
    tifffile.imwrite(tmp_path / "alone.ome.tif", MOVIE[:, 0], ome=True, metadata={"axes": "TYX"})
    assert [path.name for path in find_files(tmp_path)] == ["alone.ome.tif", "dish_t0.ome.tif"]


def test_part_that_was_replaced_after_opening_is_refused(tmp_path):
    series = open_series(write_parts(tmp_path))
    np.testing.assert_array_equal(series.frame(1), MOVIE[1])
    tifffile.imwrite(tmp_path / "dish_t2.ome.tif", MOVIE[0, 0])
    with pytest.raises(InputError, match=r"dish_t2\.ome\.tif changed after it was opened"):
        series.frame(2)


def test_part_that_leaves_its_metadata_to_another_file_is_refused_and_not_listed(tmp_path):
    text = f'{OPENING}><BinaryOnly MetadataFile="first.ome.tif" UUID="{IDS[0]}"/></OME>'
    tifffile.imwrite(tmp_path / "second.ome.tif", MOVIE[0, 0], description=text, metadata=None)
    with pytest.raises(InputError, match=r"is a part of the OME-TIFF first\.ome\.tif, .* open that one"):
        open_series(tmp_path / "second.ome.tif")
    with pytest.raises(InputError, match="holds no image"):
        find_files(tmp_path)


@pytest.mark.parametrize(
    "name", ["../secret/s.ome.tif", "/home/me/s.ome.tif", "sub\\s.ome.tif", "C:s.ome.tif"]
)
def test_parts_in_other_folders_are_not_read(tmp_path, name):
    (tmp_path / "secret").mkdir()
    tifffile.imwrite(tmp_path / "secret" / "s.ome.tif", MOVIE[1, 0], metadata=None)
    (tmp_path / "dish").mkdir()
    text = description(0).replace("dish_t1.ome.tif", name)
    tifffile.imwrite(tmp_path / "dish" / "dish_t0.ome.tif", MOVIE[0], description=text, metadata=None)
    with pytest.raises(InputError, match="as a part of it, expected files in its own folder"):
        open_series(tmp_path / "dish" / "dish_t0.ome.tif")


def test_parts_of_micro_manager_in_other_folders_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(tifffile.TiffFile, "is_ndtiff", True)
    axes, name = b'{"time": 0}', b"../secret/NDTiffStack.tif"
    pixels = struct.pack("<IiiiiIii", 8, 53, 37, 1, 0, 0, 0, 0)
    entry = struct.pack("<I", len(axes)) + axes + struct.pack("<I", len(name)) + name + pixels
    (tmp_path / "NDTiff.index").write_bytes(entry)
    tifffile.imwrite(tmp_path / "NDTiffStack.tif", MOVIE[0, 0], metadata=None)
    with pytest.raises(InputError, match="expected files in its own folder"):
        open_series(tmp_path / "NDTiffStack.tif")
