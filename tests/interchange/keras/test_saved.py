"""A Keras file is looked at with care: it may be cut short, of another program, or made to do harm."""

from __future__ import annotations

import pickle
import sys
import zipfile
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest
from keras_h5 import graph, small_values, write_saved
from keras_parity import TARGETS

from hela_seg.interchange.keras.saved import open_saved
from hela_seg.system.errors import InputError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A small file of ``save_weights``."""
    return write_saved(tmp_path / "unet.h5", small_values("unet"))


def refused(path: Path, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught, open_saved(path):
        pass
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("net_name", TARGETS)
def test_both_kinds_of_files_are_read(net_name: str, tmp_path: Path) -> None:
    values = small_values(net_name)
    weights = write_saved(tmp_path / "a.h5", values)
    whole = write_saved(tmp_path / "b.hdf5", values, graph(net_name))
    for path, has_graph in ((weights, False), (whole, True)):
        with open_saved(path) as found:
            assert (found.graph is not None) == has_graph
            assert found.keras_version == "2.15.0"
            assert found.variables.keys() == values.keys()
            for layer, arrays in values.items():
                assert found.variables[layer].keys() == arrays.keys()
                for name, array in arrays.items():
                    assert found.variables[layer][name].shape == array.shape
                    np.testing.assert_array_equal(found.variables[layer][name].read(), array)


def test_half_precision_becomes_float32(tmp_path: Path) -> None:
    values = {"conv2d": {"kernel": np.full((1, 1, 1, 1), 0.5, np.float16)}}
    with open_saved(write_saved(tmp_path / "a.h5", values)) as found:  # type: ignore[arg-type]
        kernel = found.variables["conv2d"]["kernel"].read()
    assert (kernel.dtype, kernel.item()) == (np.float32, 0.5)


def test_what_is_no_hdf5_is_refused(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> object:
            return Path.touch, (tmp_path / "exploded",)

    path = tmp_path / "weights.hdf5"
    refused(path, "is not there, expected an HDF5 file of Keras 2's model.save")
    for content in (b"", b"no HDF5 at all", pickle.dumps(Bomb()), b"\x89HDF", b"PK\x05\x06" + bytes(18)):
        path.write_bytes(content)
        refused(path, "is no HDF5 file, expected an HDF5 file of Keras 2")
    refused(tmp_path, "is not there")
    assert not (tmp_path / "exploded").exists()


def test_files_of_keras_3_are_told_what_to_do(tmp_path: Path) -> None:
    cure = r"load a file of Keras 3 with Keras, and write it with model\.save\('name\.h5'\)"
    with zipfile.ZipFile(tmp_path / "net.keras", "w") as archive:
        archive.writestr("model.weights.h5", "{}")
    refused(tmp_path / "net.keras", cure)
    with h5py.File(tmp_path / "net.weights.h5", "w") as h5:
        h5["layers/conv2d/vars/0"] = np.zeros((3, 3, 3, 4), np.float32)
    refused(tmp_path / "net.weights.h5", cure)


def test_other_hdf5_files_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "data.h5", "w") as h5:
        h5["images"] = np.zeros((2, 4, 4))
    refused(tmp_path / "data.h5", "is an HDF5 file without layers of Keras 2")


@pytest.mark.parametrize("share", [0.0005, 0.01, 0.3, 0.9, 0.999])
def test_a_file_cut_short_is_refused(share: float, file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: max(int(share * len(content)), 8)])
    refused(file, "is damaged or cut short")


@pytest.mark.parametrize("seed", range(30))
def test_a_file_overwritten_in_places_is_refused_or_read(seed: int, file: Path) -> None:
    random = np.random.default_rng(seed)
    content = bytearray(file.read_bytes())
    for place in random.integers(8, len(content) - 64, 40):
        content[place : place + 64] = random.bytes(64)
    file.write_bytes(content)
    with suppress(InputError), open_saved(file) as found:
        for arrays in found.variables.values():
            for variable in arrays.values():
                variable.read()


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    values = small_values("unet")
    values["conv2d_3"]["kernel"][0, 0, 0, 0] = np.nan
    said = pytest.raises(InputError, match=r"a\.h5: conv2d_3/kernel holds NaN or infinite numbers")
    with open_saved(write_saved(tmp_path / "a.h5", values)) as found, said:
        found.variables["conv2d_3"]["kernel"].read()


def test_numbers_beyond_float32_are_refused(tmp_path: Path) -> None:
    values = {"conv2d": {"kernel": np.full((1, 1, 1, 1), 1e300)}}
    said = pytest.raises(InputError, match="conv2d/kernel holds NaN or infinite numbers")
    with open_saved(write_saved(tmp_path / "a.h5", values)) as found, said:  # type: ignore[arg-type]
        found.variables["conv2d"]["kernel"].read()


def replaced(path: Path, make: object) -> None:
    """Put something else in the place of a bias."""
    with h5py.File(path, "a") as h5:
        del h5["conv2d/conv2d/bias:0"]
        make(h5)  # type: ignore[operator]


def test_arrays_of_other_things_are_refused(file: Path) -> None:
    replaced(file, lambda h5: h5.__setitem__("conv2d/conv2d/bias:0", np.void(pickle.dumps(print))))
    refused(file, r"holds \|V\d+, not floating-point numbers")


def test_links_to_other_files_are_not_followed(file: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as h5:
        h5["bias"] = np.zeros(4, np.float32)
    link = h5py.ExternalLink(str(tmp_path / "secret.h5"), "bias")
    replaced(file, lambda h5: h5.__setitem__("conv2d/conv2d/bias:0", link))
    refused(file, "is no array that lies in this file")


@pytest.mark.parametrize("place", ["conv2d", "model_weights", "conv2d/conv2d/bias:0"])
@pytest.mark.parametrize("kind", ["external", "soft"])
def test_groups_that_lie_elsewhere_are_not_followed(
    file: Path, tmp_path: Path, place: str, kind: str
) -> None:
    """A whole group of another file has arrays of its own, which all lie in one file with it."""
    foreign = write_saved(tmp_path / "secret.h5", small_values("unet"))
    with h5py.File(file, "a") as h5:
        h5["elsewhere"] = h5py.ExternalLink(str(foreign), "/" if place == "model_weights" else place)
        if place in h5:
            del h5[place]
        whole = h5py.ExternalLink(str(foreign), "/" if place == "model_weights" else place)
        h5[place] = whole if kind == "external" else h5py.SoftLink("/elsewhere")
    refused(file, "is no array that lies in this file")


def test_arrays_kept_in_other_files_are_refused(file: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(16))
    outside = [(str(tmp_path / "secret"), 0, 16)]
    replaced(file, lambda h5: h5.create_dataset("conv2d/conv2d/bias:0", (4,), "f4", external=outside))
    refused(file, "is no array that lies in this file")


def test_a_net_within_a_net_is_refused(file: Path) -> None:
    with h5py.File(file, "a") as h5:
        h5["conv2d"].attrs["weight_names"] = ["inner_1/kernel:0", "inner_2/kernel:0"]
        h5["conv2d/inner_1/kernel:0"] = h5["conv2d/inner_2/kernel:0"] = np.zeros(3, np.float32)
    refused(file, "layer conv2d holds kernel twice, as a net within a net does")


def test_h5py_is_asked_for_where_it_is_missing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    refused(file, r'needs the package h5py, which is not installed: run pip install "hela-seg\[keras\]"')
