"""How long the report of a run takes with 130 test images of 512x512, and what it weighs.

    python tests/benchmarks/report_speed.py

A U-Net of an eighth of the paper's width learns for one step and is scored as a user does it; then its report
is written anew and timed, predictions of the three frames that it shows included.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import tifffile
from conftest import draw_cells
from hydra.utils import instantiate

from hela_seg.cli import main as command
from hela_seg.data.datamodule import TimelapseData
from hela_seg.inference import Predictor
from hela_seg.report.run.examples import predicted
from hela_seg.report.run.page import write_report
from hela_seg.report.run.sections import Material
from hela_seg.runs import run_folder

TEST_FRAMES, SIZE = 130, 512


def main() -> None:
    """Print the seconds and the size."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        _draw(root / "data")
        data = ["data=folder", f"data.root={root / 'data'}", "data.classes=[background,dim,bright]"]
        split = ["data.split.validation=0", f"data.split.test={TEST_FRAMES}", "data.split.gap=2"]
        net = ["model=unet", "model.width=8", "trainer=cpu", "trainer.max_epochs=1", "data.steps_per_epoch=1"]
        if command("train", [*data, *split, *net, f"hydra.run.dir={root / 'run'}"]):
            sys.exit("training failed")
        seconds = _timed(root / "run")
        size = (root / "run" / run_folder.REPORT).stat().st_size
    print(f"report of {TEST_FRAMES} frames of {SIZE}x{SIZE}: {seconds:.1f} s, {size / 2**20:.2f} MiB")


def _draw(root: Path) -> None:
    images, labels = draw_cells(0, TEST_FRAMES + 10, SIZE, SIZE)
    for name, stack in (("images", images), ("masks", labels)):
        path = root / name / "film.tif"
        path.parent.mkdir(parents=True)
        tifffile.imwrite(path, stack, photometric="minisblack", metadata={"axes": "TYX"})


def _timed(folder: Path) -> float:
    net = Predictor.from_checkpoint(
        folder / run_folder.CHECKPOINTS / run_folder.LAST_CHECKPOINT, device="cpu"
    )
    settings = net.info.config
    plain = {key: value for key, value in settings["data"].items() if key != "_target_"}
    data = TimelapseData(**plain, augment=instantiate(settings["augment"]))
    data.open(net.info.split)
    data.prepare(folder / run_folder.CLASS_POSITIONS)
    began = time.perf_counter()
    if (
        write_report(Material(folder, "train", data, data.blocks_of("test"), predicted(net, data.recordings)))
        is None
    ):
        sys.exit("no report was written")
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
