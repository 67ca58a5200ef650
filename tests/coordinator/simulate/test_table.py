"""A report of several policies, in 80 and in 120 columns."""

import io

import pytest
from msgspec.structs import replace
from rich.console import Console

from coordinator.simulate.compare import Gain
from coordinator.simulate.measures import Measures, Times, of_bound
from coordinator.simulate.study import Asked, Outcome, Report
from coordinator.simulate.table import lines
from coordinator.simulate.world import Alone


def a_measure(policy: str, seconds: float) -> Measures:
    """All times alike; counts as long as they may become."""
    found = of_bound([Alone(1.0, 1.0)] * 100)
    times = Times(seconds, seconds, seconds, seconds)
    return replace(
        found, policy=policy, ttft_s=times, total_s=times, cold_loads=1234, moved=12345, fairness=0.5
    )


def a_report() -> Report:
    asked = Asked(
        fleet="home",
        workload="poisson",
        policies=("weighted", "least-connections"),
        seeds=(1, 2),
        loads=(0.3,),
    )
    outcomes = [
        Outcome(
            seed=seed,
            load=0.3,
            rate=0.5,
            saturation=1.5,
            policies=[
                a_measure("weighted", 1234.5),
                a_measure("least-connections", 12.0 * seed),
                of_bound([Alone(0.5, 1.0)]),
            ],
        )
        for seed in (1, 2)
    ]
    told = [Gain("mean_total", 1.5, 1.25, 1.75), Gain("p95_ttft", 12.345, 10.0, 15.0)]
    return Report(asked, outcomes, {"least-connections": told})


@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_and_tells_the_gains(width: int) -> None:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    for line in lines(a_report(), "three machines", width):
        console.print(line)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    print(text)  # noqa: T201 - to be looked at
    assert "100 calls of poisson, 0.5 calls/s, 30% of saturation, means of 2 seeds" in text
    rows = [line.split() for line in text.splitlines() if line.startswith("least-connections")]
    assert rows[0][1:9] == ["18.0"] * 8
    assert rows[-1][1:] == ["1.50", "(1.25", "to", "1.75)", "12.35", "(10.00", "to", "15.00)"]
    assert "1234" in text
    assert "…" not in text
    assert len(rows) == (3 if width == 80 else 2)
