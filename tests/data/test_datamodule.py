import json
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from refusals import refusal

from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.normalise import fit
from hela_seg.data.splits.split import Block
from hela_seg.system.ranks import RankInfo

CLASSES = ["background", "a", "b"]
CELL_PARTS = ["background", "interior", "border"]


def save(path, array, axes=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        Image.fromarray(array).save(path)
    else:
        photometric = "rgb" if axes and "S" in axes else "minisblack"
        tifffile.imwrite(path, array, photometric=photometric, metadata=axes and {"axes": axes})


def fill(root, series=4, frames=3, size=(20, 30), dtype=np.uint8):
    """Recordings named dish 0, dish 1 ...; the labels of dish n are n % 3 throughout."""
    for number in range(series):
        image = np.full((frames, *size), 10 + number, dtype)
        image[:, 0, 0] = 200
        save(root / "images" / f"dish {number}.tif", image, "TYX")
        save(root / "masks" / f"dish {number}.tif", np.full((frames, *size), number % 3, np.uint8), "TYX")
    return root


def data(root, **options):
    options = {"layout": "folder", "classes": CLASSES, "tile": (8, 8), "workers": 0, **options}
    return TimelapseData(root=root, **options)


# Settings


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            {"layout": "zip"},
            "data.layout is 'zip', expected folder, timelapse, dryad, ctc, synthetic or auto",
        ),
        ({"labels": {"knd": "values"}}, "data.labels has the unknown key(s) knd"),
        ({"split": {"val": 1}}, "data.split has the unknown key(s) val"),
        (
            {"drawing": {"cells": 9}},
            "data.drawing has the unknown key(s) cells, expected some of series, frames",
        ),
        ({"drawing": {"root": "x"}}, "data.drawing has the unknown key(s) root"),
        ({"tile": 8}, "data.tile is 8"),
        ({"z": -1}, "data.z (z, to predict) is -1, expected the number of a plane"),
        ({"max_frame_pixels": 0}, "data.max_frame_pixels is 0, expected a whole number of 1 or more"),
        ({"foreground_share": -0.1}, "data.foreground_share is -0.1, expected a number from 0 to 1"),
        ({"foreground_share": 1.5}, "data.foreground_share is 1.5, expected a number from 0 to 1"),
        ({"foreground_share": float("nan")}, "data.foreground_share is nan"),
        ({"batch_size": 0}, "data.batch_size is 0, expected a whole number of 1 or more"),
        ({"steps_per_epoch": 0}, "data.steps_per_epoch is 0, expected a whole number of 1 or more"),
        ({"workers": -1}, "data.workers is -1, expected a whole number of 0 or more"),
        ({"seed": -1}, "data.seed is -1, expected a whole number of 0 or more"),
        ({"normalise": "max"}, "data.normalise is 'max', expected auto, dtype, percentile, frame or zscore"),
        ({"labels": {"kind": "instances"}, "classes": ["a", "b"]}, "data.classes has 2 entries"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_any_file_is_opened(options, reason):
    assert reason in refusal(data, "no such folder", **options)


# What is read, and its split


def test_whole_series_go_to_train_validation_and_test(tmp_path):
    module = data(fill(tmp_path, series=6), split={"validation": 1, "test": ["dish 2"]})
    module.open()
    assert module.names == [f"dish {n}" for n in range(6)]
    assert sorted(block.series for block in module.blocks) == list(range(6))
    assert all((block.start, block.stop) == (0, 3) for block in module.blocks)
    assert [block.series for block in module.blocks_of("test")] == [2]
    assert (len(module.blocks_of("validation")), len(module.blocks_of("train")), module.channels) == (1, 4, 1)


def test_one_series_is_split_by_time_with_a_gap(tmp_path):
    module = data(fill(tmp_path, series=1, frames=20), split={"validation": 0, "test": 4, "gap": 2})
    module.open()
    assert module.blocks == [Block(0, 0, 14, "train"), Block(0, 16, 20, "test")]
    assert module.split_rows() == [
        {"series": "dish 0", "start": 0, "stop": 14, "part": "train"},
        {"series": "dish 0", "start": 16, "stop": 20, "part": "test"},
    ]
    assert module.val_dataloader() == []


def test_frames_in_files_of_their_own_make_one_series(tmp_path):
    for t in range(10):
        save(tmp_path / "images" / f"t{t}.tif", np.full((20, 30), t, np.uint8))
        save(tmp_path / "masks" / f"t{t}.png", np.full((20, 30), t % 3, np.uint8))
    module = data(tmp_path, sequence=True, split={"validation": 1, "test": 1, "gap": 1})
    module.open()
    assert [(b.start, b.stop, b.part) for b in module.blocks] == [
        (0, 6, "train"),
        (7, 8, "validation"),
        (9, 10, "test"),
    ]
    assert module.axes == "TYX"


def test_dryads_folders_say_what_each_frame_is_for(tmp_path):
    for part, count in (("train", 3), ("validate", 2), ("test", 1)):
        for number in range(count):
            save(tmp_path / f"X_{part}" / part / f"{number}.tiff", np.zeros((20, 30, 3), np.uint8), "YXS")
            save(tmp_path / f"y_{part}" / part / f"{number}.png", np.zeros((20, 30), np.uint8))
    module = data(tmp_path, layout="dryad")
    module.open()
    assert [len(module.blocks_of(part)) for part in ("train", "validation", "test")] == [3, 2, 1]
    assert (module.channels, module.axes, module.names[0]) == (3, "YXC", "train/0")
    module.open_all()
    assert len(module.blocks_of("test")) == 1


def test_synthetic_recordings_are_drawn_and_then_read_like_any_other(tmp_path):
    drawing = {"series": 3, "frames": 2, "height": 48, "width": 40, "seed": 3}
    options = {"layout": "synthetic", "drawing": drawing, "split": {"validation": 1, "test": 1}}
    module = data(tmp_path, normalise="dtype", **options)
    assert not module.files.drawn_before
    module.prepare()
    assert module.files.drawn_before
    assert [r.image.shape for r in module.recordings] == [(2, 3, 48, 40)] * 3
    assert module.recordings[0].image.pixel_size == pytest.approx((0.6, 0.6))
    assert module.survey.pixels["train"].sum() == 2 * 48 * 40


def test_an_old_split_is_kept_to_when_files_are_added(tmp_path):
    first = data(fill(tmp_path))
    first.open()
    save(tmp_path / "images" / "a new one.tif", np.zeros((3, 20, 30), np.uint8), "TYX")
    save(tmp_path / "masks" / "a new one.tif", np.zeros((3, 20, 30), np.uint8), "TYX")
    again = data(tmp_path)
    again.open(first.split_rows())
    assert again.split_rows() == first.split_rows()
    assert "a new one" not in {again.names[block.series] for block in again.blocks}


@pytest.mark.parametrize("change", ["gone", "shorter"])
def test_an_old_split_whose_files_are_gone_or_shorter_is_refused(tmp_path, change):
    first = data(fill(tmp_path))
    first.open()
    for folder in ("images", "masks"):
        path = tmp_path / folder / "dish 2.tif"
        path.unlink()
        if change == "shorter":
            save(path, np.zeros((2, 20, 30), np.uint8), "TYX")
    assert "the series dish 2 of the checkpoint's split are no longer there" in refusal(
        data(tmp_path).open, first.split_rows()
    )


def test_all_frames_are_for_testing_when_all_are_asked_for(tmp_path):
    module = data(fill(tmp_path))
    module.open_all()
    assert module.blocks == [Block(n, 0, 3, "test") for n in range(4)]


def test_a_checkpoints_description_makes_the_same_data(tmp_path):
    plain = {"_target_": "os.system", "root": str(fill(tmp_path)), "layout": "folder", "classes": CLASSES}
    module = TimelapseData.from_plain(plain)
    module.open()
    assert module.names == [f"dish {n}" for n in range(4)]


@pytest.mark.parametrize("change", [{"zoom": 2}, {"root": None}])
def test_a_description_with_unknown_or_missing_keys_is_refused(change):
    plain = {"root": ".", "layout": "folder", "classes": CLASSES, **change}
    plain = {key: value for key, value in plain.items() if value is not None}
    message = refusal(TimelapseData.from_plain, plain)
    assert message.startswith("the checkpoint describes its data as this version cannot")
    assert next(iter(change)) in message


# What is fitted and counted


def test_masks_are_counted_and_the_normalisation_is_fitted_on_training_frames_alone(tmp_path):
    module = data(fill(tmp_path), split={"validation": ["dish 1"], "test": ["dish 3"]}, normalise="zscore")
    module.prepare()
    frame = 20 * 30
    assert module.survey.pixels["train"].tolist() == [3 * frame, 0, 3 * frame]
    assert module.survey.pixels["validation"].tolist() == [0, 3 * frame, 0]
    grey = np.concatenate([np.r_[200, np.full(frame - 1, 10 + number)] for number in (0, 2)])
    assert module.normalisation.low[0] == pytest.approx(grey.mean(), rel=1e-5)
    assert module.normalisation.high[0] == pytest.approx(grey.mean() + grey.std(), rel=1e-5)


def test_the_normalisation_looks_at_a_few_frames_spread_over_all_series(tmp_path, monkeypatch):
    monkeypatch.setattr("hela_seg.data.datamodule.FRAMES_TO_FIT", 4)
    module = data(fill(tmp_path, frames=4), split={"validation": 0, "test": ["dish 3"]}, normalise="zscore")
    fitted = []

    def noted(kind, frames):
        looked_at = list(frames)
        fitted.extend(frame[0, 1, 1] for frame in looked_at)
        return fit(kind, looked_at)

    monkeypatch.setattr("hela_seg.data.datamodule.fit", noted)
    module.prepare()
    assert fitted == [10, 10, 11, 12]  # frames 0 and 3 of dish 0, 2 of dish 1 and 1 of dish 2, of 12 in all


def test_values_of_no_class_are_refused_before_training(tmp_path):
    fill(tmp_path)
    save(tmp_path / "masks" / "dish 1.tif", np.full((3, 20, 30), 9, np.uint8), "TYX")
    message = refusal(data(tmp_path).prepare)
    assert f"{tmp_path / 'masks' / 'dish 1.tif'}, frame 0: values 9 (600 pixels)" in message


# Loaders


def prepared(root, **options):
    module = data(root, **{"split": {"validation": 1, "test": 1}, "batch_size": 2, **options})
    module.prepare()
    return module


@pytest.mark.parametrize(
    ("size", "options", "processes", "tile", "count"),
    [
        ((40, 70), {}, 1, (64, 96), 21),  # 2 * 65,536 // (64 * 96)
        ((40, 70), {}, 4, (64, 96), 24),
        ((300, 200), {}, 1, (256, 224), 2),
        ((600, 700), {}, 2, (256, 256), 2),
        ((600, 700), {"batch_size": 3}, 1, (256, 256), 3),
        ((600, 700), {"normalise": "percentile"}, 1, (128, 128), 4),
        ((600, 70), {"normalise": "percentile"}, 1, (128, 96), 5),
        ((250, 70), {"normalise": "percentile"}, 1, (256, 96), 2),
        ((600, 700), {"tile": (512, 512)}, 1, (512, 512), 1),
        ((40, 70), {"tile": (128, 128)}, 1, (128, 128), 8),
        ((40, 70), {"tile": (128, 128), "normalise": "percentile"}, 1, (128, 128), 4),
    ],
)
def test_tiles_suit_the_frames_and_their_normalisation_and_have_the_pixels_of_one_or_two_of_256(
    tmp_path, size, options, processes, tile, count
):
    fill(tmp_path, size=size, frames=1)
    module = data(tmp_path, **({"tile": None, "batch_size": None, "normalise": "frame"} | options))
    module.launch = RankInfo(0, processes)
    module.prepare()
    assert (module.tile, module.batch_size, module.step_tiles) == (tile, count, count)
    plain = module.to_plain()
    assert (plain["tile"], plain["batch_size"]) == (list(tile), count)


def test_training_batches_are_as_many_as_asked_for(tmp_path):
    loader = prepared(fill(tmp_path), steps_per_epoch=5).train_dataloader()
    found = list(loader)
    assert (len(loader), len(found)) == (5, 5)
    for batch in found:
        assert (batch["image"].shape, batch["image"].dtype) == ((2, 1, 8, 8), torch.float32)
        assert (batch["label"].shape, batch["label"].dtype) == ((2, 8, 8), torch.int64)
        assert batch["origin"].shape == (2, 4)


def test_one_pass_is_as_many_batches_as_cover_the_training_frames(tmp_path):
    module = prepared(fill(tmp_path))
    # two series of three frames, 20 x 30 pixels in 3 x 4 tiles of 8 x 8
    assert len(module.train_dataloader()) == 2 * 3 * 12 // 2
    assert len(prepared(tmp_path, batch_size=1000).train_dataloader()) == 1


def test_training_tiles_come_from_training_series_and_have_their_labels(tmp_path):
    module = prepared(fill(tmp_path))
    train = {block.series for block in module.blocks_of("train")}
    for batch in module.train_dataloader():
        for origin, label in zip(batch["origin"], batch["label"], strict=True):
            assert int(origin[0]) in train
            assert (label == int(origin[0]) % 3).all()


def test_each_validation_pixel_counts_once(tmp_path):
    module = prepared(fill(tmp_path))
    (block,) = module.blocks_of("validation")
    labels = torch.cat([batch["label"].flatten() for batch in module.val_dataloader()])
    assert torch.bincount(labels, minlength=256)[:3].sum() == 3 * 20 * 30
    assert set(labels.tolist()) == {block.series % 3, IGNORE_INDEX}


def test_workers_read_the_same_tiles(tmp_path):
    origins = [
        [batch["origin"].tolist() for batch in prepared(root, workers=workers).train_dataloader()]
        for root, workers in ((fill(tmp_path), 0), (tmp_path, 2))
    ]
    assert origins[0] == origins[1]


def test_parts_of_a_batch_are_the_same_samples(tmp_path):
    module = prepared(fill(tmp_path), batch_size=6, steps_per_epoch=2)
    whole = torch.cat([batch["image"] for batch in module.train_dataloader()])
    module.batch_size = 2
    parts = [batch["image"] for batch in module.train_dataloader()]
    assert len(parts) == 6
    torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=0)


def test_reading_leaves_the_generator_of_dropout_alone(tmp_path):
    module = prepared(fill(tmp_path), steps_per_epoch=2)
    before = torch.get_rng_state()
    for loader in (module.train_dataloader(), module.val_dataloader()):
        list(loader)
    assert torch.equal(torch.get_rng_state(), before)


# Real recordings


def test_h2b_is_split_by_time_into_interior_and_border(shared):
    module = data(
        shared / "hela-h2b-timelapse",
        layout="timelapse",
        images="images.tif",
        masks="instances.tif",
        axes="TYX",
        classes=["background", "interior", "border"],
        labels={"kind": "instances", "border_width": 2},
        split={"validation": 0, "test": 4, "gap": 2},
    )
    module.open()
    assert [(b.start, b.stop, b.part) for b in module.blocks] == [(0, 14, "train"), (16, 20, "test")]
    assert module.axes == "TYX"


def test_nucleolus_is_split_by_series(shared):
    module = data(shared / "hela-nucleolus", split={"validation": 0, "test": 4})
    module.prepare()
    assert (len(module.blocks_of("train")), len(module.blocks_of("test"))) == (10, 4)
    assert sum(counts.sum() for counts in module.survey.pixels.values()) == 14 * 512 * 512


# Patterns


def test_recordings_of_one_group_stay_together(tmp_path):
    for number in range(12):
        image = np.full((4, 4), number, np.uint8)
        save(tmp_path / f"{number // 3}_{number % 3}.tif", image, "YX")
        save(tmp_path / f"{number // 3}_{number % 3}_m.tif", image % 3, "YX")
    patterns = {"images": "{group}_{tile}.tif", "masks": "{group}_{tile}_m.tif"}
    opened = data(tmp_path, **patterns, split={"validation": 1, "test": 1})
    opened.open()
    parts = [block.part for block in opened.blocks]
    assert sorted(parts) == ["test"] * 3 + ["train"] * 6 + ["validation"] * 3
    assert all(len(set(parts[start : start + 3])) == 1 for start in range(0, 12, 3))


def test_a_part_in_the_path_is_kept_to(tmp_path):
    for part in ("train", "val", "test"):
        save(tmp_path / part / "a.tif", np.zeros((4, 4), np.uint8), "YX")
        save(tmp_path / part / "a_m.tif", np.zeros((4, 4), np.uint8), "YX")
    opened = data(tmp_path, images="{part}/{name}.tif", masks="{part}/{name}_m.tif")
    opened.open()
    assert {(name, block.part) for name, block in zip(opened.names, opened.blocks, strict=True)} == {
        ("train/a", "train"),
        ("validation/a", "validation"),
        ("test/a", "test"),
    }


def test_a_folder_that_is_recognised_is_opened_with_the_settings_that_are_said(tmp_path, caplog):
    for name in "abc":
        save(tmp_path / f"{name}.tif", np.zeros((8, 8), np.uint8), "YX")
        ids = np.zeros((8, 8), np.uint8)
        ids[1:3, 1:3], ids[5:7, 5:7] = 1, 2
        save(tmp_path / f"{name}_cp_masks.tif", ids, "YX")
    with caplog.at_level("INFO"):
        opened = data(tmp_path, layout="auto", classes=None)
    assert "data.images='**/{name}' data.masks='**/{name}_cp_masks' data.labels.kind=instances" in caplog.text
    opened.open()
    assert opened.classes.names == CELL_PARTS
    assert [recording.name for recording in opened.recordings] == ["a", "b", "c"]


def test_classes_that_do_not_follow_from_the_layout_are_asked_for(tmp_path):
    fill(tmp_path, series=3)
    for layout in ("auto", "folder"):
        message = refusal(data, tmp_path, layout=layout, classes=None)
        assert message.startswith("data.classes is not given")
    assert (
        data(tmp_path, layout="auto", classes=None, labels={"kind": "instances"}).classes.names == CELL_PARTS
    )
    opened = data(tmp_path, layout="auto")
    opened.open()
    assert len(opened.recordings) == 3


# As Lightning uses it


def test_setup_does_what_a_run_does_once(tmp_path, monkeypatch):
    ours, theirs = data(fill(tmp_path)), data(tmp_path)
    ours.open()
    ours.prepare()
    theirs.setup("fit")
    assert theirs.split_rows() == ours.split_rows()
    assert theirs.normalisation == ours.normalisation
    assert (theirs.input_channels, len(theirs.classes)) == (1, 3)
    monkeypatch.setattr(theirs, "prepare", lambda: pytest.fail("looked at again"))
    theirs.setup("validate")


def test_several_processes_of_lightnings_own_are_refused(tmp_path):
    module = data(fill(tmp_path))
    module.trainer = SimpleNamespace(world_size=2)
    assert "2 processes train together" in refusal(module.setup)


def test_what_was_given_comes_back_from_its_plain_form(tmp_path):
    module = data(fill(tmp_path), split={"validation": ["dish 1"], "test": 1}, tile=(16, 32), context=1)
    plain = json.loads(json.dumps(module.to_plain()))
    again = TimelapseData.from_plain(plain)
    again.open()
    module.open()
    assert again.split_rows() == module.split_rows()
    assert (again.tile, again.context, again.to_plain()) == (module.tile, 1, module.to_plain())
