"""Opens folders of results of `hela_seg.predict`, and single class maps of them, in napari."""

from __future__ import annotations

import csv
import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hela_seg.data.stacks import FrameSequence, Series, name_of, open_series
from hela_seg.data.stacks.tiff.ome_tiff import read_classes
from hela_seg.napari.frames import LazyFrames
from hela_seg.napari.layers import CLASSES_KEY, Layer, cell_layers, class_layer, image_layers, placed
from hela_seg.runs import run_folder
from hela_seg.system.errors import InputError
from hela_seg.system.files import as_cell

if TYPE_CHECKING:
    import pandas

    from hela_seg.data.classes import Classes

CLASS_MAPS = (run_folder.LABELS_SUFFIX, run_folder.LABELS_ZARR_SUFFIX)
READ = (*CLASS_MAPS, run_folder.CELLS_SUFFIX)
"""Endings of the files that are opened."""


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[Layer]] | None:
    """What reads a path for napari; None where it is no result of `hela_seg.predict`."""
    paths = [path] if isinstance(path, str) else path
    known = (
        path.name.endswith(READ) or (path / run_folder.PREDICTION_RECORD).is_file()
        for path in map(Path, paths)
    )
    return read if paths and all(known) else None


def read(path: str | Sequence[str]) -> list[Layer]:
    """The layers of result folders, and of class maps given by themselves.

    Of a folder these are, for each recording: its image, where its file is where it was; its classes; its
    cells and their tracks, where they were written. Of several recordings the first one is visible.

    Raises:
        InputError: a damaged file, or a folder without class maps.
    """
    paths = [path] if isinstance(path, str) else path
    layers: list[Layer] = []
    for one in map(Path, paths):
        layers += read_folder(one) if (one / run_folder.PREDICTION_RECORD).is_file() else [_read_file(one)]
    return layers


def read_folder(folder: Path) -> list[Layer]:
    """The layers of a folder of results; see `read`.

    Raises:
        InputError: a damaged file, or a folder without class maps.
    """
    found = sorted(path for path in folder.iterdir() if path.name.endswith(CLASS_MAPS))
    maps: dict[str, Path] = {}
    for path in found:
        maps.setdefault(_recording(path), path)
    if not maps:
        raise InputError(
            f"{folder} holds no class maps, expected files that end in {' or '.join(CLASS_MAPS)}: go on with "
            "its prediction by the same command"
        )
    record, cells = _record(folder), _cells(folder)
    layers: list[Layer] = []
    for index, (name, path) in enumerate(maps.items()):
        layers += _recording_layers(path, name, record, cells, visible=index == 0)
    return layers


def _recording_layers(
    path: Path, name: str, record: dict[str, Any], cells: pandas.DataFrame | None, *, visible: bool
) -> list[Layer]:
    labels = open_series(path, labels=True)
    where, classes = placed(labels), read_classes(path)
    image = _image(name, record, labels)
    layers = [] if image is None else image_layers(image, where, visible)
    layers.append(_class_layer(path, labels, classes, image, visible=visible))
    known = layers[-1][1]["metadata"][CLASSES_KEY]
    known["to_label"] = _to_label(path.with_name(run_folder.RANKING_TABLE), name)
    cell_maps = path.with_name(f"{name}{run_folder.CELLS_SUFFIX}")
    if cell_maps.is_file():
        data, shown, kind = _read_file(cell_maps)
        layers.append((data, shown | {"visible": False}, kind))
    if cells is not None:
        own = cells[cells["series"] == as_cell(name)].drop(columns="series")
        layers += cell_layers(own, name, classes, where, points=not cell_maps.is_file(), visible=visible)
    return layers


def _read_file(path: Path) -> Layer:
    """Class maps, or maps of cell numbers, as a layer."""
    labels = open_series(path, labels=True)
    return _class_layer(path, labels, read_classes(path), None, visible=True)


def _class_layer(
    path: Path, labels: Series, classes: Classes | None, image: Series | None, *, visible: bool
) -> Layer:
    frames, _, height, width = labels.shape
    maps = LazyFrames(lambda t: labels.frame(t)[0], (frames, height, width), labels.dtype)
    kind = "cells" if path.name.endswith(run_folder.CELLS_SUFFIX) else "classes"
    name = f"{_recording(path)} {kind}"
    return class_layer(maps, name, classes, placed(labels), series=image, visible=visible)


def _recording(path: Path) -> str:
    """The name of the recording that a file of results is of."""
    ending = next((ending for ending in READ if path.name.endswith(ending)), "")
    return path.name.removesuffix(ending) if ending else name_of(path)


def _record(folder: Path) -> dict[str, Any]:
    """Where the recordings lie, as the folder's record says; nothing where it is older than that."""
    try:
        found = json.loads((folder / run_folder.PREDICTION_RECORD).read_text(encoding="utf-8"))
        settings = json.loads(found["made by"]["settings"])
        return {name: settings | one for name, one in found["files"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _image(name: str, record: dict[str, Any], labels: Series) -> Series | None:
    """The recording that class maps are of; None where its file is not known, not there or another one."""
    known = record.get(name)
    if known is None:
        return None
    try:
        opened = [
            open_series(path, assumed_axes=known["axes"], z=known["z"], position=known["position"])
            for path in known["paths"]
            if Path(path).exists()
        ]
        if not opened or len(opened) < len(known["paths"]):
            return None
        series = opened[0] if len(opened) == 1 else FrameSequence(opened, name)
    except (InputError, KeyError, TypeError) as error:
        warnings.warn(f"the image of {name} is left out: {error}", stacklevel=2)
        return None
    fits = (series.shape[0], *series.shape[2:]) == (labels.shape[0], *labels.shape[2:])
    return series if fits else None


def _to_label(table: Path, name: str) -> list[int]:
    """The frames of a recording to label next, the first in front; none where they were not asked for."""
    if not table.is_file():
        return []
    with table.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row.get("series") == as_cell(name)]
    return [int(row["frame"]) for row in rows if (row.get("frame") or "").isdecimal()]


def _cells(folder: Path) -> pandas.DataFrame | None:
    """The table of cells; None where there is none."""
    import pandas  # here, because only napari's extra brings it

    table = folder / f"{run_folder.CELLS_TABLE}.csv"
    try:
        if table.is_file() and table.stat().st_size:
            texts = {"series": str, "class": str}
            return pandas.read_csv(table, dtype=texts, keep_default_na=False, na_values=[""])
        table = table.with_suffix(".parquet")
        return pandas.read_parquet(table) if table.is_file() else None
    except (ValueError, OSError) as error:
        raise InputError(f"{table} is damaged ({error}), expected a table of cells: predict again") from None
