"""Parameters of the dashboard."""

import pytest
from aiohttp.test_utils import make_mocked_request

from coordinator.dashboard.asked import flag, number, window
from shared.errors import CallerFault

NOW = 1_800_000_000.0


@pytest.mark.parametrize("text", ["0", "-1", "11", "1.5", "x", "", "\u0661", "9" * 400])
def test_a_number_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(CallerFault, match="days is a whole number from 1 to 10"):
        number(make_mocked_request("GET", f"/?days={text}"), "days", 7, 10)


def test_numbers_and_flags() -> None:
    assert number(make_mocked_request("GET", "/?days=10"), "days", 7, 10) == 10
    assert number(make_mocked_request("GET", "/"), "days", 7, 10) == 7
    asked = {text: flag(make_mocked_request("GET", f"/?refresh={text}"), "refresh") for text in "01"}
    assert asked == {"0": False, "1": True}
    assert flag(make_mocked_request("GET", "/?refresh=True"), "refresh")
    assert not flag(make_mocked_request("GET", "/"), "refresh")
    with pytest.raises(CallerFault, match="refresh is true or false"):
        flag(make_mocked_request("GET", "/?refresh=maybe"), "refresh")


@pytest.mark.parametrize(
    ("query", "since", "until"),
    [
        ("", NOW - 100, NOW),
        ("start_ts=0&end_ts=0", NOW - 100, NOW),
        ("start_ts=1700000000", 1_700_000_000, NOW),
        ("end_ts=1700000000.5", 1_700_000_000.5 - 100, 1_700_000_000.5),
        ("start_ts=1600000000&end_ts=1700000000", 1_600_000_000, 1_700_000_000),
    ],
)
def test_windows(query: str, since: float, until: float) -> None:
    found = window(make_mocked_request("GET", f"/?{query}"), 100, NOW)
    assert found.since == pytest.approx(since, abs=1e-3)
    assert found.until == pytest.approx(until, abs=1e-3)
    if "end_ts" not in query:
        assert found.until > NOW  # a call that ended in this moment is in it


@pytest.mark.parametrize(
    "query",
    ["start_ts=x", "end_ts=-1", "end_ts=nan", "start_ts=inf", "start_ts=1e400", "end_ts=1700000000000"],
)
def test_moments_that_are_none(query: str) -> None:
    with pytest.raises(CallerFault, match="is a time in seconds"):
        window(make_mocked_request("GET", f"/?{query}"), 100, NOW)


def test_a_window_begins_before_it_ends() -> None:
    with pytest.raises(CallerFault, match="start_ts is after end_ts"):
        window(make_mocked_request("GET", "/?start_ts=2&end_ts=1"), 100, NOW)
