import json

import numpy as np
import pytest
import tifffile
from microscope_samples import movie

from hela_seg.data.stacks import find_files, images_in, is_image, open_series
from hela_seg.system.errors import InputError

MOVIE = movie(3, 2, 2, 20, 30)
"""T, C, Z, Y and X."""

SUMMARY = {"ChNames": ["Phase", "GFP"], "PixelSize_um": 0.65, "Interval_ms": 60000.0}


def write(folder, version):
    """A position as Micro-Manager 1.4 or 2.0 writes it, one file a plane."""
    folder.mkdir(parents=True)
    metadata = {"Summary": SUMMARY}
    for t, c, z in np.ndindex(3, 2, 2):
        name = {
            "1.4": f"img_{t:09}_{SUMMARY['ChNames'][c]}_{z:03}.tif",
            "2.0": f"img_channel{c:03}_position000_time{t:09}_z{z:03}.tif",
        }[version]
        tifffile.imwrite(folder / name, MOVIE[t, c, z], metadata=None)
        key = {"1.4": f"FrameKey-{t}-{c}-{z}", "2.0": f"Metadata-{folder.name}/{name}"}[version]
        metadata[key] = {"ElapsedTime-ms": 1000.0 * t * t + 10 * c}
    (folder / "metadata.txt").write_text(json.dumps(metadata))
    return folder


@pytest.mark.parametrize("version", ["1.4", "2.0"])
def test_a_folder_of_planes_is_a_recording(tmp_path, version):
    folder = write(tmp_path / "dish" / "Pos0", version)
    assert is_image(folder)
    assert find_files(tmp_path / "dish") == [folder]
    series = open_series(folder, z=1)
    assert (series.name, series.shape, series.axes) == ("Pos0", (3, 2, 20, 30), "TCZYX")
    np.testing.assert_array_equal(np.stack([series.frame(t) for t in range(3)]), MOVIE[:, :, 1])
    np.testing.assert_array_equal(series.read(2, slice(3, 9), slice(5, 28)), MOVIE[2, :, 1, 3:9, 5:28])
    assert series.pixel_size == (0.65, 0.65)
    assert (series.frame_interval, series.frame_times) == (60.0, (0.0, 1.0, 4.0))
    assert series.channel_names == ("Phase", "GFP")


def test_metadata_that_break_off_say_nothing_and_planes_that_are_missing_are_named(tmp_path):
    folder = write(tmp_path / "Pos0", "2.0")
    content = (folder / "metadata.txt").read_text()
    (folder / "metadata.txt").write_text(content[: len(content) // 2])
    series = open_series(folder, z=0)
    assert (series.pixel_size, series.frame_times, series.channel_names) == (None, None, ())
    (folder / "img_channel001_position000_time000000001_z000.tif").unlink()
    series = open_series(folder, z=0)
    with pytest.raises(InputError, match=r"Pos0 is damaged .*lacks the plane of frame 1, channel 1 and z 0"):
        series.frame(1)


def test_planes_of_unlike_sizes_are_refused(tmp_path):
    folder = write(tmp_path / "Pos0", "1.4")
    tifffile.imwrite(folder / "img_000000001_GFP_000.tif", MOVIE[0, 0, 0, 3:], metadata=None)
    with pytest.raises(InputError, match=r"GFP_000\.tif has \(17, 30\) pixels, expected \(20, 30\)"):
        open_series(folder, z=0).frame(1)


def test_positions_in_one_folder_are_recordings_of_their_own(tmp_path):
    folder = write(tmp_path / "Default", "2.0")
    for path in folder.glob("img_*_z000.tif"):
        tifffile.imwrite(
            path.with_name(path.name.replace("position000", "position001")),
            tifffile.imread(path)[:10],
            metadata=None,
        )
    assert images_in([folder]) == [(folder, "0"), (folder, "1")]
    assert open_series(folder, z=1, position="0").shape == (3, 2, 20, 30)
    series = open_series(folder, position="1")
    assert (series.name, series.shape) == ("Default_1", (3, 2, 10, 30))
    np.testing.assert_array_equal(series.frame(2), MOVIE[2, :, 0, :10])
    assert series.frame_times is None
    named = write(tmp_path / "named", "2.0")
    (named / "img_channel000_position001_time000000000_z000.tif").write_bytes(
        (named / "img_channel000_position000_time000000000_z000.tif").read_bytes()
    )
    labels = {"StagePositions": [{"Label": "A1"}, {"Label": "A 2"}]}
    (named / "metadata.txt").write_text(json.dumps({"Summary": SUMMARY | labels}))
    assert [image.name for image in images_in([named])] == ["named_A1", "named_A-2"]
