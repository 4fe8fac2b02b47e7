"""Cells as outlines: which pixels are theirs, and what is no file of outlines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refusal

from hela_seg.data.stacks import Series, open_series, write_tiff
from hela_seg.data.stacks.outlines import OutlineSeries, is_annotated

SQUARE = [[0, 0], [3, 0], [3, 3], [0, 3]]


@pytest.fixture
def image(tmp_path: Path) -> Series:
    """Two frames of 5 x 6 pixels, in a file that COCO's examples know."""
    write_tiff(tmp_path / "cells 1.tif", np.zeros((2, 5, 6), np.uint8), "TYX")
    return open_series(tmp_path / "cells 1.tif")


def drawn(path: Path, image: Series, t: int = 0) -> list[list[int]]:
    pixels: list[list[int]] = (
        OutlineSeries(path, image, 2, lambda number, outline: number).frame(t)[0].tolist()
    )
    return pixels


def written(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def feature(kind: str, coordinates: Any, **plane: int) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": coordinates} | ({"plane": plane} if plane else {})
    return {"type": "Feature", "geometry": geometry, "properties": {"classification": {"name": "round"}}}


NINE = [[1, 1, 1, 0, 0, 0]] * 3 + [[0] * 6] * 2


def test_a_square_of_three_has_nine_pixels_whatever_the_program(tmp_path: Path, image: Series) -> None:
    assert drawn(written(tmp_path / "a.geojson", [feature("Polygon", [SQUARE])]), image) == NINE
    roifile = pytest.importorskip("roifile")
    for name, roi in (
        ("a.roi", roifile.ImagejRoi.frompoints(SQUARE)),
        ("b.roi", roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, left=0, top=0, right=3, bottom=3)),
    ):
        roi.tofile(tmp_path / name)
        assert drawn(tmp_path / name, image) == NINE


def test_pixels_are_inside_where_their_centres_are(tmp_path: Path, image: Series) -> None:
    # a triangle whose long side runs through no centre: rows y + x + 1 < 4.2
    triangle = [[0, 0], [4.2, 0], [0, 4.2]]
    expected = [[int(x + 0.5 + y + 0.5 < 4.2) for x in range(6)] for y in range(5)]
    assert drawn(written(tmp_path / "a.geojson", feature("Polygon", [triangle])), image) == expected


def test_holes_pieces_and_what_lies_outside_of_the_image(tmp_path: Path, image: Series) -> None:
    hole = [[1, 1], [2, 1], [2, 2], [1, 2]]
    ring = drawn(written(tmp_path / "a.geojson", [feature("Polygon", [SQUARE, hole])]), image)
    assert ring == [[1, 1, 1, 0, 0, 0], [1, 0, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0], [0] * 6, [0] * 6]
    far = [[5, 4], [9, 4], [9, 9], [5, 9]]
    both = drawn(written(tmp_path / "b.geojson", [feature("MultiPolygon", [[SQUARE], [far]])]), image)
    assert both == [*NINE[:4], [0, 0, 0, 0, 0, 1]]


def test_later_outlines_lie_over_earlier_ones_and_planes_are_frames(tmp_path: Path, image: Series) -> None:
    small = [[0, 0], [1, 0], [1, 1], [0, 1]]
    features = [feature("Polygon", [SQUARE]), feature("Polygon", [small], t=1, z=0, c=0)]
    path = written(tmp_path / "a.geojson", {"type": "FeatureCollection", "features": features})
    assert drawn(path, image, 0) == NINE
    assert drawn(path, image, 1)[0] == [2, 1, 1, 0, 0, 0]
    roifile = pytest.importorskip("roifile")
    second = roifile.ImagejRoi.frompoints(small)
    second.position = 2
    roifile.roiwrite(tmp_path / "a.zip", [roifile.ImagejRoi.frompoints(SQUARE), second])
    assert drawn(tmp_path / "a.zip", image, 0) == NINE
    assert drawn(tmp_path / "a.zip", image, 1)[0] == [2, 1, 1, 0, 0, 0]


def coco(**annotation: Any) -> dict[str, Any]:
    cell = {"image_id": 3, "category_id": 1, "segmentation": [np.ravel(SQUARE).tolist()], **annotation}
    return {
        "images": [{"id": 3, "file_name": "train/cells 1.jpg"}],
        "annotations": [cell],
        "categories": [{"id": 1, "name": "round"}],
    }


def test_coco_knows_images_by_their_names_up_to_the_ending(tmp_path: Path, image: Series) -> None:
    path = written(tmp_path / "all.json", coco())
    assert drawn(path, image) == NINE
    assert is_annotated(path, "cells 1")
    assert not is_annotated(path, "cells 2")
    named: list[str] = []
    OutlineSeries(path, image, 2, lambda number, outline: len(named.append(outline.name) or named))
    assert named == ["round"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.geojson", "no json", "is damaged or no file of outlines"),
        ("a.geojson", [{"type": "Feature"}], "is damaged or no file of outlines"),
        ("a.geojson", [feature("Point", [1, 2])], "holds 'round', which is no closed outline"),
        ("a.geojson", [feature("Polygon", [[[0, 0], [1, 1]]])], "holds 'round', which is no closed outline"),
        ("a.geojson", [feature("Polygon", [[[0, 0], [1, float("nan")], [1, 1]]])], "no closed outline"),
        ("a.json", {"images": []}, "is damaged or no COCO file"),
        ("a.json", coco(segmentation={"counts": [1, 2], "size": [5, 6]}), "as run lengths"),
        ("a.json", coco(image_id=9), "is damaged or no COCO file"),
        ("a.json", {"images": [], "annotations": []}, "has no image 'cells 1'"),
        ("a.zip", "no zip", "is damaged or no file of outlines"),
        ("a.roi", "no roi", "is damaged or no file of outlines"),
    ],
)
def test_what_is_no_file_of_outlines_is_refused(
    tmp_path: Path, image: Series, name: str, content: Any, said: str
) -> None:
    if name.endswith((".zip", ".roi")):
        pytest.importorskip("roifile")
    assert said in refusal(drawn, written(tmp_path / name, content), image)
