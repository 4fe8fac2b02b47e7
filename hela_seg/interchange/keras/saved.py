"""What an HDF5 file holds that Keras 2 wrote with ``model.save`` or ``model.save_weights``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hela_seg.interchange.keras.graph import Graph, read_graph
from hela_seg.system.errors import InputError, import_extra

if TYPE_CHECKING:
    import h5py

EXPECTED = "expected an HDF5 file of Keras 2's model.save or model.save_weights"
SAVE_AGAIN = "load a file of Keras 3 with Keras, and write it with model.save('name.h5')"

_DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, UnicodeDecodeError)
"""What h5py raises over a file that is cut short or overwritten in places."""


@dataclass(frozen=True)
class Variable:
    """One array of a layer, not read yet.

    Attributes:
        where: its file, layer and name, for messages.
        array: what reads it, while its file is open: kernels (H, W, in, out), or (H, W, out, in) where
            transposed; all others (out).
    """

    where: str
    array: h5py.Dataset | NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        return tuple(self.array.shape)

    def read(self) -> NDArray[np.float32]:
        """The array as float32.

        Raises:
            InputError: its bytes cannot be read, or hold NaN or infinite numbers.
        """
        try:
            # a number too large for float32 becomes infinite, which is refused below
            with np.errstate(over="ignore"):
                values = np.asarray(self.array[()], np.float32)
        except _DAMAGE as error:
            raise InputError(
                f"{self.where} cannot be read ({_first_line(error)}): copy the file anew"
            ) from None
        if not np.isfinite(values).all():
            raise InputError(
                f"{self.where} holds NaN or infinite numbers, expected finite ones: the training went "
                "astray, take an earlier file"
            )
        return values


@dataclass(frozen=True)
class SavedNet:
    """A Keras file, open for reading.

    Attributes:
        path: of the file.
        variables: by layer and then by name (``kernel``, ``bias``, ``gamma``, ``beta``, ``moving_mean``,
            ``moving_variance``), as in ``variables["conv2d_3"]["kernel"]``; of layers that have any.
        graph: what ``model.save`` writes of the net; None in a file of ``model.save_weights``.
        keras_version: of the Keras that wrote it; empty where the file does not say.
    """

    path: Path
    variables: Mapping[str, Mapping[str, Variable]]
    graph: Graph | None
    keras_version: str


@contextmanager
def open_saved(path: Path) -> Iterator[SavedNet]:
    """Open a Keras file; nothing in it is executed, and no array is read before `Variable.read`.

    Raises:
        InputError: no such file, no HDF5, another program's or another Keras', or a damaged one; or h5py is
            not installed.
    """
    _refuse_others(path)
    h5py = import_extra("h5py", what=str(path), extra="keras")
    try:
        file = h5py.File(path, "r", locking=False)  # a lock cannot be taken on every network drive
    except OSError as error:
        raise InputError(
            f"{path} is damaged or cut short ({_first_line(error)}), {EXPECTED}: copy it anew"
        ) from None
    with file:
        try:
            saved = _look(path, file)
        except _DAMAGE as error:
            raise InputError(
                f"{path} cannot be understood ({_first_line(error)}), {EXPECTED}: "
                f"copy it anew, or {SAVE_AGAIN}"
            ) from None
        yield saved


def _refuse_others(path: Path) -> None:
    """Refuse files that are not there and that are no HDF5, such as the ``.keras`` files of Keras 3."""
    if not path.is_file():
        raise InputError(f"{path} is not there, {EXPECTED}: check weights=")
    try:
        with path.open("rb") as file:
            begins_as_hdf5 = file.read(8) == b"\x89HDF\r\n\x1a\n"
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check its rights") from None
    if not begins_as_hdf5:
        raise InputError(f"{path} is no HDF5 file, {EXPECTED}: check weights=, or {SAVE_AGAIN}")


def _look(path: Path, file: h5py.File) -> SavedNet:
    root = _own(file, "model_weights") if "model_weights" in file.keys() else file  # noqa: SIM118
    if "layer_names" not in root.attrs:
        raise InputError(
            f"{path} is an HDF5 file without layers of Keras 2, {EXPECTED}: check weights=, or {SAVE_AGAIN}"
        )
    found = {layer: _variables(_own(root, layer), layer) for layer in _texts(root, "layer_names")}
    config = file.attrs.get("model_config")
    with_weights = {layer: variables for layer, variables in found.items() if variables}
    graph = None if config is None else read_graph(_text(config))
    return SavedNet(path, with_weights, graph, _text(root.attrs.get("keras_version", "")))


def _variables(group: h5py.Group, layer: str) -> dict[str, Variable]:
    found: dict[str, Variable] = {}
    for place in _texts(group, "weight_names"):
        name = place.rpartition("/")[2].partition(":")[0]  # conv2d_3/kernel:0
        if name in found:
            raise ValueError(f"layer {layer} holds {name} twice, as a net within a net does")
        found[name] = Variable(f"{group.file.filename}: {layer}/{name}", _array(group, place))
    return found


def _array(group: h5py.Group, place: str) -> h5py.Dataset:
    """The array of that name, whose numbers lie in this file too."""
    import h5py

    dataset = _own(group, place)
    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
        raise ValueError(f"{place} is no array that lies in this file")
    if dataset.dtype.kind != "f":
        raise ValueError(f"{place} holds {dataset.dtype}, not floating-point numbers")
    return dataset


def _own(group: h5py.Group, place: str) -> Any:
    """What lies at a place in this file; links, which may lead to other files, are not followed."""
    import h5py

    found: Any = group
    for name in place.strip("/").split("/"):
        linked = found.get(name, getlink=True) if isinstance(found, h5py.Group) else None
        if not isinstance(linked, h5py.HardLink):
            raise ValueError(f"{place} is no array that lies in this file")
        found = found[name]
    return found


def _texts(group: h5py.Group, attribute: str) -> list[str]:
    return [_text(entry) for entry in group.attrs[attribute]]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
