"""When memory counts as tight."""

from pathlib import Path

import pytest

from agent.sensors.memory import Stalls, memory, pressure, stalls

CALM, SLOW, THRASHING = Stalls(0.0, 0.0), Stalls(5.0, 1.0), Stalls(60.0, 25.0)


@pytest.mark.parametrize(
    ("used_pct", "expected"),
    [
        (0.0, "normal"),
        (84.9, "normal"),
        (85.0, "warn"),
        (94.9, "warn"),
        (95.0, "critical"),
        (100.0, "critical"),
    ],
)
def test_by_percentage_where_nothing_else_is_told(used_pct: float, expected: str) -> None:
    assert pressure(used_pct) == expected


@pytest.mark.parametrize(
    ("used_pct", "waiting", "expected"),
    [
        (50.0, THRASHING, "normal"),  # somebody's own limit, not this machine's memory
        (90.0, CALM, "warn"),
        (90.0, SLOW, "warn"),
        (90.0, THRASHING, "critical"),
        (96.0, CALM, "warn"),  # full of models that nobody waits for
        (96.0, SLOW, "critical"),
        (99.5, CALM, "critical"),
    ],
)
def test_with_who_waits(used_pct: float, waiting: Stalls, expected: str) -> None:
    assert pressure(used_pct, waiting) == expected


def test_stalls_as_linux_tells_them(tmp_path: Path) -> None:
    file = tmp_path / "memory"
    assert stalls(file) is None
    file.write_text(
        "some avg10=12.50 avg60=3.00 avg300=1.00 total=9\nfull avg10=4.25 avg60=0.00 avg300=0.00 total=3\n"
    )
    assert stalls(file) == Stalls(12.5, 4.25)
    file.write_text("some avg10=12.50 avg60=3.00 avg300=1.00 total=9\n")
    assert stalls(file) is None


def test_this_machines_own() -> None:
    told = memory()
    assert 0 < told.available_bytes <= told.total_bytes
    assert told.swap_used_bytes <= told.swap_total_bytes
