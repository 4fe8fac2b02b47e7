"""Times as tables of 80 columns: one a net, and one of the ratios to an earlier record."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from hela_seg.report.tables import ABSENT, plain_table, print_plain
from hela_seg.training.timing.record import FULL_STEP, NetTimes, Record

MILLI, GIGA, MEBI = 1e3, 1e-9, 2**-20


def print_times(record: Record, console: Console | None = None) -> None:
    """Print what was measured: the machine, then a table a net.

    Args:
        record: of one benchmark.
        console: where to print; standard output by default.
    """
    console = console or Console()
    height, width = record.settings["tile"]
    print_plain(
        Text(
            f"{record.hardware['processor']}\n"
            f"{record.settings['hardware']}\n"
            f"Tiles of {height}x{width}, {record.settings['batch_size']} a batch; matrix products reach "
            f"{record.peak * GIGA:,.0f} × 10⁹ multiply-adds (MAC) a second"
        ),
        console,
    )
    for name, times in record.nets.items():
        print_plain(Text(f"\n{name}{_memory(times)}"), console)
        _print_net(times, record.peak, console)


def _memory(times: NetTimes) -> str:
    return "" if times.peak_memory is None else f", at most {times.peak_memory * MEBI:,.0f} MiB in training"


def _print_net(times: NetTimes, peak: float, console: Console) -> None:
    table = plain_table(["Stage"], ["ms", "of step", "tiles/s", "10⁹ MAC/s", "of peak"], console)
    step = times.stages[FULL_STEP].median
    for name, stage in times.stages.items():
        rate = None if stage.multiply_adds is None else stage.multiply_adds / stage.median
        table.add_row(
            Text(name),
            f"{stage.median * MILLI:,.1f}",
            f"{stage.median / step:.1%}",
            f"{stage.tiles / stage.median:,.1f}",
            ABSENT if rate is None else f"{rate * GIGA:,.0f}",
            ABSENT if rate is None else f"{rate / peak:.0%}",
            style="bold" if name == FULL_STEP else None,
        )
    print_plain(table, console)


def print_ratios(now: Record, before: Record, console: Console | None = None) -> None:
    """Print for each stage that both records have its time now over its time before, and what else differs.

    Args:
        now: the later record.
        before: the earlier one.
        console: where to print; standard output by default.
    """
    console = console or Console()
    for key, ours, theirs in _differences(now, before):
        print_plain(Text(f"{key} was {theirs}, is {ours}"), console)
    table = plain_table(["Net", "Stage"], ["ms before", "ms now", "ratio"], console)
    for name in (name for name in now.nets if name in before.nets):
        for stage, found in now.nets[name].stages.items():
            if stage in before.nets[name].stages:
                earlier = before.nets[name].stages[stage].median
                numbers = (earlier * MILLI, found.median * MILLI)
                ratio = f"{found.median / earlier:.2f}"
                table.add_row(Text(name), Text(stage), *(f"{number:,.1f}" for number in numbers), ratio)
    print_plain(table, console)


def _differences(now: Record, before: Record) -> list[tuple[str, object, object]]:
    pairs = (
        (now.hardware, before.hardware),
        (now.versions, before.versions),
        (now.settings, before.settings),
    )
    return [
        (key, ours.get(key, ABSENT), theirs.get(key, ABSENT))
        for ours, theirs in pairs
        for key in {**ours, **theirs}
        if ours.get(key) != theirs.get(key)
    ]
