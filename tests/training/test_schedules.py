"""Learning rates over a whole training, by hand-worked values."""

from __future__ import annotations

import pytest

from hela_seg.training.schedules import cosine, polynomial


def test_cosine_rises_and_falls() -> None:
    rates = [cosine(progress, warm_up=0.1) for progress in (0.0, 0.05, 0.1, 0.55, 1.0)]
    assert rates == pytest.approx([0.01, 0.5, 1.0, 0.5, 0.0])


def test_polynomial_falls_as_nnunets() -> None:
    assert [polynomial(p) for p in (0.0, 0.25, 1.0)] == pytest.approx([1.0, 0.75**0.9, 0.0])
    assert polynomial(0.55, warm_up=0.1, power=2) == pytest.approx(0.25)
