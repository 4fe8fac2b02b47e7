"""Where memory runs out, what fits is found by trying; memory that runs out is played here."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import SMALL_NET
from torch import Tensor, nn

from hela_seg.cli import main
from hela_seg.models.unet import UNet
from hela_seg.runs.checkpoint import read_checkpoint
from hela_seg.system.errors import InputError
from hela_seg.training.losses import CrossEntropyLoss
from hela_seg.training.memory import MemoryTrial, explain, resolve_batch_size


class Greedy(nn.Module):
    """A net for which memory holds so many tiles, and twice as many where it computes in half precision."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self.conv = nn.Conv2d(1, 2, 1)
        self.seen: list[int] = []

    def forward(self, image: Tensor) -> Tensor:
        room = self.room * (2 if torch.is_autocast_enabled("cpu") else 1)
        if len(image) > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return self.conv(image)


def trial(room: int) -> MemoryTrial:
    return MemoryTrial(Greedy(room), CrossEntropyLoss(), torch.optim.Adam, (1, 8, 8), torch.device("cpu"))


@pytest.mark.parametrize(
    ("batch", "room", "found"), [(8, 100, 8), (8, 7, 4), (8, 1, 1), (6, 5, 3), (7, 6, 1), (8, 0, 0)]
)
def test_the_largest_divisor_that_fits_is_found(batch: int, room: int, found: int) -> None:
    assert trial(room).most(batch, "32-true") == found


def test_the_net_stays_as_it_is() -> None:
    tried = trial(3)
    before = {name: value.clone() for name, value in tried.net.state_dict().items()}
    assert tried.most(4, "32-true") == 2
    assert all(torch.equal(value, before[name]) for name, value in tried.net.state_dict().items())
    assert all(parameter.grad is None for parameter in tried.net.parameters())


@pytest.mark.parametrize(("wish", "settled"), [(None, 8), (2, 2), ("auto", 4)])
def test_tiles_at_a_time_are_as_wished_or_as_many_as_fit(wish: int | str | None, settled: int) -> None:
    assert resolve_batch_size(trial(5), wish, 8, "32-true") == settled


@pytest.mark.parametrize("wish", [3, 0, -1, 16, "many"])
def test_other_wishes_are_refused(wish: int | str) -> None:
    with pytest.raises(InputError, match=r"expected a divisor of data\.batch_size=8, auto or null"):
        resolve_batch_size(trial(5), wish, 8, "32-true")


def test_a_loss_with_weights_is_tried_on_the_net_s_device() -> None:
    loss = CrossEntropyLoss([1.0, 2.0])
    anywhere = MemoryTrial(nn.Conv2d(1, 2, 1), loss, torch.optim.SGD, (1, 8, 8), torch.device("meta"))
    assert anywhere.fits(2, "32-true")
    assert loss.class_weights is not None
    assert loss.class_weights.device.type == "cpu"


def test_what_is_said_is_what_was_measured() -> None:
    said = str(explain(trial(3), 8, 8, "32-true"))
    assert said == (
        "memory ran out with 8 times a tile of 8x8 at a time and 32-true, and 2 with 32-true was measured to "
        "fit: set trainer.batch_size=2, or trainer.batch_size=auto, which keep steps of 8 tiles by "
        "accumulation"
    )
    assert "4 with bf16-mixed" in str(explain(trial(3), 8, 8, "bf16-mixed"))


def test_what_did_not_fit_while_training_is_not_said_to_fit() -> None:
    said = str(explain(trial(100), 8, 8, "32-true"))
    assert "and 4 with 32-true was measured to fit: set trainer.batch_size=4" in said
    with pytest.raises(InputError, match="does not hold a step with a tile of 8x8"):
        explain(trial(100), 1, 8, "32-true")


def test_where_not_even_one_tile_fits_it_says_so() -> None:
    with pytest.raises(InputError, match="does not hold a step with a tile of 8x8"):
        resolve_batch_size(trial(0), "auto", 8, "32-true")


def test_other_faults_are_no_lack_of_memory() -> None:
    tried = MemoryTrial(nn.Linear(2, 2), CrossEntropyLoss(), torch.optim.Adam, (1, 8, 8), torch.device("cpu"))
    with pytest.raises(RuntimeError):
        tried.fits(1, "32-true")


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that holds 3 tiles in the net at a time."""
    forward = UNet.forward

    def greedy(self: UNet, image: Tensor) -> Tensor:
        if len(image) > 3 and self.training:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return forward(self, image)

    monkeypatch.setattr(UNet, "forward", greedy)


def train(cells: Path, folder: Path, *more: str) -> int:
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]", *SMALL_NET]
    given = ["model=unet", "trainer.max_epochs=2", "data.batch_size=4", f"hydra.run.dir={folder}"]
    return main("train", [*data, *given, *more])


@pytest.mark.usefixtures("little_memory")
def test_a_run_that_runs_out_of_memory_names_what_fits(
    cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert train(cells, tmp_path) == 2
    error = capfd.readouterr().err
    assert "error: memory ran out with 4 times a tile of 32x32" in error
    assert "set trainer.batch_size=2, or trainer.batch_size=auto" in error


@pytest.mark.usefixtures("little_memory")
def test_auto_keeps_the_steps(cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert train(cells, tmp_path / "a", "trainer.batch_size=auto") == 0
    assert "2 tiles at a time, whose gradients add up to steps of 4" in capfd.readouterr().err
    info, weights = read_checkpoint(tmp_path / "a" / "checkpoints" / "last.ckpt")
    assert info.config["trainer"]["batch_size"] == 2
    assert torch.load(tmp_path / "a" / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 4
    assert train(cells, tmp_path / "b", "trainer.batch_size=2") == 0
    _, same = read_checkpoint(tmp_path / "b" / "checkpoints" / "last.ckpt")
    assert all(torch.equal(weights[name], same[name]) for name in weights)
