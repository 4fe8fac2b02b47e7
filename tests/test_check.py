"""``check`` says all that is wrong in one go, and its status says whether to train."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from conftest import draw_cells, write_dryad, write_folder
from PIL import Image

from hela_seg.cli import main

CLASSES = "data.classes=[background,dim,bright]"


def check(root: Path, out: Path, *arguments: str) -> int:
    return main("check", ["data=folder", f"data.root={root}", CLASSES, f"hydra.run.dir={out}", *arguments])


def found(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "check.json").read_text())
    return content


def save(path: Path, stack: np.ndarray) -> None:
    tifffile.imwrite(path, stack, photometric="minisblack", metadata={"axes": "TYX"})


def test_good_data_give_tables_files_and_status_0(
    cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert check(cells, tmp_path) == 0
    printed = capfd.readouterr()
    assert "warning" not in printed.err
    for word in ("Series", "dish 4", "48x64", "uint8", "background", "validation", "contact sheet"):
        assert word in printed.out
    assert max(map(len, printed.out.split("Warnings")[0].splitlines())) <= 80
    content = found(tmp_path)
    assert content["faults"] == []
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "check.json",
        "contact_sheet.png",
        "split.csv",
    ]
    with Image.open(tmp_path / "contact_sheet.png") as sheet:
        assert min(sheet.size) > 400


@pytest.fixture(scope="module")
def checked(cells: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is found in good data."""
    folder = tmp_path_factory.mktemp("checked")
    assert check(cells, folder) == 0
    return found(folder)


def test_the_numbers_are_those_of_the_files(cells: Path, checked: dict[str, Any]) -> None:
    parts = {row["series"]: row["part"] for row in checked["split"]}
    masks = {name: tifffile.imread(cells / "masks" / f"{name}.tif") for name in parts}
    for index, entry in enumerate(checked["classes"]):
        assert entry["pixels"]["total"] == sum(int((mask == index).sum()) for mask in masks.values())
        assert entry["frames"]["total"] == sum(
            (mask == index).any(axis=(1, 2)).sum() for mask in masks.values()
        )
        in_test = sum(int((mask == index).sum()) for name, mask in masks.items() if parts[name] == "test")
        assert entry["pixels"]["test"] == in_test
    for series in checked["series"]:
        image = tifffile.imread(cells / "images" / f"{series['name']}.tif")
        expected = np.percentile(image, [1, 50, 99.8], method="inverted_cdf")
        assert series["grey_values"] == [expected.tolist()]
        assert (series["frames"], series["height"], series["dtype"]) == (2, 48, "uint8")
    train = np.array([entry["pixels"]["train"] for entry in checked["classes"]])
    assert checked["class_weights"] == pytest.approx((train.sum() / (3 * train)).tolist())


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    root = write_folder(tmp_path / "cells", series=9)
    images, masks = root / "images", root / "masks"
    (masks / "dish 0.tif").unlink()
    (images / "dish 1.tif").unlink()
    (images / "dish 2.tif").write_bytes(b"II*\x00nothing")
    save(masks / "dish 3.tif", draw_cells(3, 2, 40, 64)[1])
    save(masks / "dish 4.tif", 7 * draw_cells(4, 2)[1])
    colour = np.repeat(draw_cells(5, 2)[0][..., None], 3, axis=-1)
    tifffile.imwrite(images / "dish 5.tif", colour, photometric="rgb", metadata={"axes": "TYXS"})
    assert check(root, tmp_path / "out") == 2
    faults = "\n".join(found(tmp_path / "out")["faults"])
    for telling in (
        f"1 image(s) have no mask, such as {images / 'dish 0.tif'}: add",
        f"1 mask(s) have no image, such as {masks / 'dish 1.tif'}: add",
        "dish 2.tif is damaged",
        "dish 3.tif has 2 frame(s) of 40x64, expected 2 of 48x64",
        "dish 4.tif, frame 0: values 7 (",
        "(and 1 more frame(s) of it)",
        "dish 5.tif has 3 channel(s), expected 1",
    ):
        assert telling in faults
    assert len(faults.splitlines()) == 6
    printed = capfd.readouterr()
    assert printed.err.splitlines()[-1].startswith("error: 6 fault(s) that make training wrong")
    for line in faults.splitlines():
        assert line in printed.out


def test_series_are_dealt_out_as_they_will_be_once_all_is_mended(
    checked: dict[str, Any], tmp_path: Path
) -> None:
    root = write_folder(tmp_path / "cells")
    (root / "images" / "dish 1.tif").write_bytes(b"II*\x00nothing")
    assert check(root, tmp_path / "bad") == 2
    rows = [row for row in checked["split"] if row["series"] != "dish 1"]
    assert found(tmp_path / "bad")["split"] == rows


def test_a_stack_that_goes_bad_inside_is_a_fault_and_the_rest_is_still_looked_at(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "cells")
    path = root / "images" / "dish 1.tif"
    stack = np.random.default_rng(0).integers(0, 255, (2, 48, 64)).astype(np.uint8)
    tifffile.imwrite(path, stack, compression="zlib", metadata={"axes": "TYX"}, photometric="minisblack")
    with tifffile.TiffFile(path) as file:
        offset = file.pages[1].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[offset : offset + 40] = b"\xff" * 40
    path.write_bytes(content)
    assert check(root, tmp_path / "out") == 2
    (fault,) = found(tmp_path / "out")["faults"]
    assert "dish 1.tif is damaged" in fault
    assert len(found(tmp_path / "out")["series"]) == 5
    assert found(tmp_path / "out")["series"][1]["grey_values"] is not None


def test_the_same_picture_on_two_sides_is_a_fault(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "cells", series=3)
    split = ["data.split.validation=0", "data.split.test=[dish 2]"]
    images = tifffile.imread(root / "images" / "dish 0.tif")
    images[1] = tifffile.imread(root / "images" / "dish 2.tif")[0]
    save(root / "images" / "dish 0.tif", images)
    assert check(root, tmp_path / "out", *split) == 2
    content = found(tmp_path / "out")
    (fault,) = content["faults"]
    assert (
        "the same picture is in two parts, 1 time(s): 'dish 0' frame 1 (train) and 'dish 2' frame 0 (test)"
        in fault
    )
    same = [pair for pair in content["alike"] if pair["same"]]
    assert same == [
        {
            "train": {"series": "dish 0", "frame": 1},
            "test": {"series": "dish 2", "frame": 0},
            "similarity": 1.0,
            "same": True,
            "same_mask": False,
        }
    ]
    assert check(root, tmp_path / "together", "data.split.validation=0", "data.split.test=[dish 1]") == 0


def test_too_few_series_are_a_fault_and_are_looked_at_all_the_same(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "cells", series=2)
    assert check(root, tmp_path / "out") == 2
    content = found(tmp_path / "out")
    assert "found 2 series" in content["faults"][0]
    assert len(content["series"]) == 2
    assert content["split"] == []


def test_values_that_are_no_numbers_are_a_fault(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "cells", series=3)
    for index, value in enumerate((np.nan, np.inf)):
        image = draw_cells(index, 2)[0].astype(np.float32)
        image[1, 5, 5] = value
        save(root / "images" / f"dish {index}.tif", image)
    assert check(root, tmp_path / "out") == 2
    faults = found(tmp_path / "out")["faults"]
    assert ["NaN or infinite in frame 1" in fault for fault in faults[:2]] == [True, True]


def test_what_would_only_be_poor_is_a_warning(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    root = write_folder(tmp_path / "cells", series=5)
    for index in range(5):
        image, mask = draw_cells(index, 2)
        mask[mask == 2] = 0
        image[:, :4] = 10
        if index == 0:
            mask[0, 0, 0] = 2
            image[0] = 33
            image[1, :10] = 255
        if index == 3:
            image //= 8
        save(root / "images" / f"dish {index}.tif", image)
        save(root / "masks" / f"dish {index}.tif", mask)
    split = ["data.split.validation=[dish 1]", "data.split.test=[dish 2]"]
    assert check(root, tmp_path / "out", *split) == 0
    warnings, printed = "\n".join(found(tmp_path / "out")["warnings"]), capfd.readouterr().out
    for telling in (
        "class 'bright' has 0.003% of the pixels, below 0.1%",
        "class 'bright' is absent from validation, test",
        "the grey values of dish 3 (",
        "1 frame(s) of one grey value (dish 0 frame 0)",
        "1 saturated frame(s) (dish 0 frame 1)",
    ):
        assert telling in warnings
        assert telling in printed


def test_neighbouring_frames_on_two_sides_are_a_warning(shared: Path, tmp_path: Path) -> None:
    stack = tifffile.imread(shared / "hela-h2b-timelapse" / "images.tif", key=range(8))[:, :256, :256]
    root = write_folder(tmp_path / "cells", series=1)
    save(root / "images" / "dish 0.tif", stack)
    save(root / "masks" / "dish 0.tif", (stack > np.median(stack)).astype(np.uint8))
    assert check(root, tmp_path / "out", "data.split={validation: 0, test: 2, gap: 0}") == 0
    assert "2 frame(s) for test look nearly like one for train" in found(tmp_path / "out")["warnings"][0]


def test_the_papers_layout_is_checked_folder_by_folder(tmp_path: Path) -> None:
    root = write_dryad(tmp_path / "dryad")
    (root / "X_train" / "train" / "frame_001.tiff").write_bytes(b"")
    (root / "y_test" / "test" / "mask_000.png").write_bytes(b"\x89PNG")
    assert main("check", ["data=dryad", f"data.root={root}", f"hydra.run.dir={tmp_path / 'out'}"]) == 2
    content = found(tmp_path / "out")
    assert ["frame_001.tiff is empty" in content["faults"][0], "mask_000.png" in content["faults"][1]] == [
        True
    ] * 2
    assert {row["part"] for row in content["split"]} == {"train", "validation", "test"}
    assert len(content["series"]) == 5


def test_a_missing_folder_is_refused_at_once_and_an_empty_one_is_a_fault(tmp_path: Path) -> None:
    assert check(tmp_path / "nowhere", tmp_path / "out") == 2
    assert not (tmp_path / "out").exists()
    (tmp_path / "nowhere").mkdir()
    assert check(tmp_path / "nowhere", tmp_path / "out") == 2
    content = found(tmp_path / "out")
    assert content["series"] == []
    assert "nowhere" in content["faults"][0]


def test_folds_and_a_used_split_are_settings(cells: Path, tmp_path: Path) -> None:
    assert check(cells, tmp_path / "a", "data.split.folds=5", "data.split.fold=2") == 0
    table = tmp_path / "a" / "split.csv"
    assert check(cells, tmp_path / "b", f"data.split.file={table}") == 0
    assert (tmp_path / "b" / "split.csv").read_text() == table.read_text()


def test_synthetic_data_are_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    drawing = "data.drawing={series: 3, frames: 2, height: 128, width: 128, seed: 0}"
    assert main("check", [drawing, f"hydra.run.dir={tmp_path / 'out'}"]) == 0
    assert found(tmp_path / "out")["series"][0]["pixel_size_um"] == pytest.approx([0.6, 0.6], rel=1e-3)


def test_positions_of_a_file_are_checked_each_by_itself(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "cells", series=3)
    stacks = [draw_cells(seed, 2) for seed in (7, 8)]
    for kind, name in enumerate(("images", "masks")):
        with tifffile.TiffWriter(root / name / "plate.ome.tif", ome=True) as file:
            for number, position in enumerate(("A1", "A2")):
                metadata = {"axes": "TYX", "Name": position}
                stack = 9 * stacks[number][kind] if (kind, number) == (1, 1) else stacks[number][kind]
                file.write(stack, photometric="minisblack", metadata=metadata)
    assert check(root, tmp_path / "out") == 2
    (fault,) = found(tmp_path / "out")["faults"]
    assert "plate.ome.tif (position A2), frame 0: values 9" in fault
    assert check(root, tmp_path / "first", "data.position=A1") == 0
    names = {row["name"] for row in found(tmp_path / "first")["series"]}
    assert names == {"dish 0", "dish 1", "dish 2", "plate_A1"}
    (root / "masks" / "plate.ome.tif").unlink()
    assert check(root, tmp_path / "bare", "data.position=A1") == 2
    (fault,) = found(tmp_path / "bare")["faults"]
    assert "1 image(s) have no mask, such as" in fault
    assert "plate.ome.tif (position A1, as in plate_A1): add masks" in fault


def test_what_is_wrong_with_files_of_patterns_is_said_at_once(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "cells", series=6)
    for path in (root / "masks").iterdir():
        path.rename(root / "images" / f"{path.stem}_mask.tif")
    images = root / "images"
    (images / "dish 0_mask.tif").unlink()
    (images / "dish 1.tif").unlink()
    (images / "dish 2.tif").write_bytes(b"II*\x00nothing")
    save(images / "dish 3_mask.tif", draw_cells(3, 2, 40, 64)[1])
    patterns = ["data.images=images/{name}.tif", "data.masks=images/{name}_mask.tif"]
    assert check(root, tmp_path / "out", *patterns) == 2
    faults = found(tmp_path / "out")["faults"]
    for telling in (
        "1 image(s) have no mask, such as",
        "1 mask(s) have no image, such as",
        "dish 2.tif is damaged",
        "dish 3_mask.tif has 2 frame(s) of 40x64, expected 2 of 48x64",
    ):
        assert any(telling in fault for fault in faults)
    assert len(faults) == 4
    assert [series["name"] for series in found(tmp_path / "out")["series"]] == ["dish 4", "dish 5"]


@pytest.mark.parametrize(
    ("names", "mask", "series"),
    [
        ([f"dish_t{t:02}" for t in range(12)], "{}", 1),
        ([f"dish {dish} frame_{t}" for dish in "ABC" for t in range(4)], "{}_mask", 3),
        ([f"{source}_{row}_{column}" for source in "abc" for row in "01" for column in "01"], "m_{}", 12),
    ],
)
def test_settings_that_are_proposed_can_be_typed_as_they_are(
    tmp_path: Path, names: list[str], mask: str, series: int
) -> None:
    for folder in ("images", "masks" if mask == "{}" else "labels of it"):
        (tmp_path / "my data" / folder).mkdir(parents=True)
    labels = next(path for path in (tmp_path / "my data").iterdir() if path.name != "images")
    for number, name in enumerate(names):
        image, label = draw_cells(number, 1)
        tifffile.imwrite(tmp_path / f"my data/images/{name}.tif", image[0])
        Image.fromarray(label[0]).save(labels / f"{mask.format(name)}.png")
    given = (
        []
        if mask == "{}"
        else ["data.images=images/{name}", f"data.masks={labels.name}/{mask.format('{name}')}"]
    )
    assert check(tmp_path / "my data", tmp_path / "first", *given) == 0
    (line,) = [line for line in found(tmp_path / "first")["warnings"] if "by their names" in line]
    proposed = [typed for typed in shlex.split(line) if typed.startswith(("data.images=", "data.masks="))]
    assert len(proposed) == 2
    proposed[1] = proposed[1].rstrip(",")
    assert check(tmp_path / "my data", tmp_path / "second", *proposed) == 0
    after = found(tmp_path / "second")
    assert len(after["series"]) == series
    assert not any("by their names" in line for line in after["warnings"])
    if series == 1:
        assert "data.sequence=true" in line
        assert check(tmp_path / "my data", tmp_path / "third", "data.sequence=true") == 0
        assert len(found(tmp_path / "third")["series"]) == 1
