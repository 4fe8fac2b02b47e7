r"""Makes the pictures of the README and of the documentation: of a first run, and of a sweep beside it.

    python -m hela_seg.train output_dir=outputs/first
    python -m hela_seg.train --multirun model=residual_unet,resnet34_unet model.width=12 seed=0,1 \
        trainer=cpu trainer.max_epochs=8 hydra.sweep.dir=outputs/pictures
    python docs/make_pictures.py outputs/first outputs/pictures

The figures are those of the pages that the program writes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from hela_seg.comparison.found import Run, find_runs, read_run
from hela_seg.comparison.rows import compare_runs
from hela_seg.data.datamodule import TimelapseData
from hela_seg.data.frames import LabelFrames
from hela_seg.inference import Predictor
from hela_seg.report.comparison.intervals import draw_nets
from hela_seg.report.page import Drawing
from hela_seg.report.pictures.blending import blend, fit_panel
from hela_seg.report.pictures.overlay import compose, legend_of
from hela_seg.report.run.examples import errors_of
from hela_seg.report.run.figures import draw_learning, read_log
from hela_seg.runs import run_folder

PICTURES = Path(__file__).parent / "pictures"
PANEL = 320
THEMES = """<style>
:root { --ink: #1a1a1a; --paper: #fff; --line: #c8c8c8; --quiet: #5c5c5c; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --paper: #181818; --line: #4a4a4a; --quiet: #a8a8a8; }
}
svg { background: var(--paper); }
</style>"""


def main(first: Path, sweep: Path) -> None:
    """Write the pictures of a finished run, and those of a finished sweep."""
    write_prediction(PICTURES / "prediction.jpg", read_run(first))
    found, faults = find_runs([sweep])
    if not found:
        sys.exit("; ".join(faults))
    (comparison,) = compare_runs(found)
    best = comparison.rows[0].runs[0]
    write_svg(PICTURES / "comparison.svg", draw_nets(comparison))
    log = read_log(best.folder / run_folder.LOGS / run_folder.METRICS_TABLE)
    write_svg(PICTURES / "learning.svg", draw_learning(log, best.classes)[-1])


def write_svg(path: Path, drawing: Drawing) -> None:
    """A drawing of a page as a file of its own, light or dark as whoever shows it is."""
    begin, rest = str(drawing.svg).split(">", 1)
    named = begin.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"')
    path.write_text(f"{named}>{THEMES}{rest}", encoding="utf-8")


def write_prediction(path: Path, run: Run) -> None:
    """The middle test frame of a run: image, truth, prediction and errors."""
    net = Predictor.from_checkpoint(run.folder / run_folder.CHECKPOINTS / run_folder.BEST_CHECKPOINT)
    data = TimelapseData.from_plain(net.info.config["data"])
    data.open(net.info.split)
    block = data.blocks_of("test")[0]
    recording, t = data.recordings[block.series], (block.start + block.stop) // 2
    (prediction,) = net.frames(recording.image, [t])
    image, truth = fit_panel(
        recording.image.frame(t), LabelFrames(recording.mask, data.labels).whole(t), PANEL
    )
    _, prediction = fit_panel(recording.image.frame(t), prediction, PANEL)
    panels = {
        "image": blend(image, truth * 0, run.classes),
        "truth": blend(image, truth, run.classes),
        "prediction": blend(image, prediction, run.classes),
        "errors": errors_of(image, truth, prediction, run.classes),
    }
    title = f"{recording.name}, frame {t}"
    legend = legend_of(run.classes, ignored=False)
    picture = compose(list(panels.values()), list(panels), len(panels), legend, title)
    Image.fromarray(picture).save(path, quality=88, subsampling=0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
