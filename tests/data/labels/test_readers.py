"""What labels promise: class indices from masks as people have them, or one line that says why not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refusal
from scipy.spatial.distance import cdist

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.labels.readers import ColourLabels, InstanceLabels, ValueLabels
from hela_seg.system.errors import InputError

PAINTED = Classes(
    ["background", {"name": "round", "values": [127, 1000]}, {"name": "spread", "values": [255]}]
)


@pytest.mark.parametrize("dtype", [np.uint16, ">u2", np.int16, np.int32, np.uint32, np.int64])
def test_values_become_the_index_of_their_class(dtype) -> None:
    labels = ValueLabels(PAINTED).convert(np.array([[0, 127, 255, 1000]], dtype))
    assert labels.dtype == np.uint8
    assert labels.tolist() == [[0, 1, 2, 1]]


def test_uint8_and_one_bit_masks_are_read() -> None:
    assert ValueLabels(PAINTED).convert(np.array([[0, 255, 127]], np.uint8)).tolist() == [[0, 2, 1]]
    one_bit = np.array([[True, False]])
    assert ValueLabels(Classes(["background", "cell"])).convert(one_bit).tolist() == [[1, 0]]


@pytest.mark.parametrize("shape", [(300, 500), (70_000, 1), (1, 70_000), (0, 5), (5, 0)])
def test_masks_of_any_size_are_looked_up_whole(shape) -> None:
    values = np.random.default_rng(0).integers(0, 3, shape)
    labels = ValueLabels(PAINTED).convert(np.array([0, 127, 255], np.uint8)[values])
    np.testing.assert_array_equal(labels, values)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_ignored_pixels_get_the_ignored_index(dtype) -> None:
    labels = ValueLabels(PAINTED, ignore_value=99).convert(np.array([[0, 99, 127]], dtype))
    assert labels.tolist() == [[0, IGNORE_INDEX, 1]]


def test_255_is_no_class_unless_it_is_said_to_be_one() -> None:
    with pytest.raises(InputError, match=r"values 255 \(2 pixels\)"):
        ValueLabels(Classes(["background", "cell"])).convert(np.array([[0, 255, 255]], np.uint8))


def test_unknown_values_are_listed_with_their_pixels_and_what_to_do() -> None:
    mask = np.array([[0, 3, 3, 7, 127]], np.uint8)
    assert refusal(ValueLabels(PAINTED, ignore_value=1).convert, mask) == (
        "values 3 (2 pixels), 7 (1 pixel) are in no class of data.classes (background: 0, round: 127 1000, "
        "spread: 255): name a further class for each, or add them to one, as in 'data.classes=[...,{name: "
        "spread, values: [255, 3]}]', or set data.labels.ignore_value=3 if that stands for nothing"
    )


def test_masks_of_many_unknown_values_seem_to_number_cells() -> None:
    with pytest.raises(InputError, match=r"and 30 more .*: set data\.labels\.kind=instances"):
        ValueLabels(Classes(["background", "cell"])).convert(np.arange(42, dtype=np.uint8)[None])


@pytest.mark.parametrize("value", [-1, -2, -65537, 65536, 65791, 2**31 - 1])
def test_values_beyond_16_bits_are_unknown(value) -> None:
    every = Classes(["background", {"name": "cell", "values": [1, 65535, 65534]}])
    with pytest.raises(InputError, match=rf"values {value} \(1 pixel\)"):
        ValueLabels(every).convert(np.array([[0, value]], np.int32))


def test_at_most_ten_unknown_values_are_listed() -> None:
    with pytest.raises(InputError, match=r"values 2 .* 10 \(1 pixel\), 11 \(1 pixel\) and 4 more are in no"):
        ValueLabels(Classes(["background", "cell"])).convert(np.arange(16)[None])


@pytest.mark.parametrize(
    ("mask", "found"),
    [
        (np.zeros((4, 5, 3), np.uint8), "4 x 5 x 3 of uint8"),
        (np.zeros((4, 5), np.float32), "4 x 5 of float32"),
    ],
)
@pytest.mark.parametrize("reader", [ValueLabels(PAINTED), InstanceLabels()])
def test_colour_and_floating_point_masks_are_refused_in_one_line(mask, found, reader) -> None:
    with pytest.raises(InputError, match=f"^the mask is {found}, expected rows x columns of whole numbers"):
        reader.convert(mask)


def test_class_values_that_no_16_bit_mask_can_hold_are_refused() -> None:
    with pytest.raises(InputError, match="'cell' the mask value 65536, expected 0 to 65535"):
        ValueLabels(Classes(["background", {"name": "cell", "values": [65536]}]))


def test_a_value_cannot_be_a_class_and_ignored() -> None:
    with pytest.raises(InputError, match="the mask value 127 stands for 'round'"):
        ValueLabels(PAINTED, ignore_value=127)


@given(st.integers(1, 255), st.integers(0, 2**32 - 1))
def test_any_mask_of_known_values_agrees_with_a_search_through_the_classes(count, seed) -> None:
    random = np.random.default_rng(seed)
    values = random.choice(65536, count + 1, replace=False)
    classes = Classes(
        [{"name": str(index), "values": [int(value)]} for index, value in enumerate(values[: max(count, 2)])]
    )
    indices = random.integers(0, len(classes), (5, 6))
    np.testing.assert_array_equal(ValueLabels(classes).convert(values[indices].astype(np.uint16)), indices)


# Greys saved as RGB, and colours


@pytest.mark.parametrize("reader", [ValueLabels(Classes(["a", "b", "c"])), InstanceLabels(1)])
def test_grey_saved_as_rgb_is_grey(reader) -> None:
    mask = np.array([[0, 1, 1, 1], [2, 2, 0, 1]], np.uint8)
    np.testing.assert_array_equal(reader.convert(np.stack([mask] * 3)), reader.convert(mask))


@pytest.mark.parametrize("reader", [ValueLabels(PAINTED), InstanceLabels()])
@pytest.mark.parametrize("channel", [0, 1, 2])
def test_colours_are_no_values(reader, channel) -> None:
    mask = np.zeros((3, 4, 5), np.uint8)
    mask[channel, 1, :2] = 127
    with pytest.raises(InputError, match=r"2 pixels that are not grey.*data\.labels\.kind=colours"):
        reader.convert(mask)


RED_AND_BLUE = Classes(
    [
        {"name": "background", "colour": "#000000"},
        {"name": "round", "colour": "#FF0000"},
        {"name": "spread", "colour": "#0000fe"},
    ]
)
WHITE = "#ffffff"


def paint(*colours: tuple[int, int, int]) -> np.ndarray:
    """One row of pixels, (3, 1, w)."""
    return np.array(colours, np.uint8).T[:, None]


def test_colours_become_the_index_of_their_class() -> None:
    labels = ColourLabels(RED_AND_BLUE, WHITE).convert(
        paint((0, 0, 254), (255, 0, 0), (0, 0, 0), (255, 255, 255))
    )
    assert labels.dtype == np.uint8
    assert labels.tolist() == [[2, 1, 0, IGNORE_INDEX]]


def test_a_grey_mask_counts_as_its_colours() -> None:
    assert ColourLabels(RED_AND_BLUE, WHITE).convert(np.array([[0, 255]], np.uint8)).tolist() == [
        [0, IGNORE_INDEX]
    ]


def test_unknown_colours_are_listed_with_their_pixels_and_what_to_do() -> None:
    mask = paint((0, 0, 255), (255, 255, 255), (0, 0, 255), (0, 0, 0))
    assert refusal(ColourLabels(RED_AND_BLUE).convert, mask) == (
        "colours #0000ff (2 pixels), #ffffff (1 pixel) are in no class of data.classes (background: #000000, "
        "round: #FF0000, spread: #0000fe): give classes their colour in masks, as in 'data.classes=[{name: "
        'background, colour: "#0000ff"},...]\', name one for nothing as ignore_value, or paint without soft '
        "edges and save without JPEG"
    )


@given(st.integers(2, 254), st.integers(0, 2**32 - 1))
def test_any_mask_of_known_colours_agrees_with_a_search_through_the_classes(count, seed) -> None:
    random = np.random.default_rng(seed)
    codes = random.choice(2**24, count + 1, replace=False)
    colours = [f"#{code:06x}" for code in codes]
    classes = Classes([{"name": colour, "colour": colour} for colour in colours[:-1]])
    chosen = random.integers(0, count + 1, (4, 5))
    raw = np.array([[[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours]], np.uint8)[0][chosen]
    expected = np.where(chosen == count, IGNORE_INDEX, chosen)
    np.testing.assert_array_equal(
        ColourLabels(classes, colours[-1]).convert(np.moveaxis(raw, -1, 0)), expected
    )


@pytest.mark.parametrize(
    ("mask", "found"),
    [
        (np.zeros((3, 4, 5), np.uint16), "3 x 4 x 5 of uint16"),
        (np.zeros((4, 5), bool), "4 x 5 of bool"),
        (np.zeros((2, 4, 5), np.uint8), "2 x 4 x 5 of uint8"),
    ],
)
def test_masks_without_8_bit_colours_are_refused(mask, found) -> None:
    with pytest.raises(InputError, match=f"^the mask is {found}, expected 8-bit colours"):
        ColourLabels(RED_AND_BLUE).convert(mask)


@pytest.mark.parametrize(
    ("colours", "ignored", "reason"),
    [
        (["#000000", "#Ff0000", "#ff0000"], None, r"one colour \(0: #000000, 1: #Ff0000, 2: #ff0000\)"),
        (["#000000", "#ff0000"], "#FF0000", "the colour #FF0000 stands for '1' in data.classes and is also"),
        (["#000000", "#ff0000"], "white", "ignore_value is 'white', expected a colour such as"),
        (["#000000", "#ff0000"], 255, "ignore_value is '255', expected a colour such as"),
    ],
)
def test_colours_that_do_not_tell_classes_apart_are_refused(colours, ignored, reason) -> None:
    classes = Classes([{"name": str(n), "colour": colour} for n, colour in enumerate(colours)])
    with pytest.raises(InputError, match=reason):
        ColourLabels(classes, ignored)


def test_readers_that_label_differently_have_different_identities() -> None:
    swapped = Classes(["a", {"name": "b", "values": [2]}, {"name": "c", "values": [1]}])
    blue = Classes([{"name": "a", "colour": "#0000ff"}, "b"])
    readers = [
        ValueLabels(Classes(["a", "b", "c"])),
        ValueLabels(swapped),
        ValueLabels(swapped, 3),
        InstanceLabels(1),
        InstanceLabels(2),
        InstanceLabels(2, 3),
        ColourLabels(Classes(["a", "b"])),
        ColourLabels(blue),
        ColourLabels(blue, "#ffffff"),
    ]
    assert len({reader.identity for reader in readers}) == len(readers)
    assert ValueLabels(Classes(["x", "y", "z"])).identity == readers[0].identity


# Instances

HAND_DRAWN = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 5, 5, 5, 0, 0, 0],
        [0, 5, 5, 5, 9, 9, 9],
        [0, 5, 5, 5, 9, 9, 9],
        [0, 0, 0, 0, 9, 9, 9],
        [0, 0, 0, 0, 9, 9, 9],
        [0, 0, 0, 0, 9, 9, 9],
    ],
    np.uint16,
)


def test_border_of_touching_cells_drawn_by_hand() -> None:
    expected = [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 2, 2, 2, 0, 0, 0],
        [0, 2, 1, 2, 2, 2, 2],
        [0, 2, 2, 2, 2, 1, 1],
        [0, 0, 0, 0, 2, 1, 1],
        [0, 0, 0, 0, 2, 1, 1],
        [0, 0, 0, 0, 2, 1, 1],
    ]
    assert InstanceLabels(border_width=1).convert(HAND_DRAWN).tolist() == expected


def test_a_wider_border_leaves_the_corner_that_is_far_from_all_else() -> None:
    labels = InstanceLabels(border_width=2).convert(HAND_DRAWN)
    assert np.argwhere(labels == 1).tolist() == [[4, 6], [5, 6], [6, 6]]


def test_no_border_of_width_0() -> None:
    np.testing.assert_array_equal(InstanceLabels(border_width=0).convert(HAND_DRAWN), HAND_DRAWN > 0)


def test_ids_above_8_bits_stay_apart() -> None:
    assert InstanceLabels(border_width=1).convert(np.array([[1, 1, 257, 257]], np.uint16)).tolist() == [
        [1, 2, 2, 1]
    ]


def test_ignored_pixels_of_an_instance_mask_are_ignored() -> None:
    mask = np.array([[7, 7, 7, -1, 0]], np.int32)
    labels = InstanceLabels(border_width=1, ignore_value=-1).convert(mask)
    assert labels.tolist() == [[1, 1, 2, IGNORE_INDEX, 0]]


def test_negative_ids_are_refused() -> None:
    with pytest.raises(InputError, match=r"values -2 \(1 pixel\) are no ids of cells"):
        InstanceLabels().convert(np.array([[0, -2]], np.int32))


def random_instances(seed: int, shape: tuple[int, int]) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 4, (6, 6)) * 300
    return np.kron(coarse, np.ones((5, 5)))[: shape[0], : shape[1]].astype(np.uint16)


@given(st.integers(0, 999), st.integers(1, 3), st.tuples(st.integers(2, 24), st.integers(2, 24)))
def test_borders_agree_with_distances_measured_pixel_by_pixel(seed, width, shape) -> None:
    ids = random_instances(seed, shape)
    places = np.argwhere(np.ones(shape, bool))
    other = ids.ravel()[:, None] != ids.ravel()
    near = ((cdist(places, places, "chebyshev") <= width) & other).any(axis=1).reshape(shape)
    expected = np.where(ids == 0, 0, np.where(near, 2, 1))
    np.testing.assert_array_equal(InstanceLabels(width).convert(ids), expected)


@given(st.integers(0, 999), st.integers(0, 4), st.integers(0, 20), st.integers(0, 20), st.integers(1, 12))
def test_a_window_converted_with_its_margin_equals_the_whole(seed, width, row, column, size) -> None:
    ids = random_instances(seed, (30, 30))
    reader = InstanceLabels(width)
    top, left = max(row - reader.margin, 0), max(column - reader.margin, 0)
    bottom, right = row + size + reader.margin, column + size + reader.margin
    part = reader.convert(ids[top:bottom, left:right])[row - top :, column - left :][:size, :size]
    np.testing.assert_array_equal(part, reader.convert(ids)[row : row + size, column : column + size])


def test_ranges_of_values_stand_for_classes() -> None:
    classes = Classes(
        [{"name": "background", "values": ["0..127"]}, {"name": "cell", "values": ["128..255"]}]
    )
    labels = ValueLabels(classes).convert(np.array([[0, 127, 128, 255]], np.uint8))
    assert labels.tolist() == [[0, 0, 1, 1]]
    with pytest.raises(InputError, match=r"background: 0\.\.127, cell: 128\.\.255"):
        ValueLabels(classes).convert(np.array([[256]], np.uint16))
    with pytest.raises(InputError, match="expected 0 to 65535"):
        ValueLabels(Classes(["background", {"name": "cell", "values": ["9..70000"]}]))
