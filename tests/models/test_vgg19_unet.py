from __future__ import annotations

import torch
from torchvision.models import vgg

from hela_seg.models.vgg19_unet import VGG19Encoder, VGG19UNet


def test_weights_of_torchvisions_vgg19_fit_the_encoder() -> None:
    with torch.device("meta"):
        zoo = {key: v for key, v in vgg.vgg19().state_dict().items() if key.startswith("features.")}
        ours = VGG19UNet().encoder.state_dict()
    assert {key: v.shape for key, v in ours.items()} == {key: v.shape for key, v in zoo.items()}


def test_levels_are_torchvisions_features_before_each_pooling() -> None:
    encoder = VGG19Encoder(3, 4, "relu")
    zoo = vgg.make_layers([4, 4, "M", 8, 8, "M", *[16] * 4, "M", *[32] * 4, "M", *[32] * 4])
    zoo.load_state_dict({key.removeprefix("features."): v for key, v in encoder.state_dict().items()})
    image = torch.rand(1, 3, 32, 48)
    levels = encoder(image)
    assert [tuple(level.shape[1:]) for level in levels] == [
        (4, 32, 48),
        (8, 16, 24),
        (16, 8, 12),
        (32, 4, 6),
        (32, 2, 3),
    ]
    last_activations = (3, 8, 17, 26, 35)
    for level, end in zip(levels, last_activations, strict=True):
        torch.testing.assert_close(level, zoo[: end + 1](image))
