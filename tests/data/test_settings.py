import pytest
import torch

from hela_seg.data import settings


@pytest.mark.parametrize(
    ("gpu", "cores", "workers"), [(False, 16, 0), (True, 16, 8), (True, 4, 3), (True, 1, 0)]
)
def test_workers_are_for_machines_with_a_gpu(monkeypatch, gpu, cores, workers):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(settings, "cores", lambda: cores)
    assert settings.default_workers() == workers
