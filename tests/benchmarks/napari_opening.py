"""Opening a folder of results in napari: seconds to the first picture, and memory while one looks through it.

    xvfb-run -a python tests/benchmarks/napari_opening.py OUT [--frames 1000] [--side 1024]

needs the extra ``[napari]``, a binding of Qt and a screen, which xvfb-run stands in for. OUT gets a recording
with its class maps and maps of cells, one frame over and over (1.1 GB for 1,000 frames of 1024x1024), which
are kept and used again. Asked for: 3 s to the first picture, and memory that stays as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import napari
import npe2
import numpy as np
import tifffile
from qtpy.QtWidgets import QApplication

import hela_seg
from hela_seg.data.classes import Classes
from hela_seg.data.stacks import EncodedFrame, write_ome_tiff
from hela_seg.runs import run_folder

LOOKS = 100
"""How many frames are looked at, twice, others each time."""


def main() -> None:
    """Write what is not there, open it and print the figures."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("out", type=Path)
    asked.add_argument("--frames", type=int, default=1000)
    asked.add_argument("--side", type=int, default=1024)
    args = asked.parse_args()
    folder = args.out / f"results-{args.frames}-{args.side}"
    if not folder.exists():
        write(folder, args.frames, args.side)
    plugin = Path(hela_seg.__file__).parent / "napari" / "napari.yaml"
    npe2.PluginManager.instance().register(npe2.PluginManifest.from_file(plugin))
    viewer = napari.Viewer(show=False)
    shown(viewer)
    before, began, worked = resident(), time.perf_counter(), time.process_time()
    viewer.open(str(folder), plugin="hela-seg")
    shown(viewer)
    seconds, cpu, opened = time.perf_counter() - began, time.process_time() - worked, resident()
    layers = ", ".join(layer.name for layer in viewer.layers)
    print(f"{layers}: first picture after {seconds:.2f} s ({cpu:.2f} s of CPU), {opened - before:+.0f} MiB")
    step = max(args.frames // LOOKS, 1)
    for first in (0, step // 2):
        for t in range(first, args.frames, step):
            viewer.dims.set_current_step(0, t)
            shown(viewer)
        print(f"after {args.frames // step} frames: {resident() - opened:+.0f} MiB")
    os._exit(0)  # some drivers for screens in software end a process with a fault


def write(folder: Path, frames: int, side: int) -> None:
    """A recording of noise and its results: squares in two classes, each a cell."""
    folder.mkdir(parents=True)
    image = folder.with_name(f"{folder.name}.tif")
    noise = np.random.default_rng(0).integers(0, 255, (side, side), dtype=np.uint8)
    with tifffile.TiffWriter(image, bigtiff=True) as file:
        file.write(
            (noise for _ in range(frames)),
            shape=(frames, side, side),
            dtype=np.uint8,
            photometric="minisblack",
            metadata={"axes": "TYX"},
        )
    rows, columns = np.indices((side, side)) // 32
    cells = np.where((rows % 2) & (columns % 2), rows // 2 * (side // 64) + columns // 2 + 1, 0)
    kinds = (cells > 0) + (cells % 3 == 1)
    classes = Classes(["background", "round", "spread"])
    for suffix, pixels, named in (
        (run_folder.LABELS_SUFFIX, kinds.astype(np.uint8), classes),
        (run_folder.CELLS_SUFFIX, cells.astype(np.uint32), None),
    ):
        frame = EncodedFrame((side, side), dtype=pixels.dtype.type)
        frame.push(pixels)
        write_ome_tiff(
            folder / f"dish{suffix}",
            (frame.segments for _ in range(frames)),
            (frames, side, side),
            provenance={},
            dtype=pixels.dtype.type,
            classes=named,
            frame_interval_s=60.0,
        )
    where = {"paths": [str(image.absolute())], "axes": "TYX", "position": None}
    settings = json.dumps({"axes": None, "z": None})
    record = {"made by": {"settings": settings}, "files": {"dish": where}}
    (folder / run_folder.PREDICTION_RECORD).write_text(json.dumps(record), encoding="utf-8")


def shown(viewer: napari.Viewer) -> None:
    """Wait until the window has drawn what is to be seen."""
    QApplication.instance().processEvents()
    viewer.window.screenshot(canvas_only=True, flash=False)


def resident() -> float:
    """Memory of this process that no file backs, MiB."""
    _, whole, of_files, *_ = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return (int(whole) - int(of_files)) * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
