import os
import pickle
from itertools import permutations

import numpy as np
import pytest

from hela_seg.data.stacks.segments import version_of
from hela_seg.data.stacks.tiff.mapped import MappedStack
from hela_seg.system.errors import InputError

LENGTHS = {"T": 3, "C": 2, "Z": 4, "Y": 5, "X": 6}


def write(path, letters, dtype="<u2", offset=7):
    """Random pixels after some other bytes, as a file holds them."""
    dtype = np.dtype(dtype)
    shape = [LENGTHS.get(letter, 1) for letter in letters]
    array = np.random.default_rng(0).integers(0, 2**16, shape).astype(dtype)
    path.write_bytes(b"x" * offset + array.tobytes())
    return array, MappedStack(path, version_of(path), offset, dtype, letters, shape)


@pytest.mark.parametrize(
    "letters", [*map("".join, permutations("TZYX")), "YX", "CYX", "_TYX", "TYXC", "TZCYX"]
)
def test_windows_are_those_of_the_array_with_its_axes_in_order(tmp_path, letters):
    array, stack = write(tmp_path / "a", letters)
    here = [letter for letter in "TCZYX" if letter in letters]
    arranged = array.transpose(
        [i for i, n in enumerate(letters) if n == "_"] + [letters.index(n) for n in here]
    )
    whole = arranged.reshape([LENGTHS[letter] if letter in letters else 1 for letter in "TCZYX"])
    for t in range(whole.shape[0]):
        for z in range(whole.shape[2]):
            window = stack.read(t, z, slice(1, 4), slice(2, 6))
            np.testing.assert_array_equal(window, whole[t, :, z, 1:4, 2:6])


@pytest.mark.parametrize("dtype", [">u2", "<f4", ">f8", "u1", "?"])
def test_windows_are_in_the_machines_order_of_bytes_and_in_memory_of_their_own(tmp_path, dtype):
    array, stack = write(tmp_path / "a", "TYX", dtype)
    window = stack.read(1, 0, slice(0, 5), slice(0, 6))
    assert window.dtype == np.dtype(dtype).newbyteorder("=")
    assert window.flags.c_contiguous
    assert window.flags.owndata
    np.testing.assert_array_equal(window[0], array[1])


def test_a_file_that_was_cut_or_vanished_since_is_refused_by_its_name(tmp_path):
    path = tmp_path / "a.tif"
    _, stack = write(path, "TYX")
    stack.read(2, 0, slice(0, 5), slice(0, 6))
    os.truncate(path, 20)
    with pytest.raises(
        InputError, match=r"a\.tif is damaged or no TIFF \(a\.tif changed after it was opened\)"
    ):
        stack.read(2, 0, slice(0, 5), slice(0, 6))
    path.unlink()
    with pytest.raises(InputError, match=r"a\.tif is damaged or no TIFF \(.*No such file"):
        stack.read(2, 0, slice(0, 5), slice(0, 6))


def test_pickles_hold_no_pixels(tmp_path):
    array, stack = write(tmp_path / "a", "TYX")
    stack.read(0, 0, slice(0, 5), slice(0, 6))
    content = pickle.dumps(stack)
    assert len(content) < 500
    np.testing.assert_array_equal(pickle.loads(content).read(1, 0, slice(0, 5), slice(0, 6))[0], array[1])
