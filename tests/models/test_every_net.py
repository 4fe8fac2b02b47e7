"""What holds for each of the four nets."""

from __future__ import annotations

import inspect

import pytest
import torch
from keras_parity import load_reference_weights, read_manifest, reference
from torch import Tensor, nn

from hela_seg.models.inception_unet import InceptionUNet
from hela_seg.models.resnet34_unet import ResNet34UNet
from hela_seg.models.unet import UNet
from hela_seg.models.vgg19_unet import VGG19UNet
from hela_seg.system.errors import InputError

Net = type[UNet] | type[VGG19UNet] | type[InceptionUNet] | type[ResNet34UNet]

NETS: dict[str, Net] = {
    "unet": UNet,
    "vgg19_unet": VGG19UNet,
    "inception_unet": InceptionUNet,
    "resnet34_unet": ResNet34UNet,
}
TOTALS = {
    "unet": (31_402_639, 31_390_857),
    "vgg19_unet": (31_172_163, 31_168_323),
    "inception_unet": (18_083_535, 18_065_865),
    "resnet34_unet": (24_456_444, 24_439_094),
}
each_net = pytest.mark.parametrize("net_class", NETS.values(), ids=NETS.keys())


def image_for(
    net: UNet | VGG19UNet | InceptionUNet | ResNet34UNet, channels: int = 3, batch: int = 2
) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.rand(batch, channels, 2 * net.stride, 3 * net.stride, generator=generator)


@pytest.mark.parametrize("name", NETS)
def test_the_graph_is_that_of_keras_to_the_last_digits_of_float64(name: str) -> None:
    net = NETS[name]().eval()
    load_reference_weights(net, name)
    image, expected = reference(name, torch.float64)
    with torch.no_grad():
        logits = net.double()(image)
    assert (logits - expected).abs().max() < 1e-10


@pytest.mark.parametrize("name", NETS)
def test_logits_with_the_reference_weights_are_those_of_keras(name: str) -> None:
    net = NETS[name]().eval()
    load_reference_weights(net, name)
    image, expected = reference(name, torch.float32)
    with torch.no_grad():
        logits = net(image)
    # 1e-3 for logits of size 100. ResNet34's reach 463, where Keras' own float32 is 1.8e-3 off its float64.
    assert (logits - expected).abs().max() < 1e-5 * expected.abs().max()


@pytest.mark.parametrize("name", NETS)
def test_parameters_are_as_many_as_the_notebook_prints(name: str) -> None:
    with torch.device("meta"):
        net = NETS[name]()
    kept = [v for key, v in net.state_dict().items() if not key.endswith("num_batches_tracked")]
    trainable = [p for p in net.parameters() if p.requires_grad]
    totals = sum(v.numel() for v in kept), sum(p.numel() for p in trainable)
    assert totals == TOTALS[name] == tuple(read_manifest(name)[key] for key in ("parameters", "trainable"))


@each_net
@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_logits_have_the_images_size_and_one_channel_a_class(net_class: Net, activation: str) -> None:
    net = net_class(in_channels=2, classes=5, width=4, activation=activation, dropout=0.1)
    image = image_for(net, channels=2)
    logits = net(image)
    assert logits.shape == (2, 5, *image.shape[-2:])
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


@each_net
def test_a_layer_knows_its_activation(net_class: Net) -> None:
    leaky = net_class(width=4, activation="leaky_relu")
    slopes = {layer.negative_slope for layer in leaky.modules() if isinstance(layer, nn.LeakyReLU)}
    assert slopes == {0.3}
    assert not any(isinstance(layer, nn.ReLU) for layer in leaky.modules())
    with pytest.raises(InputError, match=r"model.activation is 'swish', expected 'relu' or 'leaky_relu'"):
        net_class(width=4, activation="swish")


@each_net
def test_sizes_that_the_net_cannot_halve_are_refused(net_class: Net) -> None:
    net = net_class(width=4)
    odd = net.stride + net.stride // 2
    with pytest.raises(
        ValueError, match=f"{net.stride}x{odd} pixels, expected multiples of {net.stride}: pad"
    ):
        net(torch.zeros(1, 3, net.stride, odd))


@each_net
def test_gradient_reaches_every_parameter(net_class: Net) -> None:
    torch.manual_seed(0)
    # Leaky, since a narrow net may well have a filter that no pixel of one small batch switches on.
    net = net_class(width=8, activation="leaky_relu")
    image = image_for(net)
    # A squared sum would do nothing through a closing normalisation; weights of their own a pixel break that.
    (net(image) * image).sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@each_net
def test_one_seed_gives_one_net(net_class: Net) -> None:
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(net_class(width=4).state_dict())
    kernels = [key for key, value in states[0].items() if value.ndim == 4]
    assert all(states[0][key].equal(states[1][key]) for key in states[0])
    assert not any(states[0][key].equal(states[2][key]) for key in kernels)


@each_net
def test_dropout_acts_while_training_only(net_class: Net) -> None:
    torch.manual_seed(0)
    net = net_class(width=16, dropout=0.5)
    image = image_for(net)
    assert not net(image).equal(net(image))
    net.eval()
    assert net(image).equal(net(image))


@each_net
def test_dropout_is_off_but_in_the_simple_unet(net_class: Net) -> None:
    default = inspect.signature(net_class).parameters["dropout"].default
    assert default == (0.05 if net_class is UNet else 0.0)


@each_net
def test_memory_format_changes_no_logits(net_class: Net) -> None:
    net = net_class(width=4).eval()
    image = image_for(net)
    with torch.no_grad():
        expected = net(image)
        channels_last = net.to(memory_format=torch.channels_last)(image.to(memory_format=torch.channels_last))
    assert (channels_last - expected).abs().max() < 1e-4 * expected.abs().max()


@each_net
def test_a_net_learns_one_image(net_class: Net) -> None:
    torch.manual_seed(0)
    net = net_class(width=8)
    image = image_for(net, batch=2)
    label = (image[:, 0] > 0.5).long()
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    losses = []
    for _ in range(12):
        loss = nn.functional.cross_entropy(net(image), label)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
