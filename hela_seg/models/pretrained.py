"""Weights that others trained: found by name on this machine or in the network, or read from a file."""

from __future__ import annotations

import logging
import pickle
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from hela_seg.system.errors import InputError

log = logging.getLogger(__name__)

HUB_FILE = "model.safetensors"
"""Name of the weights in the repositories of segmentation-models-pytorch and of timm."""


def names_a_file(weights: str) -> bool:
    """Whether ``encoder_weights`` is a path rather than a name such as ``imagenet``."""
    return (
        "/" in weights or "\\" in weights or Path(weights).suffix in {".safetensors", ".pth", ".pt", ".bin"}
    )


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name from a ``.safetensors`` file or one of ``torch.save``; nothing in it is executed.

    Raises:
        InputError: no such file, or one that holds something else.
    """
    if not path.is_file():
        raise InputError(f"model.encoder_weights is {path}, which is not there: check the path")
    try:
        content = _read(path)
    except (
        SafetensorError,
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        OSError,
        LookupError,
        ValueError,
    ) as e:
        raise _no_weights(path, " ".join(str(e).split())[:100]) from None
    if isinstance(content, dict) and all(isinstance(value, Tensor) for value in content.values()):
        return content
    raise _no_weights(path, f"it holds {type(content).__name__}")


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        return load_file(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks on foreign pickles, which are refused anyway
        return torch.load(path, map_location="cpu", weights_only=True)


def hub_file(repository: str, name: str = HUB_FILE, revision: str | None = None) -> Path:
    """A file of a Hugging Face repository, from this machine's cache or else from the network.

    Raises:
        InputError: it is in neither; the message says where to put it.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    from huggingface_hub.utils import logging as hub_logging

    try:
        return Path(hf_hub_download(repository, name, revision=revision, local_files_only=True))
    except LocalEntryNotFoundError:
        log.info("fetching %s from https://huggingface.co/%s", name, repository)
    verbosity = hub_logging.get_verbosity()
    hub_logging.set_verbosity(logging.ERROR)  # one line from us, not one for each time that it tries again
    try:
        return Path(hf_hub_download(repository, name, revision=revision))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError):
        raise _not_there(
            f"{name} of {repository}",
            f"https://huggingface.co/{repository}/resolve/{revision or 'main'}/{name}",
        ) from None
    finally:
        hub_logging.set_verbosity(verbosity)


def torchvision_weights(url: str) -> dict[str, Tensor]:
    """Weights of torchvision, from this machine's cache or else from the network.

    Raises:
        InputError: they are in neither; the message says where to put the file.
    """
    name = url.rpartition("/")[2]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / name
    if cached.is_file():
        return read_weights(cached)
    log.info("fetching %s", url)
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(cached), progress=False)
    except OSError:
        raise _not_there(name, url) from None
    return read_weights(cached)


def _not_there(what: str, url: str) -> InputError:
    return InputError(
        f"the encoder's weights ({what}) are not on this machine and cannot be fetched: download {url} where "
        "there is a network, and set model.encoder_weights to the file's path, or to null for none"
    )


def _no_weights(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path} holds no weights ({reason}), expected tensors by name in a .safetensors file or one of "
        "torch.save: code in files is never run"
    )
