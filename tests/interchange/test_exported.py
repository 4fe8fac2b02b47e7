"""What all exports share: what they say of themselves, and the proof that nothing changed."""

from __future__ import annotations

import json
from typing import Any

import pytest
import small_nets
import torch
from small_nets import Doubles

from hela_seg.data.classes import Classes
from hela_seg.inference.trained import TrainedNet
from hela_seg.interchange.exported import (
    dynamic_shapes,
    example,
    exporting,
    metadata,
    refuse_changed_logits,
)
from hela_seg.system.errors import InputError


@pytest.fixture
def trained() -> TrainedNet:
    classes = Classes(["background", "dim"]).to_plain()
    config = {"data": {"pixel_size": 0.5}}
    return small_nets.trained(Doubles(), classes=classes, channels=2, config=config)


def test_words_are_those_of_the_checkpoint(trained: TrainedNet) -> None:
    found = metadata(trained)
    assert json.loads(found.pop("hela_seg")) == json.loads(json.dumps(trained.info.to_plain()))
    assert json.loads(found.pop("normalisation"))["kind"] == "dtype"
    assert found == {
        "classes": "background, dim",
        "axes": "NCHW",
        "stride": "4",
        "halo": "128",
        "pixel_size": "0.5",
        "written_by": "hela_seg 0.1.0",
    }


def test_examples_have_rows_and_columns_in_strides(trained: TrainedNet) -> None:
    assert example(trained, rows=3, columns=5, images=1).shape == (1, 2, 12, 20)
    (shapes,) = dynamic_shapes(trained)
    assert set(shapes) == {0, 2, 3}
    assert ("rows" in str(shapes[2]), "columns" in str(shapes[3])) == (True, True)


def test_the_same_logits_are_not_refused(trained: TrainedNet) -> None:
    refuse_changed_logits(trained, "it", lambda images: 2 * images * (1 + 1e-6))


@pytest.mark.parametrize(
    "run",
    [
        lambda images: 2 * images + 0.01,
        lambda images: 2 * images[..., :1],  # would be broadcast
        lambda images: torch.full_like(images, torch.nan),
    ],
)
def test_other_logits_are_refused(run: Any, trained: TrainedNet) -> None:
    with pytest.raises(InputError, match=r"best\.ckpt holds a net whose logits it computes .* off"):
        refuse_changed_logits(trained, "it", run)


def test_what_a_format_cannot_express_has_its_reason_in_one_line(trained: TrainedNet) -> None:
    error = RuntimeError("in general")
    error.__cause__ = ValueError("a layer\nof lines")
    with pytest.raises(InputError) as refused, exporting("ONNX", trained):
        raise error
    assert (
        str(refused.value)
        == "best.ckpt holds a net that ONNX cannot express (a layer of lines): choose another format="
    )
    with pytest.raises(InputError, match="that it cannot express"):
        refuse_changed_logits(trained, "it", lambda _: torch.tensor(1 // 0))
