"""Recordings out of files that patterns match: what is read of them, and what is refused."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import refusals
import tifffile
from PIL import Image

from hela_seg.data.labels.settings import LabelSettings
from hela_seg.data.layouts import FileRules, Recording
from hela_seg.data.on_disk import DataOnDisk, groups_as_stated
from hela_seg.data.patterns.matching import Given
from hela_seg.data.stacks import ReadOptions, write_tiff
from hela_seg.system.errors import InputError

VALUES = {"background": 0, "round": 4, "spread": 9}


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        Image.fromarray(array).save(path)
    else:
        write_tiff(path, array, "TYX"[3 - array.ndim :])


def random(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 250, shape or (6, 7)).astype(np.uint8)


def opened(root: Path, images: Given, masks: Given, **rules: Any) -> list[Recording]:
    of_labels = {field.name for field in fields(LabelSettings)} & set(rules)
    labels = LabelSettings(**{name: rules.pop(name) for name in of_labels})
    reading = ReadOptions(z=rules.pop("z", None))
    rules = {"labels": labels, "reading": reading, **rules}
    return DataOnDisk("folder", root, images, masks, rules=FileRules(**rules)).recordings()


refusal = partial(refusals.refusal, opened)


def save_positions(path: Path, arrays: dict[str, np.ndarray], axes: str = "YX") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path, ome=True) as file:
        for name, array in arrays.items():
            file.write(array, metadata={"axes": axes, "Name": name}, photometric="minisblack")


def pixels(recordings: list[Recording]) -> dict[str, tuple[list[Any], list[Any]]]:
    """Pixels of the first frame of images and of masks, by the name of their recording."""
    return {one.name: (one.image.frame(0)[0].tolist(), one.mask.frame(0)[0].tolist()) for one in recordings}


@pytest.mark.parametrize("masks", ["masks/{name}.png", "by/{position}/{name}.png", "all/{name}.ome.tif"])
def test_each_position_of_a_file_is_a_recording_with_its_mask(tmp_path: Path, masks: str) -> None:
    places = [(dish, at) for dish in "XY" for at in ("A1", "A2")]
    images, labels = ({place: random(seed + n) for n, place in enumerate(places)} for seed in (0, 100))
    for dish in "XY":
        save_positions(tmp_path / f"images/{dish}.ome.tif", {p: images[dish, p] for p in ("A1", "A2")})
        save_positions(tmp_path / f"all/{dish}.ome.tif", {p: labels[dish, p] for p in ("A2", "A1")})
    for (dish, at), mask in labels.items():
        save(tmp_path / f"masks/{dish}_{at}.png", mask)
        save(tmp_path / f"by/{at}/{dish}.png", mask)
    expected = {f"{d}_{p}": (images[d, p].tolist(), labels[d, p].tolist()) for d, p in places}
    found = opened(tmp_path, "images/{name}.ome.tif", masks)
    assert pixels(found) == expected
    assert groups_as_stated(found) is None
    picked = opened(tmp_path, "images/{name}.ome.tif", masks, position="A2")
    assert pixels(picked) == {name: expected[name] for name in ("X_A2", "Y_A2")}


def test_positions_of_frames_and_channels_in_files_of_their_own(tmp_path: Path) -> None:
    arrays = {(c, t, p): random(100 * c + 10 * t + p) for c in range(2) for t in range(3) for p in range(2)}
    for c, t in {(c, t) for c, t, _ in arrays}:
        save_positions(tmp_path / f"c{c}/t{t}.ome.tif", {f"P{p}": arrays[c, t, p] for p in range(2)})
    for p in range(2):
        save(tmp_path / f"masks/P{p}.tif", random(p, 3, 6, 7))
    first, second = opened(tmp_path, ["c0/t{t}.ome.tif", "c1/t{t}.ome.tif"], "masks/{position}.tif")
    assert (first.image.shape, second.image.shape) == ((3, 2, 6, 7), (3, 2, 6, 7))
    assert first.name == f"{tmp_path.name}_P0"
    for t in range(3):
        assert (second.image.frame(t) == np.stack([arrays[0, t, 1], arrays[1, t, 1]])).all()
    assert (second.mask.frame(2)[0] == random(1, 3, 6, 7)[2]).all()


def test_positions_without_masks_of_their_own_are_refused(tmp_path: Path) -> None:
    save_positions(tmp_path / "a.ome.tif", {"A1": random(0), "A2": random(1)})
    save(tmp_path / "a.png", random(2))
    save(tmp_path / "m/A1.png", random(2))
    images = "{name}.ome.tif"
    assert "a.png is one mask for several positions of its image, expected one for A1: write {position}" in (
        refusal(tmp_path, images, "{name}.png")
    )
    assert "1 image(s) have no mask, such as" in refusal(tmp_path, images, "m/{position}.png")
    assert "a.ome.tif (position A2)" in refusal(tmp_path, images, "m/{position}.png")
    assert "no file has the position B1, expected one of A1, A2, 0, 1" in (
        refusal(tmp_path, images, "m/{position}.png", position="B1")
    )
    save(tmp_path / "b.tif", random(0))
    assert "expected no {position} in it, for no image file holds several positions" in (
        refusal(tmp_path, "b.tif", "m/{position}.png")
    )


def test_a_mask_for_each_plane_goes_with_the_plane_that_is_seen(tmp_path: Path) -> None:
    stack, masks = random(0, 3, 6, 7), random(1, 3, 6, 7)
    tifffile.imwrite(tmp_path / "a.tif", stack, metadata={"axes": "ZYX"}, photometric="minisblack")
    for number in range(3):
        save(tmp_path / f"planes/a_z{number + 1}.tif", stack[number])
        save(tmp_path / f"masks/a_z{number + 1:02}.png", masks[number])
    for images in ("{name}.tif", "planes/{name}_z{z}.tif"):
        (recording,) = opened(tmp_path, images, "masks/{name}_z{z}.png", z=1)
        assert pixels([recording]) == {"a": (stack[1].tolist(), masks[1].tolist())}
        assert "expected one of number 3: set data.z" in (
            refusal(tmp_path, images, "masks/{name}_z{z}.png", z=3)
        )
        assert "which have no max: set data.z to the number of a plane" in (
            refusal(tmp_path, images, "masks/{name}_z{z}.png", z="max")
        )
        assert "expected one plane a frame: set data.z=0" in (
            refusal(tmp_path, images, "masks/{name}_z{z}.png")
        )
    (tmp_path / "masks/a_z01.png").unlink()
    assert "a.tif has 3 plane(s) and data.masks matches 2 masks of a frame with {z}" in (
        refusal(tmp_path, "{name}.tif", "masks/{name}_z{z}.png", z=1)
    )
    # numbers of files say which plane is which, so that not every plane needs a mask
    (recording,) = opened(tmp_path, "planes/{name}_z{z}.tif", "masks/{name}_z{z}.png", z=1)
    assert pixels([recording]) == {"a": (stack[1].tolist(), masks[1].tolist())}
    assert "1 image(s) have no mask" in refusal(
        tmp_path, "planes/{name}_z{z}.tif", "masks/{name}_z{z}.png", z=0
    )


def test_a_mask_for_each_plane_of_each_frame(tmp_path: Path) -> None:
    stack, masks = random(0, 2, 3, 6, 7), random(1, 2, 3, 6, 7)
    tifffile.imwrite(tmp_path / "a.tif", stack, metadata={"axes": "TZYX"}, photometric="minisblack")
    for t in range(2):
        for z in range(3):
            save(tmp_path / f"t{t}_z{z}.png", masks[t, z])
    (recording,) = opened(tmp_path, "{name}.tif", "t{t}_z{z}.png", z=2)
    assert [recording.image.frame(t)[0].tolist() for t in range(2)] == stack[:, 2].tolist()
    assert [recording.mask.frame(t)[0].tolist() for t in range(2)] == masks[:, 2].tolist()
    (tmp_path / "t1_z0.png").unlink()
    assert "are masks of 2 to 3 planes a frame" in refusal(tmp_path, "{name}.tif", "t{t}_z{z}.png", z=2)


def test_frames_and_channels_are_put_together(tmp_path: Path) -> None:
    arrays = {(t, c): random(10 * t + c) for t in range(3) for c in range(2)}
    masks = {t: random(100 + t) for t in range(3)}
    for (t, c), array in arrays.items():
        save(tmp_path / f"A/c{c}_{t}.tif", array)
    for t, mask in masks.items():
        save(tmp_path / f"A/mask_{t:03}.png", mask)
    patterns = {"phase": "{series}/c0_{t}.tif", "nuclei": "{series}/c1_{t}.tif"}
    (recording,) = opened(tmp_path, patterns, "{series}/mask_{t}.png")
    assert (recording.name, recording.image.shape) == ("A", (3, 2, 6, 7))
    assert recording.image.channel_names == ("phase", "nuclei")
    for t in range(3):
        assert (recording.image.frame(t) == np.stack([arrays[t, 0], arrays[t, 1]])).all()
        assert (recording.mask.frame(t)[0] == masks[t]).all()
    (picked,) = opened(tmp_path, patterns, "{series}/mask_{t}.png", channels=["nuclei"])
    assert (picked.image.frame(2)[0] == arrays[2, 1]).all()
    (numbered,) = opened(tmp_path, "{series}/c{c}_{t}.tif", "{series}/mask_{t}.png", channels=[1])
    assert (numbered.image.frame(2)[0] == arrays[2, 1]).all()


def test_frames_without_a_mask_are_shown_beside_those_with_one(tmp_path: Path) -> None:
    for t in range(4):
        save(tmp_path / f"t{t}.tif", random(t))
    for t in (1, 3):
        save(tmp_path / f"m{t}.png", random(10 + t))
    (alone,) = opened(tmp_path, "t{t}.tif", "m{t}.png", sparse=True)
    (recording,) = opened(tmp_path, "t{t}.tif", "m{t}.png", sparse=True, neighbours=True)
    for one in (alone, recording):
        assert [one.image.frame(i)[0].tolist() for i in (0, 1)] == [random(1).tolist(), random(3).tolist()]
        assert [one.mask.frame(i)[0].tolist() for i in (0, 1)] == [random(11).tolist(), random(13).tolist()]
    whole, numbers = recording.image.whole()
    assert (list(numbers), whole.frame(2)[0].tolist()) == ([1, 3], random(2).tolist())


def test_one_stack_has_masks_of_single_frames_and_the_other_way_round(tmp_path: Path) -> None:
    frames, masks = random(0, 3, 6, 7), random(1, 3, 6, 7)
    save(tmp_path / "images/a.tif", frames)
    save(tmp_path / "stack/a.tif", masks)
    for t in range(3):
        save(tmp_path / f"a/m{t}.png", masks[t])
        save(tmp_path / f"single/t{t}.tif", frames[t])
    for images, labels in (("images/{name}.tif", "{name}/m{t}.png"), ("single/t{t}.tif", "stack/a.tif")):
        (recording,) = opened(tmp_path, images, labels)
        assert [recording.image.frame(t).tolist() for t in range(3)] == frames[:, None].tolist()
        assert [recording.mask.frame(t).tolist() for t in range(3)] == masks[:, None].tolist()
    (tmp_path / "a/m2.png").unlink()
    assert "has 2 frame(s) of 6x7, expected 3" in refusal(tmp_path, "images/{name}.tif", "{name}/m{t}.png")


def test_cells_of_one_file_each_are_numbered(tmp_path: Path) -> None:
    save(tmp_path / "a.tif", random(0, 1, 4))
    for name, row in (("2", [255, 255, 0, 0]), ("10", [0, 255, 255, 0])):
        save(tmp_path / f"a/{name}.png", np.array([row], np.uint8))
    (cells,) = opened(tmp_path, "{id}.tif", "{id}/*.png", kind="instances")
    assert cells.mask.frame(0).tolist() == [[[1, 2, 2, 0]]]
    save(tmp_path / "b/b.tif", random(0, 1, 4))
    save(tmp_path / "b/cells/x.png", np.array([[0, 255, 0, 0]], np.uint8))
    (one,) = opened(tmp_path / "b", "{id}.tif", "cells/*.png", kind="instances")
    assert one.mask.frame(0).tolist() == [[[0, 1, 0, 0]]]
    (values,) = opened(tmp_path, "{id}.tif", "{id}/*.png")
    assert values.mask.frame(0).tolist() == [[[255, 255, 255, 0]]]
    assert (
        cells.mask.dtype == np.uint32
    )  # also of frames with few cells, for the frames of a series are alike
    save(tmp_path / "a/11.png", np.zeros((2, 4), np.uint8))
    assert "11.png has 1 frame(s) of 2x4, 1 channel(s), uint8 but 2.png has 1 frame(s) of 1x4" in refusal(
        tmp_path, "{id}.tif", "{id}/*.png"
    )


def test_classes_of_one_file_each_have_their_values(tmp_path: Path) -> None:
    save(tmp_path / "a.tif", random(0, 1, 4))
    save(tmp_path / "a_r.png", np.array([[255, 255, 0, 0]], np.uint8))
    save(tmp_path / "a_s.png", np.array([[0, 1, 130, 0]], np.uint8))
    masks = {"round": "{name}_r.png", "spread": "{name}_s.png"}
    (recording,) = opened(tmp_path, "{name}.tif", masks, class_values=VALUES)
    assert recording.mask.frame(0).tolist() == [[[4, 9, 9, 0]]]
    (soft,) = opened(tmp_path, "{name}.tif", masks, class_values=VALUES, threshold=128)
    assert soft.mask.frame(0).tolist() == [[[4, 4, 9, 0]]]


def test_a_threshold_counts_in_every_layout(tmp_path: Path) -> None:
    save(tmp_path / "images/a.tif", random(0, 1, 4))
    (tmp_path / "masks").mkdir()
    soft = np.array([[0.0, 0.4, 0.6, 1.0]], np.float32)
    tifffile.imwrite(tmp_path / "masks/a.tif", soft, photometric="minisblack")
    values = {"background": 3, "cell": 7}
    (recording,) = opened(tmp_path, "images", "masks", threshold=0.5, class_values=values)
    assert recording.mask.frame(0).tolist() == [[[3, 3, 7, 7]]]


def test_masks_that_jpeg_made_soft_need_a_threshold(tmp_path: Path) -> None:
    save(tmp_path / "images/a.tif", random(0, 16, 16))
    (tmp_path / "masks").mkdir()
    mask = np.zeros((16, 16), np.uint8)
    mask[:, 8:] = 255
    tifffile.imwrite(tmp_path / "masks/a.tif", mask, compression="jpeg", photometric="minisblack")
    assert "compressed as JPEG" in refusal(tmp_path, "images", "masks")
    (recording,) = opened(
        tmp_path, "images", "masks", threshold=128, class_values={"background": 0, "cell": 1}
    )
    assert (recording.mask.frame(0)[0] == mask // 255).all()


def test_grey_images_and_colours_lie_side_by_side(tmp_path: Path) -> None:
    grey = random(0)
    for name, array in (("a", grey), ("b", np.stack([grey] * 3, axis=-1))):
        save(tmp_path / f"images/{name}.png", array)
        save(tmp_path / f"masks/{name}.png", grey)
    one, two = opened(tmp_path, "images", "masks", grey=True)
    assert one.image.shape == two.image.shape == (1, 1, 6, 7)
    assert (one.image.frame(0) == two.image.frame(0)).all()


def test_outlines_are_numbered_or_have_the_values_of_their_classes(tmp_path: Path) -> None:
    save(tmp_path / "a.tif", random(0, 2, 6))

    def square(left: int, name: str) -> dict[str, Any]:
        corners = [[left, 0], [left + 2, 0], [left + 2, 2], [left, 2]]
        named = {"classification": {"name": name}}
        return {"geometry": {"type": "Polygon", "coordinates": [corners]}, "properties": named}

    (tmp_path / "a.geojson").write_text(json.dumps([square(0, "spread"), square(2, "round")]))
    patterns = ("{name}.tif", "{name}.geojson")
    (ids,) = opened(tmp_path, *patterns, kind="instances")
    assert ids.mask.frame(0)[0, 0].tolist() == [1, 1, 2, 2, 0, 0]
    (classes,) = opened(tmp_path, *patterns, class_values=VALUES)
    assert classes.mask.frame(0)[0, 0].tolist() == [9, 9, 4, 4, 0, 0]
    (two,) = opened(tmp_path, *patterns, class_values={"background": 5, "cell": 1})
    assert two.mask.frame(0)[0, 0].tolist() == [1, 1, 1, 1, 5, 5]
    (tmp_path / "a2.geojson").write_text(json.dumps([square(1, "any")]))
    both = {"spread": "{name}.geojson", "round": "{name}2.geojson"}
    (layers,) = opened(tmp_path, "{name}.tif", both, class_values={**VALUES, "background": 7})
    assert layers.mask.frame(0)[0, 0].tolist() == [9, 4, 4, 9, 7, 7]
    (tmp_path / "a2.geojson").unlink()
    (tmp_path / "a.geojson").write_text(json.dumps([square(0, "dead")]))
    assert "holds an outline of 'dead', expected one of the classes background, round, spread" in refusal(
        tmp_path, *patterns, class_values=VALUES
    )
    assert "expected pixels with data.labels.kind=colours" in refusal(tmp_path, *patterns, kind="colours")
    assert "expected pixels with data.labels.threshold=9" in refusal(tmp_path, *patterns, threshold=9)


def test_frames_have_outlines_of_their_own(tmp_path: Path) -> None:
    for t in range(2):
        save(tmp_path / f"t{t}.tif", random(t, 2, 6))
        corners = [[t, 0], [t + 2, 0], [t + 2, 2], [t, 2]]
        cell = {"geometry": {"type": "Polygon", "coordinates": [corners]}}
        (tmp_path / f"t{t}.geojson").write_text(json.dumps(cell))
    save(tmp_path / "stack/a.tif", random(0, 2, 2, 6))
    for images in ("t{t}.tif", "stack/a.tif"):
        (recording,) = opened(tmp_path, images, "t{t}.geojson", kind="instances")
        assert [recording.mask.frame(t)[0, 0].tolist() for t in range(2)] == [
            [1, 1, 0, 0, 0, 0],
            [0, 1, 1, 0, 0, 0],
        ]


def test_groups_are_known_where_all_recordings_have_one(tmp_path: Path) -> None:
    for name in ("a_0", "a_1", "b_0"):
        save(tmp_path / f"{name}.tif", random(0))
        save(tmp_path / f"{name}_m.png", random(0))
    tiles = opened(tmp_path, "{group}_{n}.tif", "{group}_{n}_m.png")
    assert groups_as_stated(tiles) == ["a", "a", "b"]
    assert groups_as_stated(opened(tmp_path, "{name}.tif", "{name}_m.png")) is None


def test_names_of_channels_are_as_many_as_channels(tmp_path: Path) -> None:
    save(tmp_path / "images/a.tif", random(0))
    save(tmp_path / "masks/a.png", random(0))
    assert "has 1 channel(s), expected 2 as data.channel_names says (phase, nuclei)" in refusal(
        tmp_path, "images", "masks", channel_names=("phase", "nuclei")
    )


@pytest.mark.parametrize(
    ("layout", "options", "said"),
    [
        ("ctc", {"images": "{t}.tif"}, "is given with data.layout=ctc, .* expected data=folder"),
        ("folder", {"images": "{t}.tif", "sequence": True}, "data.sequence is true with patterns"),
    ],
)
def test_patterns_go_with_folders_alone(
    tmp_path: Path, layout: str, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        DataOnDisk(layout, tmp_path, **options)
