"""Lives in the forms of other programs: the Cell Tracking Challenge's, TrackMate's and GEFF."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from hela_seg.cells.measure import measure_cells
from hela_seg.data.classes import Classes
from hela_seg.data.ctc_tracks import CtcTrack, read_track_table, write_ctc_frames, write_track_table
from hela_seg.data.stacks import find_files, name_of, open_series
from hela_seg.data.stacks.zarr.geff import write_graph
from hela_seg.system.errors import InputError
from hela_seg.system.files import whole_file
from hela_seg.tracking.linking import Links
from hela_seg.tracking.lives import Lives, lives_of
from hela_seg.tracking.tables import Followed

Labels = NDArray[np.integer[Any]]
Whole = NDArray[np.int64]


def edges_of(lives: Lives) -> Whole:
    """Pairs (E, 2) of rows: a cell and itself, or a daughter, the next time that it is seen."""
    pairs = [np.column_stack([life.rows[:-1], life.rows[1:]]) for life in lives.lives]
    born = [[lives.lives[life.parent - 1].rows[-1], life.rows[0]] for life in lives.lives if life.parent]
    return np.concatenate([np.zeros((0, 2), np.int64), *pairs, np.array(born, np.int64).reshape(-1, 2)])


def ctc_tracks_of(lives: Lives) -> tuple[list[CtcTrack], Whole]:
    """Tracks without gaps, and the label of each row of the table of cells, 0 for specks.

    A life with a gap becomes several tracks, each the parent of the next one.
    """
    tracks: list[CtcTrack] = []
    label, last_part = np.zeros(len(lives.track), np.int64), {0: 0}
    for life in lives.lives:
        frame = lives.cells["frame"][life.rows]
        parent = last_part[life.parent]
        for rows in np.split(life.rows, np.flatnonzero(np.diff(frame) > 1) + 1):
            number, own = len(tracks) + 1, lives.cells["frame"][rows]
            tracks.append(CtcTrack(number, int(own[0]), int(own[-1]), parent))
            label[rows] = parent = number
        last_part[life.track] = parent
    return tracks, label


def write_ctc_results(folder: Path, lives: Lives, cells: Iterable[Labels]) -> None:
    """Write ``mask000.tif`` and on, and ``res_track.txt``.

    Args:
        folder: such as ``01_RES``.
        lives: of the cells.
        cells: (H, W) of each frame, with the numbers of ``lives.cells["label"]``.

    Raises:
        InputError: more tracks than the form can hold, or a folder that cannot be written.
    """
    tracks, label = ctc_tracks_of(lives)
    for former in folder.glob("mask*.tif"):  # of a longer recording
        former.unlink()
    digits = max(3, len(str(lives.frames - 1)))
    write_ctc_frames(folder, "mask", _numbered(lives, label, cells), digits)
    write_track_table(folder / "res_track.txt", tracks)


def _numbered(lives: Lives, number: Whole, cells: Iterable[Labels]) -> Iterator[Labels]:
    """Frames (H, W) whose cells have other numbers: those of their rows."""
    frame, label = lives.cells["frame"], lives.cells.get("label", lives.cells["frame"])
    starts = np.searchsorted(frame, np.arange(lives.frames + 1))
    for t, found in enumerate(cells):
        own = slice(starts[t], starts[t + 1])
        new = np.zeros(int(max(found.max(initial=0), label[own].max(initial=0))) + 1, np.int64)
        new[label[own]] = number[own]
        yield new[found]


def is_ctc(folder: Path) -> bool:
    """Whether a folder holds tracks in the Cell Tracking Challenge's form: results, or truth (``TRA``)."""
    return (folder / "res_track.txt").is_file() or (folder / "man_track.txt").is_file()


def read_ctc_frames(folder: Path) -> Iterator[NDArray[np.int64]]:
    """Label images (H, W) of a folder in the Cell Tracking Challenge's form, in order of time.

    Raises:
        InputError: there are none, or a number is missing.
    """
    files = [path for path in find_files(folder) if path.suffix.lower() in (".tif", ".tiff")]
    numbers = [name_of(path).removeprefix("mask").removeprefix("man_track") for path in files]
    wrong = next((path for path, number in zip(files, numbers, strict=True) if not number.isdecimal()), None)
    if wrong is not None or not files:
        found = "no label image" if wrong is None else wrong.name
        raise InputError(
            f"{folder} holds {found}, expected mask000.tif, mask001.tif and so on: correct the names"
        )
    in_order = sorted(zip(map(int, numbers), files, strict=True))
    for t, (number, _) in enumerate(in_order):
        if number != t:
            raise InputError(f"{folder} has no label image of frame {t}, expected one of each frame: add it")
    for _, path in in_order:
        yield open_series(path, "YX", labels=True).frame(0)[0].astype(np.int64)


def links_of_ctc(tracks: Iterable[CtcTrack], frame: Whole, label: Whole, frames: int) -> Links:
    """The links of a table of tracks, between cells whose labels are those of their tracks.

    A track with a parent that is its only daughter is the same cell after a gap.

    Args:
        tracks: of the table.
        frame: (R,) of each cell, ascending.
        label: (R,) of each cell.
        frames: T.

    Raises:
        InputError: a label image holds a label that the table lacks.
    """
    by_label = {track.label: track for track in tracks}
    unknown = sorted(set(label.tolist()) - by_label.keys())
    if unknown:
        t = int(frame[label == unknown[0]][0])
        raise InputError(
            f"the label image of frame {t} holds the label {unknown[0]}, which the table of tracks lacks: "
            f"add it there"
        )
    rows = {number: np.flatnonzero(label == number) for number in by_label}
    daughters: dict[int, list[int]] = {}
    for track in by_label.values():
        if track.parent and len(rows[track.parent]) and len(rows[track.label]):
            daughters.setdefault(track.parent, []).append(track.label)
    before, mother, fused = np.full((3, len(label)), -1, np.int64)
    for own in rows.values():
        before[own[1:]] = own[:-1]
    for parent, found in daughters.items():
        into = before if len(found) == 1 else mother
        for daughter in found:
            into[rows[daughter][0]] = rows[parent][-1]
    sure = (mother >= 0).astype(np.float64)
    return Links(before, mother, fused, sure, np.zeros(len(label)), np.zeros((frames, 2)))


def read_ctc(folder: Path, classes: Classes) -> Lives:
    """The lives that a folder in the Cell Tracking Challenge's form holds, of cells of the first class.

    Args:
        folder: with ``res_track.txt`` or ``man_track.txt``.
        classes: of which the second one, after the background, is that of all cells.

    Raises:
        InputError: see `read_track_table`, `read_ctc_frames` and `links_of_ctc`.
    """
    rows, size = [], (0, 0)
    for t, labels in enumerate(read_ctc_frames(folder)):
        rows.append(measure_cells(labels, (labels > 0).astype(np.uint8), classes, frame=t))
        size = labels.shape[0], labels.shape[1]
    cells = {name: np.concatenate([of_frame[name] for of_frame in rows]) for name in rows[0]}
    links = links_of_ctc(read_ctc_tracks(folder), cells["frame"], cells["label"], len(rows))
    return lives_of(cells, np.ones(len(cells["label"]), np.int64), links, size, as_given=True)


def read_ctc_tracks(folder: Path) -> list[CtcTrack]:
    """The table of tracks in a folder; see `hela_seg.data.ctc_tracks.read_track_table`."""
    name = "res_track.txt" if (folder / "res_track.txt").is_file() else "man_track.txt"
    return read_track_table(folder / name)


def write_trackmate(path: Path, followed: Followed, image: Path | None = None) -> None:
    """Write a TrackMate file (version 7), which Fiji opens with ``Load a TrackMate file``.

    Each cell is a spot at its centroid with the radius of the disc of its area; the class stands in its name.

    Args:
        path: ends in ``.xml``.
        followed: the recording.
        image: of which TrackMate shows the tracks; it asks for one where it does not find it.
    """
    lives = followed.lives
    height, width = (1.0, 1.0) if followed.pixel_size is None else followed.pixel_size
    interval = followed.frame_interval or 1.0
    units = {
        "spatialunits": "pixel" if followed.pixel_size is None else "micron",
        "timeunits": "frame" if followed.frame_interval is None else "sec",
    }
    root = ElementTree.Element("TrackMate", version="7.11.1")
    model = ElementTree.SubElement(root, "Model", units)
    _declare_features(model)
    kept = np.flatnonzero(lives.track)
    frame, area = lives.cells["frame"], lives.cells.get("area_px", lives.cells["frame"])
    spots = ElementTree.SubElement(model, "AllSpots", nspots=str(len(kept)))
    place = {"y": height * lives.cells.get("row_px", area), "x": width * lives.cells.get("column_px", area)}
    for t in range(lives.frames):
        of_frame = ElementTree.SubElement(spots, "SpotsInFrame", frame=str(t))
        for row in kept[frame[kept] == t].tolist():
            values = {
                "ID": str(row),
                "name": f"{followed.classes[int(lives.kind[row])].name} {lives.track[row]}",
                "QUALITY": "1.0",
                "POSITION_T": f"{t * interval:g}",
                "FRAME": str(t),
                "RADIUS": f"{np.sqrt(area[row] * height * width / np.pi):.4f}",
                "VISIBILITY": "1",
                "POSITION_X": f"{place['x'][row]:.4f}",
                "POSITION_Y": f"{place['y'][row]:.4f}",
                "POSITION_Z": "0.0",
            }
            ElementTree.SubElement(of_frame, "Spot", values)
    _add_tracks(model, lives)
    settings = ElementTree.SubElement(root, "Settings")
    ElementTree.SubElement(
        settings,
        "ImageData",
        {
            "filename": "" if image is None else image.name,
            "folder": "" if image is None else str(image.absolute().parent),
            "nframes": str(lives.frames),
            "nslices": "1",
            "pixelwidth": f"{width:g}",
            "pixelheight": f"{height:g}",
            "voxeldepth": "1.0",
            "timeinterval": f"{interval:g}",
        },
    )
    ElementTree.SubElement(settings, "InitialSpotFilter", feature="QUALITY", value="0.0", isabove="true")
    for name in ("SpotFilterCollection", "TrackFilterCollection"):
        ElementTree.SubElement(settings, name)
    ElementTree.SubElement(root, "GUIState", state="ConfigureViews")
    ElementTree.indent(root)
    with whole_file(path) as part:
        ElementTree.ElementTree(root).write(part, encoding="UTF-8", xml_declaration=True)


_FEATURES = {
    "SpotFeatures": {
        "QUALITY": ("Quality", "QUALITY", False),
        "POSITION_X": ("X", "POSITION", False),
        "POSITION_Y": ("Y", "POSITION", False),
        "POSITION_Z": ("Z", "POSITION", False),
        "POSITION_T": ("T", "TIME", False),
        "FRAME": ("Frame", "NONE", True),
        "RADIUS": ("Radius", "LENGTH", False),
        "VISIBILITY": ("Visibility", "NONE", True),
    },
    "EdgeFeatures": {
        "SPOT_SOURCE_ID": ("Source spot ID", "NONE", True),
        "SPOT_TARGET_ID": ("Target spot ID", "NONE", True),
    },
    "TrackFeatures": {"TRACK_ID": ("Track ID", "NONE", True)},
}
"""By the element that declares them: features, with the name, the dimension and whether it is a whole
number."""


def _declare_features(model: ElementTree.Element) -> None:
    declared = ElementTree.SubElement(model, "FeatureDeclarations")
    for kind, features in _FEATURES.items():
        of_kind = ElementTree.SubElement(declared, kind)
        for feature, (name, dimension, whole) in features.items():
            ElementTree.SubElement(
                of_kind,
                "Feature",
                {"feature": feature, "name": name, "shortname": name, "dimension": dimension}
                | {"isint": str(whole).lower()},
            )


def _add_tracks(model: ElementTree.Element, lives: Lives) -> None:
    """TrackMate's tracks are whole lineages; a cell that was seen once and has no relatives has none."""
    edges = edges_of(lives)
    root_of = np.concatenate([[0], lives.roots])[lives.track[edges[:, 1]]]
    tracks = ElementTree.SubElement(model, "AllTracks")
    chosen = ElementTree.SubElement(model, "FilteredTracks")
    for number, root in enumerate(np.unique(root_of).tolist()):
        values = {"name": f"Track_{number}", "TRACK_ID": str(number)}
        track = ElementTree.SubElement(tracks, "Track", values)
        ElementTree.SubElement(chosen, "TrackID", TRACK_ID=str(number))
        for source, target in edges[root_of == root].tolist():
            ends = {"SPOT_SOURCE_ID": str(source), "SPOT_TARGET_ID": str(target)}
            ElementTree.SubElement(track, "Edge", ends)


def write_geff(folder: Path, followed: Followed) -> None:
    """Write the graph of all cells as GEFF, a Zarr folder that Python's trackers read and write.

    Nodes are cells with ``t``, ``y`` and ``x``, their ``track``, ``class`` (index) and ``area``; edges go
    forward in time.

    Raises:
        InputError: zarr is not installed, or the folder cannot be written.
    """
    lives = followed.lives
    kept = np.flatnonzero(lives.track)
    height, width = (1.0, 1.0) if followed.pixel_size is None else followed.pixel_size
    nodes: dict[str, NDArray[Any]] = {
        "t": lives.cells["frame"][kept].astype(np.float64) * (followed.frame_interval or 1.0)
    }
    for name, column, size in (("y", "row_px", height), ("x", "column_px", width)):
        nodes[name] = size * lives.cells.get(column, lives.cells["frame"])[kept].astype(np.float64)
    nodes["area"] = lives.cells.get("area_px", lives.cells["frame"])[kept].astype(np.float64)
    nodes |= {"track": lives.track[kept], "class": lives.kind[kept]}
    units = (
        "frame" if followed.frame_interval is None else "second",
        "pixel" if followed.pixel_size is None else "micrometer",
    )
    write_graph(folder, kept, edges_of(lives), nodes, time_unit=units[0], space_unit=units[1])
