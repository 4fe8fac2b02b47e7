"""Several nets and several views are averaged as probabilities."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
import torch
from torch import Tensor, nn
from toy_nets import Pool

from hela_seg.inference import ensemble
from hela_seg.inference.ensemble import Ensemble, choose_device, tta_transforms
from hela_seg.system.errors import InputError

CPU = torch.device("cpu")


class Fixed(nn.Module):
    """The same logits for every pixel."""

    stride = 1

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, image: Tensor) -> Tensor:
        return self.logits[:, None, None].expand(len(image), -1, *image.shape[2:])


def test_the_mean_is_of_probabilities_not_of_logits() -> None:
    """softmax(0, 9) is nearly (0, 1) and softmax(1, 0) is (0.731, 0.269)."""
    ensemble = Ensemble([Fixed(0, 9), Fixed(1, 0)], [0, 0], "none", CPU)
    found = ensemble.probabilities([torch.zeros(2, 1, 4, 4)])[0]
    assert found.shape == (2, 2, 4, 4)
    assert found[0, :, 0, 0].tolist() == pytest.approx([(0.000123 + 0.731059) / 2, 0.634409], abs=1e-5)


def test_images_must_suit_the_strides_of_all_nets() -> None:
    nets = [Fixed(0, 1), Fixed(1, 0)]
    nets[0].stride, nets[1].stride = 4, 6
    assert Ensemble(nets, [0, 0], "none", CPU).stride == 12


def test_two_sure_nets_outvote_a_third() -> None:
    ensemble = Ensemble([Fixed(0, 2), Fixed(0, 2), Fixed(3, 0)], [0, 0, 0], "none", CPU)
    assert ensemble.classes([torch.zeros(1, 1, 2, 2)])[0].unique().tolist() == [1]


@pytest.mark.parametrize(("tta", "count"), [("none", 1), ("flips", 4), ("dihedral", 8)])
def test_views_are_distinct_and_turned_back(tta: str, count: int) -> None:
    image = torch.arange(12.0).reshape(1, 1, 3, 4)
    seen = [turn(image) for turn, _ in tta_transforms(tta)]
    assert len({(tuple(view.shape), tuple(view.flatten().tolist())) for view in seen}) == count
    for (_, turn_back), view in zip(tta_transforms(tta), seen, strict=True):
        assert torch.equal(turn_back(view), image)


@pytest.mark.parametrize("tta", ["flips", "dihedral"])
def test_averaged_views_follow_the_image_when_it_is_turned(tta: str) -> None:
    ensemble = Ensemble([Pool()], [0], tta, CPU)
    image = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    found = ensemble.probabilities([image])[0]
    flipped = ensemble.probabilities([image.flip(-1)])[0]
    torch.testing.assert_close(flipped.flip(-1), found)
    single = Ensemble([Pool()], [0], "none", CPU).probabilities([image])[0]
    assert not torch.allclose(single, found)
    if tta == "dihedral":
        turned = ensemble.probabilities([image.rot90(1, (-2, -1))])[0]
        torch.testing.assert_close(turned.rot90(-1, (-2, -1)), found)


@pytest.mark.parametrize("tta", ["none", "flips"])
def test_classes_are_the_same_with_probabilities_and_without(tta: str) -> None:
    ensemble = Ensemble([Pool(classes=3)], [0], tta, CPU)
    image = torch.rand(2, 1, 16, 16)
    labels, probabilities = ensemble.classes_and_probabilities([image])
    assert torch.equal(labels, ensemble.classes([image])[0])
    torch.testing.assert_close(probabilities, ensemble.probabilities([image])[0])


def test_the_stride_suits_every_net() -> None:
    assert Ensemble([Pool(), Fixed(0, 1)], [0, 0], "none", CPU).stride == 4


def test_half_precision_is_used_where_it_is_asked_for() -> None:
    image = torch.rand(1, 1, 16, 16)
    exact = Ensemble([Pool()], [0], "none", CPU, "float32").probabilities([image])[0]
    rounded = Ensemble([Pool()], [0], "none", CPU, "bfloat16").probabilities([image])[0]
    assert rounded.dtype == torch.float32
    assert not torch.equal(exact, rounded)
    torch.testing.assert_close(rounded, exact, atol=0.02, rtol=0)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(InputError, match="precision is 'double', expected auto, float32, bfloat16, float16"):
        Ensemble([Pool()], [0], "none", CPU, "double")


@pytest.mark.parametrize("device", ["abacus", "cuda"])
def test_a_device_that_is_not_there_is_refused(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch, "empty", Mock(side_effect=RuntimeError))
    with pytest.raises(InputError, match=f"device is '{device}', .*: choose auto or cpu$"):
        choose_device(device)


@pytest.mark.parametrize(("own", "expected"), [(True, torch.bfloat16), (False, torch.float16)])
def test_a_gpu_that_only_imitates_bfloat16_computes_in_float16(
    own: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: own or including_emulation
    )
    assert ensemble._precision_of(torch.device("cuda")) == expected
