"""Cells as outlines in place of pixels: ImageJ's ROIs, QuPath's GeoJSON, COCO's JSON.

All of these programs count from the corner of the first pixel, whose centre is at (0.5, 0.5). A pixel belongs
to a cell where its centre lies inside of the outline, by `skimage.draw.polygon`: ImageJ's square from (0, 0)
to (3, 3) has 9 pixels.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray
from skimage.draw import polygon

from hela_seg.data.stacks.damage import damage_is_reported
from hela_seg.data.stacks.segments import Version, cache, version_of
from hela_seg.data.stacks.series import Pixels, Series, name_of
from hela_seg.system.errors import InputError, import_extra

IMAGEJ, GEOJSON, COCO = (".roi", ".zip"), ".geojson", ".json"

ENDINGS = (*IMAGEJ, GEOJSON, COCO)
"""Endings of files with outlines, in lower case."""

Ring = NDArray[np.float64]
"""(n, 2) corners as x and y in pixels."""


class Outline(NamedTuple):
    """A cell.

    Attributes:
        parts: for each piece its outer ring, and then the rings of its holes.
        name: of its class, or its own, as the program has it; empty where there is none.
        frame: which one it is in, from 0; None for all.
    """

    parts: tuple[tuple[Ring, ...], ...]
    name: str = ""
    frame: int | None = None


class OutlineSeries(Series):
    """Masks drawn from outlines, the later over the earlier; 0 where there is none.

    Args:
        path: the file.
        image: whose cells these are; masks have its size.
        frames: T.
        value_of: value of a cell's pixels, by its number from 1 and its outline.
        background: value of all other pixels.
        dtype: holds all of these values.

    Raises:
        InputError: a damaged file, outlines without an area, or an image that the file does not know.
    """

    def __init__(
        self,
        path: Path,
        image: Series,
        frames: int,
        value_of: Callable[[int, Outline], int],
        background: int = 0,
        dtype: npt.DTypeLike = np.uint32,
    ) -> None:
        self.path, self.name, self.axes = path, name_of(path), image.axes.replace("C", "")
        self.shape = (frames, 1, *image.shape[2:])
        self._version, self._of = version_of(path), name_of(image.path)
        values = [value_of(number, one) for number, one in enumerate(self._outlines(), start=1)]
        self._values, self._background = values, background
        self.dtype = np.dtype(dtype)
        self.pixel_size, self.frame_interval = image.pixel_size, image.frame_interval

    def read(self, t: int, rows: slice, columns: slice) -> Pixels:
        """Read one window of frame t as (1, h, w)."""
        key = (str(self.path), self._version, self._of, self.shape, tuple(self._values), self._background, t)
        return cache.get(key, lambda: self._draw(t))[:, rows, columns].copy()

    def _outlines(self) -> tuple[Outline, ...]:
        return read_outlines(self.path, self._of, self._version)

    def _draw(self, t: int) -> Pixels:
        size: tuple[int, int] = self.shape[2:]
        drawn = np.full(size, self._background, self.dtype)
        for value, outline in zip(self._values, self._outlines(), strict=True):
            if outline.frame in (None, t):
                for outer, *holes in outline.parts:
                    rows, columns = _filled(outer, size)
                    if holes:
                        inside = np.zeros(size, bool)
                        inside[rows, columns] = True
                        for hole in holes:
                            inside[_filled(hole, size)] = False
                        rows, columns = inside.nonzero()
                    drawn[rows, columns] = value
        return drawn[np.newaxis]


def read_outlines(path: Path, image: str, version: Version) -> tuple[Outline, ...]:
    """The outlines of one image in a file, each with an area.

    Args:
        path: the file.
        image: name of the image, without its ending; looked up in COCO's files, which hold many.
        version: of the file.

    Raises:
        InputError: see `OutlineSeries`.
    """
    if path.suffix.lower() != COCO:
        return _of_file(path, version)
    images = _coco(path, version)
    if image not in images:
        raise InputError(
            f"{path} has no image '{image}', expected one of that name up to the ending: annotate it, or set "
            "data.labels.sparse=true to leave such images aside"
        )
    return images[image]


def is_annotated(path: Path, image: str) -> bool:
    """Whether a file of COCO knows an image by its name up to the ending; other files are of one image."""
    return path.suffix.lower() != COCO or image in _coco(path, version_of(path))


def _filled(ring: Ring, size: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pixels whose centres lie inside of a ring."""
    rows, columns = polygon(ring[:, 1] - 0.5, ring[:, 0] - 0.5, size)
    return rows, columns


@lru_cache(64)
def _of_file(path: Path, version: Version) -> tuple[Outline, ...]:
    with damage_is_reported(path, "file of outlines"):
        found = list(_imagej(path) if path.suffix.lower() in IMAGEJ else _geojson(path))
    return tuple(_with_area(path, outline) for outline in found)


def _with_area(path: Path, outline: Outline) -> Outline:
    rings = [ring for part in outline.parts for ring in part]
    if not rings or any(len(ring) < 3 or not np.isfinite(ring).all() for ring in rings):
        raise InputError(
            f"{path} holds '{outline.name}', which is no closed outline, expected polygons and other shapes "
            "with an area: delete points and lines from it"
        )
    return outline


def _ring(corners: object) -> Ring:
    ring = np.asarray(corners, np.float64)
    if ring.ndim != 2 or ring.shape[1] < 2:
        raise ValueError(f"an outline has the shape {ring.shape}")
    return ring[:, :2]


def _imagej(path: Path) -> Iterator[Outline]:
    roifile = import_extra("roifile", what=f"{path.name}, with ROIs of ImageJ,", extra="formats")
    found = roifile.roiread(path)
    for roi in found if isinstance(found, list) else [found]:
        frame = (roi.t_position or roi.position or 0) - 1
        closed = roi.roitype not in (roifile.ROI_TYPE.LINE, roifile.ROI_TYPE.POINT, roifile.ROI_TYPE.POLYLINE)
        parts = [(_ring(ring),) for ring in roi.coordinates(multi=True)] if closed else []
        yield Outline(tuple(parts), str(roi.name or ""), frame if frame >= 0 else None)


def _geojson(path: Path) -> Iterator[Outline]:
    found = json.loads(path.read_text(encoding="utf-8"))
    features = found.get("features", [found]) if isinstance(found, Mapping) else found
    for feature in features:
        geometry, properties = feature["geometry"], feature.get("properties") or {}
        shapes = {"Polygon": [geometry["coordinates"]], "MultiPolygon": geometry["coordinates"]}
        parts = [tuple(_ring(ring) for ring in part) for part in shapes.get(geometry["type"], [])]
        named = properties.get("classification") or {}
        name = named.get("name") or " ".join(named.get("names", ()))
        plane = geometry.get("plane") or {}
        yield Outline(tuple(parts), str(name), int(plane["t"]) if "t" in plane else None)


@lru_cache(4)
def _coco(path: Path, version: Version) -> Mapping[str, tuple[Outline, ...]]:
    """The outlines of each image by its name without folder and ending."""
    with damage_is_reported(path, "COCO file"):
        found = json.loads(path.read_text(encoding="utf-8"))
        names = {image["id"]: name_of(Path(image["file_name"])) for image in found["images"]}
        classes = {entry["id"]: str(entry["name"]) for entry in found.get("categories", ())}
        outlines: dict[str, list[Outline]] = {name: [] for name in names.values()}
        for cell in found["annotations"]:
            if not isinstance(cell["segmentation"], list):
                raise InputError(
                    f"{path} holds a cell as run lengths (RLE), expected polygons: export its annotations as "
                    "polygons"
                )
            parts = tuple((_ring(np.reshape(ring, (-1, 2))),) for ring in cell["segmentation"])
            name = classes.get(cell.get("category_id"), "")
            outlines[names[cell["image_id"]]].append(_with_area(path, Outline(parts, name)))
    if len(outlines) < len(names):
        raise InputError(f"{path} has two images of one name, expected names of their own: rename one")
    return {name: tuple(own) for name, own in outlines.items()}
