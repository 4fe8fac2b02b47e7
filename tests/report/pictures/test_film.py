"""Films of recordings, the trails of cells on them, and strips of one cell."""

from __future__ import annotations

import weakref
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.data.stacks import ArraySeries, PixelSize
from hela_seg.report.pictures.blending import blend, contrast_of
from hela_seg.report.pictures.film import LONGEST, STRIP_FRAMES, Trails, strip_rows, write_film, write_strip
from hela_seg.report.pictures.overlay import LINE, MARGIN, TITLE
from hela_seg.system.errors import InputError
from hela_seg.tracking.follow import Follower, FollowSettings
from hela_seg.tracking.lives import Lives

av = pytest.importorskip("av", reason="films need the extra film: pip install -e '.[film]'")

CLASSES = Classes(["background", "round", "spread"])
TOP = MARGIN + TITLE + LINE


def frames(count, height=480, width=520):
    """A bright disc of class 1 that moves, and grows brighter, over noise."""
    random = np.random.default_rng(0)
    rows, columns = np.ogrid[:height, :width]
    for t in range(count):
        labels = (np.hypot(rows - height / 2, columns - width / 3 - 9 * t) < height / 4).astype(np.uint8)
        image = random.poisson(20, (1, height, width)) + np.uint16(100 + 20 * t) * labels
        yield t, image.astype(np.uint16), labels


def decoded(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def captions(path):
    return [picture[TOP - LINE : TOP] for picture in decoded(path)]


def test_frames_are_drawn_pixel_by_pixel_in_the_contrast_of_the_first(tmp_path):
    write_film(tmp_path / "a.png", frames(3), CLASSES, "movie")
    contrast = contrast_of([next(frames(1))[1]])
    for picture, (_, image, labels) in zip(decoded(tmp_path / "a.png"), frames(3), strict=True):
        panel = picture[TOP : TOP + 480, MARGIN : MARGIN + 520]
        assert (panel == blend(image, labels, CLASSES, contrast, outline=2)).all()


@pytest.mark.parametrize("size", [(37, 53), (481, 521), (64, 2000), (1500, 1400)])
def test_mp4_is_of_even_size_and_at_most_1280_wide(tmp_path, size):
    write_film(tmp_path / "a.mp4", frames(2, *size), CLASSES, "movie", pixel_size=PixelSize(0.5, 0.5))
    height, width, _ = decoded(tmp_path / "a.mp4")[0].shape
    assert height % 2 == width % 2 == 0
    assert width <= 1280


def test_outlines_keep_their_colour_in_mp4(tmp_path):
    write_film(tmp_path / "a.mp4", frames(2), CLASSES, "movie")
    picture = decoded(tmp_path / "a.mp4")[0][TOP : TOP + 480, MARGIN : MARGIN + 520].astype(int)
    _, image, labels = next(frames(1))
    outline = (blend(image, labels, CLASSES, outline=2) == CLASSES[1].rgb).all(axis=2)
    assert np.abs(np.median(picture[outline], axis=0) - CLASSES[1].rgb).max() < 70


def test_time_stands_where_the_interval_is_known(tmp_path):
    write_film(tmp_path / "a.png", frames(2), CLASSES, "movie")
    write_film(tmp_path / "b.png", frames(2), CLASSES, "movie", frame_interval_s=300)
    without, with_time = captions(tmp_path / "a.png"), captions(tmp_path / "b.png")
    assert (without[0] != without[1]).any()
    dark = [[int((line < 128).sum()) for line in lines] for lines in (without, with_time)]
    assert max(dark[0]) < min(dark[1])


def test_ignored_pixels_are_named(tmp_path):
    two = list(frames(2))
    two[1][2][:9] = IGNORE_INDEX
    write_film(tmp_path / "a.png", two, CLASSES, "movie")
    first, second = captions(tmp_path / "a.png")
    assert (second < 128).sum() > 2 * (first < 128).sum()


def test_scale_bar_counts_pixels_as_shown(tmp_path):
    """Shrunk from 2496 to 1248 columns, a pixel of 1.2 µm is 2.4 µm wide, and 500 µm take 208 pixels."""
    write_film(
        tmp_path / "a.png", frames(1, 624, 2 * LONGEST), CLASSES, "movie", pixel_size=PixelSize(1.2, 1.2)
    )
    panel = decoded(tmp_path / "a.png")[0][TOP : TOP + 312, MARGIN : MARGIN + LONGEST]
    row = (panel[-12 - 6] == 255).all(axis=1)
    assert row[-12 - 5 - 208 : -12 - 5].all()
    assert not row[-12 - 5 - 209]


def test_frames_smaller_than_the_scale_bar_are_drawn(tmp_path):
    write_film(tmp_path / "a.png", frames(1, 3, 900), CLASSES, "movie", pixel_size=PixelSize(0.5, 0.5))
    assert len(decoded(tmp_path / "a.png")) == 1


def test_frames_are_asked_for_one_by_one(tmp_path):
    images, most = [], 0

    def watched():
        nonlocal most
        for t, image, labels in frames(20, 32, 32):
            images.append(weakref.ref(image))
            most = max(most, sum(image() is not None for image in images))
            yield t, image, labels

    write_film(tmp_path / "a.mp4", watched(), CLASSES, "movie")
    assert len(images) == 20
    assert most <= 4


def test_no_frames_are_a_programming_error(tmp_path):
    with pytest.raises(ValueError, match="at least one frame"):
        write_film(tmp_path / "a.mp4", [], CLASSES, "none")


def test_small_frames_are_enlarged_to_fill_the_picture(tmp_path):
    write_film(tmp_path / "a.png", frames(1, 200, 256), CLASSES, "movie")
    panel = decoded(tmp_path / "a.png")[0][TOP : TOP + 400, MARGIN : MARGIN + 512]
    assert (panel[:, 1::2] == panel[:, ::2]).mean() > 0.9
    assert (panel[-2:, -2:] < 255).all()


def test_another_ending_is_refused_before_a_frame_is_asked_for(tmp_path):
    def never():
        raise AssertionError
        yield

    with pytest.raises(InputError, match=r"ends in '\.gif'"):
        write_film(tmp_path / "a.gif", never(), CLASSES, "movie")


def test_names_that_no_formula_and_no_font_could_hold_are_drawn(tmp_path):
    classes = Classes(["background", "_round $x", "größe 細胞"])
    write_film(tmp_path / "a.png", frames(1), classes, "a$\\frac{b$ 細胞")
    with Image.open(tmp_path / "a.png") as image:
        assert image.size[0] % 2 == 0


TWO = Classes(["background", "round"])


def class_maps(count: int, step: int = 8) -> list[np.ndarray]:
    """A cell that moves to the right, (60, 80) each."""
    maps = [np.zeros((60, 80), np.uint8) for _ in range(count)]
    for t, frame in enumerate(maps):
        frame[20:30, 10 + step * t : 26 + step * t] = 1
    return maps


def followed(maps: list[np.ndarray]) -> Lives:
    follower = Follower(TWO, FollowSettings(drift=False))
    for _ in follower.follow((frame.astype(np.int32), frame) for frame in maps):
        pass
    return follower.lives()


def test_trails_of_followed_cells_are_drawn_where_they_went() -> None:
    panel = np.zeros((120, 160, 3), np.uint8)
    Trails(followed(class_maps(3))).draw(panel, 2, 2.0)
    rows, columns = np.nonzero(panel[..., 0] > 200)
    assert abs(rows.mean() - 2 * 25) <= 2
    assert columns.min() <= 2 * 18 + 2
    assert 2 * 34 - 2 <= columns.max() <= 2 * 34 + 4


def test_a_strip_has_a_picture_for_each_frame_up_to_a_number() -> None:
    for count, shown in ((3, 3), (STRIP_FRAMES + 9, STRIP_FRAMES)):
        lives = followed(class_maps(count, step=1))
        rows = strip_rows(lives.lives[0])
        assert len(rows) == shown
        assert lives.cells["frame"][rows[[0, -1]]].tolist() == [0, count - 1]


@pytest.mark.parametrize("step", [0, 20])
def test_a_strip_keeps_the_cell_in_the_middle_also_at_the_edge(step: int, tmp_path: Path) -> None:
    maps = class_maps(3, step)
    lives = followed(maps)
    series = ArraySeries(np.stack(maps) * np.uint8(200), "TYX", 1)
    write_strip(tmp_path / "a.png", series, dict(enumerate(maps)), lives, lives.lives[0], TWO)
    with Image.open(tmp_path / "a.png") as strip:
        coloured = np.ptp(np.asarray(strip.convert("RGB")), axis=2) > 20
    panels = coloured[60:-50]
    middle = np.flatnonzero(panels.any(axis=1)).mean()
    assert 0.3 < middle / len(panels) < 0.7


def test_a_strip_at_the_edge_has_the_contrast_of_the_recording(tmp_path: Path) -> None:
    maps = [np.roll(frame, -10, axis=1) for frame in class_maps(1)]
    bright = np.stack(maps) * np.uint16(500) + np.uint16(30_000)  # black is far above 0, as of many cameras
    lives = followed(maps)
    series = ArraySeries(bright, "TYX", 1)
    write_strip(tmp_path / "a.png", series, dict(enumerate(maps)), lives, lives.lives[0], TWO)
    with Image.open(tmp_path / "a.png") as strip:
        panel = np.asarray(strip.convert("L"))[76:176, 16:116]
    assert np.median(panel) < 60


@pytest.mark.parametrize("place", [(0, 0), (0, 66), (52, 31), (25, 0), (25, 30)])
@pytest.mark.parametrize("size", [(60, 80), (60, 24)])
def test_a_strip_is_the_same_file_as_of_a_recording_with_room_at_its_edges(
    place: tuple[int, int], size: tuple[int, int], tmp_path: Path
) -> None:
    labels = np.zeros(size, np.uint8)
    labels[place[0] : place[0] + 9, min(place[1], size[1] - 14) :][:, :14] = 1
    image = np.random.default_rng(0).integers(90, 900, (2, *size)).astype(np.uint16) + np.uint16(500) * labels
    written = []
    for room in (0, 64):  # more than a strip's pictures show of these cells
        around = [(room, room)] * 2
        series = ArraySeries(np.pad(image, [(0, 0), *around], mode="minimum")[None], "TCYX", 2)
        shown = np.pad(labels, around)
        lives = followed([shown])
        write_strip(tmp_path / "a.png", series, {0: shown}, lives, lives.lives[0], TWO)
        written.append((tmp_path / "a.png").read_bytes())
    assert written[0] == written[1]


def test_of_cells_within_the_frame_a_strip_reads_no_more_than_it_shows(tmp_path: Path) -> None:
    read: list[tuple[int, slice, slice]] = []

    class Watched(ArraySeries):
        def read(self, t: int, rows: slice, columns: slice) -> np.ndarray:
            read.append((t, rows, columns))
            return super().read(t, rows, columns)

    maps = [np.roll(frame, (8, 20), axis=(0, 1)) for frame in class_maps(2)]
    lives = followed(maps)
    series = Watched(np.stack(maps), "TYX", 1)
    write_strip(tmp_path / "a.png", series, dict(enumerate(maps)), lives, lives.lives[0], TWO)
    side = 38  # 2.6 times the diameter of a disc of 160 pixels
    assert [(t, part.stop - part.start) for t, *parts in read for part in parts] == [
        (t, side) for t in (0, 0, 1, 1)
    ]
