"""Each command of docs/layouts.md works on a small folder that is laid out as it says."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from documents import commands
from PIL import Image

from hela_seg.cli import main
from hela_seg.data.patterns.auto import recognise
from hela_seg.data.patterns.matching import match
from hela_seg.system.errors import InputError

PAGE = Path(__file__).parents[1] / "docs" / "layouts.md"
COMMANDS = commands(PAGE)
SIZE = (32, 40)
FIRST, SECOND = (slice(4, 14), slice(4, 16)), (slice(16, 28), slice(14, 34))
"""Two cells of 10 x 12 and 12 x 20 pixels."""


def save(path: Path, array: np.ndarray, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in (".png", ".jpg"):
        Image.fromarray(array).save(path, **options)
    else:
        tifffile.imwrite(path, array, photometric="minisblack" if array.ndim == 2 else "rgb", **options)


def image(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 250, SIZE).astype(np.uint8)


def colours(number: int, alpha: bool = False) -> np.ndarray:
    channels = [image(number + 100 * c) for c in range(3)] + [np.full(SIZE, 255, np.uint8)] * alpha
    return np.stack(channels, axis=-1)


def ids() -> np.ndarray:
    found = np.zeros(SIZE, np.uint8)
    found[FIRST], found[SECOND] = 1, 2
    return found


def square(cell: tuple[slice, slice]) -> list[list[int]]:
    """The corners of a cell as x and y."""
    rows, columns = cell
    return [
        [columns.start, rows.start],
        [columns.stop, rows.start],
        [columns.stop, rows.stop],
        [columns.start, rows.stop],
    ]


def cellpose(root: Path) -> None:
    for n in range(4):
        save(root / f"a {n}.tif", image(n))
        save(root / f"a {n}_cp_masks.png", ids())
        (root / f"a {n}_seg.npy").write_bytes(b"a pickle")


def cellpose_window(root: Path) -> None:
    for n in range(4):
        save(root / f"a {n}.tif", image(n))
        saved = {"outlines": ids() > 1, "masks": ids().astype(np.uint16), "filename": Path(f"a {n}.tif")}
        np.save(root / f"a {n}_seg.npy", saved, allow_pickle=True)  # type: ignore[arg-type]


def cellpose_train(root: Path) -> None:
    for n, part in enumerate(("train", "train", "test")):
        save(root / part / f"{n:03}_img.png", colours(n) if n else image(n))
        save(root / part / f"{n:03}_masks.png", ids())


def omnipose(root: Path) -> None:
    for n, part in enumerate(("train", "train", "train", "test")):
        folder = root / f"bact_phase/{part}_sorted/{n}"
        save(folder / "a.tif", image(n))
        save(folder / "a_masks.tif", ids())
        save(folder / "a_flows.tif", image(50 + n))


def dsb2018(root: Path) -> None:
    for n in range(4):
        save(root / f"{n}/images/{n}.png", colours(n, alpha=True) if n else image(n))
        save(root / f"{n}/masks/abc.png", np.where(ids() == 1, 255, 0).astype(np.uint8))
        save(root / f"{n}/masks/def.png", np.where(ids() == 2, 255, 0).astype(np.uint8))


def deepcell(root: Path) -> None:
    for n in range(4):
        save(root / f"set{n}/phase.png", image(n))
        save(root / f"set{n}/feature_0.png", np.where(ids() == 1, 255, 0).astype(np.uint8))
        save(root / f"set{n}/feature_1.png", np.where(ids() == 2, 255, 0).astype(np.uint8))


def tissuenet(root: Path) -> None:
    root.mkdir()
    for n, part in enumerate(("train", "val", "test")):
        images = np.stack([colours(10 * n + t)[..., :2] for t in range(2)])
        masks = np.stack([ids(), np.zeros_like(ids())], axis=-1)
        np.savez(root / f"{part}.npz", X=images, y=np.stack([masks] * 2), meta=np.array([{}], object))


def tiles(root: Path) -> None:
    for source in "ABCD":
        for n in range(4):
            save(root / f"images/{source}_{n // 2}_{n % 2}.png", image(10 * ord(source) + n))
            save(root / f"masks/{source}_{n // 2}_{n % 2}.png", ids())


def usiigaci(root: Path) -> None:
    for n in range(4):
        save(root / f"set{n:02}/raw.tif", image(n))
        save(root / f"set{n:02}/instances_ids.png", ids())


def yeaz(root: Path) -> None:
    for n in range(4):
        save(root / f"a{n}_im.tif", image(n), description='{"shape": [2044, 2048]}', metadata=None)
        save(root / f"a{n}_mask.tif", ids())


def ctc(root: Path) -> None:
    for series in ("01", "02", "03"):
        for t in range(3):
            save(root / f"{series}/t{t:03}.tif", image(int(series) * 10 + t))
            save(root / f"{series}_RES/mask{t:03}.tif", ids())
        save(root / f"{series}_GT/SEG/man_seg001.tif", ids())
        (root / f"{series}_RES/res_track.txt").write_text("1 0 2 0\n")


def livecell(root: Path) -> None:
    cells = [np.ravel(square(cell)).tolist() for cell in (FIRST, SECOND)]
    for n in range(5):
        save(
            root / f"images/{'livecell_train_val_images' if n < 3 else 'livecell_test_images'}/a_{n}.tif",
            image(n),
        )
    for part, numbers in {"train": [0, 1], "val": [2], "test": [3]}.items():
        found = {
            "images": [{"id": 7 + n, "file_name": f"a_{n}.tif"} for n in numbers],
            "annotations": [
                {"id": 10 * n + k, "image_id": 7 + n, "category_id": 1, "segmentation": [cell]}
                for n in numbers
                for k, cell in enumerate(cells)
            ],
            "categories": [{"id": 1, "name": "cell"}],
        }
        (root / f"livecell_coco_{part}.json").write_text(json.dumps(found))


def imagej(root: Path) -> None:
    roifile = pytest.importorskip("roifile")
    for n in range(4):
        save(root / f"a {n}.tif", image(n))
        rois = [
            roifile.ImagejRoi.frompoints(square(cell), name=f"{k}") for k, cell in enumerate((FIRST, SECOND))
        ]
        roifile.roiwrite(root / f"a {n}.zip", rois)


def qupath(root: Path) -> None:
    for n in range(4):
        save(root / f"a {n}.tif", image(n))
        features = [
            {
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [[*square(cell), square(cell)[0]]]},
                "properties": {"objectType": "annotation", "classification": {"name": name}},
            }
            for name, cell in (("round", FIRST), ("spread", SECOND))
        ]
        (root / f"a {n}.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def timelapse(root: Path) -> None:
    for series in "ABC":
        for t in range(3):
            save(root / f"{series}/phase_{t}.tif", image(10 * ord(series) + t))
            save(root / f"{series}/nuclei_{t}.tif", image(2000 + 10 * ord(series) + t).astype(np.uint16))
            save(root / f"{series}/mask_{t}.png", ids())


def soft(root: Path) -> None:
    random = np.random.default_rng(0)
    for n in range(4):
        save(root / f"images/{n}.tif", image(n))
        noise = random.integers(0, 30, SIZE)
        save(root / f"masks/{n}.png", np.where(ids() > 0, 255 - noise, noise).astype(np.uint8))


LAYOUTS: dict[str, tuple[Callable[[Path], None], int, list[int]]] = {
    "cellpose": (cellpose, 4, [920, 176, 184]),
    "cellpose_window": (cellpose_window, 4, [920, 176, 184]),
    "cellpose_train": (cellpose_train, 3, [920, 176, 184]),
    "omnipose": (omnipose, 4, [920, 176, 184]),
    "dsb2018": (dsb2018, 4, [920, 176, 184]),
    "deepcell": (deepcell, 4, [920, 120, 240]),
    "tissuenet": (tissuenet, 3, [920, 176, 184]),
    "tiles": (tiles, 16, [920, 120, 240]),
    "usiigaci": (usiigaci, 4, [920, 176, 184]),
    "yeaz": (yeaz, 4, [920, 176, 184]),
    "ctc": (ctc, 3, [920, 176, 184]),
    "livecell": (livecell, 4, [920, 176, 184]),
    "imagej": (imagej, 4, [920, 176, 184]),
    "qupath": (qupath, 4, [920, 120, 240]),
    "timelapse": (timelapse, 3, [920, 120, 240]),
    "soft": (soft, 4, [920, 360]),
}
"""By the folder's name: what writes it, how many recordings it has, and the pixels of each class in a frame.

Of two cells of 10 x 12 and 12 x 20 pixels, 6 x 8 and 8 x 16 are no border of 2 pixels.
"""


def found(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "check.json").read_text())
    return content


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_works(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "hela_seg.check"]
    name = next(word.removeprefix("data.root=") for word in words if word.startswith("data.root="))
    write, series, pixels = LAYOUTS[name]
    write(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert main("check", [*words[3:], "hydra.run.dir=out"]) == 0, capfd.readouterr().out
    content = found(tmp_path / "out")
    frames = sum(one["frames"] for one in content["series"])
    assert len(content["series"]) == series
    assert [entry["pixels"]["total"] for entry in content["classes"]] == [frames * count for count in pixels]
    if name == "livecell":
        assert sorted(row["part"] for row in content["split"]) == ["test", "train", "train", "validation"]
    if name == "tiles":
        parts = {(row["series"][0], row["part"]) for row in content["split"]}
        assert len(parts) == 4


AUTO = {
    "cellpose": "images with masks of Cellpose beside them",
    "cellpose_window": "images with Cellpose's _seg.npy beside them",
    "cellpose_train": "Cellpose's training data",
    "dsb2018": "one file a cell, as in the Data Science Bowl 2018",
    "deepcell": "DeepCell's folders",
    "tiles": "images and masks in folders of their own",
    "usiigaci": "Usiigaci's folders",
    "yeaz": "YeaZ",
    "ctc": "the Cell Tracking Challenge's folders",
    "livecell": "LIVECell",
    "imagej": "images with ROIs of ImageJ beside them",
    "qupath": "images with outlines of QuPath beside them",
    "soft": "images and masks in folders of their own",
}
"""What ``data=auto`` takes folders for."""


@pytest.mark.parametrize("name", AUTO)
def test_auto_takes_a_folder_for_what_it_is(name: str, tmp_path: Path) -> None:
    LAYOUTS[name][0](tmp_path / name)
    known = recognise(tmp_path / name)
    assert known.name == AUTO[name]
    matches = match(tmp_path / name, known.images, known.masks, sparse=known.sparse)
    assert len(matches.or_raise()) >= LAYOUTS[name][1]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("omnipose", "Omnipose has them, 4 with a mask, the others left aside: data=folder"),
        ("tissuenet", "'data.images={part}.npz/X'"),
        ("timelapse", "with patterns of your own"),
    ],
)
def test_auto_is_not_sure_of_a_folder_and_says_what_to_type(name: str, said: str, tmp_path: Path) -> None:
    LAYOUTS[name][0](tmp_path / name)
    with pytest.raises(InputError, match="in no way that data=auto is sure of") as refused:
        recognise(tmp_path / name)
    assert said in str(refused.value)


def test_all_folders_of_the_page_are_named() -> None:
    assert set(LAYOUTS) == set(re.findall(r"data\.root=(\w+)", PAGE.read_text(encoding="utf-8")))
