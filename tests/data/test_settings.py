import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from hela_seg.data import settings
from hela_seg.data.classes import Classes
from hela_seg.data.labels.readers import ColourLabels, InstanceLabels, ValueLabels
from hela_seg.data.layouts import FileRules
from hela_seg.data.splits.split import Split
from hela_seg.system.errors import InputError

THREE = Classes(["background", "interior", "border"])


def test_arguments_pass_as_they_are():
    given = OmegaConf.create({"validation": 0, "test": ["a"]})
    assert settings.arguments_of(Split, "split", given) == {"validation": 0, "test": ["a"]}
    assert settings.arguments_of(Split, "split", None) == {}


def test_unknown_keys_are_refused_with_those_that_are_known():
    with pytest.raises(
        InputError,
        match=r"split has the unknown key\(s\) tst, val, expected some of validation, test, gap, ",
    ):
        settings.arguments_of(Split, "split", {"tst": 4, "gap": 2, "val": 0})


def test_arguments_from_elsewhere_are_no_keys():
    def draw(root, frames):
        raise NotImplementedError

    with pytest.raises(InputError, match=r"unknown key\(s\) root, expected some of frames:"):
        settings.arguments_of(draw, "drawing", {"root": "/"}, besides=("root",))


def test_labels_are_values_unless_said_otherwise():
    reader = settings.label_reader(THREE, None)
    assert isinstance(reader, ValueLabels)
    assert settings.label_reader(THREE, {"ignore_value": 7}).convert(
        np.array([[7, 2]], np.uint8)
    ).tolist() == [[255, 2]]


def test_instances_have_a_border_of_the_width_given():
    reader = settings.label_reader(THREE, {"kind": "instances", "border_width": 1})
    assert isinstance(reader, InstanceLabels)
    assert reader.margin == 1


def test_painted_masks_have_a_colour_that_is_ignored():
    reader = settings.label_reader(THREE, {"kind": "colours", "ignore_value": "#ffffff"})
    assert isinstance(reader, ColourLabels)
    assert reader.convert(np.array([[255, 32]], np.uint8)).tolist() == [[255, 0]]
    assert settings.file_rules({"kind": "colours"}) == FileRules(colours=True)


def test_files_are_taken_as_labels_say():
    assert settings.file_rules(None) == FileRules()
    given = {"kind": "instances", "sparse": True, "resize": "nearest"}
    assert settings.file_rules(given, z="max") == FileRules(sparse=True, resize="nearest", z="max", ids=True)


@pytest.mark.parametrize(
    ("classes", "given", "reason"),
    [
        (THREE, {"resize": "linear"}, "data.labels.resize is 'linear', expected nearest or null"),
        (
            THREE,
            {"ignore_value": "#ffffff"},
            "data.labels.ignore_value is '#ffffff', expected a whole number",
        ),
        (THREE, {"kind": "paint"}, "data.labels.kind is 'paint', expected values, colours or instances"),
        (
            THREE,
            {"width": 3},
            "data.labels has the unknown key(s) width, expected some of kind, border_width",
        ),
        (
            Classes(["a", "b"]),
            {"kind": "instances"},
            "data.classes has 2 entries but data.labels.kind=instances",
        ),
    ],
)
def test_labels_that_cannot_be_are_refused(classes, given, reason):
    with pytest.raises(InputError) as refusal:
        settings.label_reader(classes, given)
    assert reason in str(refusal.value)


def test_tile_is_rows_and_columns():
    assert settings.tile_size(OmegaConf.create([64, 96])) == (64, 96)


@pytest.mark.parametrize("tile", [64, [64], [64, 0], [64, 64, 3]])
def test_other_tiles_are_refused(tile):
    with pytest.raises(InputError, match=r"data\.tile is .*, expected rows and columns of a tile"):
        settings.tile_size(tile)


@pytest.mark.parametrize(
    ("gpu", "cores", "workers"), [(False, 16, 0), (True, 16, 8), (True, 4, 3), (True, 1, 0)]
)
def test_workers_are_for_machines_with_a_gpu(monkeypatch, gpu, cores, workers):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(settings, "cores", lambda: cores)
    assert settings.default_workers() == workers


@pytest.mark.parametrize("known", [True, False])
def test_cores_are_those_that_the_process_may_use(monkeypatch, known):
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    if known:
        monkeypatch.setattr("os.sched_getaffinity", lambda _: {3, 5, 7, 9}, raising=False)
    else:
        monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert settings.cores() == (4 if known else 64)
