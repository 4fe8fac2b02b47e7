import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from PIL import Image

from hela_seg.data.stacks import video
from hela_seg.data.stacks.video import write_video
from hela_seg.system.errors import InputError

av = pytest.importorskip("av", reason="films need the extra film: pip install -e '.[film]'")

COLOURS = np.array([(230, 159, 0), (86, 180, 233), (0, 158, 115), (32, 32, 32)], np.uint8)


def pictures(count, height=64, width=96):
    """A square that moves over a plain of another colour."""
    for t in range(count):
        picture = np.full((height, width, 3), COLOURS[t % 4], np.uint8)
        picture[20:40, 2 * t : 2 * t + 20] = 255
        yield picture


def decoded(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]


def test_mp4_is_what_powerpoint_and_quicktime_play(tmp_path):
    path = tmp_path / "a.mp4"
    write_video(path, pictures(7), frames_per_second=5, comment="made by a test")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.frames, stream.average_rate) == (7, 5)
        assert container.metadata["comment"] == "made by a test"
    content = path.read_bytes()
    assert content[4:8] == b"ftyp"
    assert content.index(b"moov") < content.index(b"mdat")  # plays before all of it is there


def test_mp4_has_the_colours_and_the_order_of_the_pictures(tmp_path):
    write_video(tmp_path / "a.mp4", pictures(7))
    for found, expected in zip(decoded(tmp_path / "a.mp4"), pictures(7), strict=True):
        assert np.abs(found - expected).mean() < 3
        assert np.abs(found[5, 5] - expected[5, 5]).max() <= 4


def test_animated_png_has_every_pixel_and_repeats(tmp_path):
    write_video(tmp_path / "a.png", pictures(5, 63, 95), frames_per_second=4)
    with Image.open(tmp_path / "a.png") as image:
        assert (image.n_frames, image.info["loop"]) == (5, 0)
        for t, expected in enumerate(pictures(5, 63, 95)):
            image.seek(t)
            assert (np.asarray(image.convert("RGB")) == expected).all()
            assert image.info["duration"] == 250


def test_animated_png_says_what_made_it_and_stays_sound(tmp_path):
    path = tmp_path / "film.png"
    write_video(path, pictures(3), comment='{"made by": "a test"}')
    with Image.open(path) as film:
        assert film.n_frames == 3
        film.seek(2)
        film.load()
        assert film.text["Description"] == '{"made by": "a test"}'
    with Image.open(path) as film:
        film.verify()  # the checksum of each chunk
    assert len(decoded(path)) == 3


@pytest.mark.parametrize("suffix", [".mp4", ".png"])
def test_one_picture_is_a_film_too(tmp_path, suffix):
    write_video(tmp_path / f"a{suffix}", pictures(1))
    assert len(decoded(tmp_path / f"a{suffix}")) == 1


@pytest.mark.parametrize("suffix", [".mp4", ".png"])
def test_the_same_pictures_give_the_same_bytes(tmp_path, suffix):
    contents = []
    for name in ("a", "b"):
        path = tmp_path / f"{name}{suffix}"
        write_video(path, pictures(20), comment="x")
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize("suffix", [".mp4", ".png"])
def test_what_interrupts_the_pictures_goes_on_and_leaves_nothing(tmp_path, suffix):
    def broken():
        yield from pictures(3)
        raise KeyError("frame 3")

    with pytest.raises(KeyError, match="frame 3"):
        write_video(tmp_path / f"a{suffix}", broken())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".mp4", ".png"])
def test_pictures_of_another_size_are_a_programming_error(tmp_path, suffix):
    sizes = [np.zeros((32, 32, 3), np.uint8), np.zeros((32, 34, 3), np.uint8)]
    with pytest.raises(ValueError, match=r"picture is \(32, 34, 3\), expected \(32, 32, 3\)"):
        write_video(tmp_path / f"a{suffix}", sizes)


def test_odd_sizes_are_a_programming_error_of_mp4(tmp_path):
    with pytest.raises(ValueError, match="31 x 32, expected even numbers"):
        write_video(tmp_path / "a.mp4", [np.zeros((31, 32, 3), np.uint8)])


def test_no_pictures_are_a_programming_error(tmp_path):
    with pytest.raises(ValueError, match="at least one picture"):
        write_video(tmp_path / "a.mp4", [])


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"ends in '\.avi', expected a film's \.mp4 or \.png"):
        write_video(tmp_path / "a.avi", pictures(1))


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r'needs the package av.*pip install "hela-seg\[film\]"'):
        write_video(tmp_path / "a.mp4", pictures(1))


def test_a_missing_encoder_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(video.FORMATS, ".mp4", video.FORMATS[".mp4"]._replace(encoder="libx999"))
    with pytest.raises(InputError, match="needs FFmpeg's libx999, which this PyAV lacks"):
        write_video(tmp_path / "a.mp4", pictures(1))


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="cannot write"):
        write_video(tmp_path / "taken" / "a.mp4", pictures(1))


@pytest.mark.parametrize("suffix", [".mp4", ".png"])
def test_a_full_disk_ends_with_a_message_and_nothing_left(tmp_path, suffix):
    """A limit on the size of files stands for the disk; both fail in the same call of FFmpeg."""
    program = """
        import resource, signal, sys
        from pathlib import Path
        import numpy as np
        from hela_seg.data.stacks.video import write_video
        from hela_seg.system.errors import InputError

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        noise = np.random.default_rng(0).integers(0, 256, (200, 64, 96, 3), np.uint8)
        try:
            write_video(Path(sys.argv[1]), noise)
        except InputError as error:
            print(error)
    """
    pytest.importorskip("resource", reason="limits on file sizes are POSIX")
    path = tmp_path / f"a{suffix}"
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    assert f"cannot write {path}: File too large" in done.stdout
    assert list(tmp_path.iterdir()) == []
