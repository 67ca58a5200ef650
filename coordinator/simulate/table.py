"""A report for a terminal. Pure: something rich can draw comes out."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from coordinator.simulate.compare import Gain
from coordinator.simulate.measures import BOUND, Measures, Times
from coordinator.simulate.study import BASE, Outcome, Report, averaged

WIDE = 112
"""Columns from which on everything stands in one table."""
TIMES = ("MEAN", "P50", "P95", "P99")
COUNTS = ("LOADS", "EVICTED", "MOVED", "LOST", "FAIR")
FIGURES = {"mean_total": "mean total time", "p95_ttft": "p95 time to first byte"}


def lines(report: Report, about: str, width: int) -> Iterator[RenderableType]:
    """The report in so many columns. `about`: of the fleet."""
    asked = report.asked
    yield Text(f"fleet {asked.fleet}: {about}")
    loads = dict.fromkeys(each.load for each in report.outcomes)
    for load in loads:
        outcomes = [each for each in report.outcomes if each.load == load]
        yield ""
        yield Text(_title(report, outcomes), style="bold")
        yield from _tables(averaged(outcomes), width)
    if report.gains:
        yield ""
        yield from _gains(report)
    yield ""
    yield Text(f"seconds; {BOUND}: each call alone on its best node, its model loaded", style="dim")


def _title(report: Report, outcomes: Sequence[Outcome]) -> str:
    first = outcomes[0]
    calls = first.policies[0].calls
    rate = f"{sum(each.rate for each in outcomes) / len(outcomes):.3g} calls/s"
    load = "" if first.load is None else f", {first.load:.0%} of saturation"
    seeds = report.asked.seeds
    drawn = f"seed {seeds[0]}" if len(seeds) == 1 else f"means of {len(seeds)} seeds"
    return f"{calls} calls of {report.asked.workload}, {rate}{load}, {drawn}"


def _tables(found: Sequence[Measures], width: int) -> Iterator[Table]:
    if width >= WIDE:
        yield _table(found, of_times=True, of_counts=True)
    else:
        yield _table(found, of_times=True)
        yield _table(found, of_counts=True)


def _table(found: Sequence[Measures], *, of_times: bool = False, of_counts: bool = False) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("POLICY", no_wrap=True)
    headings = [f"TTFT {TIMES[0]}", *TIMES[1:], f"TOTAL {TIMES[0]}", *TIMES[1:]] if of_times else []
    for heading in (*headings, *(COUNTS if of_counts else ())):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in found:
        times = [*_times(each.ttft_s), *_times(each.total_s)] if of_times else []
        table.add_row(each.policy, *times, *(_counts(each) if of_counts else ()))
    return table


def _times(times: Times) -> list[str]:
    return [_seconds(each) for each in (times.mean, times.p50, times.p95, times.p99)]


def _counts(each: Measures) -> list[str]:
    if each.policy == BOUND:
        return ["-"] * len(COUNTS)
    counts = (each.cold_loads, each.evictions, each.moved, each.lost)
    return [*map(str, counts), f"{each.fairness:.2f}"]


def _seconds(value: float) -> str:
    """Three figures, no more than there is sense in."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _gain(gain: Gain, *, sure: bool) -> str:
    return f"{gain.mean:.2f} ({gain.low:.2f} to {gain.high:.2f})" if sure else f"{gain.mean:.2f}"


def _gains(report: Report) -> Iterator[RenderableType]:
    sure = len(report.asked.seeds) > 1
    intervals = ", 95 % intervals" if sure else "; more --seeds tell how sure that is"
    yield Text(f"times less than {BASE}, geometric means over loads and seeds{intervals}", style="bold")
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("POLICY", no_wrap=True)
    for text in FIGURES.values():
        table.add_column(text.upper(), justify="right")
    for policy, found in report.gains.items():
        told = {each.figure: _gain(each, sure=sure) for each in found}
        table.add_row(policy, *(told[figure] for figure in FIGURES))
    yield table
