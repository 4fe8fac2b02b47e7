"""Nets of segmentation-models-pytorch: what is refused, how weights get in, what they ask for."""

from __future__ import annotations

import json
import pickle
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from conftest import SMALL_NET
from safetensors.torch import save_file
from segmentation_models_pytorch.encoders import get_encoder
from torch import nn

import hela_seg
from hela_seg.cli import main
from hela_seg.inference.trained import TrainedNet
from hela_seg.models import build, pretrained, start_from_pretrained
from hela_seg.models.smp import ARCHITECTURES, OF_ANY_SIZE, SegmentationModel, encoder_names
from hela_seg.system.errors import InputError

TARGET = "hela_seg.models.smp.SegmentationModel"
SMALL_TIMM = "tu-resnet10t"


def write_own_weights(folder: Path, encoder_name: str) -> Path:
    """Weights of an encoder as its publishers store them, with what they expect of images."""
    torch.manual_seed(7)
    path = folder / "model.safetensors"
    save_file(get_encoder(encoder_name, weights=None).state_dict(), path)
    stated = {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.25, 0.5], "input_range": [0, 1]}
    (folder / "config.json").write_text(json.dumps(stated))
    return path


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    """Weights of the encoder resnet18."""
    return write_own_weights(tmp_path, "resnet18")


@pytest.fixture
def timm_file(tmp_path: Path) -> Path:
    """Weights of timm's smallest ResNet with its classifier, as torch.save writes them."""
    torch.manual_seed(7)
    path = tmp_path / "resnet10t.pth"
    torch.save(timm.create_model("resnet10t").state_dict(), path)
    return path


def test_the_libraries_architectures_are_ours() -> None:
    import segmentation_models_pytorch

    known = {net.__name__ for net in segmentation_models_pytorch.MODEL_ARCHITECTURES_MAPPING.values()}
    assert known == set(ARCHITECTURES)


@pytest.mark.parametrize(("arch", "channels"), list(zip(ARCHITECTURES, cycle([1, 3]), strict=False)))
def test_every_architecture_keeps_the_images_size_and_gives_a_channel_a_class(
    arch: str, channels: int
) -> None:
    net = SegmentationModel(channels, 4, arch, SMALL_TIMM).eval()
    image = torch.rand(1, channels, 2 * net.stride, 3 * net.stride)
    with torch.no_grad():
        logits = net(image)
    assert logits.shape == (1, 4, *image.shape[2:])
    assert logits.isfinite().all()
    with pytest.raises(ValueError, match=f"expected multiples of {net.stride}"):
        net(image[..., 1:])


@pytest.mark.slow
@pytest.mark.parametrize("encoder_name", [name for name in encoder_names() if not name.startswith("tu-")])
def test_every_encoder_of_the_library_goes_with_some_architecture(encoder_name: str) -> None:
    # without memory, but for Mix Transformers, which look at numbers while they are made
    with torch.device("cpu" if encoder_name.startswith("mit_") else "meta"):
        assert SegmentationModel(1, 2, "Unet", encoder_name).stride == 32


@pytest.mark.parametrize(
    "encoder_name", ["tu-convnext_atto", "tu-swin_tiny_patch4_window7_224", "tu-mobilenetv3_small_050"]
)
def test_encoders_of_timm_take_images_of_any_size(encoder_name: str) -> None:
    net = SegmentationModel(1, 2, "Unet", encoder_name).eval()
    with torch.no_grad():
        assert net(torch.rand(1, 1, 96, 64)).shape == (1, 2, 96, 64)


def test_vision_transformers_go_with_dpt() -> None:
    net = SegmentationModel(1, 2, "DPT", "tu-vit_tiny_patch16_224").eval()
    with torch.no_grad():
        assert net(torch.rand(1, 1, 64, 96)).shape == (1, 2, 64, 96)
    assert OF_ANY_SIZE[1] == {"dynamic_img_size": True}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"arch": "UnetPP"}, "model.arch is 'UnetPP'.* did you mean .*Unet"),
        ({"arch": "os.system"}, "model.arch is 'os.system'"),
        ({"encoder_name": "resnet43"}, "model.encoder_name is 'resnet43'.* did you mean resnet34"),
        ({"encoder_name": "tu-convnext_tny"}, "did you mean tu-convnext_tiny"),
        ({"encoder_name": "hf-hub:somebody/net"}, "model.encoder_name is 'hf-hub:somebody/net'"),
        ({"encoder_name": "tu-local-dir:/tmp"}, "model.encoder_name is 'tu-local-dir:/tmp'"),
        ({"encoder_name": "mit_b0", "arch": "Linknet"}, "model.arch=Linknet cannot be built on .*mit_b0"),
        ({"arch": "DPT"}, "model.arch=DPT cannot be built on model.encoder_name=resnet34"),
        ({"encoder_name": "tu-vit_tiny_patch16_224"}, "Unsupported model downsampling pattern"),
        ({"encoder_depth": 4}, "model has the argument 'encoder_depth'"),
    ],
)
def test_what_does_not_exist_or_go_together_is_one_line(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        build({"_target_": TARGET, **arguments})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_an_own_encoder_starts_from_a_file(channels: int, own_file: Path) -> None:
    net = SegmentationModel(channels, 2, encoder_name="resnet18", encoder_weights=str(own_file))
    start_from_pretrained(net)
    torch.manual_seed(7)
    expected = get_encoder("resnet18", weights=None).state_dict()
    found = net.model.encoder.state_dict()
    assert all(found[key].equal(value) for key, value in expected.items() if key != "conv1.weight")
    if channels in (1, 3):  # grey images lead to what they would lead to in colour
        torch.testing.assert_close(found["conv1.weight"].sum(1), expected["conv1.weight"].sum(1))
    assert net.input_norm is not None
    means = [0.1, 0.2, 0.3] if channels == 3 else [0.2] * channels
    torch.testing.assert_close(net.input_norm.mean.flatten(), torch.tensor(means))


def test_images_reach_the_encoder_as_it_expects_them(own_file: Path) -> None:
    net = SegmentationModel(encoder_name="resnet18", encoder_weights=str(own_file)).eval()
    start_from_pretrained(net)
    seen: list[torch.Tensor] = []
    net.model.encoder.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        net(image)
    for channel, (mean, deviation) in enumerate([(0.1, 0.5), (0.2, 0.25), (0.3, 0.5)]):
        torch.testing.assert_close(seen[0][:, channel], (image[:, channel] - mean) / deviation)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_encoder_of_timm_starts_from_a_file(channels: int, timm_file: Path) -> None:
    net = SegmentationModel(channels, 2, encoder_name=SMALL_TIMM, encoder_weights=str(timm_file))
    start_from_pretrained(net)
    expected = torch.load(timm_file, weights_only=True)
    found: nn.Module = net.model.encoder.model
    layer = found.get_submodule("layer4.0.conv1")
    assert isinstance(layer, nn.Conv2d)
    torch.testing.assert_close(layer.weight.detach(), expected["layer4.0.conv1.weight"])


@pytest.mark.parametrize("encoder_name", ["resnet18", SMALL_TIMM, "tu-convnext_atto"])
def test_weights_of_another_encoder_are_one_line(encoder_name: str, tmp_path: Path) -> None:
    save_file({"conv1.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / "a.safetensors")
    net = SegmentationModel(encoder_name=encoder_name, encoder_weights=str(tmp_path / "a.safetensors"))
    with pytest.raises(InputError, match="holds weights of another encoder than") as caught:
        start_from_pretrained(net)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [pickle.dumps(print), b"", b"nothing", b"\x08" + bytes(40)])
@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_a_file_of_anything_else_is_one_line(content: bytes, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="holds no weights") as caught:
        pretrained.read_weights(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a network nor anything in a cache."""
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def unreachable(*_: object, **__: object) -> None:
        raise LocalEntryNotFoundError("no connection")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", unreachable)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *_, **__: (_ for _ in ()).throw(OSError()))


@pytest.mark.parametrize(
    ("model", "address"),
    [
        ("model=smp", "https://huggingface.co/smp-hub/resnet34.imagenet/resolve/"),
        (
            "model=smp model.encoder_name=tu-resnet10t",
            "https://huggingface.co/timm/resnet10t.c3_in1k/resolve/",
        ),
        ("model=vgg19_unet", "https://download.pytorch.org/models/vgg19-"),
    ],
)
def test_without_a_network_one_line_says_where_the_file_is_and_where_it_goes(
    model: str, address: str, no_network: None, cells: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]", *SMALL_NET[1:]]
    chosen = [*model.split(), "model.encoder_weights=imagenet"]
    assert main("train", [*data, *chosen, f"hydra.run.dir={tmp_path / 'run'}"]) == 2
    said = capfd.readouterr().err.splitlines()[-1]
    assert address in said
    assert "set model.encoder_weights to the file's path" in said


def test_weights_that_an_encoder_does_not_have_are_one_line() -> None:
    net = SegmentationModel(encoder_name="resnet18", encoder_weights="imagenat")
    with pytest.raises(InputError, match="'imagenat', expected imagenet or ssl or swsl for resnet18"):
        start_from_pretrained(net)
    with pytest.raises(InputError, match="which is not there"):
        pretrained.read_weights(Path("nowhere/a.pth"))


def test_a_checkpoint_asks_for_no_weights_again(cells: Path, tmp_path: Path) -> None:
    own_file = write_own_weights(tmp_path, "mobilenet_v2")
    data = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]", *SMALL_NET[1:]]
    data += ["data.split.validation=0", "data.split.test=0"]  # fewer checkpoints, and no scores
    chosen = ["model=smp", "model.encoder_name=mobilenet_v2", "model.arch=FPN"]
    chosen += [f"model.encoder_weights={own_file}"]
    run = [*data, *chosen, "trainer.max_epochs=1", f"hydra.run.dir={tmp_path / 'run'}"]
    assert main("train", run) == 0
    own_file.unlink()
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    net = TrainedNet.from_checkpoint(checkpoint).net
    assert isinstance(net, SegmentationModel)
    assert net.input_norm is not None
    torch.testing.assert_close(net.input_norm.mean.flatten(), torch.tensor([0.2]))
    images = next((cells / "images").iterdir())
    assert hela_seg.load(checkpoint).predict(images).shape == (2, 48, 64)
    again = [f"resume={tmp_path / 'run'}", "trainer.max_epochs=2"]
    assert main("train", again) == 0
