import numpy as np
import pytest
from PIL import Image

from hela_seg.data.classes import Classes
from hela_seg.prediction.ranking import Candidate, Choice
from hela_seg.prediction.results import write_ranking, write_ranking_sheet
from hela_seg.report.pictures.blending import blend
from hela_seg.report.pictures.overlay import GAP, LINE, MARGIN, TITLE

CLASSES = Classes(["background", "round", "spread"])
NAMES = ["dish, 1", "a plate with a very long name, well B7"]


def choices(count):
    looks = np.zeros(4, np.uint64)
    return [Choice(Candidate(n % 2, 10 * n, 0.5 - n / 100, looks), 1 / (1 + n)) for n in range(count)]


def shown(count, height=96, width=240):
    random = np.random.default_rng(0)
    for choice in choices(count):
        labels = np.zeros((height, width), np.uint8)
        labels[10:40, 20:60] = 1 + choice.candidate.series
        yield choice, random.integers(0, 99, (1, height, width)), labels


def test_list_has_a_row_a_frame_in_order_of_rank(tmp_path):
    write_ranking(tmp_path / "a.csv", choices(3), NAMES)
    assert (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines() == [
        "rank,series,frame,entropy,distance,score",
        '1,"dish, 1",0,0.5,1,0.5',
        '2,"a plate with a very long name, well B7",10,0.49,0.5,0.245',
        '3,"dish, 1",20,0.48,0.333333,0.16',
    ]


def test_nothing_to_label_is_a_list_without_rows(tmp_path):
    write_ranking(tmp_path / "a.csv", [], NAMES)
    assert (tmp_path / "a.csv").read_text(encoding="utf-8").count("\n") == 1


def test_sheet_shows_the_frames_row_by_row(tmp_path):
    write_ranking_sheet(tmp_path / "a.png", shown(7), NAMES, CLASSES)
    with Image.open(tmp_path / "a.png") as image:
        page = np.asarray(image.convert("RGB"))
    for place, (_, image, labels) in enumerate(shown(7)):
        row, column = divmod(place, 5)
        top, left = MARGIN + TITLE + LINE + row * (LINE + 96 + GAP), MARGIN + column * (240 + GAP)
        assert (page[top : top + 96, left : left + 240] == blend(image, labels, CLASSES)).all()


def test_captions_stay_above_their_own_thumbnail(tmp_path):
    write_ranking_sheet(tmp_path / "a.png", shown(2), NAMES, CLASSES)
    with Image.open(tmp_path / "a.png") as image:
        page = np.asarray(image.convert("RGB"))
    line = page[MARGIN + TITLE : MARGIN + TITLE + LINE]
    second = MARGIN + 240 + GAP
    assert (line[:, second - GAP : second] == 255).all()
    assert (line[:, second : second + 240] < 128).any()
    assert (line[:, second + 240 :] == 255).all()


def test_large_frames_are_shrunk(tmp_path):
    write_ranking_sheet(tmp_path / "a.png", shown(1, 2000, 3000), NAMES, CLASSES)
    with Image.open(tmp_path / "a.png") as image:
        assert image.size[0] == 640


def test_no_frames_are_a_programming_error(tmp_path):
    with pytest.raises(ValueError, match="at least one frame"):
        write_ranking_sheet(tmp_path / "a.png", [], NAMES, CLASSES)
