"""What all exports share: metadata, example images, dynamic sizes, and a check of the logits."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from hela_seg.inference.tiling import Tiling
from hela_seg.inference.trained import TrainedNet
from hela_seg.runs.checkpoint import CHECKPOINT_KEY
from hela_seg.system.errors import InputError

LARGEST_DIFFERENCE = 1e-4
"""Of logits computed by the export and by PyTorch, as a share of the largest."""


def metadata(trained: TrainedNet) -> dict[str, str]:
    """The checkpoint's description as texts by name; the chief entries also stand alone, for people."""
    info = trained.info
    return {
        CHECKPOINT_KEY: json.dumps(info.to_plain()),
        "classes": ", ".join(entry["name"] for entry in info.classes),
        "normalisation": json.dumps(info.normalisation),
        "axes": "NCHW",
        "stride": str(stride_of(trained)),
        "halo": str(Tiling().halo),
        "pixel_size": json.dumps(info.data.get("pixel_size")),
        "written_by": f"hela_seg {info.versions.get('hela_seg', '')}".strip(),
        **({"context": str(info.context)} if info.context else {}),
    }


def stride_of(trained: TrainedNet) -> int:
    """The number that H and W must be multiples of."""
    return int(trained.net.stride)  # type: ignore[arg-type]


def example(trained: TrainedNet, rows: int = 4, columns: int = 6, images: int = 2) -> Tensor:
    """Images (N, C, H, W) of 0 to 1, H and W as many times the stride."""
    generator = torch.Generator().manual_seed(0)
    stride = stride_of(trained)
    size = (images, trained.info.input_channels, rows * stride, columns * stride)
    return torch.rand(size, generator=generator)


def dynamic_shapes(trained: TrainedNet) -> tuple[dict[int, Any]]:
    """For ``torch.export``: N is free, and H and W are multiples of the stride."""
    stride = stride_of(trained)
    rows, columns = (stride * torch.export.Dim(f"{name}_{stride}ths") for name in ("rows", "columns"))
    return ({0: torch.export.Dim("images"), 2: rows, 3: columns},)


def not_exportable(trained: TrainedNet, what: str, error: Exception) -> InputError:
    """The error for a net that a format cannot express."""
    reason = " ".join(str(error.__cause__ or error).split())[:200]
    return InputError(
        f"{trained.source} holds a net that {what} cannot express ({reason}): choose another format="
    )


@contextmanager
def exporting(what: str, trained: TrainedNet) -> Iterator[None]:
    """Export a net: whatever an exporter warns of on its way concerns nobody, and what it raises is one line.

    Args:
        what: the format.
        trained: the net.

    Raises:
        InputError: the format cannot express the net, for a layer without counterpart or one of a fixed size.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except InputError:
        raise
    except Exception as error:  # each exporter has its own
        raise not_exportable(trained, what, error) from None
    finally:
        logging.disable(before)


def refuse_changed_logits(trained: TrainedNet, what: str, run: Callable[[Tensor], Tensor]) -> None:
    """Compare the logits of PyTorch and of an export, for images of a size and number new to it.

    Raises:
        InputError: the logits differ, or the export does not take these images.
    """
    images = example(trained, rows=3, columns=5, images=1)
    with torch.inference_mode():
        expected = trained.net.eval()(images)
        try:
            found = run(images)
        except Exception as error:  # each runtime has its own
            raise not_exportable(trained, what, error) from None
    largest = expected.abs().max().clamp(min=1e-30)
    difference = float((found - expected).abs().max() / largest) if found.shape == expected.shape else 1.0
    if not difference <= LARGEST_DIFFERENCE:
        raise InputError(
            f"{trained.source} holds a net whose logits {what} computes {difference:.1e} off, expected at "
            f"most {LARGEST_DIFFERENCE:.0e} of the largest: choose another format="
        )
