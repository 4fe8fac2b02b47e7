"""How well and how fast cells are followed, and whether durations are right where lives are cut off.

    python tests/benchmarks/tracking.py

Five parts, each with what is asked for:

1. ``scores``: 200 synthetic frames of 384x384 pixels with divisions and a stage that drifts by 4 pixels a
   frame, true masks. TRA at least 0.99, F1 of divisions within one frame at least 0.95, by py-ctcmetrics.
2. ``predicted``: the same frames, with the class maps of the default net after the default training, which
   draws recordings of the same look. TRA at least 0.95. The errors that TRA counts, and the same with true
   class maps, say where the loss comes from. Cells that touch are cut at necks of two widths, and frame by
   frame or as the frame before has them.
3. ``durations``: 2,000 lives of a known duration, of which 30 % are cut off by the ends of the recording.
   The median within 2 % of the true one; the naive mean of what was seen is shown beside it.
4. ``long``: 1,000 frames of 500 cells, at most 30 s; memory that grows with cells alone.
5. ``dense``: 20 frames of 10,000 cells, at most 60 s.

Times are of linking and mending: the cells are there, and measured. Linking by plain overlap with laptrack,
as it was before, has TRA 0.9986, LNK 0.9890, complete tracks 0.7254 and F1 0.8923 on the frames of the first
part.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import hela_seg
from hela_seg.cells import measure_cells, split_cells
from hela_seg.cli import main as main_of
from hela_seg.data.classes import Classes
from hela_seg.data.ctc_tracks import write_ctc_truth
from hela_seg.data.stacks import write_tiff
from hela_seg.data.synthetic.render import Drawn, draw_tracked
from hela_seg.tracking.durations import durations_of, median_of
from hela_seg.tracking.follow import Follower, FollowSettings
from hela_seg.tracking.lives import Stay
from hela_seg.tracking.scores import TrackScorer

CLASSES = Classes(["background", "round", "spread"])


def recording() -> Drawn:
    """200 frames with divisions and drift."""
    return draw_tracked(200, 384, 384, 7, drift=4.0)


def scores() -> None:
    """Part 1."""
    drawn = recording()
    for drift in (True, False):
        pairs = zip(drawn.cells.astype(np.int32), drawn.labels, strict=True)
        print_scores(f"drift {'taken off' if drift else 'left in'}", pairs, drawn, drift=drift)


def predicted() -> None:
    """Part 2."""
    drawn, started = recording(), time.process_time()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        typed = [f"data.root={folder / 'synthetic'}", "report=false"]
        if main_of("train", [*typed, f"hydra.run.dir={folder / 'run'}"]) != 0:
            raise SystemExit("the net was not trained")
        print(f"trained in {time.process_time() - started:.0f} CPU seconds")
        net = hela_seg.load(folder / "run" / "checkpoints" / "best.ckpt")
        write_tiff(folder / "movie.tif", drawn.images, "TYXS")
        found = list(net.predict(folder / "movie.tif"))
    confusion = np.zeros((3, 3), np.int64)
    for true, own in zip(drawn.labels, found, strict=True):
        np.add.at(confusion, (true, own), 1)
    iou = confusion.diagonal() / (confusion.sum(0) + confusion.sum(1) - confusion.diagonal())
    print("IoU of the classes: " + ", ".join(f"{value:.3f}" for value in iou))
    for what, maps in (("true class maps", drawn.labels), ("the net's class maps", found)):
        for neck in (0.5, 0.8):
            for touching in (False, True):
                cells = ((split_cells(own, neck=neck), own) for own in maps)
                told = "as the frame before has them" if touching else "frame by frame"
                print_scores(f"{what}, neck {neck}, cut {told}", cells, drawn, touching=touching)


def print_scores(
    what: str,
    frames: Iterable[tuple[np.ndarray, np.ndarray]],
    drawn: Drawn,
    *,
    drift: bool = True,
    touching: bool = False,
) -> None:
    """Follow the cells of label maps and class maps, and print how they stand against the truth."""
    follower = Follower(CLASSES, FollowSettings(mitotic="round", drift=drift), touching=touching)
    cells = [frame.labels for frame, *_ in follower.follow(frames)]
    with tempfile.TemporaryDirectory() as folder:
        write_ctc_truth(Path(folder), drawn.cells, drawn.tracks)
        found = TrackScorer(Path(folder), Path(what)).score_lives(follower.lives(), cells)
    print(f"{what}: " + ", ".join(f"{name} {value:.5g}" for name, value in found.items()))


def durations() -> None:
    """Part 3."""
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


def moving_discs(frames: int, cells: int, size: int) -> Iterator[np.ndarray]:
    """Label maps (H, W) of discs that walk about the points of a grid."""
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
        yield labels


def speed(frames: int, cells: int, size: int) -> None:
    """Parts 4 and 5."""
    follower = Follower(CLASSES, FollowSettings())
    other, most = [0.0], []

    @contextmanager
    def not_counted() -> Iterator[None]:
        """The time of drawing and measuring, apart."""
        began = time.process_time()
        yield
        other[0] += time.process_time() - began

    def drawn() -> Iterator[np.ndarray]:
        """The discs."""
        maps = moving_discs(frames, cells, size)
        for _ in range(frames):
            with not_counted():
                labels = next(maps)
            yield labels

    began = time.process_time()
    for t, frame in enumerate(follower.mended(drawn())):
        with not_counted():
            rows = measure_cells(frame.labels, (frame.labels > 0).astype(np.uint8), CLASSES, frame=t)
        follower.add(frame, rows)
        most.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    lives = follower.lives()
    linking = time.process_time() - began - other[0]
    tenth, end = most[len(most) // 10], most[-1]
    print(
        f"{frames} frames x {cells} cells: linked in {linking:.1f} CPU s (drawn and measured: "
        f"{other[0]:.1f} s), {len(lives.lives)} tracks; memory {tenth:.0f} MiB after a tenth, {end:.0f} "
        f"at the end"
    )


PARTS = {
    "scores": scores,
    "predicted": predicted,
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
