"""Somebody else's web page in a real browser on the coordinator's own machine: it gets and changes nothing."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.fakes.control import FakeEngine
from tests.fleet.browsing import OPENED_S, EvilSite, browser, nothing_happened, opened, shown
from tests.fleet.doors import lan_address
from tests.fleet.harness import fleet_of_fakes

pytestmark = pytest.mark.always


async def visited(directory: Path, targets: list[str], rebound: str, name: str) -> dict[str, Any]:
    """What the page at http://`name` was answered."""
    site = EvilSite(targets, rebound)
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    resolving = "--host-resolver-rules=MAP *.example 127.0.0.1"
    async with server, opened(directory, f"http://{name}:{port}/evil", resolving), asyncio.timeout(OPENED_S):
        return await site.told


@pytest.mark.timeout(240)
@pytest.mark.parametrize("mode", ["closed", "open"])
async def test_a_page_of_another_origin_changes_nothing_by_any_way(tmp_path: Path, mode: str) -> None:
    browser()
    async with (
        FakeEngine.run(["m"], loaded=["m"]) as fake,
        fleet_of_fakes(tmp_path, [fake], host="0.0.0.0", open=mode == "open", mdns=False) as herd,
    ):
        port = urlsplit(herd.address).port
        targets = [f"http://127.0.0.1:{port}", f"http://{lan_address()}:{port}"]
        told = await visited(tmp_path / "profile", targets, herd.address, "evil.example")
        for target in targets:
            assert told[f"health {target}"] == "opaque", "the page reached nobody: nothing is shown by this"
        ways = {name: said for name, said in told.items() if not name.startswith("health ")}
        assert len(ways) > 60
        read = {name for name, said in ways.items() if said not in ("opaque", "failed", "not shown")}
        assert {name for name in read if mode == "closed" or not name.startswith("img ")} == set()
        await nothing_happened(herd, fake)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("mode", ["closed", "open"])
async def test_a_name_that_was_made_to_point_here_is_refused(tmp_path: Path, mode: str) -> None:
    browser()
    async with (
        FakeEngine.run(["m"], loaded=["m"]) as fake,
        fleet_of_fakes(tmp_path, [fake], host="0.0.0.0", open=mode == "open", mdns=False) as herd,
    ):
        port = urlsplit(herd.address).port
        for rebound in (herd.address, f"http://{lan_address()}:{port}"):
            profile = tmp_path / f"profile-{urlsplit(rebound).hostname}"
            told = await visited(profile, [""], rebound, "rebound.example")
            forms = {name: said for name, said in told.items() if not name.startswith("img ")}
            assert len(forms) > 30
            assert set(forms.values()) == {"421"}, (
                forms
            )  # of its own origin, as the browser sees it: it may read
            await nothing_happened(herd, fake)


@pytest.mark.timeout(240)
async def test_the_dashboard_goes_on_working_in_the_owners_browser(tmp_path: Path) -> None:
    browser()
    async with (
        FakeEngine.run(["m"], loaded=["m"]) as fake,
        fleet_of_fakes(tmp_path, [fake]) as herd,
    ):
        page = await shown(tmp_path / "profile", f"{herd.address}/dashboard")
        assert "node-1" in page
