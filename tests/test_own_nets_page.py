"""docs/own_nets.md holds, and no code is imported by the word of a checkpoint alone."""

from __future__ import annotations

import csv
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from conftest import SMALL_NET, write_folder
from documents import blocks, commands
from omegaconf import OmegaConf

import hela_seg
from hela_seg.cli import main
from hela_seg.runs.checkpoint import read_checkpoint, read_content, save_whole
from hela_seg.system.errors import InputError

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "own_nets.md"
COMMANDS = commands(PAGE)
QUICK = [one for one in SMALL_NET if not one.startswith("model.")]

EVIL = """
from pathlib import Path
Path({marker!r}).write_text("imported")
from torch import nn
class Net(nn.Module):
    pass
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the example as the working folder, with recordings beside it."""
    shutil.copytree(ROOT / "examples" / "own_net", tmp_path / "own")
    write_folder(tmp_path / "own" / "cells")
    monkeypatch.chdir(tmp_path / "own")
    monkeypatch.syspath_prepend(str(tmp_path / "own"))
    before = set(sys.modules)
    yield tmp_path / "own"
    for name in set(sys.modules) - before:
        if name.split(".")[0] in ("my_nets", "evil"):
            del sys.modules[name]


def quick(command: str, number: int) -> tuple[str, list[str]]:
    python, option, module, *arguments = shlex.split(command)
    assert (python, option) == ("python", "-m")
    name = module.removeprefix("hela_seg.")
    if name == "train":
        resumed = any(argument.startswith("resume=") for argument in arguments)
        short = (
            [] if resumed else [*QUICK, *([] if "output_dir" in command else [f"hydra.run.dir=r{number}"])]
        )
        arguments = [one for one in arguments if not one.startswith("trainer.max_epochs")]
        arguments += [*short, f"trainer.max_epochs={2 if resumed else 1}"]
    if name == "evaluate":
        arguments += ["boundaries=null", "cells=null", "hydra.run.dir=scores"]
    return name, arguments


@pytest.mark.usefixtures("no_report")
@pytest.mark.filterwarnings("ignore:.*class '.*' has:UserWarning")  # nets of two steps
def test_the_page_runs(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number, command in enumerate(COMMANDS):
        name, arguments = quick(command, number)
        assert main(name, arguments) == 0, (command, capfd.readouterr().err)
    said = capfd.readouterr().out
    assert "best m-IoU so far" in said
    info = read_checkpoint(here / "runs/mine/checkpoints/best.ckpt")[0]
    assert info.net == {"_target_": "my_nets.MyNet", "in_channels": 1, "classes": 3, "width": 8}
    losses = [
        read_checkpoint(path)[0].config["loss"] for path in sorted(here.glob("r*/checkpoints/best.ckpt"))
    ]
    # of the default loss no argument is left over, and the files of one's own say theirs
    shown = [OmegaConf.load(path)["loss"] for path in sorted(here.glob("r*/.hydra/config.yaml"))]
    assert shown == losses
    assert losses == [
        {"_target_": "my_nets.MyLoss"},
        *([{"_target_": "my_nets.MyLoss", "smoothing": 0.05}] * 2),
    ]
    space: dict[str, Any] = {}
    for block in blocks(PAGE):
        exec(compile(block, str(PAGE), "exec"), space)
    assert space["maps"].shape == (2, 48, 64)
    assert type(space["net"]).__name__ == "Predictor"
    for command in (["resume=runs/mine"], ["start_from=runs/mine/checkpoints/best.ckpt"]):
        assert main("train", [*command, "trainer.max_epochs=9"]) == 2
        assert "trust=my_nets" in capfd.readouterr().err


@pytest.fixture
def evil(here: Path, checkpoint: Path) -> Path:
    """A checkpoint of a stranger, and beside it a module that acts when it is imported."""
    (here / "evil").mkdir()
    (here / "evil" / "__init__.py").write_text(EVIL.format(marker=str(here / "marker")))
    shutil.copy(here / "evil" / "__init__.py", here / "evil" / "inside.py")
    content = read_content(checkpoint, mapped=False)
    called = {"_target_": "evil.Net", "command": "touch marker"}
    for group in ("data", "model", "loss", "optimizer", "callbacks", "augment", "scheduler"):
        content["hela_seg"]["config"][group] = {**content["hela_seg"]["config"].get(group, {}), **called}
    save_whole(here / "evil.ckpt", content)
    return here / "evil.ckpt"


TARGETS = [
    ("evil.Net", {}),
    ("evil.inside.Net", {}),
    ("evil.nothing.Net", {}),
    ("os.system", {"command": "touch marker"}),
    ("builtins.eval", {"source": "open('marker', 'w')"}),
    ("subprocess.Popen", {"args": "touch marker"}),
    ("hydra.utils.instantiate", {"config": {"_target_": "os.mkdir", "path": "marker"}}),
    ("hela_seg.models.unet.importlib.import_module", {"name": "evil"}),
    ("hela_seg.models.unet.UNet", {"width": {"_target_": "evil.Net"}}),
    ("hela_seg.models.evil.Net", {}),
]


@pytest.mark.parametrize(("target", "arguments"), TARGETS)
def test_a_checkpoint_imports_and_calls_nothing_by_its_own_word(
    target: str, arguments: dict[str, Any], evil: Path, here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = read_content(evil, mapped=False)
    content["hela_seg"]["net"] = {"_target_": target, **arguments}
    save_whole(evil, content)
    for trust in ([], ["my_nets"]):
        with pytest.raises(InputError) as refused:
            hela_seg.load(evil, trust=trust)
        assert "evil.ckpt" in str(refused.value) or "model" in str(refused.value)
    commands = {
        "predict": [str(evil), "cells/images", "-o", "out"],
        "evaluate": [str(evil)],
        "export": [str(evil), "format=card"],
        "train": [f"start_from={evil}", "data=folder", "data.root=cells", "data.classes=[background,cell]"],
    }
    for name, typed in commands.items():
        capfd.readouterr()
        assert main(name, typed) == 2
        (line,) = [one for one in capfd.readouterr().err.splitlines() if one.startswith("error: ")]
        outside = not target.startswith("hela_seg.")
        assert (f"trust={target.rpartition('.')[0]} if you trust" in line) == outside
        assert not outside or target in line
    assert not (here / "marker").exists()
    assert not [name for name in sys.modules if name.split(".")[0] == "evil"]


def test_a_trusted_module_is_asked_for_nets_alone(evil: Path, here: Path) -> None:
    (here / "evil" / "__init__.py").write_text(
        "import os\nfrom os import mkdir, system\nfrom torch.nn import Conv2d\n"
        "def made(path): os.mkdir(path)\nclass Plain:\n    def __init__(self, path): os.mkdir(path)\n"
    )
    for name in ("os.mkdir", "mkdir", "system", "Conv2d", "made", "Plain", "nothing"):
        content = read_content(evil, mapped=False)
        content["hela_seg"]["net"] = {"_target_": f"evil.{name}", "path": "marker"}
        save_whole(evil, content)
        with pytest.raises(InputError, match=r"expected a|cannot be imported"):
            hela_seg.load(evil, trust=["evil"])
    assert not (here / "marker").exists()


def test_the_rest_of_a_strangers_settings_is_not_called_either(evil: Path, here: Path) -> None:
    """The net is one of ours; its data, loss, callbacks name code that acts."""
    assert hela_seg.load(evil).predict("cells/images/dish 0.tif").shape == (2, 48, 64)
    assert not (here / "marker").exists()
    assert "evil" not in sys.modules


@pytest.fixture
def mine(here: Path, checkpoint: Path) -> Path:
    """A checkpoint of the example's net, of random weights."""
    from my_nets import MyNet

    content = read_content(checkpoint, mapped=False)
    content["hela_seg"]["net"] = {"_target_": "my_nets.MyNet", "in_channels": 1, "classes": 3, "width": 2}
    weights = MyNet(1, 3, width=2).state_dict()
    content["state_dict"] = {f"net.{name}": value for name, value in weights.items()}
    save_whole(here / "mine.ckpt", content)
    return here / "mine.ckpt"


def test_an_installed_package_makes_its_nets_known(here: Path, mine: Path) -> None:
    installed = here / "my_nets-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: my_nets\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[hela_seg.nets]\nany = my_nets\n")
    predictor = hela_seg.load(mine)
    assert repr(predictor) == "Predictor(my_nets, classes: background, dim, bright; 1 channel; on cpu)"
    assert predictor.info.net["width"] == 2


@pytest.mark.usefixtures("here")
def test_an_onnx_file_of_a_net_predicts_without_its_module(
    mine: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main("export", [str(mine), "format=onnx"]) == 2
    assert "trust=my_nets if you trust" in capfd.readouterr().err
    assert main("export", [str(mine), "format=onnx", "trust=my_nets"]) == 0
    expected = hela_seg.load(mine, trust="my_nets").predict("cells/images/dish 0.tif")
    monkeypatch.delitem(sys.modules, "my_nets")
    exported = str(mine.with_suffix(".onnx"))
    typed = ["cells=none", "entropy=true"]
    assert main("predict", [exported, "cells/images/dish 0.tif", "-o", "out", *typed]) == 0
    found = tifffile.imread("out/dish 0.labels.ome.tif")
    assert np.mean(found == expected) > 0.999  # of ties between classes, each library decides
    quick_scores = ["boundaries=null", "cells=null", "hydra.run.dir=scores"]
    assert main("evaluate", [exported, "data.root=cells", *quick_scores]) == 0
    assert "my_nets" not in sys.modules


def test_cfg_job_shows_what_the_command_gets(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A class that is typed brings its own defaults, in place of those of the class before it."""
    typed = ["loss._target_=my_nets.MyLoss", "model._target_=my_nets.MyNet", "model.width=3"]
    assert main("train", ["--cfg", "job", *typed]) == 0
    shown = OmegaConf.create(capfd.readouterr().out)
    assert shown["loss"] == {"_target_": "my_nets.MyLoss"}
    assert shown["model"] == {"_target_": "my_nets.MyNet", "width": 3}
    assert shown["optimizer"]["lr"] > 0


@pytest.mark.filterwarnings("ignore:.*class '.*' has:UserWarning")  # nets of two steps
def test_a_sweep_over_a_net_of_ones_own_is_compared(
    here: Path, mine: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    typed = ["data=folder", "data.root=cells", "data.classes=[background,dim,bright]", *QUICK]
    typed += ["trainer.max_epochs=1", "hydra.sweep.dir=sweep", f"start_from={mine}"]
    swept = ["--multirun", *typed, "start_from_lr_factor=0.1,1"]
    assert main("train", swept) == 2
    assert "trust=my_nets if you trust" in capfd.readouterr().err
    assert main("train", [*swept, "trust=my_nets"]) == 0
    with (here / "sweep" / "comparison" / "comparison.csv").open(newline="") as file:
        rows = sorted((row["runs"], row["net"]) for row in csv.DictReader(file))
    assert rows == [
        ("sweep/0_my_nets", "my_nets, start_from_lr_factor=0.1"),
        ("sweep/1_my_nets", "my_nets, start_from_lr_factor=1"),
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return image", r"gives \(1, 1, 32, 32\) of images \(1, 1, 32, 32\), expected logits"),
        ("raise ValueError('too small')", r"fails on images .* \(ValueError: too small\)"),
    ],
)
def test_a_net_that_gives_no_logits_is_refused_before_training(
    body: str, message: str, here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (here / "odd_net.py").write_text(
        "from torch import nn\nclass Net(nn.Module):\n"
        "    def __init__(self, in_channels, classes):\n        super().__init__()\n"
        "        self.layer = nn.Conv2d(in_channels, classes, 1)\n"
        f"    def forward(self, image):\n        {body}\n"
    )
    typed = ["data=folder", "data.root=cells", "data.classes=[background,dim,bright]", *QUICK]
    assert main("train", [*typed, "model._target_=odd_net.Net", "hydra.run.dir=odd"]) == 2
    assert re.search(message, capfd.readouterr().err)
    del sys.modules["odd_net"]
