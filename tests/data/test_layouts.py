from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
import tifffile
from PIL import Image
from refusals import refusal

from hela_seg.data.labels.settings import LabelSettings
from hela_seg.data.layouts import FileRules
from hela_seg.data.on_disk import DataOnDisk
from hela_seg.data.stacks import ReadOptions

SPARSE, NEAREST = FileRules(LabelSettings(sparse=True)), FileRules(LabelSettings(resize="nearest"))


def save(path, frames=1, size=(6, 7), value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.full((frames, *size), value, np.uint8)
    if path.suffix == ".png":
        Image.fromarray(array[0]).save(path)
    else:
        tifffile.imwrite(path, array, photometric="minisblack", metadata={"axes": "TYX"})


def fill(root, images, masks, **options):
    for folder, names in (("images", images), ("masks", masks)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            save(root / folder / name, **options)
    return root


def paired_by_stem(root, images, masks, **options):
    return DataOnDisk("folder", root, images, masks, **options).recordings()


def dryad(root, **options):
    return DataOnDisk("dryad", root, **options).recordings()


def names(recordings):
    return [(r.image.path.name, r.mask.path.name) for r in recordings]


def save_positions(path, names):
    path.parent.mkdir(exist_ok=True)
    with tifffile.TiffWriter(path, ome=True) as file:
        for name in names:
            metadata = {"axes": "TYX", "Name": name}
            file.write(np.zeros((2, 6, 7), np.uint8), photometric="minisblack", metadata=metadata)


# Pairs of one name


def test_images_pair_with_masks_of_their_name_whatever_the_ending(tmp_path):
    images = ["dish 10.tif", "dish 2.tif", "Zellen äöü (1).png", "b.ome.tif"]
    masks = ["b.png", "dish 2.png", "dish 10.tiff", "Zellen äöü (1).tif"]
    recordings = paired_by_stem(fill(tmp_path, images, masks), "images", "masks")
    assert names(recordings) == [
        ("Zellen äöü (1).png", "Zellen äöü (1).tif"),
        ("b.ome.tif", "b.png"),
        ("dish 2.tif", "dish 2.png"),
        ("dish 10.tif", "dish 10.tiff"),
    ]
    assert [r.name for r in recordings] == ["Zellen äöü (1)", "b", "dish 2", "dish 10"]
    assert {r.part for r in recordings} == {None}


@pytest.mark.parametrize(("image", "mask"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_names_pair_in_whichever_form_of_unicode_they_are(tmp_path, image, mask):
    """macOS and some archives write the ü of a name as two characters, which look the same."""
    name = "Müller é"
    (recording,) = paired_by_stem(
        fill(tmp_path, [f"{normalize(image, name)}.tif"], [f"{normalize(mask, name)}.png"]), "images", "masks"
    )
    assert recording.name == name


def test_hidden_and_other_files_are_left_aside(tmp_path):
    fill(tmp_path, ["a.tif"], ["a.tif"])
    for name in ("images/._a.tif", "images/.DS_Store", "masks/notes.txt"):
        (tmp_path / name).touch()
    assert names(paired_by_stem(tmp_path, "images", "masks")) == [("a.tif", "a.tif")]


def test_images_without_mask_and_masks_without_image_are_listed_together(tmp_path):
    root = fill(tmp_path, ["a.tif", "b.tif", "c 1.png"], ["a.tif", "d.tif", "ü.png"])
    message = refusal(paired_by_stem, root, "images", "masks")
    images, masks = root / "images", root / "masks"
    assert f"2 image(s) have no mask, such as {images / 'b.tif'}, {images / 'c 1.png'}: add" in message
    assert f"2 mask(s) have no image, such as {masks / 'd.tif'}, {masks / 'ü.png'}: add" in message


@pytest.mark.parametrize(
    ("images", "masks", "said"),
    [
        (["a.tif", "b.tif"], ["a.tif"], "1 image(s) have no mask"),
        (["a.tif"], ["a.tif", "b.tif"], "1 mask(s) have no image"),
    ],
)
def test_one_side_alone_may_be_missing(tmp_path, images, masks, said):
    message = refusal(paired_by_stem, fill(tmp_path, images, masks), "images", "masks")
    assert message.startswith(said)
    assert message.count("such as") == 1


def test_at_most_ten_are_listed_of_either_kind(tmp_path):
    root = fill(tmp_path, [f"i{n}.tif" for n in range(13)], [f"m{n}.tif" for n in range(10)])
    message = refusal(paired_by_stem, root, "images", "masks")
    assert f"have no mask, such as {root / 'images' / 'i0.tif'}, {root / 'images' / 'i1.tif'}, " in message
    assert "i9.tif and 3 more: add" in message
    assert "i10.tif" not in message
    assert "m9.tif: add" in message


@pytest.mark.parametrize("folder", ["images", "masks"])
def test_two_files_of_one_name_are_refused(tmp_path, folder):
    root = fill(tmp_path, ["a.tif"], ["a.tif"])
    save(root / folder / "a.png")
    message = refusal(paired_by_stem, root, "images", "masks")
    setting = f"(data.{folder}='{folder}/{{name}}')"
    assert message.startswith(f"{root / folder / 'a.png'} and a.tif {setting} match one pattern")


@pytest.mark.parametrize(
    ("mask", "found"), [({"size": (7, 6)}, "1 frame(s) of 7x6"), ({"frames": 2}, "2 frame(s) of 6x7")]
)
def test_mask_of_another_size_or_length_is_refused(tmp_path, mask, found):
    save(tmp_path / "images" / "a.tif")
    save(tmp_path / "masks" / "a.tif", **mask)
    message = refusal(paired_by_stem, tmp_path, "images", "masks")
    assert message.startswith(
        f"{tmp_path / 'masks' / 'a.tif'} has {found}, expected 1 of 6x7 as its image a.tif"
    )


def test_one_file_of_images_goes_with_its_mask_in_a_folder(tmp_path):
    fill(tmp_path, ["a.tif"], ["a.tif"])
    assert names(paired_by_stem(tmp_path, "images/a.tif", "masks")) == [("a.tif", "a.tif")]


def test_each_position_of_a_file_goes_with_the_mask_of_its_name(tmp_path):
    path = tmp_path / "images" / "dish.ome.tif"
    save_positions(path, ["A1", "A2", "B1"])
    for name in ("dish_A1", "dish_A2", "dish_B1"):
        save(tmp_path / "masks" / f"{name}.tif", frames=2)
    found = paired_by_stem(tmp_path, "images", "masks")
    assert [(recording.name, recording.mask.name) for recording in found] == [
        (name, name) for name in ("dish_A1", "dish_A2", "dish_B1")
    ]
    rules = FileRules(position=["B1"])
    picked = paired_by_stem(tmp_path, "images/dish.ome.tif", "masks", rules=rules)
    assert [recording.name for recording in picked] == ["dish_B1"]
    save_positions(tmp_path / "masks.ome.tif", ["B1", "A2", "A1"])
    both = paired_by_stem(tmp_path, "images/dish.ome.tif", "masks.ome.tif")
    assert [(recording.name, recording.mask.name) for recording in both] == [
        (f"dish_{position}", f"masks_{position}") for position in ("A1", "A2", "B1")
    ]
    for name in ("dish_A1", "dish_A2", "dish_B1"):
        save(tmp_path / "single" / f"{name}.tif", frames=2)
    save_positions(tmp_path / "of_all" / "dish.ome.tif", ["B1", "A2", "A1"])
    for images in ("single", "images"):
        found = paired_by_stem(tmp_path, images, "of_all")
        assert [(one.name, one.mask.position, one.group) for one in found] == [
            (f"dish_{position}", position, None) for position in ("A1", "A2", "B1")
        ]
    assert "dish_A1.tif is one mask for several positions of its image" in refusal(
        paired_by_stem, tmp_path, "images/dish.ome.tif", "masks/dish_A1.tif"
    )


def test_one_file_each_is_a_pair_whatever_their_names(tmp_path):
    save(tmp_path / "movie.tif", frames=4)
    save(tmp_path / "ids.tif", frames=4)
    assert names(paired_by_stem(tmp_path, "movie.tif", "ids.tif")) == [("movie.tif", "ids.tif")]


@pytest.mark.parametrize(
    ("root", "images", "reason"),
    [
        ("gone", "images", "gone is no folder, expected one with images and masks: set data.root"),
        (".", "pictures", "pictures is not there, expected images as data.images=pictures says"),
    ],
)
def test_folder_that_is_not_there_is_refused(tmp_path, root, images, reason):
    fill(tmp_path, ["a.tif"], ["a.tif"])
    assert reason in refusal(paired_by_stem, tmp_path / root, images, "masks")


def test_what_is_there_is_named_in_place_of_what_is_not(tmp_path):
    fill(tmp_path, ["a.tif"], ["a.tif"])
    for root, images, masks, cure in (
        (tmp_path, "image", "masks", "data.images='images'"),
        (tmp_path / "images", "images", "masks", f"data.root='{tmp_path}'"),
        (tmp_path / "images" / "a.tif", "images", "masks", f"data.root='{tmp_path}'"),
        (Path(), str(tmp_path / "images"), str(tmp_path / "mask"), f"data.masks='{tmp_path / 'masks'}'"),
    ):
        assert refusal(paired_by_stem, root, images, masks).endswith(cure)


def test_images_are_not_their_own_masks(tmp_path):
    fill(tmp_path, ["a.tif"], [])
    assert "are both" in refusal(paired_by_stem, tmp_path, "images", "images")


def test_axes_settle_images_and_masks(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    tifffile.imwrite(
        tmp_path / "images" / "a.tif", np.zeros((5, 2, 6, 7), np.uint8), photometric="minisblack"
    )
    tifffile.imwrite(tmp_path / "masks" / "a.tif", np.zeros((5, 6, 7), np.uint8), photometric="minisblack")
    assert "data.axes=TCYX" in refusal(paired_by_stem, tmp_path, "images", "masks")
    (recording,) = paired_by_stem(tmp_path, "images", "masks", rules=FileRules(reading=ReadOptions("TCYX")))
    assert (recording.image.shape, recording.mask.shape) == ((5, 2, 6, 7), (5, 1, 6, 7))


# Frames of one series


def test_frames_of_a_sequence_are_in_the_order_of_their_numbers(tmp_path, monkeypatch):
    root = tmp_path / "my movie"
    for t in (8, 9, 10, 11):
        save(root / "images" / f"t{t}.tif", value=t)
        save(root / "masks" / f"t{t}.png", value=t)
    monkeypatch.chdir(root)
    for here in (root, root.relative_to(root)):
        (recording,) = paired_by_stem(here, "images", "masks", sequence=True)
        assert recording.name == "my movie"
        for series in (recording.image, recording.mask):
            assert series.shape == (4, 1, 6, 7)
            assert [series.frame(t)[0, 0, 0] for t in range(4)] == [8, 9, 10, 11]


def test_frames_of_unlike_sizes_make_no_sequence(tmp_path):
    fill(tmp_path, ["t0.tif"], ["t0.tif"])
    for folder in ("images", "masks"):
        save(tmp_path / folder / "t1.tif", size=(8, 8))
    message = refusal(paired_by_stem, tmp_path, "images", "masks", sequence=True)
    assert message.startswith(f"{tmp_path / 'images' / 't1.tif'} has 1 frame(s) of 8x8")


def number(root, numbers, pattern="t{:03}.png", folders=("images", "masks")):
    for folder in folders:
        for t in numbers:
            save(root / folder / pattern.format(t), value=t)
    return root


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [([0, 1, 3, 4], "2"), ([0, 1, 2, 6], "3, 4, 5"), ([10, 20, 40, 50], "30")],
)
def test_a_gap_in_the_numbers_of_a_sequence_is_refused(tmp_path, numbers, missing):
    message = refusal(paired_by_stem, number(tmp_path, numbers), "images", "masks", sequence=True)
    assert message.startswith(f"{tmp_path / 'images'} lacks frame {missing} between")


@pytest.mark.parametrize(
    ("numbers", "pattern"),
    [([3, 4, 5], "t{}.png"), ([0, 10, 20], "t{:03}.png"), ([7], "t{}.png"), ([1, 2], "film 7 t{} c2.png")],
)
def test_frames_without_gaps_make_a_sequence(tmp_path, numbers, pattern):
    (recording,) = paired_by_stem(number(tmp_path, numbers, pattern), "images", "masks", sequence=True)
    assert [recording.mask.frame(t)[0, 0, 0] for t in range(len(numbers))] == numbers


# Masks as people have them


def test_images_without_mask_are_left_aside_where_masks_are_sparse(tmp_path):
    root = fill(tmp_path, ["a.tif", "b.tif", "c.tif"], ["c.tif", "a.png"])
    found = paired_by_stem(root, "images", "masks", rules=SPARSE)
    assert names(found) == [("a.tif", "a.png"), ("c.tif", "c.tif")]
    save(tmp_path / "masks" / "d.tif")
    message = refusal(paired_by_stem, root, "images", "masks", rules=SPARSE)
    assert message.startswith(f"1 mask(s) have no image, such as {tmp_path / 'masks' / 'd.tif'}: ")


def test_sparse_masks_that_pair_with_no_image_at_all_are_refused(tmp_path):
    root = fill(tmp_path, ["a.tif"], ["b.tif"])
    message = refusal(paired_by_stem, root, "images", "masks", rules=SPARSE)
    assert message.startswith(f"1 mask(s) have no image, such as {tmp_path / 'masks' / 'b.tif'}: ")


def test_sparse_frames_of_a_sequence_are_those_with_masks(tmp_path):
    number(tmp_path, range(6), folders=("images",))
    number(tmp_path, (1, 4), folders=("masks",))
    (recording,) = paired_by_stem(tmp_path, "images", "masks", sequence=True, rules=SPARSE)
    assert [recording.image.frame(t)[0, 0, 0] for t in range(2)] == [1, 4]
    assert [recording.mask.frame(t)[0, 0, 0] for t in range(2)] == [1, 4]
    assert recording.mask.path_of(1).name == "t004.png"
    (tmp_path / "images" / "t003.png").unlink()
    message = refusal(paired_by_stem, tmp_path, "images", "masks", sequence=True, rules=SPARSE)
    assert "lacks frame 3 " in message


def test_dryads_masks_may_be_sparse_where_they_have_their_images_names(tmp_path):
    root = fill_dryad(tmp_path, masks=("x_{}.png", 2))
    found = [one.name for one in dryad(root, rules=SPARSE) if one.part == "test"]
    assert found == ["test/x_0", "test/x_1"]


def test_masks_at_another_resolution_are_read_at_the_images_where_asked_for(tmp_path):
    save(tmp_path / "images" / "a.tif", frames=2, size=(12, 20))
    mask = np.arange(2 * 6 * 10, dtype=np.uint8).reshape(2, 6, 10)
    (tmp_path / "masks").mkdir()
    tifffile.imwrite(tmp_path / "masks" / "a.tif", mask, photometric="minisblack", metadata={"axes": "TYX"})
    assert "data.labels.resize=nearest" in refusal(paired_by_stem, tmp_path, "images", "masks")
    (recording,) = paired_by_stem(tmp_path, "images", "masks", rules=NEAREST)
    np.testing.assert_array_equal(recording.mask.frame(1)[0], np.kron(mask[1], np.ones((2, 2))))


def test_a_shorter_mask_stays_refused_where_sizes_may_differ(tmp_path):
    save(tmp_path / "images" / "a.tif", frames=3)
    save(tmp_path / "masks" / "a.tif", frames=2)
    message = refusal(paired_by_stem, tmp_path, "images", "masks", rules=NEAREST)
    assert "has 2 frame(s) of 6x7, expected 3 of 6x7" in message


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_masks_may_be_rgb(tmp_path, suffix):
    save(tmp_path / "images" / "a.png")
    path = tmp_path / "masks" / f"a{suffix}"
    path.parent.mkdir()
    colours = np.random.default_rng(0).integers(0, 256, (6, 7, 3), np.uint8)
    Image.fromarray(colours).save(path)
    for rules in (FileRules(), FileRules(LabelSettings("colours"))):
        (recording,) = paired_by_stem(tmp_path, "images", "masks", rules=rules)
        np.testing.assert_array_equal(np.moveaxis(recording.mask.frame(0), 0, -1), colours)


def test_a_colour_table_holds_colours_or_values_as_asked_for(tmp_path):
    save(tmp_path / "images" / "a.png")
    indices = Image.fromarray(np.full((6, 7), 2, np.uint8), mode="P")
    indices.putpalette([0, 0, 0, 9, 9, 9, 255, 0, 7])
    (tmp_path / "masks").mkdir()
    indices.save(tmp_path / "masks" / "a.png")
    for kind, expected in (("values", [2]), ("colours", [255, 0, 7])):
        rules = FileRules(LabelSettings(kind))
        (recording,) = paired_by_stem(tmp_path, "images", "masks", rules=rules)
        assert recording.mask.frame(0)[:, 0, 0].tolist() == expected


def test_limits_are_handed_to_images_and_masks(tmp_path):
    root = fill(tmp_path, ["a.tif"], ["a.tif"])
    rules = FileRules(reading=ReadOptions(max_frame_pixels=41))
    assert "at most 41" in refusal(paired_by_stem, root, "images", "masks", rules=rules)


# The paper's layout


def fill_dryad(root, images=("x_{}.tiff", 3), masks=("y_{}.png", 3)):
    for part in ("train", "validate", "test"):
        for kind, (pattern, count) in (("X", images), ("y", masks)):
            for number in range(count):
                save(root / f"{kind}_{part}" / part / pattern.format(number), value=number)
    return root


def test_dryad_pairs_in_order_and_says_what_each_is_for(tmp_path):
    recordings = dryad(fill_dryad(tmp_path, ("x_{}.tiff", 11), ("y_{}.png", 11)))
    assert [r.part for r in recordings] == ["train"] * 11 + ["validation"] * 11 + ["test"] * 11
    assert [r.name for r in recordings[:3]] == ["train/x_0", "train/x_1", "train/x_2"]
    assert all((r.image.frame(0) == r.mask.frame(0)).all() for r in recordings)


def test_dryad_with_other_numbers_of_images_and_masks_is_refused(tmp_path):
    root = fill_dryad(tmp_path, masks=("y_{}.png", 2))
    message = refusal(dryad, root)
    assert f"{root / 'X_train' / 'train'} holds 3 images and {root / 'y_train' / 'train'} 2 masks" in message


def test_dryad_with_gaps_on_both_sides_is_not_paired_shifted(tmp_path):
    root = fill_dryad(tmp_path, masks=("x_{}.png", 3))
    (root / "X_test" / "test" / "x_0.tiff").unlink()
    (root / "y_test" / "test" / "x_2.png").unlink()
    message = refusal(dryad, root)
    assert f"1 image(s) have no mask, such as {root / 'X_test' / 'test' / 'x_2.tiff'}" in message
    assert f"1 mask(s) have no image, such as {root / 'y_test' / 'test' / 'x_0.png'}" in message


@pytest.mark.parametrize("gone", ["X_validate", "y_test"])
def test_dryad_without_one_of_its_folders_is_refused(tmp_path, gone):
    root = fill_dryad(tmp_path)
    (root / gone).rename(tmp_path / "elsewhere")
    assert refusal(dryad, root).startswith(f"{root / gone}")
    assert "data.root" in refusal(dryad, root / "gone")


# Real recordings


@pytest.mark.parametrize(
    ("folder", "images", "masks", "count", "shape"),
    [
        ("hela-nucleolus", "images", "masks", 14, (1, 1, 512, 512)),
        ("t98g-phase/stills", "images", "instances", 6, (1, 1, 1022, 1024)),
        ("hela-h2b-timelapse", "images.tif", "instances.tif", 1, (20, 1, 700, 1100)),
    ],
)
def test_real_folders_pair_up(shared, folder, images, masks, count, shape):
    recordings = paired_by_stem(shared / folder, images, masks, rules=FileRules(reading=ReadOptions("TYX")))
    assert [r.image.shape for r in recordings] == [shape] * count
    assert [r.mask.shape for r in recordings] == [shape] * count


def test_real_frames_make_one_sequence(shared):
    folder = shared / "t98g-phase" / "timelapse"
    (recording,) = paired_by_stem(folder, "images", "instances", sequence=True)
    assert (recording.name, recording.image.shape) == ("timelapse", (10, 1, 1022, 1024))
