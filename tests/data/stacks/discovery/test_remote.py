import functools
import http.server
import pickle
import sys
import threading

import numpy as np
import pytest

from hela_seg.data.on_disk import DataOnDisk
from hela_seg.data.stacks import images_in, open_series, path_of, write_tiff
from hela_seg.data.stacks.discovery.remote import joined
from hela_seg.system.errors import InputError

zarr = pytest.importorskip("zarr", reason="the extra zarr is not installed")
pytest.importorskip("aiohttp", reason="the extra remote is not installed")

MOVIE = np.random.default_rng(0).integers(1, 60000, (3, 40, 50), np.uint16)


class Server(http.server.ThreadingHTTPServer):
    """Files of a folder, on this machine; counts what was asked for."""

    def __init__(self, folder):
        self.asked = []
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def address(server, name):
    return f"http://127.0.0.1:{server.server_port}/{name}"


def write_ome(path, array=MOVIE):
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    data = group.create_array("0", shape=array.shape, chunks=(1, 16, 16), dtype=array.dtype)
    data[:] = array
    space = {"type": "space", "unit": "micrometer"}
    axes = [{"name": "t", "type": "time"}, {"name": "y", **space}, {"name": "x", **space}]
    scale = [{"type": "scale", "scale": [1.0, 0.5, 0.25]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    return path


def test_addresses_are_paths():
    place = path_of("https://server/data/a.ome.zarr/")
    assert str(place / "0") == "https://server/data/a.ome.zarr/0"
    assert (place.name, place.suffix) == ("a.ome.zarr", ".zarr")
    assert pickle.loads(pickle.dumps(place)) == place == path_of(place) == place.absolute()
    assert str(path_of("s3://bucket/a.zarr")) == "s3://bucket/a.zarr"
    assert str(joined(path_of("folder"), "s3://bucket/a.zarr")) == "s3://bucket/a.zarr"
    assert joined(path_of("folder"), "a.zarr") == path_of("folder/a.zarr")


def test_an_ome_zarr_on_a_server_is_read_window_by_window(tmp_path, server):
    write_ome(tmp_path / "dish.ome.zarr")
    (image,) = images_in([path_of(address(server, "dish.ome.zarr"))])
    series = pickle.loads(pickle.dumps(open_series(image.path)))
    assert (series.name, series.shape, series.pixel_size) == ("dish", (3, 1, 40, 50), (0.5, 0.25))
    server.asked.clear()
    window = slice(3, 9), slice(18, 30)  # inside of one chunk
    for _ in range(5):
        np.testing.assert_array_equal(series.read(1, *window)[0], MOVIE[1, 3:9, 18:30])
    chunks = [path for path in server.asked if path.rpartition("/")[2][0].isdecimal()]
    assert chunks == ["/dish.ome.zarr/0/1.0.1"]
    for t in range(3):
        np.testing.assert_array_equal(series.frame(t)[0], MOVIE[t])


def test_fields_of_a_plate_on_a_server_are_positions(tmp_path, server):
    root = zarr.open_group(str(tmp_path / "plate.zarr"), mode="w", zarr_format=2)
    root.attrs["plate"] = {"wells": [{"path": "A/1"}, {"path": "B/1"}]}
    for number, well in enumerate(("A/1", "B/1")):
        root.create_group(well).attrs["well"] = {"images": [{"path": "0"}]}
        write_ome(tmp_path / "plate.zarr" / well / "0", MOVIE + number)
    place = path_of(address(server, "plate.zarr"))
    assert [image.name for image in images_in([place])] == ["plate_A1", "plate_B1"]
    np.testing.assert_array_equal(open_series(place, position="B1").frame(2)[0], MOVIE[2] + 1)


def test_images_on_a_server_go_with_masks_in_a_folder(tmp_path, server):
    write_ome(tmp_path / "dish.zarr")
    (tmp_path / "masks").mkdir()
    write_tiff(tmp_path / "masks" / "dish.tif", np.zeros(MOVIE.shape, np.uint8), "TYX")
    (recording,) = DataOnDisk("folder", tmp_path, address(server, "dish.zarr"), "masks").recordings()
    assert recording.name == "dish"


def test_what_cannot_be_read_is_named_by_its_address(tmp_path, server, monkeypatch):
    gone = address(server, "gone.zarr")
    with pytest.raises(InputError, match=rf"{gone} cannot be read \(.*check the address, the network"):
        open_series(gone)
    with pytest.raises(InputError, match=r"dish\.tif is no address of OME-Zarr, expected one that ends in"):
        open_series(address(server, "dish.tif"))
    write_ome(tmp_path / "dish.zarr")
    series = open_series(address(server, "dish.zarr"))
    (tmp_path / "dish.zarr" / "0" / "1.0.0").unlink()
    with pytest.raises(InputError, match="lacks the chunk 1/0/0"):
        series.frame(1)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(InputError, match=r'needs the package aiohttp, .*"hela-seg\[remote\]"'):
        open_series(address(server, "dish.zarr"))
