"""Channels of several files joined, some of them picked, colours made grey."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hela_seg.data.stacks import Series, open_series, write_tiff
from hela_seg.data.stacks.channels import JoinedChannels, JoinedPlanes, choose_channels, is_picked
from hela_seg.system.errors import InputError


def series(path: Path, array: np.ndarray, axes: str) -> Series:
    write_tiff(path, array, axes)
    return open_series(path)


def random(seed: int, *shape: int, dtype: str = "uint8") -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 250, shape).astype(dtype)


def test_joined_channels_are_the_files_one_behind_the_other(tmp_path: Path) -> None:
    one, two = random(0, 3, 6, 7), random(1, 3, 6, 7, dtype="uint16")
    joined = JoinedChannels([series(tmp_path / "a.tif", one, "TYX"), series(tmp_path / "b.tif", two, "TYX")])
    assert (joined.shape, joined.dtype, len(joined.paths)) == ((3, 2, 6, 7), np.uint16, 2)
    assert (joined.frame(2) == np.stack([one[2], two[2]])).all()
    window = joined.read(1, slice(2, 4), slice(0, 3))
    assert (window == np.stack([one, two], axis=1)[1, :, 2:4, 0:3]).all()
    assert window.dtype == np.uint16


@pytest.mark.parametrize(("size", "frames"), [((6, 8), 3), ((6, 7), 2)])
def test_unlike_channels_are_refused(tmp_path: Path, size: tuple[int, int], frames: int) -> None:
    first = series(tmp_path / "a.tif", random(0, 3, 6, 7), "TYX")
    other = series(tmp_path / "b.tif", random(0, frames, *size), "TYX")
    with pytest.raises(InputError, match=r"b\.tif has .* but a\.tif has 3 frame\(s\) of 6x7"):
        JoinedChannels([first, other])


def test_planes_are_seen_one_at_a_time_or_projected(tmp_path: Path) -> None:
    arrays = [random(seed, 6, 7) for seed in range(3)]
    planes = [series(tmp_path / f"z{z}.tif", array, "YX") for z, array in enumerate(arrays)]
    assert (JoinedPlanes(planes, 1).frame(0)[0] == arrays[1]).all()
    assert (JoinedPlanes(planes, "max").frame(0)[0] == np.max(arrays, axis=0)).all()
    assert (JoinedPlanes(planes, "mean").frame(0)[0] == np.rint(np.mean(arrays, axis=0))).all()
    with pytest.raises(InputError, match=r"Z-stack of 3 planes .* set data\.z=0"):
        JoinedPlanes(planes, None)
    with pytest.raises(InputError, match="holds 3 planes, expected one of number 3"):
        JoinedPlanes(planes, 3)
    with pytest.raises(InputError, match="planes of one image must be alike"):
        JoinedPlanes([planes[0], series(tmp_path / "b.tif", random(0, 6, 8), "YX")], 0)


def test_channels_are_picked_by_number_or_name_in_the_order_asked_for(tmp_path: Path) -> None:
    array = random(0, 3, 6, 7)
    source = series(tmp_path / "a.tif", array, "CYX")
    assert (choose_channels(source, [2, 0]).frame(0) == array[[2, 0]]).all()
    source.channel_names = ("phase", "nuclei", "membrane")
    picked = choose_channels(source, ["nuclei", 0])
    assert (picked.frame(0) == array[[1, 0]]).all()
    assert picked.channel_names == ("nuclei", "phase")
    for channel in (3, -1, "Nuclei"):
        with pytest.raises(
            InputError, match=r"has 3 channel\(s\) named phase, nuclei, membrane, expected one"
        ):
            choose_channels(source, [channel])


def test_images_that_hold_the_picked_channels_alone_are_told_from_others(tmp_path: Path) -> None:
    one, two = (
        series(tmp_path / "a.tif", random(0, 6, 7), "YX"),
        series(tmp_path / "b.tif", random(0, 2, 6, 7), "CYX"),
    )
    assert is_picked(one, [1])
    assert is_picked(one, ["phase"])
    assert not is_picked(one, [0])
    assert not is_picked(two, [1])
    assert not is_picked(two, [1, 0])
    assert is_picked(two, [0, 2])


def test_colours_become_grey_as_pillow_makes_them(tmp_path: Path) -> None:
    array = random(0, 16, 17, 3)
    Image.fromarray(array).save(tmp_path / "a.png")
    grey = choose_channels(open_series(tmp_path / "a.png"), None, grey=True)
    assert grey.shape == (1, 1, 16, 17)
    expected = np.asarray(Image.fromarray(array).convert("L")).astype(int)
    assert abs(grey.frame(0)[0].astype(int) - expected).max() <= 1
    same = np.repeat(random(1, 6, 7)[..., None], 3, axis=-1)
    Image.fromarray(same).save(tmp_path / "b.png")
    assert (
        choose_channels(open_series(tmp_path / "b.png"), None, grey=True).frame(0)[0] == same[..., 0]
    ).all()
    plain = series(tmp_path / "c.tif", random(2, 6, 7), "YX")
    assert (choose_channels(plain, None, grey=True).frame(0) == plain.frame(0)).all()
    with pytest.raises(InputError, match="has 2 channels, expected grey or red, green and blue"):
        choose_channels(series(tmp_path / "d.tif", random(2, 2, 6, 7), "CYX"), None, grey=True)
