"""The table that a design is argued with, against figures that can be worked out by hand."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from coordinator.simulate.markdown import markdown
from coordinator.simulate.measures import Measures, Times, of_bound
from coordinator.simulate.study import Asked, BadReport, Outcome, Report
from coordinator.simulate.world import Alone

ROOT = Path(__file__).parents[3]


def a_report(
    seeds: Sequence[int], *, workload: str = "poisson", others: Sequence[str] = ("weighted", "clairvoyant")
) -> Report:
    """`weighted` takes twice the time of `predictive` at load 0.3, eight times at 0.9, half at 1.2."""
    policies = ("predictive", *others)
    outcomes = [
        Outcome(
            seed=seed,
            load=load,
            rate=1.0,
            saturation=1.0,
            policies=[_taking(each, times) for each in policies],
        )
        for seed in seeds
        for load, times in ((0.3, 2.0), (0.9, 8.0), (1.2, 0.5))
    ]
    return Report(Asked(fleet="home", workload=workload, policies=policies, seeds=tuple(seeds)), outcomes, {})


def _taking(policy: str, times: float) -> Measures:
    of_policy = {"weighted": times, "least-connections": 3.0}
    seconds = of_policy.get(policy, 1.0)
    told = Times(seconds, seconds, seconds, seconds)
    return replace(of_bound([Alone(1.0, 1.0)]), policy=policy, ttft_s=told, total_s=told)


def rows(reports: Sequence[Report]) -> dict[str, list[str]]:
    """Cells by the name of the row."""
    lines = [line for line in markdown(reports) if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells}


def test_a_row_for_each_load_and_one_for_those_below_saturation() -> None:
    found = rows([a_report([1, 2])])
    assert list(found) == ["fleet, load", "home 0.3", "home 0.9", "home 1.2", "home below saturation"]
    assert found["fleet, load"][0] == "mean total, over weighted"
    assert found["home 0.3"] == ["2.00", "", "1.00"] * 2
    assert found["home below saturation"] == ["4.00", "", "1.00"] * 2, "geometric"
    assert found["home 1.2"][0] == "**0.50**"


def test_intervals_are_by_seeds_however_the_sweep_was_parted() -> None:
    slower = a_report([2])
    twice = [
        replace(
            each, policies=[_taking("predictive", 1.0), _taking("weighted", 4.0), _taking("clairvoyant", 1.0)]
        )
        for each in slower.outcomes
    ]
    parts = [a_report([1]), replace(slower, outcomes=twice)]
    assert rows(parts) == rows(parts[::-1])
    mean, low, high = map(float, re.findall(r"[0-9.]+", rows(parts)["home 0.3"][0]))
    assert mean == pytest.approx(8**0.5, abs=0.01)
    assert low < 0.1
    assert high > 50


def test_other_workloads_have_rows_of_their_own() -> None:
    found = rows([a_report([1]), a_report([1], workload="/data/conv.csv.gz", others=["least-connections"])])
    assert found["home conv 0.3"] == ["", "3.00", ""] * 2


def test_what_cannot_be_put_together_is_told() -> None:
    with pytest.raises(BadReport, match="home poisson: a seed is there twice"):
        list(markdown([a_report([1]), a_report([1])]))
    report = a_report([1])
    without = [replace(each, policies=each.policies[1:]) for each in report.outcomes]
    with pytest.raises(BadReport, match="predictive was not simulated"):
        list(markdown([replace(report, outcomes=without)]))


def test_the_script_reads_what_json_told(tmp_path: Path) -> None:
    path = tmp_path / "home.json"
    path.write_bytes(msgspec.json.encode(a_report([1, 2])))

    def script(*names: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "scripts" / "study"), *names]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert script(str(path)).stdout.splitlines() == list(markdown([a_report([1, 2])]))
    assert (script(str(tmp_path / "nowhere")).returncode, script().returncode) == (1, 1)
