"""How well and how fast cells are followed, and whether durations are right where lives are cut off.

    python tests/benchmarks/tracking.py

Four parts, each with what is asked for:

1. ``scores``: 200 synthetic frames of 384x384 pixels with divisions and a stage that drifts by 4 pixels a
frame,
   true masks. TRA at least 0.99, F1 of divisions within one frame at least 0.95, by py-ctcmetrics.
2. ``durations``: 2,000 lives of a known duration, of which 30 % are cut off by the ends of the recording.
   The median within 2 % of the true one; the naive mean of what was seen is shown beside it.
3. ``long``: 1,000 frames of 500 cells, at most 30 s; memory that grows with cells alone.
4. ``dense``: 20 frames of 10,000 cells, at most 60 s.

Times are of linking and mending: the cells are there, and measured. Linking by plain overlap with laptrack,
as it was before, has TRA 0.9986, LNK 0.9890, complete tracks 0.7254 and F1 0.8923 on the frames of the first
part.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hela_seg.data.classes import Classes
from hela_seg.data.ctc_tracks import write_ctc_truth
from hela_seg.data.synthetic.render import draw_tracked
from hela_seg.tracking.ctc import write_ctc_results
from hela_seg.tracking.durations import durations_of, median_of
from hela_seg.tracking.follow import Follower, FollowSettings
from hela_seg.tracking.scores import score_tracks
from hela_seg.tracking.stays import Stay

CLASSES = Classes(["background", "round", "spread"])


def scores() -> None:
    """Part 1."""
    drawn = draw_tracked(200, 384, 384, 7, drift=4.0)
    for drift in (True, False):
        follower = Follower(CLASSES, FollowSettings(mitotic="round", drift=drift))
        frames = list(follower.follow(zip(drawn.cells.astype(np.int32), drawn.labels, strict=True)))
        lives = follower.lives()
        with tempfile.TemporaryDirectory() as folder:
            truth, results = Path(folder) / "01_GT", Path(folder) / "01_RES"
            write_ctc_truth(truth, drawn.cells, drawn.tracks)
            write_ctc_results(results, lives, (frame.labels for frame in frames))
            found = score_tracks(results, truth)
        print(
            f"drift {'taken off' if drift else 'left in'}: "
            + ", ".join(f"{k} {v:.4f}" for k, v in found.items())
        )


def durations() -> None:
    """Part 2."""
    random = np.random.default_rng(0)
    frames, true = 36, random.lognormal(np.log(15.0), 0.35, 2000)
    begins = random.uniform(0.0, frames - 6.0, len(true))
    first, last = np.ceil(begins), np.ceil(begins + true) - 1
    cut = last > frames - 1
    stays = [
        Stay(n, n, 1, int(one), int(min(two, frames - 1)), "change", None if off else "change")
        for n, (one, two, off) in enumerate(zip(first, last, cut, strict=True), start=1)
    ]
    found = median_of(durations_of(stays, 1))
    naive = np.mean([stay.frames for stay in stays if stay.ended])
    right = float(np.median(true))
    print(
        f"{cut.mean():.0%} of the lives are cut off; median {found.value:.2f} ({found.low:.2f} to "
        f"{found.high:.2f}), "
        f"true {right:.2f}: bias {found.value / right - 1:+.2%}; naive mean {naive:.2f}, true mean "
        f"{true.mean():.2f}: "
        f"bias {naive / true.mean() - 1:+.2%}"
    )


def moving_discs(frames: int, cells: int, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Label maps and class maps (H, W) of discs that walk about the points of a grid."""
    random = np.random.default_rng(0)
    side = int(np.ceil(np.sqrt(cells)))
    step, reach = size / side, int(size / side * 0.36)
    grid = np.stack(np.divmod(np.arange(cells), side), axis=1)
    home = (grid + 0.5) * step
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.stack(np.nonzero(rows**2 + columns**2 <= reach**2)) - reach
    place = home.copy()
    for _ in range(frames):
        place += random.normal(0, 1.0, place.shape) + 0.1 * (home - place)
        at = np.rint(place).astype(int)[:, :, None] + disc[None]
        at = np.clip(at, 0, size - 1)
        labels = np.zeros((size, size), np.int32)
        labels[at[:, 0], at[:, 1]] = np.arange(1, cells + 1)[:, None]
        yield labels, (labels > 0).astype(np.uint8)


def speed(frames: int, cells: int, size: int) -> None:
    """Parts 3 and 4."""
    follower = Follower(CLASSES, FollowSettings())
    maps = moving_discs(frames, cells, size)
    began = time.perf_counter()
    most = []
    for _ in follower.follow(maps):
        most.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    lives = follower.lives()
    everything = time.perf_counter() - began
    tenth, end = most[len(most) // 10], most[-1]
    print(
        f"{frames} frames x {cells} cells: linked in {follower.seconds:.1f} s (drawn and measured too: "
        f"{everything:.1f} s), {len(lives.lives)} tracks; memory {tenth:.0f} MiB after a tenth, {end:.0f} "
        f"at the end"
    )


PARTS = {
    "scores": scores,
    "durations": durations,
    "long": lambda: speed(1000, 500, 1024),
    "dense": lambda: speed(20, 10_000, 4096),
}


def main() -> None:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    for name in parser.parse_args().parts or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main()
