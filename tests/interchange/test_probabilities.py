"""Probabilities are the softmax of the net's own logits."""

from __future__ import annotations

import math

import pytest
import torch
from small_nets import NETS, made, trained
from torch import Tensor, nn

from hela_seg.interchange.probabilities import Probabilities, with_probabilities
from hela_seg.system.errors import InputError


class OneToThree(nn.Module):
    """Logits of two classes whose odds are one to three, whatever the image."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.tensor([0.0, math.log(3)]).reshape(1, 2, 1, 1).expand(1, 2, *image.shape[2:])


def test_odds_of_one_to_three_are_a_quarter_and_three_quarters() -> None:
    net = Probabilities(NETS["unet"])
    assert net.stride == 16
    net.net = OneToThree()
    found = net(torch.zeros(1, 3, 2, 5))
    torch.testing.assert_close(found[:, 0], torch.full((1, 2, 5), 0.25))
    torch.testing.assert_close(found[:, 1], torch.full((1, 2, 5), 0.75))


def test_the_net_keeps_its_weights_and_what_is_known_of_it() -> None:
    given = made("unet")
    shown = with_probabilities(given)
    image = torch.rand(2, 3, 32, 48)
    with torch.no_grad():
        powers = given.net(image).exp()
        torch.testing.assert_close(shown.net(image), powers / powers.sum(dim=1, keepdim=True))
    assert (shown.info, shown.source) == (given.info, given.source)
    assert not shown.net.training
    assert set(shown.net.state_dict()) == {f"net.{key}" for key in given.net.state_dict()}


def test_an_onnx_file_is_no_source() -> None:
    computed_elsewhere = trained(nn.Identity(), NETS["unet"])
    with pytest.raises(InputError, match=r"best\.ckpt holds no weights of PyTorch's"):
        with_probabilities(computed_elsewhere)
