"""The commands: what each is for, how it is typed, and its own grammar."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

CONFIG = next(path / "conf" for path in Path(__file__).parents[1:3] if (path / "conf").is_dir())
"""The configuration files: inside an installed package, beside it in a source tree."""

USER_FAULT, OUR_FAULT, PARTIAL = 2, 1, 3
"""Exit statuses."""


@dataclass(frozen=True)
class Command:
    """A command's own grammar.

    Attributes:
        positions: keys that arguments without a key stand for, in order.
        listed: key that all further such arguments stand for, as a list.
        options: options and the keys that they stand for.
        flags: options without a value, and what they stand for.
        paths: keys whose values are paths, or names that are taken as they are typed.
        inputs: those of them that are read, and so have to be there.
        goes_on: how a command that was interrupted goes on, where it does not begin anew.
        about: what it does, in a line.
        examples: what may be typed after its name.
    """

    positions: tuple[str, ...] = ()
    listed: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)
    paths: frozenset[str] = frozenset()
    inputs: tuple[str, ...] = ()
    goes_on: str = ""
    about: str = ""
    examples: tuple[str, ...] = ()


READ_LAYOUTS = ("folder", "timelapse", "dryad", "ctc", "auto")
"""Values of ``data.layout`` with which ``data.root`` has to be there."""

_DATA_PATHS = frozenset(
    {"data.root", "data.images", "data.masks", "data.split.table", "data.split.file"}
    | {"hydra.run.dir", "hydra.sweep.dir"}
)
PATTERNS = frozenset({"data.images", "data.masks", "images"})
"""Keys whose values may be lists or mappings of patterns, whose braces and stars Hydra takes for its own."""

COMMANDS = {
    "check": Command(
        paths=_DATA_PATHS,
        inputs=("data.root",),
        about="Look at all data, and say what is wrong before training starts.",
        examples=(
            'data=folder data.root="my cells" data.classes=[background,round,spread]',
            "data=dryad data.root=FOLDER_FROM_DRYAD",
            "--multirun data.split.folds=5 data.split.fold=0,1,2,3,4",
        ),
    ),
    "train": Command(
        paths=_DATA_PATHS | {"ckpt_path", "start_from"},
        inputs=("data.root", "ckpt_path"),
        about="Train a net to segment the classes of cells in time-lapse images.",
        examples=(
            "model=inception_unet",
            'data=folder data.root="my cells" data.classes=[background,round,spread] minutes=20',
            'start_from=best.ckpt data=folder data.root="my cells" data.classes=[background,round,spread]',
            "resume=outputs/train/2026-01-31_12-00-00",
            "--multirun model=unet,vgg19_unet,inception_unet,resnet34_unet seed=0,1,2",
        ),
    ),
    "compare": Command(
        listed="runs",
        paths=frozenset({"runs", "hydra.run.dir"}),
        inputs=("runs",),
        about="Put finished runs side by side: HTML, CSV, Markdown and LaTeX.",
        examples=(
            "outputs/multirun/2026-01-31_12-00-00",
            'outputs/train "runs of the other machine"',
            "outputs/train output_dir=comparison",
        ),
    ),
    "evaluate": Command(
        ("ckpt",),
        paths=_DATA_PATHS | {"ckpt", "labels", "name", "reading.files", "root", "tracks"},
        inputs=("ckpt", "labels", "data.root", "root", "tracks"),
        about="Score a checkpoint, or label images of any program, against masks.",
        examples=(
            "best.ckpt",
            'best.ckpt data=folder data.root="other cells"',
            'labels="their masks" data=folder data.root="my cells" data.classes=[background,cell]',
            "labels=cellpose name=Cellpose reading.kind=instances ckpt=best.ckpt",
            "best.ckpt boundaries.unit=micrometres boundaries.tolerance=0.5 cells=null",
        ),
    ),
    "predict": Command(
        ("ckpt", "input"),
        options={"-o": "output"},
        flags={"-v": "verbose=true", "--verbose": "verbose=true"},
        paths=frozenset({"ckpt", "input", "output", "images"}),
        inputs=("ckpt", "input"),
        goes_on="the same command goes on where it stood",
        about="Write class maps, cells, overlays and tables for recordings.",
        examples=(
            "best.ckpt movie.tif -o results",
            'best.ckpt "folder of films" -o results',
            "best.ckpt stack.tif -o results axes=TYX track=true film=mp4",
        ),
    ),
    "track": Command(
        ("input",),
        options={"-o": "output"},
        paths=frozenset({"input", "output", "class_maps", "conditions", "images", "masks", "truth"}),
        inputs=("input", "class_maps", "conditions", "images", "masks", "truth"),
        about="Follow cells in masks of any program: divisions, lineages, lives.",
        examples=(
            "results/movie.labels.ome.tif -o lives mitotic=round",
            '"masks of Cellpose" -o lives kind=instances conditions=plate.csv interval=300',
            "01_RES -o scored truth=01_GT",
            "trackmate.xml -o of_trackmate truth=01_GT",
        ),
    ),
    "export": Command(
        ("ckpt",),
        options={"-o": "output"},
        paths=frozenset({"ckpt", "output"}),
        inputs=("ckpt",),
        about="Write a checkpoint for other programs, or as a page for people.",
        examples=(
            "best.ckpt format=onnx",
            'best.ckpt format=card -o "model card.md" overwrite=true',
            "best.ckpt format=bioimageio -o cells.bioimageio.zip",
        ),
    ),
    "convert": Command(
        ("weights",),
        options={"-o": "output"},
        paths=frozenset({"weights", "output"}),
        inputs=("weights",),
        about="Turn a Keras file of one of the paper's nets into a checkpoint.",
        examples=(
            "weights=ResNet34_UNet.hdf5 model=resnet34_unet",
            '"my weights.h5" model=unet classes=[background,cell,debris] -o cells.ckpt',
            "weights=UNet.hdf5 model=unet model.activation=leaky_relu overwrite=true",
        ),
    ),
    "benchmark": Command(
        paths=_DATA_PATHS,
        inputs=("data.root",),
        about="Time reading, training and prediction on this machine.",
        examples=(
            "",
            "model=unet data.tile=[512,512] data.batch_size=8 data.workers=8",
            "trainer.precision=32-true repeats=10",
        ),
    ),
}
