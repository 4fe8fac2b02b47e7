import math

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from torch.nn import functional as F

from hela_seg.data.classes import IGNORE_INDEX
from hela_seg.system.errors import InputError
from hela_seg.training.losses import (
    CrossEntropyLoss,
    DiceCrossEntropyLoss,
    DiceLoss,
    FocalDiceLoss,
    FocalLoss,
)

CLASSES = 3
WEIGHTS = [0.2, 1.0, 3.0]
EVERY_LOSS = [FocalLoss, CrossEntropyLoss, DiceLoss, FocalDiceLoss, DiceCrossEntropyLoss]
every_loss = pytest.mark.parametrize("loss_class", EVERY_LOSS)
with_and_without_weights = pytest.mark.parametrize("class_weights", [None, WEIGHTS])


def random_batch(seed=0, ignored=True, dtype=torch.float64):
    """Logits (2, 3, 5, 4) and labels (2, 5, 4), the first row of each image ignored."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(2, CLASSES, 5, 4, generator=generator, dtype=dtype)
    labels = torch.randint(CLASSES, (2, 5, 4), generator=generator)
    if ignored:
        labels[:, 0] = IGNORE_INDEX
    return logits.requires_grad_(), labels


def counted_pixels(logits, labels):
    """Softmax (P, K) and one-hot truth (P, K) of the pixels that count, in numpy."""
    exponentials = np.exp(logits.detach().numpy())
    softmax = (exponentials / exponentials.sum(axis=1, keepdims=True)).transpose(0, 2, 3, 1)
    counted = labels.numpy() != IGNORE_INDEX
    return softmax[counted], np.eye(CLASSES)[labels.numpy()[counted]]


def focal_in_numpy(p, y, weights, alpha=0.25, gamma=2.0):
    terms = -y * alpha * (1 - p) ** gamma * np.log(p) * weights
    return terms.sum() / ((y * weights).sum() * CLASSES)


def cross_entropy_in_numpy(p, y, weights):
    return -(y * np.log(p) * weights).sum() / (y * weights).sum()


def dice_in_numpy(p, y, weights):
    losses = [1 - 2 * (p[:, k] @ y[:, k]) / (p[:, k].sum() + y[:, k].sum()) for k in range(CLASSES)]
    return np.average(losses, weights=weights)


def focal_dice_in_numpy(p, y, weights):
    return focal_in_numpy(p, y, weights) + dice_in_numpy(p, y, weights)


def dice_cross_entropy_in_numpy(p, y, weights):
    return cross_entropy_in_numpy(p, y, weights) + dice_in_numpy(p, y, weights)


class TestEveryLoss:
    @with_and_without_weights
    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize(
        ("loss_class", "in_numpy"),
        [
            (FocalLoss, focal_in_numpy),
            (CrossEntropyLoss, cross_entropy_in_numpy),
            (DiceLoss, dice_in_numpy),
            (FocalDiceLoss, focal_dice_in_numpy),
            (DiceCrossEntropyLoss, dice_cross_entropy_in_numpy),
        ],
    )
    def test_equals_an_independent_implementation(self, loss_class, in_numpy, seed, class_weights):
        logits, labels = random_batch(seed)
        expected = in_numpy(*counted_pixels(logits, labels), np.array(class_weights or [1.0] * CLASSES))
        assert loss_class(class_weights=class_weights)(logits, labels).item() == pytest.approx(expected)

    @every_loss
    @with_and_without_weights
    def test_gradient_is_that_of_the_value(self, loss_class, class_weights):
        logits, labels = random_batch()
        loss = loss_class(class_weights=class_weights)
        assert torch.autograd.gradcheck(lambda x: loss(x, labels), logits)

    @every_loss
    @with_and_without_weights
    def test_ignored_pixels_change_neither_value_nor_gradient(self, loss_class, class_weights):
        logits, labels = random_batch()
        loss = loss_class(class_weights=class_weights)
        value = loss(logits, labels)
        (gradient,) = torch.autograd.grad(value, logits)
        assert (gradient[:, :, 0] == 0).all()
        assert (gradient[:, :, 1:] != 0).any()
        other = logits.detach().clone()
        other[:, :, 0] = 7 - 5 * other[:, :, 0]
        assert torch.equal(loss(other, labels), value)
        assert loss(logits[:, :, 1:], labels[:, 1:]).item() == pytest.approx(value.item())

    @every_loss
    @with_and_without_weights
    def test_batch_without_a_counted_pixel_gives_0_and_a_zero_gradient(self, loss_class, class_weights):
        logits, labels = random_batch(dtype=torch.float32)
        value = loss_class(class_weights=class_weights)(logits, torch.full_like(labels, IGNORE_INDEX))
        value.backward()
        assert value.item() == 0
        assert (logits.grad == 0).all()

    @every_loss
    def test_batch_of_pixels_that_weigh_0_gives_0_and_a_zero_gradient(self, loss_class):
        logits, labels = random_batch(dtype=torch.float32)
        value = loss_class(class_weights=[0, 1, 1])(logits, torch.zeros_like(labels))
        value.backward()
        assert value.item() == 0
        assert (logits.grad == 0).all()

    @every_loss
    @pytest.mark.parametrize("size", [1e2, 1e4, 6e4])
    @pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
    def test_extreme_logits_give_finite_values_and_gradients(self, loss_class, size, gamma):
        labels = torch.tensor([0, 1, 2, 0]).view(1, 2, 2)
        certain = F.one_hot(labels, CLASSES).permute(0, 3, 1, 2).float()
        loss = loss_class(gamma=gamma) if "Focal" in loss_class.__name__ else loss_class()
        for logits in (size * certain, -size * certain, size * torch.ones_like(certain)):
            logits.requires_grad_()
            value = loss(logits, labels)
            value.backward()
            assert value.isfinite()
            assert logits.grad.isfinite().all()
        assert loss(size * certain, labels).item() == pytest.approx(0, abs=1e-6)

    @every_loss
    @with_and_without_weights
    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_precision_logits_are_computed_in_float32(self, loss_class, class_weights, dtype):
        logits, labels = random_batch(dtype=torch.float32)
        logits, loss = logits.detach().to(dtype), loss_class(class_weights=class_weights)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            value = loss(logits, labels)
        assert value.dtype == torch.float32
        assert torch.equal(value, loss(logits.float(), labels))

    @every_loss
    def test_channels_last_logits_give_the_same(self, loss_class):
        logits, labels = random_batch()
        value = loss_class()(logits.contiguous(memory_format=torch.channels_last), labels)
        assert value.item() == pytest.approx(loss_class()(logits, labels).item())

    @every_loss
    def test_only_ratios_of_class_weights_matter(self, loss_class):
        logits, labels = random_batch()
        doubled = [2 * weight for weight in WEIGHTS]
        values = [loss_class(class_weights=weights)(logits, labels).item() for weights in (WEIGHTS, doubled)]
        assert values[0] == pytest.approx(values[1])
        equal = loss_class(class_weights=[0.5] * CLASSES)(logits, labels).item()
        assert equal == pytest.approx(loss_class()(logits, labels).item())

    @every_loss
    def test_class_weights_stay_out_of_checkpoints_but_follow_the_module(self, loss_class):
        loss = loss_class(class_weights=WEIGHTS)
        assert loss.state_dict() == {}
        assert {buffer.dtype for buffer in loss.double().buffers()} == {torch.float64}

    @every_loss
    @pytest.mark.parametrize(
        ("class_weights", "message"),
        [
            ([1.0, -1.0, 1.0], r"loss\.class_weights\[1\] is -1\.0, expected a finite number of 0 or more"),
            ([1.0, 1.0, math.nan], r"loss\.class_weights\[2\] is nan"),
            ([math.inf, 1.0, 1.0], r"loss\.class_weights\[0\] is inf"),
            ([0.0, 0.0, 0.0], r"loss\.class_weights is \[0\.0, 0\.0, 0\.0\], expected at least one above 0"),
        ],
    )
    def test_refuses_class_weights_that_are_none(self, loss_class, class_weights, message):
        with pytest.raises(InputError, match=message):
            loss_class(class_weights=class_weights)

    @every_loss
    def test_refuses_another_number_of_class_weights_than_classes(self, loss_class):
        with pytest.raises(
            InputError, match=r"loss\.class_weights has 2 numbers, expected 3: give one a class"
        ):
            loss_class(class_weights=[1.0, 2.0])(*random_batch())

    @every_loss
    def test_refuses_labels_of_another_shape(self, loss_class):
        logits, labels = random_batch()
        with pytest.raises(ValueError, match=r"labels have shape \(2, 5, 3\), expected \(2, 5, 4\)"):
            loss_class()(logits, labels[:, :, :3])


class TestFocalLoss:
    def test_hand_worked_undecided_net(self):
        value = FocalLoss()(torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2).long())
        assert value.item() == pytest.approx(0.25 * (2 / 3) ** 2 * math.log(3) / 3)

    def test_hand_worked_pixel_by_pixel(self):
        # Softmax (0.5, 0.25, 0.25) labelled 0 and (0.8, 0.1, 0.1) labelled 1; gamma 1, alpha 1.
        logits = torch.tensor([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1]]).log().T.view(1, 3, 1, 2)
        value = FocalLoss(alpha=1.0, gamma=1.0)(logits, torch.tensor([[[0, 1]]]))
        assert value.item() == pytest.approx((0.5 * math.log(2) + 0.9 * math.log(10)) / (2 * 3))

    @with_and_without_weights
    def test_is_cross_entropy_over_the_classes_where_gamma_is_0(self, class_weights):
        logits, labels = random_batch()
        focal = FocalLoss(alpha=1.0, gamma=0.0, class_weights=class_weights)(logits, labels)
        cross_entropy = CrossEntropyLoss(class_weights)(logits, labels)
        assert focal.item() == pytest.approx(cross_entropy.item() / CLASSES)

    @pytest.mark.parametrize("name", ["alpha", "gamma"])
    def test_refuses_negative_arguments(self, name):
        with pytest.raises(InputError, match=rf"loss\.{name} is -1, expected a finite number of 0 or more"):
            FocalLoss(**{name: -1})


class TestCrossEntropyLoss:
    @with_and_without_weights
    @pytest.mark.parametrize("seed", range(3))
    def test_equals_torch(self, seed, class_weights):
        logits, labels = random_batch(seed)
        weight = None if class_weights is None else torch.tensor(class_weights, dtype=logits.dtype)
        expected = F.cross_entropy(logits, labels, weight=weight, ignore_index=IGNORE_INDEX)
        assert CrossEntropyLoss(class_weights)(logits, labels).item() == pytest.approx(expected.item())


class TestDiceLoss:
    def test_hand_worked(self):
        value = DiceLoss()(torch.zeros(1, 2, 2, 2), torch.tensor([[[0, 0], [0, 1]]]))
        assert value.item() == pytest.approx(((1 - 3 / 5) + (1 - 1 / 3)) / 2)

    @with_and_without_weights
    @pytest.mark.parametrize("labelled", [CLASSES, 2, 1])
    @pytest.mark.parametrize("ignored", [False, True])
    def test_equals_segmentation_models_pytorch(self, ignored, labelled, class_weights):
        logits, labels = random_batch(ignored=ignored, dtype=torch.float32)
        labels = labels.where(labels == IGNORE_INDEX, labels % labelled)
        expected = smp.losses.DiceLoss("multiclass", ignore_index=IGNORE_INDEX, class_weights=class_weights)(
            logits, labels
        )
        assert DiceLoss(class_weights)(logits, labels).item() == pytest.approx(expected.item())

    def test_pools_the_batch_rather_than_averaging_over_images(self):
        logits, labels = random_batch()
        side_by_side = torch.cat([*logits], dim=1).unsqueeze(0), torch.cat([*labels]).unsqueeze(0)
        assert DiceLoss()(logits, labels).item() == pytest.approx(DiceLoss()(*side_by_side).item())


class TestFocalDiceLoss:
    @with_and_without_weights
    def test_is_the_weighted_sum_of_both(self, class_weights):
        logits, labels = random_batch()
        loss = FocalDiceLoss(0.5, 1.0, focal_weight=2.0, dice_weight=0.3, class_weights=class_weights)
        focal = FocalLoss(0.5, 1.0, class_weights)(logits, labels)
        dice = DiceLoss(class_weights)(logits, labels)
        assert loss(logits, labels).item() == pytest.approx((2.0 * focal + 0.3 * dice).item())

    @pytest.mark.parametrize("name", ["alpha", "gamma", "focal_weight", "dice_weight"])
    def test_refuses_negative_arguments(self, name):
        with pytest.raises(InputError, match=rf"loss\.{name} is -1, expected a finite number of 0 or more"):
            FocalDiceLoss(**{name: -1})


class TestDiceCrossEntropyLoss:
    def test_is_the_weighted_sum_of_both(self):
        labels = torch.tensor([[[0, 0, 0, 1]]])
        loss = DiceCrossEntropyLoss(cross_entropy_weight=2.0, dice_weight=3.0)(
            torch.zeros(1, 2, 1, 4), labels
        )
        assert loss.item() == pytest.approx(2 * math.log(2) + 3 * (0.4 + 2 / 3) / 2)

    @pytest.mark.parametrize("name", ["cross_entropy_weight", "dice_weight"])
    def test_refuses_negative_arguments(self, name):
        with pytest.raises(InputError, match=rf"loss\.{name} is -1, expected a finite number of 0 or more"):
            DiceCrossEntropyLoss(**{name: -1})
