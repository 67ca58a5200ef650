"""Latency against load, drawn: what a plot shows of a report, and that its bytes are the same for the same report."""

import math
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from coordinator.simulate.compare import FIGURES
from coordinator.simulate.curves import curves
from coordinator.simulate.entrants import ENTRANTS
from coordinator.simulate.measures import BOUND, Measures, Times, of_bound
from coordinator.simulate.plot import COLOURS, drawn
from coordinator.simulate.study import Asked, BadReport, Outcome, Report, stored
from coordinator.simulate.world import Alone

ROOT = Path(__file__).parents[3]
LOADS = (0.3, 0.9)
INK = "#0072b2"
"""Of `weighted`."""


def measures(policy: str, seconds: float, lost: int = 0) -> Measures:
    times = Times(seconds, seconds, seconds, seconds)
    alone = of_bound([Alone(1.0, 1.0)] * 100)
    return replace(alone, policy=policy, ttft_s=times, total_s=times, completed=100 - lost, lost=lost)


def report(
    of_seeds: Sequence[Mapping[str, float]],
    loads: tuple[float, ...] = LOADS,
    lost: int = 0,
    fleet: str = "home",
) -> Report:
    """Of each seed: seconds of each policy at the first load, twice as many at the second and so on."""
    names, seeds = tuple(of_seeds[0]), tuple(range(1, len(of_seeds) + 1))
    outcomes = [
        Outcome(
            seed=seed,
            load=load,
            rate=2.0,
            saturation=None if load is None else 2.0 / load,
            policies=[
                *(measures(name, value * (place + 1), lost) for name, value in seconds.items()),
                of_bound([Alone(0.5, 1.0)] * 100),
            ],
        )
        for seed, seconds in zip(seeds, of_seeds, strict=True)
        for place, load in enumerate(loads or (None,))
    ]
    return Report(
        Asked(fleet=fleet, workload="poisson", policies=names, seeds=seeds, loads=loads), outcomes, {}
    )


TWO_SEEDS = report([{"weighted": 4.0, "predictive": 2.0}, {"weighted": 9.0, "predictive": 3.0}])
ONE_SEED = report([{"weighted": 4.0, "predictive": 2.0}])


def inks(svg: bytes, colour: str) -> int:
    return svg.decode().lower().count(colour.lower())


def texts(svg: bytes) -> list[str]:
    """What it says to a reader."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg.decode())


def test_a_curve_is_of_geometric_means_with_students_interval() -> None:
    found = {each.policy: each.points for each in curves(TWO_SEEDS, FIGURES["mean_total"])}
    assert list(found) == ["weighted", "predictive", BOUND]
    first, second = found["weighted"]
    assert (first.at, second.at) == LOADS
    assert first.mean == pytest.approx(6.0)
    assert second.mean == pytest.approx(12.0)
    half = 12.706 * math.log(9 / 4) / 2  # t of one degree; the deviation of two over the root of two
    assert first.low == pytest.approx(6.0 * math.exp(-half))
    assert first.high == pytest.approx(6.0 * math.exp(half))


def test_a_load_at_which_nothing_was_answered_is_no_point() -> None:
    (weighted, _) = curves(report([{"weighted": 0.0}], lost=100), FIGURES["mean_total"])
    assert weighted.points == []
    (weighted, _) = curves(report([{"weighted": 4.0}], lost=25), FIGURES["mean_total"])
    assert [each.lost for each in weighted.points] == [0.25, 0.25]


def test_without_loads_points_lie_at_calls_a_second() -> None:
    (weighted, _) = curves(report([{"weighted": 4.0}], loads=()), FIGURES["mean_total"])
    assert [each.at for each in weighted.points] == [2.0]


def test_every_policy_is_named_in_text() -> None:
    every = report([{name: place + 1.0 for place, name in enumerate(ENTRANTS)}])
    told = texts(drawn(every))
    assert {*ENTRANTS, BOUND, "mean total time", "p95 time to first byte", "30%", "90%"} <= set(told)
    assert "fleet home: 100 calls of poisson, 1 seed" in told
    assert not any("band" in each for each in told)


def test_no_two_policies_look_alike() -> None:
    assert len(ENTRANTS) <= len(COLOURS) == len(set(COLOURS))


def test_a_name_with_dollars_is_no_formula() -> None:
    told = texts(drawn(report([{"weighted": 1.0}], fleet="a$1$b")))
    assert "fleet a$1$b: 100 calls of poisson, 1 seed" in told


def test_seeds_make_a_band_and_one_makes_none() -> None:
    one, two = drawn(ONE_SEED), drawn(TWO_SEEDS)
    assert b"FillBetween" not in one
    assert two.count(b'<g id="FillBetween') == 4  # of two policies, in two panels; none of the bound
    assert b"95 % intervals" in two
    assert inks(two, INK) > inks(one, INK) > 0


def test_at_a_single_load_policies_stand_side_by_side_with_bars() -> None:
    one = drawn(report([{"weighted": 4.0}], loads=(0.6,)))
    two = drawn(report([{"weighted": 4.0}, {"weighted": 9.0}], loads=(0.6,)))
    assert b"LineCollection" not in one
    assert two.count(b'<g id="LineCollection') == 2
    assert "60% of saturation" in texts(one)
    assert "2 calls a second" in texts(drawn(report([{"weighted": 4.0}], loads=())))
    same = drawn(report([{"weighted": 4.0, "predictive": 4.0}], loads=(0.6,))).decode()
    spots = re.findall(r'<use xlink:href="#\w+" x="([\d.]+)".*fill: #(?:0072b2|d55e00)', same)
    assert len(set(spots[:4])) == 4  # of two policies, in two panels; the legend's come after


def test_points_of_lost_calls_are_hollow() -> None:
    assert b"hollow" in drawn(report([{"weighted": 4.0}], lost=2))
    assert b"hollow" not in drawn(report([{"weighted": 4.0}], lost=1))


def test_nothing_answered_is_drawn_all_the_same() -> None:
    assert b"weighted" in drawn(report([{"weighted": 0.0}], lost=100))


def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    """In other processes, on another day, under a person's own settings."""
    (tmp_path / "result.json").write_bytes(msgspec.json.encode(TWO_SEEDS))
    (tmp_path / "matplotlibrc").write_text("axes.titlesize: 30\nsvg.fonttype: path\n")
    for number, environment in enumerate(
        (
            {"PYTHONHASHSEED": "1"},
            {"PYTHONHASHSEED": "2", "SOURCE_DATE_EPOCH": "0", "MATPLOTLIBRC": str(tmp_path)},
        )
    ):
        command = (*("--from", str(tmp_path / "result.json")), "--plot", str(tmp_path / f"{number}.svg"))
        simulate(*command, environment=environment)
    assert (tmp_path / "0.svg").read_bytes() == (tmp_path / "1.svg").read_bytes() == drawn(TWO_SEEDS)


def simulate(*options: str, environment: Mapping[str, str]) -> None:
    subprocess.run(
        [sys.executable, "-m", "coordinator", "simulate", *options],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        check=True,
    )


def test_what_was_told_is_read_back() -> None:
    assert stored(msgspec.json.encode(TWO_SEEDS)) == TWO_SEEDS


@pytest.mark.parametrize("content", [b"", b"{}", b'{"asked": 1}', b"\xff"])
def test_what_was_not_told_is_refused(content: bytes) -> None:
    with pytest.raises(BadReport, match="not what --json tells"):
        stored(content)


def test_outcomes_of_other_policies_are_refused() -> None:
    other = [*TWO_SEEDS.outcomes, *report([{"weighted": 1.0}]).outcomes]
    for outcomes in (other, []):
        with pytest.raises(BadReport, match="same policies"):
            stored(msgspec.json.encode(Report(TWO_SEEDS.asked, outcomes, {})))
