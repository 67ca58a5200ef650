"""Reports of sweeps as the table that a design is argued with: what one policy gains over others, row by row. Pure."""

from collections.abc import Iterator, Sequence
from pathlib import PurePath

from coordinator.simulate.compare import FIGURES, Cell, Gain, gain
from coordinator.simulate.study import BadReport, Outcome, Report

JUDGED = "predictive"
AGAINST = ("weighted", "least-connections", "clairvoyant")
SHOWN = {"mean_total": "mean total", "p95_ttft": "p95 TTFT"}

Sweep = tuple[str, str]
"""Fleet and workload."""


def markdown(reports: Sequence[Report]) -> Iterator[str]:
    """A row for each load of each sweep, and one for all its loads below saturation. Reports of one fleet and workload
    are parts of one sweep, each with seeds of its own. Raises BadReport.
    """
    yield (
        "| fleet, load | "
        + " | ".join(f"{SHOWN[each]}, over {base}" for each in FIGURES for base in AGAINST)
        + " |"
    )
    yield "|---" * (1 + len(FIGURES) * len(AGAINST)) + "|"
    for sweep, outcomes in _sweeps(reports).items():
        loads = sorted({each.load for each in outcomes}, key=lambda load: load or 0.0)
        for load in loads:
            yield _row(
                sweep, "" if load is None else f" {load:g}", [each for each in outcomes if each.load == load]
            )
        if below := [each for each in outcomes if each.load is not None and each.load < 1]:
            yield _row(sweep, " below saturation", below)
    yield ""
    yield f"Times less that `{JUDGED}` takes: geometric means, 95 % intervals by seeds; bold where it is worse."


def _sweeps(reports: Sequence[Report]) -> dict[Sweep, list[Outcome]]:
    sweeps: dict[Sweep, list[Outcome]] = {}
    for each in reports:
        sweeps.setdefault((each.asked.fleet, each.asked.workload), []).extend(each.outcomes)
    for sweep, outcomes in sweeps.items():
        if len({(each.seed, each.load) for each in outcomes}) < len(outcomes):
            raise BadReport(f"{' '.join(sweep)}: a seed is there twice")
        if any(JUDGED not in _cell(each) for each in outcomes):
            raise BadReport(f"{' '.join(sweep)}: {JUDGED} was not simulated")
    return sweeps


def _row(sweep: Sweep, load: str, outcomes: Sequence[Outcome]) -> str:
    fleet, workload = sweep
    told = "" if workload == "poisson" else f" {PurePath(workload).name.split('.')[0]}"
    cells: dict[int, list[Cell]] = {}
    for each in outcomes:
        cells.setdefault(each.seed, []).append(_cell(each))
    there = set.intersection(*(set(cell) for loads in cells.values() for cell in loads))
    found = [
        _shown(gain(cells, JUDGED, base, figure)) if base in there else ""
        for figure in FIGURES
        for base in AGAINST
    ]
    return f"| {fleet}{told}{load} | {' | '.join(found)} |"


def _cell(outcome: Outcome) -> Cell:
    return {each.policy: each for each in outcome.policies}


def _shown(found: Gain) -> str:
    text = f"{found.mean:.2f}"
    if found.low < found.high:
        text += f" ({found.low:.2f} to {found.high:.2f})"
    return f"**{text}**" if found.high < 1 else text
