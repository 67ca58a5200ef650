"""A page of another program on the coordinator's machine, in a browser that is logged in: cookies know no ports, so
this page's requests carry the session.
"""

import asyncio
from pathlib import Path

import pytest

from tests.fakes.control import FakeEngine
from tests.fleet.browsing import OPENED_S, EvilSite, browser, nothing_happened
from tests.fleet.doors import lan_address
from tests.fleet.driving import ASKS, driven
from tests.fleet.harness import fleet_of_fakes
from tests.fleet.logging_in import known_key, reached


@pytest.mark.timeout(240)
@pytest.mark.parametrize("mode", ["closed", "open"])
async def test_a_page_of_another_port_does_nothing_by_the_cookie(tmp_path: Path, mode: str) -> None:
    browser()
    async with (
        FakeEngine.run(["m"], loaded=["m"]) as fake,
        fleet_of_fakes(
            tmp_path, [fake], host="0.0.0.0", mdns=False, bad_keys=50, open=mode == "open"
        ) as herd,
    ):
        url = reached(herd.address, lan_address())
        key = await known_key(tmp_path, herd.address, "all", "infer", "read", "operate", "admin")
        site = EvilSite([url], url)
        server = await asyncio.start_server(site.serve, lan_address(), 0)
        evil = f"http://{lan_address()}:{server.sockets[0].getsockname()[1]}/evil"
        async with server, driven(tmp_path / "profile", f"{url}/dashboard") as tab, asyncio.timeout(OPENED_S):
            if mode == "closed":
                await tab.shows(ASKS)
                await tab.types(key)
            await tab.shows("node-1")
            await tab.command("Page.navigate", url=evil)
            told = await site.told
            await tab.command("Page.navigate", url=f"{url}/dashboard")
            await tab.shows("node-1")
        assert told[f"img {url}/dashboard/icon.svg"] == "shown", (
            "no cookie came along: nothing is shown by this"
        )
        ways = {name: said for name, said in told.items() if not name.startswith(("img ", "health "))}
        assert len(ways) > 30
        assert {name for name, said in ways.items() if said not in ("opaque", "failed")} == set()
        await nothing_happened(herd, fake)
