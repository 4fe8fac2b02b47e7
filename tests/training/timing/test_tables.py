"""Times as tables that a terminal of 80 columns holds."""

from __future__ import annotations

import re
from io import StringIO

from rich.console import Console
from test_record import record

from hela_seg.training.timing.tables import print_ratios, print_times


def lines(printed: StringIO) -> list[list[str]]:
    text = printed.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    return [re.split(r" {2,}", line.strip()) for line in text.splitlines() if line.strip()]


def test_each_stage_with_its_share_of_the_step_and_of_the_peak() -> None:
    """2 x 10^9 multiply-adds in 0.1 s are 20 x 10^9 a second, a fifth of the peak; 4 tiles, 40 a second."""
    printed = StringIO()
    print_times(record(), Console(file=printed, width=80))
    found = lines(printed)
    assert ["forward", "100.0", "50.0%", "40.0", "20", "20%"] in found
    assert ["full step", "200.0", "100.0%", "20.0", "30", "30%"] in found
    assert ["full step", "1,000.0", "100.0%", "4.0", "–", "–"] in found
    assert "unet, at most 3 MiB in training" in printed.getvalue()


def test_ratios_to_an_earlier_record_in_the_order_of_the_nets() -> None:
    printed = StringIO()
    print_ratios(record(0.1), record(0.2, torch="2.5"), Console(file=printed, width=80))
    found = lines(printed)
    assert found[0] == ["torch was 2.5, is 2.6"]
    assert found[-3:] == [
        ["unet", "forward", "100.0", "100.0", "1.00"],
        ["unet", "full step", "200.0", "100.0", "0.50"],
        ["other", "full step", "1,000.0", "1,000.0", "1.00"],
    ]
