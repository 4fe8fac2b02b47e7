import logging
import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile

from hela_seg.data.stacks import find_files, open_series
from hela_seg.data.stacks.damage import damage_is_reported, warn
from hela_seg.system.errors import InputError

PATH = Path("movie.tif")
LOG = logging.getLogger("tifffile")


@pytest.mark.parametrize(
    "error", [tifffile.TiffFileError("bad\nheader"), ValueError("bad\nheader"), OSError("bad\nheader")]
)
def test_what_readers_raise_becomes_one_line_with_the_file(error):
    with (
        pytest.raises(InputError, match=r"^movie\.tif is damaged or no TIFF \(bad header\)"),
        damage_is_reported(PATH),
    ):
        raise error


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("<tifffile.TiffPages @8> invalid page offset 9999", "invalid page offset 9999"),
        ("<tifffile.TiffFile 'a.tif'> OME series is missing 3 frames.", "OME series is missing 3 frames."),
        (
            "<tifffile.TiffPages @8> corrupted tag list raised suspicious number of tags 5000 > 4096",
            "corrupted tag list raised suspicious number of tags 5000 > 4096",
        ),
        (
            "<TiffPages @8> invalid offset to page 4 @9 raised error('too short')",
            "invalid offset to page 4 @9: too short",
        ),
        ('<TiffTag.fromfile> raised TiffFileError("<tifffile.TiffTag 258 @34> invalid")', "invalid"),
    ],
)
def test_what_tifffile_says_to_programmers_is_left_out(problem, said):
    with pytest.raises(InputError) as raised, damage_is_reported(PATH):
        raise tifffile.TiffFileError(problem)
    assert str(raised.value) == f"movie.tif is damaged or no TIFF ({said}): copy or export the file again"


def test_a_file_cut_in_its_chain_of_pages_says_so_in_words(tmp_path):
    path = tmp_path / "cut.tif"
    tifffile.imwrite(path, np.zeros((6, 8, 8), np.uint8), compression="zlib", metadata={"axes": "TYX"})
    with tifffile.TiffFile(path) as file:
        third = file.pages[2].offset
    path.write_bytes(path.read_bytes()[:third])
    with pytest.raises(InputError, match=rf"\(invalid page offset {third}\): copy"):
        open_series(path)


def test_the_projects_own_error_goes_on_as_it_is():
    with pytest.raises(InputError, match=r"^as it is$"), damage_is_reported(PATH):
        raise InputError("as it is")


def test_an_exception_without_text_is_named():
    with pytest.raises(InputError, match=r"\(AssertionError\)"), damage_is_reported(PATH):
        raise AssertionError


def test_a_mistake_of_ours_is_no_damage():
    with pytest.raises(NameError), damage_is_reported(PATH):
        raise NameError


@pytest.mark.parametrize(
    ("level", "message"),
    [
        (logging.ERROR, "<tifffile.TiffPages @8> invalid page offset 9999"),
        (logging.WARNING, "<tifffile.TiffFile 'a.tif'> OME series is missing 3 frames."),
        (logging.WARNING, "<tifffile.TiffTag 270 @10> raised OSError"),
        (logging.ERROR, "<TiffTag.fromfile> raised TiffFileError('<tifffile.TiffTag 258 @34> invalid')"),
    ],
)
def test_lost_frames_that_are_only_logged_are_damage(level, message, caplog):
    with pytest.raises(InputError, match="is damaged"), damage_is_reported(PATH):
        LOG.log(level, message)
    assert not caplog.records


@pytest.mark.parametrize(
    ("level", "message"),
    [
        (logging.ERROR, '<TiffTag.fromfile> raised TiffFileError("<tifffile.TiffTag 65001 @10> invalid")'),
        (logging.WARNING, "<tifffile.TiffTag 270 @10> coercing invalid ASCII to bytes"),
        (logging.WARNING, "<tifffile.TiffPage 0 @8> parsing GDAL_NODATA tag raised ValueError"),
    ],
)
def test_odd_tags_are_logged_as_ever_and_no_damage(level, message, caplog):
    with damage_is_reported(PATH):
        LOG.log(level, message)
    assert [record.getMessage() for record in caplog.records] == [message]


def test_what_is_logged_of_a_damaged_file_is_not_shown_beside_the_error(caplog):
    def read():
        with damage_is_reported(PATH):
            LOG.warning("<tifffile.TiffPages @8> invalid offset to first page 9999")
            raise tifffile.TiffFileError("no pages")

    with pytest.raises(InputError):
        read()
    assert not caplog.records


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
def test_broken_headers_print_nothing_of_their_own(tmp_path, capfd, name):
    (tmp_path / name).write_bytes(b"II*\x00nothing")
    find_files(tmp_path)
    with pytest.raises(InputError, match="is damaged"):
        open_series(tmp_path / name)
    assert capfd.readouterr() == ("", "")


def test_messages_outside_of_the_block_are_logged_as_ever(caplog):
    with damage_is_reported(PATH):
        pass
    LOG.error("invalid page offset")
    assert len(caplog.records) == 1


def test_messages_of_another_thread_are_not_ours():
    with damage_is_reported(PATH):
        thread = threading.Thread(target=LOG.error, args=("invalid page offset",))
        thread.start()
        thread.join()


def test_blocks_in_many_threads_leave_the_log_as_it_was():
    def block():
        for _ in range(200):
            with damage_is_reported(PATH):
                pass

    before = (LOG.propagate, list(LOG.filters), list(LOG.handlers))
    threads = [threading.Thread(target=block) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (LOG.propagate, LOG.filters, LOG.handlers) == before


def test_a_line_is_logged_once_however_often_the_file_is_opened(caplog):
    for line in ("first of these", "second of these", "first of these"):
        warn(line)
    assert [record.getMessage() for record in caplog.records] == [
        "warning: first of these",
        "warning: second of these",
    ]
