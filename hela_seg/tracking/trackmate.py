"""Lives as TrackMate's XML, which Fiji opens, and tracks of such files (https://imagej.net/plugins/trackmate)."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from hela_seg.data.stacks import PixelSize
from hela_seg.data.stacks.calibration import MICROMETRES, SECONDS
from hela_seg.system.errors import InputError
from hela_seg.system.files import whole_file
from hela_seg.tracking.graphs import CellGraph, edges_of, in_order_of_time
from hela_seg.tracking.lives import Lives
from hela_seg.tracking.tables import Followed


def write_trackmate(path: Path, followed: Followed, image: Path | None = None) -> None:
    """Write a TrackMate file (version 7), which Fiji opens with ``Load a TrackMate file``.

    Each cell is a spot at its centroid with the radius of the disc of its area; the class stands in its name.

    Args:
        path: ends in ``.xml``.
        followed: the recording.
        image: of which TrackMate shows the tracks; it asks for one where it does not find it.
    """
    units = {
        "spatialunits": "pixel" if followed.pixel_size is None else "micron",
        "timeunits": "frame" if followed.frame_interval is None else "sec",
    }
    root = ElementTree.Element("TrackMate", version="7.11.1")
    model = ElementTree.SubElement(root, "Model", units)
    _declare_features(model)
    _add_spots(model, followed)
    _add_tracks(model, followed.lives)
    _add_settings(root, followed, image)
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


def _add_spots(model: ElementTree.Element, followed: Followed) -> None:
    lives, interval = followed.lives, followed.frame_interval or 1.0
    height, width = followed.pixel_size or (1.0, 1.0)
    kept, cells = np.flatnonzero(lives.track), lives.cells
    area, y, x = cells["area_px"], height * cells["row_px"], width * cells["column_px"]
    spots = ElementTree.SubElement(model, "AllSpots", nspots=str(len(kept)))
    ends = np.searchsorted(cells["frame"][kept], np.arange(lives.frames), side="right")
    for t, rows in enumerate(np.split(kept, ends[:-1])):
        of_frame = ElementTree.SubElement(spots, "SpotsInFrame", frame=str(t))
        for row in rows.tolist():
            values = {
                "ID": str(row),
                "name": f"{followed.classes[int(lives.kind[row])].name} {lives.track[row]}",
                "QUALITY": "1.0",
                "POSITION_T": f"{t * interval:g}",
                "FRAME": str(t),
                "RADIUS": f"{np.sqrt(area[row] * height * width / np.pi):.4f}",
                "VISIBILITY": "1",
                "POSITION_X": f"{x[row]:.4f}",
                "POSITION_Y": f"{y[row]:.4f}",
                "POSITION_Z": "0.0",
            }
            ElementTree.SubElement(of_frame, "Spot", values)


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


def _add_settings(root: ElementTree.Element, followed: Followed, image: Path | None) -> None:
    height, width = followed.pixel_size or (1.0, 1.0)
    about = {
        "filename": "" if image is None else image.name,
        "folder": "" if image is None else str(image.absolute().parent),
        "width": str(followed.lives.size[1]),
        "height": str(followed.lives.size[0]),
        "nframes": str(followed.lives.frames),
        "nslices": "1",
        "pixelwidth": f"{width:g}",
        "pixelheight": f"{height:g}",
        "voxeldepth": "1.0",
        "timeinterval": f"{followed.frame_interval or 1.0:g}",
    }
    settings = ElementTree.SubElement(root, "Settings")
    ElementTree.SubElement(settings, "ImageData", about)
    ElementTree.SubElement(settings, "InitialSpotFilter", feature="QUALITY", value="0.0", isabove="true")
    for name in ("SpotFilterCollection", "TrackFilterCollection"):
        ElementTree.SubElement(settings, name)


def is_trackmate(path: Path) -> bool:
    """Whether a file of XML begins as TrackMate's do; other programs leave XML beside their images too."""
    try:
        with path.open("rb") as file:
            return b"<TrackMate" in file.read(4096)
    except OSError:
        return False


def read_trackmate(path: Path) -> CellGraph:
    """Read the spots and tracks of a file that TrackMate's ``Save`` wrote.

    Hidden spots without a track, and tracks that its filters hide with their spots, are left out. The file is
    read from end to end without keeping its elements; a document type, which could name other files or make
    text grow without bounds, is refused before anything of it is looked up.

    Raises:
        InputError: no such file, damage, spots or edges that cannot be, or several Z planes.
    """
    content = _Content(path)
    parser = ElementTree.XMLParser(target=content)
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                parser.feed(block)
        parser.close()
    except (OSError, ElementTree.ParseError, UnicodeError, ValueError, KeyError, OverflowError) as error:
        raise InputError(
            f"{path} cannot be read as TrackMate's XML ({type(error).__name__}: {error}): save the tracks "
            "again"
        ) from None
    return content.graph()


class _Content:
    """What `read_trackmate` keeps of a file; its methods are called by the parser, an element at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._root = self._track = self._text = ""
        self._units: Mapping[str, str] = {}
        self._image: Mapping[str, str] = {}
        self._numbers, self._places = array("q"), array("d")
        self._corners: dict[int, NDArray[np.float64]] = {}
        self._edges: dict[str, list[tuple[int, int]]] = {}
        self._shown: set[str] = set()
        self._in_spot = False

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        """A document type, which no file of TrackMate has."""
        raise InputError(f"{self._path} has a document type '{name}', expected none: save it with TrackMate")

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """The beginning of an element."""
        if not self._root:
            self._root = tag
            if tag != "TrackMate":
                raise InputError(
                    f"{self._path} is XML of '{tag}', expected TrackMate's own file: choose Save in "
                    "TrackMate, not the export of tracks"
                )
        if tag == "Spot":
            shown = attributes.get("VISIBILITY", "1") != "0"
            self._numbers.extend([int(attributes["ID"]), int(float(attributes["FRAME"])), shown])
            names = ("POSITION_Y", "POSITION_X", "RADIUS")
            self._places.extend(float(attributes.get(name, "nan")) for name in names)
            self._in_spot, self._text = True, ""
        elif tag == "Track":
            self._track = attributes["TRACK_ID"]
        elif tag == "Edge":
            ends = int(attributes["SPOT_SOURCE_ID"]), int(attributes["SPOT_TARGET_ID"])
            self._edges.setdefault(self._track, []).append(ends)
        elif tag == "TrackID":
            self._shown.add(attributes["TRACK_ID"])
        elif tag in ("Model", "ImageData"):
            setattr(self, "_units" if tag == "Model" else "_image", attributes)

    def data(self, text: str) -> None:
        """Text, which is of use as the outline of a spot."""
        if self._in_spot:
            self._text += text

    def end(self, tag: str) -> None:
        """The end of an element."""
        if tag == "Spot":
            if self._text.strip():
                corners = np.array(self._text.split(), np.float64).reshape(-1, 2)
                self._corners[len(self._numbers) // 3 - 1] = corners[:, ::-1]
            self._in_spot = False

    def close(self) -> None:
        """The end of the file."""

    def graph(self) -> CellGraph:
        """The cells and edges in pixels and frames."""
        ids, frame, shown = np.array(self._numbers, np.int64).reshape(-1, 3).T
        *place, radius = np.array(self._places, np.float64).reshape(-1, 3).T
        pixel = self._positive("pixelheight"), self._positive("pixelwidth")
        in_tracks = {name: np.array(pairs).reshape(-1, 2) for name, pairs in self._edges.items()}
        hidden = [pairs for name, pairs in in_tracks.items() if name not in self._shown]
        none = np.zeros((0, 2), np.int64)
        edges = np.concatenate([none, *(pairs for name, pairs in in_tracks.items() if name in self._shown)])
        kept = (shown.astype(bool) & ~np.isin(ids, np.concatenate([none, *hidden]))) | np.isin(ids, edges)
        centre = np.column_stack(place)
        outlines = [  # corners are stored from the centre
            None if (corners := self._corners.get(n)) is None else (corners + centre[n]) / pixel
            for n in np.flatnonzero(kept).tolist()
        ]
        if self._whole("nslices") > 1:
            raise InputError(
                f"{self._path} has {self._whole('nslices')} Z planes, expected one: track a projection, or "
                "let TrackMate swap Z and T"
            )
        size = self._whole("height"), self._whole("width")
        length = MICROMETRES.get(self._units.get("spatialunits", "").lower())
        seconds = SECONDS.get(self._units.get("timeunits", "").lower())
        interval = self._positive("timeinterval")
        graph = CellGraph(
            self._path,
            frame[kept],
            centre[kept] / pixel,
            radius[kept] / np.sqrt(pixel[0] * pixel[1]),
            edges,
            self._whole("nframes") or int(frame[kept].max(initial=-1)) + 1,
            size if min(size) > 0 else None,
            outlines=outlines if self._corners else (),
            frame_interval=None if seconds is None else seconds * interval,
            pixel_size=None if length is None else PixelSize(*(length * side for side in pixel)),
        )
        return in_order_of_time(graph, ids[kept])

    def _whole(self, name: str) -> int:
        return int(self._positive(name, 0.0))

    def _positive(self, name: str, otherwise: float = 1.0) -> float:
        """A number about the image; the second one where the file does not say."""
        text = self._image.get(name)
        try:
            value = otherwise if text is None else float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf") or (value == 0 and otherwise):
            raise InputError(f"{self._path} states {name}='{text}', expected a number above 0: save it again")
        return value
