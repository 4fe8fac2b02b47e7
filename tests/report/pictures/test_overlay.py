"""Frames with their labels as one figure: sizes, places, legend and file."""

import numpy as np
import pytest
from PIL import Image

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks import PixelSize
from hela_seg.report.pictures.blending import blend
from hela_seg.report.pictures.overlay import GAP, LINE, MARGIN, TITLE, write_overlay
from hela_seg.report.pictures.scale import scale_bar
from hela_seg.system.errors import InputError

CLASSES = Classes(["background", "round", "spread"])
ORANGE, BLUE = (np.array(CLASSES[index].rgb) for index in (1, 2))
PANEL_TOP = MARGIN + TITLE + LINE


def unlabelled(image):
    return blend(image, np.zeros(image.shape[1:], np.uint8), CLASSES)


def drawn(path):
    return np.asarray(Image.open(path).convert("RGB"))


def disc(height, width):
    """A frame of noise with a bright disc of class 1, and its labels."""
    rows, columns = np.ogrid[:height, :width]
    labels = (np.hypot(rows - height / 2, columns - width / 2) < min(height, width) / 4).astype(np.uint8)
    noise = np.random.default_rng(0).poisson(20, (1, height, width))
    return (noise + 100 * labels).astype(np.uint16), labels


def test_a_frame_that_fits_is_drawn_pixel_by_pixel(tmp_path):
    image, labels = disc(700, 1100)
    write_overlay(tmp_path / "a.png", [(3, image, labels)], CLASSES, "movie.tif")
    panel = drawn(tmp_path / "a.png")[PANEL_TOP : PANEL_TOP + 700, MARGIN : MARGIN + 1100]
    assert (panel == blend(image, labels, CLASSES)).all()


def test_small_frames_are_enlarged_by_a_whole_factor(tmp_path):
    image, labels = disc(37, 53)
    write_overlay(tmp_path / "a.png", [(0, image, labels)], CLASSES, "small")
    panel = drawn(tmp_path / "a.png")[PANEL_TOP : PANEL_TOP + 9 * 37, MARGIN : MARGIN + 9 * 53]
    background = np.kron(labels, np.ones((9, 9), int)) == 0
    assert (panel[background] == unlabelled(np.kron(image, np.ones((9, 9), int)))[background]).all()


def test_large_frames_are_shrunk_with_labels_in_place(tmp_path):
    labels = np.zeros((1022, 2024), np.uint8)
    labels[:, 1014:] = 2
    image = np.zeros((1, 1022, 2024), np.uint8)
    write_overlay(tmp_path / "a.png", [(0, image, labels)], CLASSES, "large")
    row = drawn(tmp_path / "a.png")[PANEL_TOP + 400]
    columns = np.flatnonzero((row == BLUE).all(axis=1)) - MARGIN
    # A single frame gets 1254 columns; the middle of number 628 lies at 628.5 * 2024 / 1254 = 1014.4.
    assert columns[0] == 628


@pytest.mark.parametrize(
    ("count", "rows", "columns"), [(1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 2, 2), (5, 2, 3), (6, 2, 3)]
)
def test_frames_stand_in_a_grid(tmp_path, count, rows, columns):
    image, labels = disc(480, 480)
    write_overlay(tmp_path / "a.png", [(t, image, labels) for t in range(count)], CLASSES, "grid")
    height, width, _ = drawn(tmp_path / "a.png").shape
    assert width == max(640, columns * 480 + (columns - 1) * GAP + 2 * MARGIN)
    assert height == PANEL_TOP - LINE + rows * (LINE + 480 + GAP) + LINE + MARGIN


def test_a_scale_bar_stands_where_the_pixel_size_is_known_and_counts_pixels_as_shown(tmp_path):
    """Each pixel of 1 µm is shown by 4 x 4, of 120 x 100 pixels, so that 20 µm take 80."""
    image, labels = disc(100, 120)
    write_overlay(tmp_path / "a.png", [(0, image, labels)], CLASSES, "scale", pixel_size=PixelSize(1, 1))
    write_overlay(tmp_path / "b.png", [(0, image, labels)], CLASSES, "scale")
    panel = slice(PANEL_TOP, PANEL_TOP + 400), slice(MARGIN, MARGIN + 480)
    with_bar, without = (drawn(tmp_path / name)[panel].copy() for name in ("a.png", "b.png"))
    bar = scale_bar(480, PixelSize(0.25, 0.25))
    assert ((bar[-6] == 255).all(axis=1)).sum() == 80
    height, width, _ = bar.shape
    corner = slice(400 - 12 - height, 400 - 12), slice(480 - 12 - width, 480 - 12)
    assert (with_bar[corner] == bar).all()
    with_bar[corner] = without[corner]
    assert (with_bar == without).all()


def test_the_time_stands_where_the_interval_is_known(tmp_path):
    image, labels = disc(100, 120)
    dark = []
    for name, interval in (("a.png", None), ("b.png", 300.0)):
        write_overlay(tmp_path / name, [(6, image, labels)], CLASSES, "time", frame_interval_s=interval)
        dark.append((drawn(tmp_path / name)[PANEL_TOP - LINE : PANEL_TOP] < 128).sum())
    assert dark[1] > 1.5 * dark[0]


def test_legend_has_the_classes_and_ignored_only_where_there_is_some(tmp_path):
    image, labels = disc(100, 100)
    without, with_ignored = tmp_path / "a.png", tmp_path / "b.png"
    write_overlay(without, [(0, image, labels)], CLASSES, "legend")
    labels[:10] = IGNORE_INDEX
    write_overlay(with_ignored, [(0, image, labels)], CLASSES, "legend")
    legends = [drawn(path)[-MARGIN - LINE :] for path in (without, with_ignored)]
    assert all((legend == colour).all(axis=2).any() for legend in legends for colour in (ORANGE, BLUE))
    assert [(legend == 140).all(axis=2).sum() > 20 for legend in legends] == [False, True]


def test_names_that_no_formula_and_no_font_could_hold_are_drawn_without_a_warning(tmp_path):
    image, labels = disc(40, 40)
    classes = Classes(["background", "_round $x", "größe 細胞"])
    write_overlay(tmp_path / "a.png", [(0, image, labels)], classes, "a$\\frac{b$ 細胞\n.tif")
    assert (tmp_path / "a.png").exists()


def test_more_classes_than_fit_a_line_take_more_lines(tmp_path):
    image, labels = disc(480, 480)
    classes = Classes([f"class number {index:03d}" for index in range(40)])
    write_overlay(tmp_path / "a.png", [(0, image, labels)], classes, "many")
    page = drawn(tmp_path / "a.png")
    assert page.shape[1] == 640
    assert (page[:, -MARGIN:] == 255).all()
    assert (page[-MARGIN + 4 :] == 255).all()


def test_the_comment_stands_in_the_file_and_nothing_else_is_left_behind(tmp_path):
    image, labels = disc(40, 40)
    write_overlay(tmp_path / "a.png", [(0, image, labels)], CLASSES, "a", "made by a test, 5 µm")
    with Image.open(tmp_path / "a.png") as written:
        assert written.text["Description"] == "made by a test, 5 µm"
    assert list(tmp_path.iterdir()) == [tmp_path / "a.png"]


def test_no_frames_are_a_programming_error(tmp_path):
    with pytest.raises(ValueError, match="at least one frame"):
        write_overlay(tmp_path / "a.png", [], CLASSES, "none")


def test_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "taken").write_text("", encoding="utf-8")
    image, labels = disc(40, 40)
    with pytest.raises(InputError, match="cannot write"):
        write_overlay(tmp_path / "taken" / "a.png", [(0, image, labels)], CLASSES, "a")
