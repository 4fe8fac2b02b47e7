"""Label files find their frames by name, and what has no partner is named."""

from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
import tifffile
from PIL import Image

from hela_seg.data.layouts import Recording
from hela_seg.data.splits.split import Block
from hela_seg.data.stacks import ArraySeries, FrameSequence, open_series
from hela_seg.scores.partners import Partners, find_partners
from hela_seg.system.errors import InputError

SIZE = (6, 8)


def recording(name: str, frames: int = 1) -> Recording:
    series = ArraySeries(np.zeros((frames, *SIZE), np.uint8), "TYX", 1)
    series.name = name
    return Recording(series, series)


def write(path: Path, frames: int | None = None, size: tuple[int, int] = SIZE) -> Path:
    """A PNG, or a TIFF of several frames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if frames is None:
        Image.fromarray(np.zeros(size, np.uint8)).save(path)
    else:
        pixels = np.zeros((frames, *size), np.uint8)
        tifffile.imwrite(path, pixels, photometric="minisblack", metadata={"axes": "TYX"})
    return path


def found(labels: Path, recordings: list[Recording], **settings) -> Partners:
    blocks = [Block(i, 0, of.image.shape[0], "test") for i, of in enumerate(recordings)]
    return find_partners(labels, recordings, blocks, **settings)


def files_of(partners: Partners) -> dict[tuple[int, int], tuple[str, int]]:
    return {place: (series.path.name, t) for place, (series, t) in partners.frames.items()}


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("dish 1", "dish 1.png"),
        ("dish 1", "dish 1_cp_masks.png"),  # Cellpose
        ("dish 1", "dish 1_Simple Segmentation.png"),  # ilastik
        ("dish 1", "dish 1.labels.png"),  # hela_seg.predict
        ("dish_0000", "dish.png"),  # nnU-Net
    ],
)
def test_names_that_programs_give(image: str, labels: str, tmp_path: Path) -> None:
    write(tmp_path / labels)
    write(tmp_path / "another.png")
    partners = found(tmp_path, [recording(image)])
    assert files_of(partners) == {(0, 0): (labels, 0)}
    assert [path.name for path in partners.left_aside] == ["another.png"]
    assert partners.faults == []


def test_images_that_lie_beside_their_labels_are_not_taken_for_these(tmp_path: Path) -> None:
    for name in ("a.tif", "a_cp_masks.tif"):
        write(tmp_path / name, 1)
    assert files_of(found(tmp_path, [recording("a")])) == {(0, 0): ("a_cp_masks.tif", 0)}


def test_names_may_be_said(tmp_path: Path) -> None:
    for name in ("mask of a.png", "a.png"):
        write(tmp_path / name)
    assert files_of(found(tmp_path, [recording("a")], files="mask of {name}")) == {
        (0, 0): ("mask of a.png", 0)
    }


def test_a_stack_holds_the_frames_of_a_recording(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", 3)
    write(tmp_path / "b.tif", 2)
    names = files_of(found(tmp_path, [recording("a", 3), recording("b", 2)]))
    assert names[0, 2] == ("a.tif", 2)
    assert names[1, 1] == ("b.tif", 1)


def test_one_file_is_that_of_the_only_recording(tmp_path: Path) -> None:
    path = write(tmp_path / "anything.tif", 2)
    assert files_of(found(path, [recording("a", 2)])) == {(0, t): ("anything.tif", t) for t in range(2)}
    assert len(found(path, [recording("a", 2), recording("b", 2)]).faults) == 2


def test_single_frames_of_a_stack_follow_their_numbers(tmp_path: Path) -> None:
    for number in (9, 10, 11):
        write(tmp_path / f"t{number}_cp_masks.png")
    names = files_of(found(tmp_path, [recording("film", 3)]))
    assert names == {(0, t): (f"t{t + 9}_cp_masks.png", 0) for t in range(3)}
    (tmp_path / "t11_cp_masks.png").rename(tmp_path / "t13_cp_masks.png")
    (fault,) = found(tmp_path, [recording("film", 3)]).faults
    assert "lacks frame 11, 12" in fault


def sequence(folder: Path, numbers: list[int]) -> Recording:
    """A recording of single files, as ``data.sequence=true`` and ``data=ctc`` make it."""
    paths = [write(folder / f"t{number:03}.tif", 1) for number in numbers]
    series = FrameSequence([open_series(path) for path in paths], "01")
    return Recording(series, series)


def test_frames_in_files_find_labels_of_their_names_or_numbers(tmp_path: Path) -> None:
    film = sequence(tmp_path / "images", [3, 7])
    for number in (3, 5, 7):
        write(tmp_path / "named" / f"t{number:03}_cp_masks.png")
        write(tmp_path / "numbered" / "01_RES" / f"mask{number:03}.tif", 1)
    assert files_of(found(tmp_path / "named", [film])) == {
        (0, 0): ("t003_cp_masks.png", 0),
        (0, 1): ("t007_cp_masks.png", 0),
    }
    partners = found(tmp_path / "numbered", [film, recording("other")])
    assert files_of(partners) == {(0, 0): ("mask003.tif", 0), (0, 1): ("mask007.tif", 0)}
    assert [path.name for path in partners.left_aside] == ["mask005.tif"]


def test_numbers_say_nothing_among_several_recordings(tmp_path: Path) -> None:
    for number in range(2):
        write(tmp_path / f"x{number}.png")
    assert found(tmp_path, [recording("film", 2), recording("a 1")]).frames == {}


def test_only_frames_that_are_scored_need_labels(tmp_path: Path) -> None:
    film = sequence(tmp_path / "images", [0, 1, 2])
    write(tmp_path / "labels" / "t002.png")
    assert find_partners(tmp_path / "labels", [film], [Block(0, 2, 3, "test")]).faults == []
    (fault,) = found(tmp_path / "labels", [film]).faults
    assert "holds no label image for frame 0 and 1 more of '01'" in fault


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"b.png": None}, "holds no label image for 'a', expected a file of this name"),
        ({"a.png": None, "a.tif": 1}, "holds a.png and a.tif for a, expected one label image"),
        ({"a.tif": 2}, "a.tif has 2 frame(s) of 6x8, expected 1 frame(s) of 6x8"),
    ],
)
def test_what_is_wrong_is_named_and_the_rest_goes_on(
    files: dict[str, int | None], expected: str, tmp_path: Path
) -> None:
    for name, frames in files.items():
        write(tmp_path / name, frames)
    write(tmp_path / "good.png")
    partners = found(tmp_path, [recording("a"), recording("good")])
    (fault,) = partners.faults
    assert expected in fault
    assert "\n" not in fault
    assert files_of(partners) == {(1, 0): ("good.png", 0)}


def test_another_size_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.png", size=(8, 6))
    assert (
        "a.png has 1 frame(s) of 8x6, expected 1 frame(s) of 6x8"
        in found(tmp_path, [recording("a")]).faults[0]
    )


@pytest.mark.parametrize(("folder", "expected"), [("nowhere", "is no folder"), ("empty", "holds no image")])
def test_no_files_at_all_are_said_at_once(folder: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=expected):
        found(tmp_path / folder, [recording("a")])


def test_recordings_of_one_name_cannot_be_told_apart(tmp_path: Path) -> None:
    write(tmp_path / "a.png")
    with pytest.raises(InputError, match="2 recordings are named a"):
        found(tmp_path, [recording("a"), recording("a")])


def test_names_of_other_forms_of_unicode_are_the_same(tmp_path: Path) -> None:
    """A program on macOS gives ä as two characters, to files and to folders."""
    write(tmp_path / f"{normalize('NFD', 'Zäpfchen')}.tif", 1)
    write(tmp_path / normalize("NFD", "Gläser") / "t0.png")
    write(tmp_path / normalize("NFD", "Gläser") / "t1.png")
    partners = found(tmp_path, [recording("Zäpfchen"), recording("Gläser", 2)])
    assert partners.faults == []
    assert set(partners.frames) == {(0, 0), (1, 0), (1, 1)}
