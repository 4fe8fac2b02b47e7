"""Result folders opened for napari; needs neither napari nor Qt."""

import subprocess
import sys

import numpy as np
import pytest
import tifffile
from conftest import draw_cells

from hela_seg.cli import main
from hela_seg.napari.reader import get_reader
from hela_seg.system.errors import InputError

pytest.importorskip("pandas", reason="the extra [napari] is not installed")


def write_recording(path, frames=3):
    images, _ = draw_cells(7, frames)
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"axes": "TYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25, "TimeIncrement": 120.0}
    metadata |= {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm", "TimeIncrementUnit": "s"}
    tifffile.imwrite(path, images, ome=True, photometric="minisblack", metadata=metadata)
    return images


@pytest.fixture(scope="module")
def results(checkpoint, tmp_path_factory):
    """A folder of results with tracked cells, and the frames (T, H, W) of its recording."""
    folder = tmp_path_factory.mktemp("napari")
    images = write_recording(folder / "in" / "dish.ome.tif")
    arguments = [f"ckpt={checkpoint}", f"input={folder / 'in'}", f"output={folder / 'out'}", "track=true"]
    assert main("predict", arguments) == 0
    return folder / "out", images


def layers_of(path):
    reader = get_reader(str(path))
    assert reader is not None
    return {(kind, shown["name"]): (data, shown) for data, shown, kind in reader(str(path))}


def test_a_result_folder_is_image_classes_cells_and_tracks_in_micrometres_and_seconds(results):
    folder, images = results
    layers = layers_of(folder)
    image, _ = layers["image", "dish"]
    assert np.array_equal(np.asarray(image[1]), images[1])
    assert image.shape == images.shape
    maps, named = layers["labels", "dish classes"]
    written = tifffile.imread(folder / "dish.labels.ome.tif")
    assert np.array_equal(np.asarray(maps), written)
    assert named["features"]["class"] == ["background", "dim", "bright", "ignored"]
    assert named["colormap"][1] == "#E69F00"
    tracks, _ = layers["tracks", "dish tracks"]
    assert tracks.shape[1] == 4
    for _, properties in layers.values():
        assert properties["scale"] == (120.0, 0.25, 0.5)
        assert properties["units"] == ("s", "um", "um")


def test_a_class_map_by_itself_is_one_layer_with_its_classes(results):
    folder, _ = results
    ((kind, name), (maps, shown)) = layers_of(folder / "dish.labels.ome.tif").popitem()
    assert (kind, name) == ("labels", "dish classes")
    assert maps.shape == (3, 48, 64)
    assert shown["features"]["class"][2] == "bright"


def test_an_image_that_was_moved_away_is_left_out(checkpoint, tmp_path):
    write_recording(tmp_path / "dish.ome.tif", 1)
    arguments = [f"ckpt={checkpoint}", f"input={tmp_path / 'dish.ome.tif'}", f"output={tmp_path / 'out'}"]
    assert main("predict", [*arguments, "cells=none"]) == 0
    (tmp_path / "dish.ome.tif").rename(tmp_path / "elsewhere.ome.tif")
    assert set(layers_of(tmp_path / "out")) == {("labels", "dish classes")}


def test_other_paths_are_left_to_other_readers(tmp_path, cells):
    assert get_reader(str(tmp_path)) is None
    assert get_reader(str(cells / "images" / "dish 0.tif")) is None


def test_a_folder_whose_prediction_has_not_ended_is_refused_in_one_line(tmp_path):
    (tmp_path / "prediction.json").write_text("{}")
    with pytest.raises(InputError, match="holds no class maps"):
        layers_of(tmp_path)


def test_the_reader_imports_nothing_that_takes_long():
    code = "import sys, hela_seg.napari.reader; print({'qtpy', 'napari', 'torch', 'dask'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
