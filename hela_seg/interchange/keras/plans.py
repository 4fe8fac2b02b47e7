"""The paper's four nets as Keras has them, each layer beside the module of ours that holds its weights.

A plan adds its layers in the order in which the notebook creates them, because Keras numbers the layers of
one class in that order: ``conv2d_7`` is the convolution made after ``conv2d_6``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

IMAGE = "InputLayer"
ACTIVATION = "activation"
"""Class of the layers that are ReLU or Leaky ReLU, whichever the net was built with."""

NUMBERED = {
    "Conv2D": "conv2d",
    "Conv2DTranspose": "conv2d_transpose",
    "BatchNormalization": "batch_normalization",
}
"""What Keras names layers with weights that the author gave no name, before the number."""

VGG_BLOCKS = (2, 2, 4, 4, 4)
VGG_FEATURES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
"""Where torchvision's VGG19 has its convolutions."""

RESNET_UNITS = (3, 4, 6, 3)
RESNET_EPSILON = 2e-5


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of a net as Keras has it.

    Attributes:
        kind: Keras' class of it, or `ACTIVATION`.
        inputs: the layers that it reads, in order.
        settings: arguments of Keras' class, where they differ from its defaults and the shapes of its
            variables do not show them.
        module: where in our net its variables lie; empty where it has none. Layers of one module are
            concatenated along their outputs, in the order of the plan.
        name: given by the author; empty where Keras names and numbers it.
    """

    kind: str
    inputs: tuple[Layer, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    module: str = ""
    name: str = ""


class Plan:
    """All layers of a net up to its logits, in the order of their creation."""

    def __init__(self) -> None:
        self.layers = [Layer(IMAGE)]

    @property
    def image(self) -> Layer:
        """The layer that takes the image."""
        return self.layers[0]

    @property
    def logits(self) -> Layer:
        """The layer that gives the logits: the last one."""
        return self.layers[-1]

    @property
    def weighted(self) -> list[Layer]:
        """The layers with variables."""
        return [layer for layer in self.layers if layer.module]

    def add(self, kind: str, *inputs: Layer, module: str = "", name: str = "", **settings: Any) -> Layer:
        """Add a layer; see `Layer`."""
        self.layers.append(Layer(kind, inputs, settings, module, name))
        return self.logits

    def conv(self, x: Layer, module: str, name: str = "", size: int = 3, **settings: Any) -> Layer:
        """Add a convolution that keeps the size, unless settings say otherwise."""
        settings = {"kernel_size": size, "padding": "same"} | settings
        return self.add("Conv2D", x, module=module, name=name, **settings)

    def norm(self, x: Layer, module: str, name: str = "", epsilon: float = 1e-3) -> Layer:
        """Add a batch normalisation."""
        return self.add("BatchNormalization", x, module=module, name=name, epsilon=epsilon)

    def activation(self, x: Layer) -> Layer:
        """Add an activation."""
        return self.add(ACTIVATION, x)

    def block(self, x: Layer, module: str, name: str = "", size: int = 3) -> Layer:
        """Add convolution, batch normalisation and activation, our `ConvNormActivation`."""
        x = self.conv(x, f"{module}.conv", name and f"{name}_conv", size)
        return self.activation(self.norm(x, f"{module}.norm", name and f"{name}_bn"))

    def double(self, x: Layer, module: str) -> Layer:
        """Add two blocks, our `DoubleConv`."""
        return self.block(self.block(x, f"{module}.first"), f"{module}.second")

    def pool(self, x: Layer) -> Layer:
        """Add 2x2 max pooling."""
        return self.add("MaxPooling2D", x)

    def up(self, x: Layer) -> Layer:
        """Add nearest up-sampling to twice the size."""
        return self.add("UpSampling2D", x)

    def join(self, *inputs: Layer) -> Layer:
        """Add a concatenation along the channels."""
        return self.add("Concatenate", *inputs)

    def padded(self, x: Layer, pixels: int) -> Layer:
        """Add so many pixels of 0 on each side."""
        return self.add("ZeroPadding2D", x, padding=pixels)


def unet() -> Plan:
    """The simple U-Net."""
    plan = Plan()
    x, skips = plan.image, []
    for level in range(5):
        x = plan.double(plan.pool(x) if level else x, f"encoder.{level}")
        skips.append(x)
    for level in range(4):
        x = plan.double(plan.join(plan.up(x), skips[3 - level]), f"decoder.{level}")
    plan.norm(plan.conv(x, "head.conv", size=1), "head.norm")
    return plan


def vgg19_unet() -> Plan:
    """VGG19-U-Net, of which Keras' own VGG19 is the encoder."""
    plan = Plan()
    features = iter(VGG_FEATURES)
    x, skips = plan.image, []
    for block, convolutions in enumerate(VGG_BLOCKS, start=1):
        x = plan.pool(x) if block > 1 else x
        for number in range(1, convolutions + 1):
            conv = plan.conv(x, f"encoder.features.{next(features)}", f"block{block}_conv{number}")
            x = plan.activation(conv)
        skips.append(x)
    for level in range(4):
        up = plan.add("Conv2DTranspose", x, module=f"decoder.{level}.up", kernel_size=2, strides=2)
        x = plan.double(plan.join(up, skips[3 - level]), f"decoder.{level}.convs")
    plan.conv(x, "head", size=1)
    return plan


def inception_unet() -> Plan:
    """Inception-U-Net."""
    plan = Plan()
    x, skips = plan.image, []
    for level in range(5):
        x = _inception(plan, plan.pool(x) if level else x, f"encoder.{level}")
        skips.append(x)
    for level in range(4):
        x = plan.join(skips[3 - level], _inception(plan, plan.up(x), f"decoder.{level}"))
    plan.norm(plan.conv(x, "head.conv", size=1), "head.norm")
    return plan


def _inception(plan: Plan, x: Layer, module: str) -> Layer:
    first = plan.block(x, f"{module}.entries", size=1)
    once = plan.block(plan.block(x, f"{module}.entries", size=1), f"{module}.once")
    twice = plan.conv(plan.block(x, f"{module}.entries", size=1), f"{module}.twice.0")
    twice = plan.block(twice, f"{module}.twice.1")
    pooled = plan.add("MaxPooling2D", x, pool_size=3, strides=1, padding="same")
    return plan.join(first, once, twice, plan.block(pooled, f"{module}.pooled", size=1))


def resnet34_unet() -> Plan:
    """ResNet34-U-Net, as segmentation-models 1.0 builds and names it."""
    plan = Plan()
    x = plan.norm(plan.image, "encoder.input_norm", "bn_data", RESNET_EPSILON)
    x = plan.conv(plan.padded(x, 3), "encoder.conv", "conv0", 7, padding="valid", strides=2)
    skips = [plan.activation(plan.norm(x, "encoder.stem.norm", "bn0", RESNET_EPSILON))]
    x = plan.add("MaxPooling2D", plan.padded(skips[0], 1), pool_size=3, strides=2)
    for stage in range(4):
        x, skip = _residual_stage(plan, x, stage)
        skips.append(skip)
    del skips[1]  # of the first stage's size there is the stem's already
    x = plan.activation(plan.norm(x, "encoder.closing.norm", "bn1", RESNET_EPSILON))
    for level in range(5):
        x = plan.up(x)
        x = plan.join(x, skips.pop()) if skips else x
        for letter, which in (("a", "first"), ("b", "second")):
            x = plan.block(x, f"decoder.{level}.{which}", f"decoder_stage{level}{letter}")
    plan.conv(x, "head", "final_conv")
    return plan


def _residual_stage(plan: Plan, x: Layer, stage: int) -> tuple[Layer, Layer]:
    """The sum after the last unit, and the first activation of the first one."""
    activated = []
    for unit in range(RESNET_UNITS[stage]):
        module = f"encoder.stages.{stage}." + (f"others.{unit - 1}" if unit else "first")
        name, strides = f"stage{stage + 1}_unit{unit + 1}", 2 if stage and not unit else 1
        before = plan.norm(x, f"{module}.preactivation.norm", f"{name}_bn1", RESNET_EPSILON)
        activated.append(plan.activation(before))
        kept = x
        if not unit:
            kept = plan.conv(activated[0], f"{module}.shortcut", f"{name}_sc", 1, strides=strides)
        x = plan.padded(activated[-1], 1)
        x = plan.conv(x, f"{module}.conv1", f"{name}_conv1", padding="valid", strides=strides)
        x = plan.activation(plan.norm(x, f"{module}.between.norm", f"{name}_bn2", RESNET_EPSILON))
        x = plan.conv(plan.padded(x, 1), f"{module}.conv2", f"{name}_conv2", padding="valid")
        x = plan.add("Add", x, kept)
    return x, activated[0]


PLANS: dict[str, Callable[[], Plan]] = {
    "hela_seg.models.unet.UNet": unet,
    "hela_seg.models.vgg19_unet.VGG19UNet": vgg19_unet,
    "hela_seg.models.inception_unet.InceptionUNet": inception_unet,
    "hela_seg.models.resnet34_unet.ResNet34UNet": resnet34_unet,
}
"""The plan of each net, by the name of our class."""
