"""Drawn recordings on disk, in a folder named after what is asked for.

Who is who, and who was born of whom, is written in the Cell Tracking Challenge's form where it is asked for.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from hela_seg.data.ctc_tracks import write_ctc_truth
from hela_seg.data.stacks import PixelSize, write_tiff
from hela_seg.data.synthetic.culture import Culture, Floats
from hela_seg.data.synthetic.render import FRAME_INTERVAL_S, PIXEL_SIZE_UM, Drift, draw_tracked
from hela_seg.system.errors import InputError
from hela_seg.system.settings import Count, NonNegative, Share

DRAWING_VERSION = 1
"""Part of a recording's folder name: to be raised whenever the same settings give another picture."""

DRAWN = re.compile(r"\.|[0-9a-f]{8}$")
"""Names in a root that do not speak against drawing there: hidden files, and what was drawn before."""

LATER_SETTINGS = ("tracks", "drift", "out_of_focus")
"""Fields of `DrawingSettings` that change nothing at their defaults."""


@dataclass(frozen=True)
class DrawingSettings:
    """What ``data.drawing`` says of recordings that `write` draws.

    Args:
        series: recordings to draw, each from a seed of its own.
        frames: T of each recording.
        height: H.
        width: W.
        seed: recording i depends on (seed, i) alone.
        tracks: whether the true tracks are written too.
        drift: see `draw_tracked`.
        out_of_focus: see `draw_tracked`.
    """

    series: Count = 6
    frames: Count = 12
    height: Count = 256
    width: Count = 256
    seed: NonNegative = 0
    tracks: bool = False
    drift: Drift = 0.0
    out_of_focus: Share = 0.0


def write(root: Path | str, drawing: DrawingSettings) -> Path:
    """Draw independent recordings into a folder named after the settings, unless it is there already.

    The folder appears whole or not at all, so processes that start together may all call this.

    Args:
        root: where the folder goes; made if need be.
        drawing: number, length and size of the recordings.

    Returns:
        ``<root>/<digest>`` with ``images/culture-01.tif`` (T, H, W, 3), ``masks/culture-01.tif`` (T, H, W),
        both uint8, for each series. The digest is 8 hexadecimal digits. With ``tracks``,
        ``tracks/culture-01_GT`` holds the truth as the Cell Tracking Challenge has it, ``TRA/man_track.txt``,
        ``TRA/man_track000.tif`` and on, ``SEG/man_seg000.tif`` and on; its ``drift.csv`` says where the
        stage was.

    Raises:
        InputError: the root cannot be written, or holds something else than drawn recordings.
    """
    folder = folder_of(root, drawing)
    if folder.is_dir():
        return folder
    own = _foreign_entry(Path(root))
    if own is not None:
        raise InputError(
            f"{root} holds {own}, expected an empty or a new folder for the cells that data=synthetic draws: "
            "to use what lies there, add data=auto, or data=folder or data=timelapse"
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            whole = Path(scratch) / folder.name
            _write_series(whole, drawing)
            _put_in_place(whole, folder)
    except OSError as error:
        raise InputError(
            f"synthetic recordings cannot be written to {root}: {error.strerror}; choose another folder"
        ) from error
    return folder


def folder_of(root: Path | str, drawing: DrawingSettings) -> Path:
    """The folder of recordings with these settings, whether or not it is there."""
    # of settings that came later only those that are used, so that older folders keep their names
    used = {name: value for name, value in asdict(drawing).items() if value or name not in LATER_SETTINGS}
    everything = {"version": DRAWING_VERSION, **used, **asdict(Culture())}
    return Path(root) / hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:8]


def _foreign_entry(root: Path) -> str | None:
    """The name of something in a folder that was not drawn here, if there is any."""
    names = sorted(entry.name for entry in root.iterdir()) if root.is_dir() else []
    return next((name for name in names if not DRAWN.match(name)), None)


def _write_series(folder: Path, drawing: DrawingSettings) -> None:
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(1, drawing.series + 1):
        own_seed = int(np.random.SeedSequence([drawing.seed, number]).generate_state(1)[0])
        drawn = draw_tracked(
            drawing.frames,
            drawing.height,
            drawing.width,
            own_seed,
            drift=drawing.drift,
            out_of_focus=drawing.out_of_focus,
        )
        name = f"culture-{number:0{max(2, len(str(drawing.series)))}d}"
        square = PixelSize(PIXEL_SIZE_UM, PIXEL_SIZE_UM)
        for part, array, axes in (("images", drawn.images, "TYXS"), ("masks", drawn.labels, "TYX")):
            path = folder / part / f"{name}.tif"
            write_tiff(path, array, axes, pixel_size=square, frame_interval_s=FRAME_INTERVAL_S)
        if drawing.tracks:
            write_ctc_truth(folder / "tracks" / f"{name}_GT", drawn.cells, drawn.tracks)
            _write_drift(folder / "tracks" / f"{name}_GT" / "drift.csv", drawn.drift)


def _write_drift(path: Path, drift: Floats) -> None:
    rows = [f"{frame},{row:.3f},{column:.3f}\n" for frame, (row, column) in enumerate(drift.tolist())]
    path.write_text("".join(["frame,row_px,column_px\n", *rows]), encoding="utf-8")


def _put_in_place(whole: Path, folder: Path) -> None:
    try:
        whole.rename(folder)
    except OSError:
        # Another process was quicker: what it put there was drawn from the same settings.
        if not folder.is_dir():
            raise
