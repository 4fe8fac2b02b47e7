import multiprocessing
import os

import numpy as np
import pytest
import tifffile
from refusals import refusal

from hela_seg.data.synthetic import recordings
from hela_seg.data.synthetic.recordings import DrawingSettings, write
from hela_seg.data.synthetic.render import FRAME_INTERVAL_S, PIXEL_SIZE_UM, draw, draw_tracked
from hela_seg.system.errors import InputError
from hela_seg.system.settings import checked

SMALL = {"series": 2, "frames": 2, "height": 40, "width": 48}


def test_written_files_hold_what_was_drawn_and_say_their_axes(tmp_path):
    folder = write(tmp_path, DrawingSettings(**SMALL, seed=7))
    names = ["culture-01.tif", "culture-02.tif"]
    assert folder.parent == tmp_path
    assert len(folder.name) == 8
    assert [sorted(path.name for path in (folder / part).iterdir()) for part in ("images", "masks")] == [
        names,
        names,
    ]
    own_seed = int(np.random.SeedSequence([7, 2]).generate_state(1)[0])
    for part, drawn, axes in zip(
        ("images", "masks"), draw(2, 40, 48, own_seed), ("TYXS", "TYX"), strict=True
    ):
        with tifffile.TiffFile(folder / part / names[1]) as file:
            assert file.series[0].axes == axes
            assert file.imagej_metadata["finterval"] == FRAME_INTERVAL_S
            pixels, length = file.pages[0].tags["XResolution"].value
            assert length / pixels == pytest.approx(PIXEL_SIZE_UM)
            np.testing.assert_array_equal(file.asarray(), drawn)


def test_what_is_there_is_not_drawn_again(tmp_path, monkeypatch):
    folder = write(tmp_path, DrawingSettings(**SMALL))
    monkeypatch.setattr(recordings, "draw_tracked", lambda *_, **__: pytest.fail("drawn again"))
    assert write(tmp_path, DrawingSettings(**SMALL)) == folder


def test_other_settings_and_another_drawing_have_folders_of_their_own(tmp_path, monkeypatch):
    folders = {
        write(tmp_path, DrawingSettings(**{**SMALL, name: value}))
        for name, value in [("seed", 1), ("frames", 3), ("width", 47)]
    }
    monkeypatch.setattr(recordings, "DRAWING_VERSION", 99)
    folders.add(write(tmp_path, DrawingSettings(**{**SMALL, "seed": 1})))
    assert len(folders) == 4


def test_a_drawing_that_is_cut_off_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(recordings, "write_tiff", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, DrawingSettings(**SMALL))
    assert list(tmp_path.iterdir()) == []


def test_another_process_that_was_quicker_is_believed(tmp_path, monkeypatch):
    def overtaken(whole, drawing):
        draw_and_write(whole, drawing)
        (tmp_path / whole.name).mkdir()
        (tmp_path / whole.name / "theirs").touch()

    draw_and_write = recordings._write_series
    monkeypatch.setattr(recordings, "_write_series", overtaken)
    folder = write(tmp_path, DrawingSettings(**SMALL))
    assert [path.name for path in folder.iterdir()] == ["theirs"]
    assert list(tmp_path.iterdir()) == [folder]


def test_two_processes_at_once_both_succeed(tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        folders = pool.starmap(write, [(tmp_path, DrawingSettings(**SMALL))] * 2)
    assert folders[0] == folders[1]
    assert list(tmp_path.iterdir()) == [folders[0]]


@pytest.mark.parametrize("name", ["images", "movie.tif", "64e5f8f0-notes"])
def test_no_cells_are_drawn_among_a_users_images(name, tmp_path):
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=rf"holds {name}, expected an empty or a new folder .*add data=auto"):
        write(tmp_path, DrawingSettings(**SMALL))
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_other_cells_are_drawn_beside_those_drawn_before(tmp_path):
    (tmp_path / ".DS_Store").touch()
    first, second = (write(tmp_path, DrawingSettings(**SMALL, seed=seed)) for seed in (0, 1))
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / ".DS_Store", first, second])


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *((name, 0, "is 0, expected a whole number of 1 or more") for name in SMALL),
        ("seed", -1, "is -1, expected a whole number of 0 or more"),
        ("drift", -0.5, "is -0.5, expected 0 or more"),
        ("out_of_focus", 1.5, "is 1.5, expected a number from 0 to 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(name, value, expected):
    settings = {**SMALL, "seed": 0, name: value}
    with pytest.raises(InputError, match=f"data.drawing.{name} {expected}"):
        checked(DrawingSettings, settings, "data.drawing")
    if name != "series":
        with pytest.raises(InputError, match=f"data.drawing.{name} {expected}"):
            draw_tracked(**{key: given for key, given in settings.items() if key != "series"})


def test_a_root_that_is_a_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "taken").write_text("")
    assert "taken" in refusal(write, tmp_path / "taken", DrawingSettings(**SMALL))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_root_without_rights_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written"):
        write(tmp_path, DrawingSettings(**SMALL))
