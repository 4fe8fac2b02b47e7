"""Weights that others trained come from this machine where they are there, and else from the network."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from huggingface_hub.utils import logging as hub_logging
from safetensors.torch import save_file

from hela_seg.models.pretrained import hub_file, names_a_file, read_weights, torchvision_weights
from hela_seg.system.errors import InputError


@pytest.mark.parametrize(
    ("weights", "expected"),
    [("imagenet", False), ("ssl", False), ("a.pth", True), ("here/imagenet", True), ("c:\\a", True)],
)
def test_a_path_is_told_from_a_name(weights: str, expected: bool) -> None:
    assert names_a_file(weights) is expected


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_tensors_come_back_by_their_names(suffix: str, tmp_path: Path) -> None:
    weights = {"a": torch.arange(3.0), "b.c": torch.ones(2, 2)}
    path = tmp_path / f"weights{suffix}"
    save_file(weights, path) if suffix == ".safetensors" else torch.save(weights, path)
    found = read_weights(path)
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], value) for name, value in weights.items())


@pytest.mark.parametrize("content", [{"state_dict": {"a": torch.ones(1)}}, [torch.ones(1)]])
def test_what_is_no_tensors_by_name_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"a\.pth holds no weights \(it holds (dict|list)\)"):
        read_weights(tmp_path / "a.pth")


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("by_torch", [True, False])
def test_code_in_a_file_never_runs(by_torch: bool, tmp_path: Path) -> None:
    path, mark = tmp_path / "a.pth", tmp_path / "it ran"
    content = {"conv1.weight": Bomb(mark)}
    torch.save(content, path) if by_torch else path.write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match="code in files is never run"):
        read_weights(path)
    assert not mark.exists()
    torch.load(path, weights_only=False) if by_torch else pickle.loads(path.read_bytes())
    assert mark.exists()  # the trap was a real one


class Hub:
    """Answers as Hugging Face's client does, and remembers what it was asked."""

    def __init__(self, *, cached: bool, reachable: bool) -> None:
        self.cached, self.reachable, self.asked = cached, reachable, []

    def __call__(
        self, repository: str, name: str, revision: str | None, local_files_only: bool = False
    ) -> str:
        self.asked.append((repository, name, revision, local_files_only))
        if self.cached if local_files_only else self.reachable:
            return "found"
        raise LocalEntryNotFoundError("not there")


@pytest.mark.parametrize(("cached", "asked"), [(True, [True]), (False, [True, False])])
def test_the_network_is_asked_only_for_what_is_not_here(
    cached: bool, asked: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub(cached=cached, reachable=not cached)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub)
    assert hub_file("smp-hub/a", revision="7") == Path("found")
    assert hub.asked == [("smp-hub/a", "model.safetensors", "7", local) for local in asked]


def test_what_is_nowhere_is_named_with_its_address_and_the_clients_log_is_left_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", Hub(cached=False, reachable=False))
    before = hub_logging.get_verbosity()
    hub_logging.set_verbosity(logging.INFO)
    try:
        with pytest.raises(InputError, match=r"https://huggingface\.co/smp-hub/a/resolve/7/b\.json where"):
            hub_file("smp-hub/a", "b.json", "7")
        assert hub_logging.get_verbosity() == logging.INFO
    finally:
        hub_logging.set_verbosity(before)


def test_weights_of_torchvision_that_are_here_are_not_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    fetched = []

    def fetch(url: str, target: str, progress: bool) -> None:
        fetched.append(url)
        torch.save({"a": torch.ones(1)}, target)

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    for _ in range(2):
        assert torchvision_weights("https://example.org/models/net-12.pth")["a"].item() == 1
    assert fetched == ["https://example.org/models/net-12.pth"]
    assert (tmp_path / "checkpoints" / "net-12.pth").is_file()
