"""Which array of a folder of Zarr is the image, and what its metadata say."""

import numpy as np
import pytest

from hela_seg.data.stacks.zarr.multiscales import find_image, positions
from hela_seg.system.errors import InputError

zarr = pytest.importorskip("zarr", reason="the extra zarr is not installed")


def add(group, name, shape=(3, 8, 9), **options):
    group.create_array(name, shape=shape, chunks=(1,) * len(shape), dtype="uint8", **options)


def scale(*factors):
    return [{"type": "scale", "scale": list(factors)}]


def image(axes, *levels, **more):
    return {
        "axes": [{"name": name, "unit": unit} if unit else {"name": name} for name, unit in axes],
        "datasets": [{"path": path, "coordinateTransformations": scale(*steps)} for path, steps in levels],
        **more,
    }


TYX = (("t", "second"), ("y", "micrometer"), ("x", "micrometer"))


def test_the_first_level_is_the_image_and_its_scale_is_times_that_of_all(tmp_path):
    group = zarr.create_group(str(tmp_path / "a.zarr"))
    add(group, "half", (3, 4, 5))
    add(group, "full")
    levels = ("full", (1, 0.25, 0.5)), ("half", (1, 0.5, 1))
    group.attrs["ome"] = {"multiscales": [image(TYX, *levels, coordinateTransformations=scale(60, 2, 2))]}
    found = find_image(tmp_path / "a.zarr")
    assert (found.array.shape, found.axes) == ((3, 8, 9), "TYX")
    assert (found.calibration.pixel_size, found.calibration.frame_interval) == ((0.5, 1.0), 60.0)


def test_names_of_axes_in_words_and_unknown_ones(tmp_path):
    group = zarr.create_group(str(tmp_path / "a.zarr"), zarr_format=2)
    add(group, "0", (3, 2, 2, 8, 9))
    axes = [("Time", ""), ("channel", ""), ("angle", ""), ("Y", ""), ("x", "")]
    group.attrs["multiscales"] = [image(axes, ("0", (1, 1, 1, 1, 1)))]  # where OME-Zarr 0.4 has them
    assert find_image(tmp_path / "a.zarr").axes == "TCQYX"


@pytest.mark.parametrize(
    ("names", "axes"), [(("t", "y", "x"), "TYX"), (("time", "Y", "X"), "TYX"), (("dish", "y", "x"), None)]
)
def test_dimensions_of_a_plain_array_are_axes_where_all_are_known(tmp_path, names, axes):
    zarr.create_array(
        str(tmp_path / "a.zarr"), shape=(3, 8, 9), dtype="uint8", chunks=(1, 8, 9), dimension_names=names
    )
    assert find_image(tmp_path / "a.zarr").axes == axes


def test_dimensions_as_xarray_writes_them(tmp_path):
    group = zarr.create_group(str(tmp_path / "a.zarr"), zarr_format=2)
    add(group, "only", attributes={"_ARRAY_DIMENSIONS": ["time", "y", "x"]})
    found = find_image(tmp_path / "a.zarr")
    assert (found.axes, found.array.shape) == ("TYX", (3, 8, 9))
    assert (found.calibration.pixel_size, found.calibration.frame_interval) == (None, None)


def test_images_among_bioformats_groups_are_positions(tmp_path):
    group = zarr.create_group(str(tmp_path / "a.zarr"))
    group.attrs["ome"] = {"bioformats2raw.layout": 3}
    group.create_group("OME")
    first = group.create_group("0")
    add(first, "s0")
    first.attrs["ome"] = {"multiscales": [image(TYX, ("s0", (1, 1, 1)))]}
    assert positions(tmp_path / "a.zarr") == {"": "0"}
    assert find_image(tmp_path / "a.zarr", "0").axes == "TYX"
    group.create_group("1")
    assert positions(tmp_path / "a.zarr") == {"0": "0", "1": "1"}


def test_names_of_channels_are_those_of_omero(tmp_path):
    group = zarr.create_group(str(tmp_path / "a.zarr"))
    add(group, "0")
    about = {"channels": [{"label": "phase"}, {"color": "FF0000"}]}
    group.attrs["ome"] = {"multiscales": [image(TYX, ("0", (1, 1, 1)))], "omero": about}
    assert find_image(tmp_path / "a.zarr").calibration.channels == ("phase", "")


def plate(path, wells):
    group = zarr.create_group(str(path))
    group.attrs["ome"] = {"plate": {"wells": [{"path": well} for well in wells]}}
    for well, fields in wells.items():
        if ".." in well:
            continue
        of_well = group.create_group(well)
        of_well.attrs["ome"] = {"well": {"images": [{"path": field} for field in fields]}}
        for field in fields:
            of_field = of_well.create_group(field)
            add(of_field, "s0")
            of_field.attrs["ome"] = {"multiscales": [image(TYX, ("s0", (1, 1, 1)))]}
    return path


def test_fields_of_the_wells_of_a_plate_are_positions(tmp_path):
    path = plate(tmp_path / "a.zarr", {"A/1": ["0"], "B/12": ["0", "1"]})
    assert positions(path) == {"A1": "A/1/0", "B12_0": "B/12/0", "B12_1": "B/12/1"}
    assert find_image(path, "B/12/1").axes == "TYX"


def test_wells_outside_of_the_folder_are_not_read(tmp_path):
    plate(tmp_path / "b.zarr", {"A/1": ["0"]})
    with pytest.raises(InputError, match=r"a\.zarr names the array or group \.\./b\.zarr/A/1"):
        positions(plate(tmp_path / "a.zarr", {"../b.zarr/A/1": ["0"]}))


def test_no_array_and_several_are_refused(tmp_path):
    group = zarr.create_group(str(tmp_path / "a.zarr"))
    with pytest.raises(InputError, match=r"holds 0 arrays \(none\)"):
        find_image(tmp_path / "a.zarr")
    add(group, "raw")
    assert find_image(tmp_path / "a.zarr").array.shape == (3, 8, 9)
    add(group, "labels")
    with pytest.raises(InputError, match=r"holds 2 arrays \(labels, raw\)"):
        find_image(tmp_path / "a.zarr")


def test_several_multiscales_and_axes_too_few_are_refused(tmp_path):
    group = zarr.create_group(str(tmp_path / "a.zarr"))
    add(group, "0")
    one = image(TYX, ("0", (1, 1, 1)))
    group.attrs["ome"] = {"multiscales": [one, one]}
    with pytest.raises(
        InputError,
        match=r"holds 2 multiscale images \(.*\) and .* expected one",
    ):
        find_image(tmp_path / "a.zarr")
    group.attrs["ome"] = {"multiscales": [image(TYX[1:], ("0", (1, 1)))]}
    with pytest.raises(ValueError, match="its metadata name 2 axes of 3"):
        find_image(tmp_path / "a.zarr")


@pytest.mark.parametrize("place", ["../secret", "/secret", "0/../../secret", "..\\secret"])
def test_arrays_outside_of_the_folder_are_not_read(tmp_path, place):
    zarr.create_array(str(tmp_path / "secret"), shape=(3, 8, 9), dtype="uint8", chunks=(1, 8, 9))
    group = zarr.create_group(str(tmp_path / "a.zarr"))
    group.attrs["ome"] = {"multiscales": [image(TYX, (place, (1, 1, 1)))]}
    with pytest.raises(InputError, match=r"a\.zarr names the array or group .*inside of its folder"):
        find_image(tmp_path / "a.zarr")


@pytest.mark.parametrize("version", ["0.1", "0.2"])
def test_versions_that_name_no_axes_have_five(tmp_path, version):
    group = zarr.create_group(str(tmp_path / "a.zarr"), zarr_format=2)
    add(
        group,
        "0",
        (3, 2, 1, 8, 9),
        chunk_key_encoding={"name": "v2", "separator": "." if version == "0.1" else "/"},
    )
    group.attrs["multiscales"] = [{"version": version, "datasets": [{"path": "0"}]}]
    found = find_image(tmp_path / "a.zarr")
    assert (found.axes, found.calibration[:2]) == ("TCZYX", (None, None))
    add(group, "1", (3, 8, 9))
    group.attrs["multiscales"] = [{"version": version, "datasets": [{"path": "1"}]}]
    with pytest.raises(
        InputError, match=r"a\.zarr is OME-Zarr without names of axes, .* has 3, expected the five"
    ):
        find_image(tmp_path / "a.zarr")


def test_version_0_3_names_axes_in_words(tmp_path):
    group = zarr.create_group(str(tmp_path / "a.zarr"), zarr_format=2)
    add(group, "0")
    axes = ["t", "y", "x"]
    group.attrs["multiscales"] = [{"version": "0.3", "axes": axes, "datasets": [{"path": "0"}]}]
    assert find_image(tmp_path / "a.zarr").axes == "TYX"


def labelled(folder, *names):
    """An image of value 9 whose labels hold 1, 2, ..."""
    group = zarr.open_group(str(folder), mode="w", zarr_format=2)
    group.create_array("0", data=np.full((8, 9), 9, np.uint8))
    group.attrs["multiscales"] = [{"axes": AXES_YX, "datasets": [{"path": "0"}]}]
    group.create_group("labels").attrs["labels"] = list(names)
    for value, name in enumerate(names, start=1):
        label = group.create_group(f"labels/{name}")
        label.create_array("0", data=np.full((8, 9), value, np.uint8))
        label.attrs["multiscales"] = [{"axes": AXES_YX, "datasets": [{"path": "0"}]}]
    return folder


AXES_YX = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]


@pytest.mark.parametrize(
    ("names", "value"), [((), 9), (("nuclei",), 1), (("cells", "classes"), 2), (("classes", "cells"), 1)]
)
def test_as_labels_of_an_image_those_of_its_group_are_taken(tmp_path, names, value):
    path = labelled(tmp_path / "a.zarr", *names)
    assert find_image(path).array[0, 0] == 9
    assert find_image(path, labels=True).array[0, 0] == value


def test_several_labels_of_which_none_is_meant_more_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds 2 label images"):
        find_image(labelled(tmp_path / "a.zarr", "nuclei", "membranes"), labels=True)
