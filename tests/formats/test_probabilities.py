"""Packages that version 0.1.0 exported import their net by the name that it had then."""

from __future__ import annotations

from importlib import import_module

from hela_seg.interchange.probabilities import Probabilities


def test_the_former_name_leads_to_the_same_net() -> None:
    assert import_module("hela_seg.formats.probabilities").Probabilities is Probabilities
