from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision.models import vgg

from hela_seg.models import start_from_pretrained
from hela_seg.models.vgg19_unet import VGG19Encoder, VGG19UNet
from hela_seg.system.errors import InputError


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


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_encoder_starts_from_torchvisions_weights(channels: int, tmp_path: Path) -> None:
    features = vgg.make_layers(vgg.cfgs["E"])
    zoo = {f"features.{key}": value for key, value in features.state_dict().items()}
    torch.save(zoo | {"classifier.0.bias": torch.zeros(4096)}, tmp_path / "vgg19.pth")
    net = VGG19UNet(in_channels=channels, encoder_weights=str(tmp_path / "vgg19.pth")).eval()
    start_from_pretrained(net)
    image = torch.rand(1, 1, 32, 48)
    means, deviations = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    if channels == 3:
        seen = (image.expand(-1, 3, -1, -1) - means[:, None, None]) / deviations[:, None, None]
    else:
        seen = ((image - means.mean()) / deviations.mean()).expand(-1, 3, -1, -1)
    levels: list[torch.Tensor] = []
    net.encoder.register_forward_hook(lambda _, given, found: levels.extend(found))
    with torch.no_grad():
        net(image.expand(-1, channels, -1, -1))
        expected = features[:36](seen)
    torch.testing.assert_close(levels[-1], expected, rtol=1e-4, atol=1e-5)


def test_weights_of_another_net_or_width_are_one_line(tmp_path: Path) -> None:
    features = vgg.make_layers(vgg.cfgs["A"])
    torch.save({f"features.{k}": v for k, v in features.state_dict().items()}, tmp_path / "vgg11.pth")
    net = VGG19UNet(encoder_weights=str(tmp_path / "vgg11.pth"))
    with pytest.raises(InputError, match=r"lacks features\.2\.weight or has it in another shape, expected"):
        start_from_pretrained(net)
    with pytest.raises(InputError, match=r"model\.width is 8, expected 64"):
        VGG19UNet(width=8, encoder_weights="imagenet")
    with pytest.raises(InputError, match="is 'imagnet', expected imagenet, the path of a file, or null"):
        start_from_pretrained(VGG19UNet(encoder_weights="imagnet"))
