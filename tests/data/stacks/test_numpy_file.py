"""Arrays of NumPy's files as series, and what is never opened."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from refusals import refusal

from hela_seg.data.stacks import open_series
from hela_seg.system.errors import InputError


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 999, shape).astype(">u2")


@pytest.mark.parametrize("kind", ["npy", "npz", "compressed", "fortran"])
def test_windows_are_those_of_the_array(tmp_path: Path, kind: str) -> None:
    array = random(3, 6, 7, 2)
    path = tmp_path / "a.npy"
    if kind in ("npy", "fortran"):
        np.save(path, np.asfortranarray(array) if kind == "fortran" else array)
    else:
        (np.savez if kind == "npz" else np.savez_compressed)(tmp_path / "a.npz", X=array, y=array[..., 0])
        path = tmp_path / "a.npz" / "X"
    series = open_series(path, "TYXC")
    assert (series.shape, series.name, series.dtype) == ((3, 2, 6, 7), "a", np.dtype("uint16"))
    assert series.paths == (path if path.suffix else path.parent,)
    assert (series.read(1, slice(2, 5), slice(1, 4)) == np.moveaxis(array[1, 2:5, 1:4], -1, 0)).all()


def test_masks_have_no_channels(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", y=random(3, 6, 7, 1))
    series = open_series(tmp_path / "a.npz" / "y", "TYXC", labels=True)
    assert series.shape == (3, 1, 6, 7)


def test_one_of_several_masks_of_an_image_is_named_by_its_number(tmp_path: Path) -> None:
    array = random(3, 6, 7, 2)
    np.savez(tmp_path / "a.npz", y=array)
    series = open_series(tmp_path / "a.npz" / "y[1]", "TYXC", labels=True)
    assert (series.shape, series.name) == ((3, 1, 6, 7), "a")
    assert (series.frame(2)[0] == array[2, ..., 1]).all()
    with pytest.raises(InputError, match="expected an entry below 2"):
        open_series(tmp_path / "a.npz" / "y[2]", "TYXC", labels=True)


def test_axes_are_asked_for(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", random(3, 6, 7))
    with pytest.raises(InputError, match=r"does not say what its axes mean .* data\.axes=TYX"):
        open_series(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", random(6, 7))
    assert open_series(tmp_path / "b.npy").shape == (1, 1, 6, 7)


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "ran",))

    for held in ({"masks": Trap()}, {"masks": random(6, 7), "flows": Trap()}, Trap(), ["a", None]):
        np.save(tmp_path / "a_seg.npy", held, allow_pickle=True)  # type: ignore[arg-type]
        with pytest.raises(InputError, match=r"pickled Python objects.*--save_png"):
            open_series(tmp_path / "a_seg.npy")
    for held in ({"masks": Trap()}, Trap(), ["a", None]):
        np.save(tmp_path / "a_seg.npy", held, allow_pickle=True)  # type: ignore[arg-type]
        with pytest.raises(InputError, match=r"pickled Python objects.*--save_png"):
            open_series(tmp_path / "a_seg.npy", labels=True)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["cut", "no file", "no array", "petabytes", "no numbers"])
def test_damaged_files_are_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.npy"
    np.save(path, random(6, 7))
    content = path.read_bytes()
    said = "is damaged or no file of NumPy"
    if kind == "cut":
        path.write_bytes(content[:-20])
    elif kind == "no file":
        path = tmp_path / "b.npy"
    elif kind == "petabytes":
        path.write_bytes(content.replace(b"(6, 7), ", b"(60000000, 70000000), ".ljust(8)))
    elif kind == "no array":
        np.savez(tmp_path / "a.npz", X=random(6, 7))
        path, said = tmp_path / "a.npz" / "Y", "holds the arrays X, expected one named 'Y'"
    else:
        np.save(path, np.zeros((6, 7), complex))
        said = "expected real numbers"
    assert said in refusal(open_series, path)


def test_an_archive_that_states_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", random(6, 7))
    content = (tmp_path / "a.npy").read_bytes().replace(b"(6, 7)", b"(9, 9)")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("X.npy", content)
    with pytest.raises(InputError, match="is damaged or no file of NumPy"):
        open_series(tmp_path / "a.npz" / "X")
