"""Where cells come from: masks to be followed, or masks and tracks of other programs, taken as given."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from hela_seg.cells import split_cells
from hela_seg.data.classes import Classes
from hela_seg.data.ctc_tracks import CtcTrack
from hela_seg.data.stacks import Series, find_files, is_image, name_of
from hela_seg.data.stacks.zarr.geff import is_geff
from hela_seg.system.errors import InputError, join_names
from hela_seg.tracking import ClassMap, Labels
from hela_seg.tracking.ctc import is_ctc, lives_of_ctc, read_ctc_frames, read_ctc_tracks
from hela_seg.tracking.geff import read_geff
from hela_seg.tracking.graphs import CellGraph, cells_in_masks, draw_cells, lives_of_graph
from hela_seg.tracking.lives import Lives
from hela_seg.tracking.reading import Reading, Scales, as_class_map, file_beside, in_order, stored_frames
from hela_seg.tracking.trackmate import is_trackmate, read_trackmate

log = logging.getLogger(__name__)

MOST_LOST = 0.5
"""Share of a graph's cells without a mask from which on the masks are those of another recording."""


@dataclass(frozen=True, eq=False)
class Source(ABC):
    """One recording's cells.

    Attributes:
        name: of the recording.
        path: of its masks, or of its tracks.
        reading: how label images are read.
        class_maps: file with the class of each pixel; None where all cells are of one class, or where the
            masks are class maps.
    """

    name: str
    path: Path
    reading: Reading
    class_maps: Path | None = None

    def scales(self) -> Scales:
        """Seconds between frames and the pixel size; None where they are not known."""
        return self.reading.scales(None)

    @abstractmethod
    def labels(self) -> Iterator[Labels]:
        """Cell numbers (H, W) of each frame, 0 for no cell."""

    def lives(self, found: Lives) -> Lives:
        """The lives of the cells found in all frames: as the source says where it knows tracks."""
        return found

    def frames(self, classes: Classes) -> Iterator[tuple[Labels, ClassMap]]:
        """Cell numbers and class maps (H, W) of each frame.

        Raises:
            InputError: class maps of other frames, or with values that are no classes.
        """
        maps = None if self.class_maps is None else self.reading.open(self.class_maps)
        t = -1
        for t, labels in enumerate(self.labels()):
            if maps is None:
                yield labels, (labels > 0).astype(np.uint8)
                continue
            if t >= maps.shape[0] or labels.shape != maps.shape[2:]:
                raise self._unlike(maps, f"frame {t} of {labels.shape[0]}x{labels.shape[1]} pixels")
            yield labels, as_class_map(maps.frame(t)[0], classes, maps.path, t)
        if maps is not None and t + 1 < maps.shape[0]:
            raise self._unlike(maps, f"{t + 1} frame(s)")

    def _unlike(self, maps: Series, has: str) -> InputError:
        count, _, height, width = maps.shape
        return InputError(
            f"{maps.path} has {count} frame(s) of {height}x{width} pixels and {self.path} has {has}, "
            "expected the same: give the class maps of the same frames"
        )


class MaskSource(Source):
    """Masks whose cells are to be followed."""

    def scales(self) -> Scales:
        """As the file says."""
        return self.reading.scales(self.reading.open(self.path))

    def labels(self) -> Iterator[Labels]:
        """Numbers from 1 on, for those of files may jump, which would take memory by the highest of them."""
        yield from map(in_order, stored_frames(self.reading.open(self.path)))

    def frames(self, classes: Classes) -> Iterator[tuple[Labels, ClassMap]]:
        """Class maps are cut into cells; numbered cells are taken as they are."""
        if self.reading.kind == "instances":
            yield from super().frames(classes)
            return
        for t, found in enumerate(stored_frames(self.reading.open(self.path))):
            class_map = as_class_map(found, classes, self.path, t)
            yield (
                split_cells(class_map, neck=self.reading.neck, least_area=self.reading.least_area),
                class_map,
            )


class CtcSource(Source):
    """Masks and tracks of a folder in the Cell Tracking Challenge's form."""

    @cached_property
    def tracks(self) -> list[CtcTrack]:
        """The table of tracks."""
        return read_ctc_tracks(self.path)

    def labels(self) -> Iterator[Labels]:
        """Labels as they are, once the table of tracks is read: what is wrong with it is said at once."""
        _ = self.tracks
        return read_ctc_frames(self.path)

    def lives(self, found: Lives) -> Lives:
        """As the table of tracks says."""
        return lives_of_ctc(self.tracks, found)


@dataclass(frozen=True, eq=False)
class GraphSource(Source):
    """Tracks of TrackMate or as GEFF, with masks or drawn as the file has their shapes.

    Attributes:
        masks: label images of the cells; None where they are drawn.
    """

    masks: Path | None = None

    @cached_property
    def graph(self) -> CellGraph:
        """The cells and edges of the file."""
        if not is_geff(self.path):
            return read_trackmate(self.path)
        return read_geff(self.path, *self.reading.scales(self._masks))

    @cached_property
    def _masks(self) -> Series | None:
        return None if self.masks is None else self.reading.open(self.masks)

    def scales(self) -> Scales:
        """As the user says, the masks, or the graph."""
        interval, size = self.reading.scales(self._masks)
        return interval or self.graph.frame_interval, size or self.graph.pixel_size

    def labels(self) -> Iterator[Labels]:
        """The graph's cells, numbered by their ranks in each frame."""
        if self._masks is None:
            return draw_cells(self.graph)
        frames = self._masks.shape[0]
        if len(self.graph) and self.graph.frame[-1] >= frames:
            raise InputError(
                f"{self.path} has cells in frame {self.graph.frame[-1]} and {self.masks} has {frames} "
                "frame(s), expected masks of the same frames: name those of this recording with masks="
            )
        return cells_in_masks(self.graph, stored_frames(self._masks))

    def lives(self, found: Lives) -> Lives:
        """As the graph says; a warning names how many of its cells have no mask of their own."""
        lives, lost = lives_of_graph(self.graph, found)
        if lost > MOST_LOST * len(self.graph):
            raise InputError(
                f"{lost} of the {len(self.graph)} cells of {self.path} have no mask in {self.masks or 'it'}, "
                "expected one each: name the masks of this recording with masks="
            )
        if lost:
            log.warning(
                "warning: %d of the %d cells of %s have no mask of their own and are left out",
                lost,
                len(self.graph),
                self.path,
            )
        return lives


def find_sources(
    path: Path, reading: Reading, class_maps: Path | None = None, masks: Path | None = None
) -> list[Source]:
    """The recordings in a file or folder: masks, or tracks in one of the forms that are known.

    Args:
        path: a file of masks or of TrackMate (``.xml``), a folder of such, of which a prediction's class maps
            come first, one as GEFF, or one with ``res_track.txt`` or ``man_track.txt``, or with such folders.
        reading: how label images are read.
        class_maps: a file, or a folder of files with the recordings' names.
        masks: likewise, of the tracks of TrackMate and GEFF.

    Raises:
        InputError: there is none.
    """
    found = _tracks_in(path, reading, masks)
    if masks is not None and not any(isinstance(source, GraphSource) for source in found):
        raise InputError(
            f"{path} holds no tracks of TrackMate (.xml) or GEFF, expected some where masks= is set: name "
            "the masks as input=, or leave masks out"
        )
    if not found:
        files = find_files(path) if path.is_dir() and not is_image(path) else [path]
        if not files:
            raise InputError(f"{path} holds no label images, expected TIFF, PNG or Zarr files: check input=")
        class_maps_there = [file for file in files if name_of(file).endswith(".labels")]
        found = [MaskSource(name_of(file), file, reading) for file in class_maps_there or files]
    names = Counter(source.name for source in found)
    if twice := [source.path.name for source in found if names[source.name] > 1]:
        raise InputError(
            f"{path} holds {join_names(twice, 3)}, expected recordings with names of their own: name one of "
            "them as input="
        )
    return found if class_maps is None else [_with_classes(source, class_maps) for source in found]


def _tracks_in(path: Path, reading: Reading, masks: Path | None) -> list[Source]:
    if path.is_dir() and is_ctc(path / "TRA"):
        return [CtcSource(path.name, path / "TRA", reading)]
    if path.is_dir() and is_ctc(path):
        return [CtcSource(path.absolute().name, path, reading)]
    graphs = [path] if _is_graph(path) else []
    if path.is_dir() and not graphs and not is_image(path):
        below = sorted(path.iterdir())
        for inside in ("", "TRA"):  # results, and only where there are none the truth
            if folders := [folder for folder in below if is_ctc(folder / inside)]:
                return [CtcSource(folder.name, folder / inside, reading) for folder in folders]
        graphs = [entry for entry in below if _is_graph(entry) and (entry.is_dir() or is_trackmate(entry))]
    sources: list[Source] = []
    for graph in graphs:
        name = graph.stem.removesuffix(".trackmate").removesuffix(".tracks")
        own = None if masks is None else file_beside(masks, name, graph, "masks", "masks")
        sources.append(GraphSource(name, graph, reading, masks=own))
    return sources


def _is_graph(path: Path) -> bool:
    return is_geff(path) if path.is_dir() else path.suffix.lower() == ".xml"


def _with_classes(source: Source, class_maps: Path) -> Source:
    if isinstance(source, MaskSource) and source.reading.kind == "classes":
        raise InputError(
            "class_maps gives the classes of cells that masks number, and kind is classes, expected "
            "kind=instances: set it, or leave class_maps out"
        )
    own = file_beside(class_maps, source.name, source.path, "the classes of the cells", "class_maps")
    return replace(source, class_maps=own)
