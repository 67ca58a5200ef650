"""Parameters of the dashboard, whose orders are taken, and answers that are kept."""

import asyncio
import math

import pytest
from aiohttp.test_utils import make_mocked_request

from coordinator.dashboard.asked import flag, number, window
from coordinator.dashboard.guard import refuse_foreign_pages
from coordinator.dashboard.reads import Kept, Reads
from shared.errors import CallerFault, Forbidden
from tests.fakes.waiting import eventually

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


JSON = {"Content-Type": "application/json", "Host": "herd.local:11435"}


@pytest.mark.parametrize(
    "headers",
    [
        JSON,
        JSON | {"Origin": "http://herd.local:11435"},
        JSON | {"Origin": "http://HERD.local:11435", "Sec-Fetch-Site": "same-origin"},
        JSON | {"Content-Type": "application/json; charset=utf-8"},
    ],
)
def test_orders_of_scripts_and_of_the_own_page_are_taken(headers: dict[str, str]) -> None:
    refuse_foreign_pages(make_mocked_request("POST", "/", headers))


@pytest.mark.parametrize(
    "headers",
    [
        JSON | {"Origin": "http://evil.example"},
        JSON | {"Origin": "http://herd.local:11436"},
        JSON | {"Origin": "http://herd.local"},
        JSON | {"Origin": "null"},
        JSON | {"Origin": "http://herd.local:11435@evil.example"},
        JSON | {"Origin": "http://[broken"},
        JSON | {"Sec-Fetch-Site": "cross-site"},
        JSON | {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_orders_of_other_pages_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Forbidden, match="orders are not taken from pages of"):
        refuse_foreign_pages(make_mocked_request("POST", "/", headers))


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_what_a_form_can_send_is_no_order(kind: str) -> None:
    with pytest.raises(CallerFault, match="Content-Type: application/json"):
        refuse_foreign_pages(make_mocked_request("POST", "/", JSON | {"Content-Type": kind}))


async def test_an_answer_is_kept_for_its_time_and_errors_are_not() -> None:
    now, asked = [0.0], [0]
    kept: Kept[int] = Kept(30.0, lambda: now[0])

    async def ask() -> int:
        asked[0] += 1
        if asked[0] == 1:
            raise CallerFault("not yet")
        return asked[0]

    with pytest.raises(CallerFault):
        await kept.get(ask)
    assert await kept.get(ask) == 2
    now[0] = math.nextafter(30.0, 0)
    assert await kept.get(ask) == 2
    assert await kept.get(ask, anew=True) == 3
    now[0] += 30.0
    assert list(await asyncio.gather(kept.get(ask), kept.get(ask))) == [4, 4]


async def test_reads_run_a_few_at_once() -> None:
    reads, running, most = Reads(), [0], [0]
    loop = asyncio.get_running_loop()
    gate = asyncio.Event()

    def read() -> int:
        running[0] += 1
        most[0] = max(most[0], running[0])
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(5)
        running[0] -= 1
        return 1

    tasks = [asyncio.create_task(reads(read)) for _ in range(5)]
    await eventually(lambda: running[0] == 2)
    gate.set()
    assert sum(await asyncio.gather(*tasks)) == 5
    assert most[0] == 2
