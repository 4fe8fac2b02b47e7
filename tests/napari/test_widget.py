"""The widget driven by its buttons, on napari's model of a window and without a screen."""

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
pytest.importorskip("napari.layers", reason="the extra [napari] is not installed")
pytest.importorskip("pytestqt", reason="pytest-qt is not installed")

pytestmark = pytest.mark.filterwarnings("default")  # napari's own

SECONDS = 120_000
"""Milliseconds that a busy machine may take."""


@pytest.fixture
def window(qtbot, checkpoint, cells):
    """The widget beside a recording of two frames, with a checkpoint chosen."""
    import napari_builtins
    import npe2
    from napari.components import ViewerModel

    from hela_seg.napari.widget import SegmentWidget

    plugins = npe2.PluginManager.instance()
    if "napari" not in {manifest.name for manifest in plugins.iter_manifests()}:  # npe2 finds none in tests
        own = Path(napari_builtins.__file__).parent / "builtins.yaml"
        plugins.register(npe2.PluginManifest.from_file(own))
    viewer = ViewerModel()
    widget = SegmentWidget(viewer)
    qtbot.addWidget(widget)
    path = cells / "images" / "dish 0.tif"
    viewer.open(str(path), plugin="napari")
    widget.checkpoint.setText(str(checkpoint))
    return viewer, widget


def click(qtbot, button, widget):
    button.click()
    qtbot.waitUntil(lambda: widget.predict.isEnabled(), timeout=SECONDS)


def test_predict_mend_save_train_and_predict_again(window, qtbot, checkpoint, cells, tmp_path):
    import hela_seg

    viewer, widget = window
    click(qtbot, widget.predict, widget)
    assert widget.status.text().startswith("2 frames predicted")
    layer = viewer.layers["dish 0 classes"]
    expected = hela_seg.load(checkpoint).predict(cells / "images" / "dish 0.tif")
    assert np.array_equal(np.asarray(layer.data), expected)
    assert [widget.paint.itemText(row) for row in range(3)] == ["background", "dim", "bright"]

    widget.jump.click()
    first = viewer.dims.current_step[0]
    widget.jump.click()
    assert {first, viewer.dims.current_step[0]} == {0, 1}

    widget.paint.setCurrentIndex(2)
    widget.paint.activated.emit(2)
    assert (layer.selected_label, str(layer.mode)) == (2, "paint")
    layer.brush_size = 4
    layer.paint((1, 20, 20), 2)
    layer.paint((1, 20, 20), 0 if expected[1, 20, 20] == 2 else 2)
    widget.folder.setText(str(tmp_path / "mended"))
    widget.save_mended.click()
    assert widget.status.text().startswith("1 mask(s) saved")
    saved = tifffile.imread(tmp_path / "mended" / "masks" / "dish 0_t0001.tif")
    assert np.array_equal(saved, np.asarray(layer.data[1]))
    assert not np.array_equal(saved, expected[1])

    viewer.dims.set_current_step(0, 0)
    widget.save_frame.click()
    widget.save_frame.click()
    assert "already" in widget.status.text()

    widget.epochs.setValue(1)
    widget.train.click()
    qtbot.waitUntil(lambda: "classes [1]" in " ".join(one.name for one in viewer.layers), timeout=SECONDS)
    assert "runs" in widget.checkpoint.text()
    assert widget.checkpoint.text().endswith("best.ckpt")
    qtbot.waitUntil(lambda: widget.predict.isEnabled(), timeout=SECONDS)


def test_an_array_without_a_file_is_predicted_and_asks_for_a_folder(window, qtbot, cells):
    viewer, widget = window
    pixels = tifffile.imread(cells / "images" / "dish 1.tif")
    viewer.add_image(pixels, name="plain")
    widget.image.setCurrentText("plain")
    click(qtbot, widget.predict, widget)
    assert viewer.layers["plain classes"].data.shape == pixels.shape
    widget.save_frame.click()
    assert "choose a folder" in widget.status.text()


def test_an_image_of_other_channels_is_refused_in_one_line(window, qtbot):
    viewer, widget = window
    viewer.add_image(np.zeros((24, 32, 3), np.uint8), rgb=True, name="colours")
    widget.image.setCurrentText("colours")
    click(qtbot, widget.predict, widget)
    assert "expected" in widget.status.text()
    assert "\n" not in widget.status.text()
    assert "colours classes" not in viewer.layers


def test_what_is_missing_is_said_in_one_line(window, qtbot, tmp_path):
    _, widget = window
    widget.jump.click()
    assert "no class maps are open" in widget.status.text()
    widget.checkpoint.setText(str(tmp_path / "none.ckpt"))
    widget.predict.click()
    assert "is no file" in widget.status.text()
    (tmp_path / "broken.ckpt").write_bytes(b"not a checkpoint")
    widget.checkpoint.setText(str(tmp_path / "broken.ckpt"))
    click(qtbot, widget.predict, widget)
    assert "broken.ckpt" in widget.status.text()
    widget.folder.setText(str(tmp_path))
    click(qtbot, widget.train, widget)
    assert "broken.ckpt" in widget.status.text() or "mend frames" in widget.status.text()


def test_stop_keeps_the_frames_that_are_done(window, qtbot):
    viewer, widget = window
    widget.predict.click()
    widget.stop.click()
    qtbot.waitUntil(lambda: widget.predict.isEnabled(), timeout=SECONDS)
    assert widget.status.text().startswith("stopped after 1 of 2 frames")
    assert (np.asarray(viewer.layers["dish 0 classes"].data[1]) == 255).all()


def test_napari_finds_the_manifest():
    import npe2

    import hela_seg

    manifest = npe2.PluginManifest.from_file(Path(hela_seg.__file__).parent / "napari" / "napari.yaml")
    manifest.validate_imports()
    assert manifest.name == "hela-seg"
