"""The table of routes is that of the router, to the row."""

import time
from pathlib import Path

from coordinator.access.routes import ROUTES, route_of
from coordinator.app import coordinator
from coordinator.config import Settings
from tests.fakes.registry import CLOSED


async def test_every_route_has_a_row_and_every_row_a_route(tmp_path: Path) -> None:
    settings = Settings(host="127.0.0.1", port=0, data_dir=str(tmp_path), registry_url=CLOSED)
    async with coordinator(settings, time.monotonic) as running:
        there = running.server.addresses()
    assert len(there) > 60
    assert {each for each in there if route_of(*each) is None} == set()
    assert {each for each in ROUTES if (each.method, each.path) not in there} == set()


def test_no_route_has_two_rows() -> None:
    addresses = [(each.method, each.path) for each in ROUTES]
    assert len(addresses) == len(set(addresses))


def test_only_health_is_for_everyone() -> None:
    assert [each.path for each in ROUTES if each.public] == ["/health"]
    assert all(each.scopes for each in ROUTES)


def test_whatever_changes_something_for_others_is_an_order_or_a_call() -> None:
    """What a web page could send as a form must not be one."""
    changing = {each for each in ROUTES if each.scopes & {"operate", "admin", "node"}}
    calls = {"/api/pull", "/api/delete", "/dashboard/api/settings"}
    assert {each.path for each in changing if not each.order} == calls
    assert not [each for each in changing if each.method == "GET"]
