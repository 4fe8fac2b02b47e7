"""What holds for microscope files of every format."""

import os
import pickle
import re
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from microscope_samples import movie, write_czi, write_lif, write_nd2

from hela_seg.data.stacks import images_in, open_series
from hela_seg.system.errors import InputError

pytest.importorskip("nd2", reason="the extra formats is not installed")

MOVIE = movie(3, 17, 23)


def nd2(path, **options):
    return write_nd2(path.with_suffix(".nd2"), MOVIE, "TYX", **options)


def czi(path, **options):
    tiles = [({"T": t, "Y": 0, "X": 0}, MOVIE[t]) for t in range(3)]
    return write_czi(path.with_suffix(".czi"), tiles, **options)


def lif(path, **options):
    return write_lif(path.with_suffix(".lif"), [{"name": "a", "array": MOVIE, "axes": "TYX", **options}])


EACH = pytest.mark.parametrize("write", [nd2, czi, lif])


@EACH
def test_a_series_can_be_pickled_and_has_the_pixels_of_the_file(tmp_path, write):
    series = pickle.loads(pickle.dumps(open_series(write(tmp_path / "a"))))
    np.testing.assert_array_equal(np.stack([series.frame(t)[0] for t in range(3)]), MOVIE)


@EACH
def test_windows_are_memory_of_their_own(tmp_path, write):
    series = open_series(write(tmp_path / "a"))
    series.frame(0)[:] = 7
    np.testing.assert_array_equal(series.frame(0)[0], MOVIE[0])


@EACH
def test_time_stamps_that_go_backwards_are_kept_and_warned_of(tmp_path, write, caplog):
    series = open_series(write(tmp_path / "late", times=[0.0, 60.0, 50.0]))
    assert series.frame_times == (0.0, 60.0, 50.0)
    assert re.search(r"late\.\w+ has time stamps that go backwards .* frame 2 \(60 s to 50 s\)", caplog.text)


@EACH
def test_a_file_is_known_by_its_content_where_the_ending_says_nothing(tmp_path, write):
    path = write(tmp_path / "a")
    for name in ("a.data", "noending"):
        np.testing.assert_array_equal(open_series(path.rename(tmp_path / name)).frame(1)[0], MOVIE[1])
        path = tmp_path / name


@EACH
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_cut_file_is_refused(tmp_path, write, share):
    path = write(tmp_path / "a")
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(InputError, match=r"is damaged or no|holds no image"):
        open_series(path)
    assert len(images_in([path])) == 1


@EACH
def test_a_file_that_changes_after_it_was_opened_is_refused(tmp_path, write):
    path = write(tmp_path / "a")
    series = open_series(path)
    os.truncate(path, 700)
    with pytest.raises(InputError, match="changed after it was opened"):
        series.frame(1)


@EACH
def test_frames_above_the_limit_are_refused(tmp_path, write):
    with pytest.raises(InputError, match="states frames of 17x23"):
        open_series(write(tmp_path / "a"), max_frame_pixels=100)


def test_shapes_of_petabytes_are_refused_before_memory_is_taken(tmp_path):
    path = nd2(tmp_path / "a")
    old, new = (f'<uiWidth runtype="lx_uint32" value="{width}"/>'.encode() for width in ("23", "9999999"))
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(InputError, match="is damaged or no ND2"):
        open_series(path)
    path = lif(tmp_path / "a")
    old, new = (f'NumberOfElements="{width}"'.encode("utf-16-le") for width in ("23", "99"))
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(InputError, match=r"is damaged or no LIF \(it states an image of"):
        open_series(path)


@EACH
def test_a_library_that_is_missing_is_named_with_the_line_that_installs_it(tmp_path, write, monkeypatch):
    path = write(tmp_path / "a")
    package = {".nd2": "nd2", ".czi": "czifile", ".lif": "liffile"}[path.suffix]
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        InputError, match=rf'needs the package {package}, .*pip install "hela-seg\[formats\]"'
    ):
        open_series(path)


@EACH
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_changed_bytes_give_frames_of_the_stated_shape_or_one_line(tmp_path, write, seed):
    random = np.random.default_rng(seed)
    path = write(tmp_path / f"{seed}")
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    places = random.choice(np.flatnonzero(content), random.integers(1, 9))
    content[places] = random.integers(0, 256, len(places))
    path.write_bytes(content.tobytes())
    said = frames = None
    try:
        series = open_series(path, max_frame_pixels=10**7)
        frames = [series.frame(t) for t in range(min(series.shape[0], 4))]
    except InputError as error:
        said = str(error)
    if frames is None:
        assert path.name in said
        assert "\n" not in said
    else:
        assert {(frame.shape, frame.dtype) for frame in frames} == {(series.shape[1:], series.dtype)}
