"""Figures as Matplotlib has them, before they become text."""

from __future__ import annotations

from types import ModuleType

import pytest
from markupsafe import Markup
from matplotlib.figure import Figure


def keep_figures(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> list[Figure]:
    """The figures that a module of `hela_seg.report` hands over to be written as SVG from now on."""
    kept: list[Figure] = []

    def keep(figure: Figure) -> Markup:
        kept.append(figure)
        return Markup("")

    monkeypatch.setattr(module, "themed_svg", keep)
    return kept
