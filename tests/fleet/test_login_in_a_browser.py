"""Logging in and out in a real browser that comes by an address of the LAN, with and without TLS and scripts."""

from pathlib import Path

import pytest

from tests.fakes.control import FakeEngine
from tests.fleet.browsing import browser
from tests.fleet.doors import lan_address
from tests.fleet.driving import ASKS, driven
from tests.fleet.harness import fleet_of_fakes
from tests.fleet.keyed import key_verb
from tests.fleet.logging_in import known_key, reached

WRONG = f"sk-herd-abcdefgh-{'W' * 43}"


FEED = """new Promise(done => {
  const source = new EventSource("/fleet/events");
  source.addEventListener("snapshot", () => { source.close(); done("came"); });
  source.onerror = () => done("failed");
})"""


@pytest.mark.timeout(240)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_person_logs_in_looks_and_logs_out(tmp_path: Path, scheme: str) -> None:
    browser()
    async with (
        FakeEngine.run(["m"], loaded=["m"]) as fake,
        fleet_of_fakes(tmp_path, [fake], host="0.0.0.0", mdns=False, bad_keys=30) as herd,
    ):
        url = reached(herd.address, lan_address()).replace("http", scheme, 1)
        key = await known_key(tmp_path, herd.address, "screen", "read")
        async with driven(tmp_path / "profile", f"{url}/dashboard", "--ignore-certificate-errors") as tab:
            await tab.shows(ASKS)
            assert await tab.run("getComputedStyle(document.querySelector('.panel')).display") == "grid"
            await tab.types(WRONG)
            await tab.shows("this key is unknown")
            await tab.types(key)
            await tab.shows("Logged in with the key screen")
            await tab.shows("node-1")
            assert await tab.run("location.pathname") == "/dashboard"
            assert await tab.run("document.cookie") == ""
            told = await tab.command("Runtime.evaluate", expression=FEED, awaitPromise=True)
            assert told["result"]["value"] == "came"
            await tab.run("document.querySelector('#session button').click()")
            await tab.shows(ASKS)
            await tab.run("document.location = '/dashboard'")
            await tab.shows(ASKS)


@pytest.mark.timeout(240)
async def test_a_page_whose_key_is_revoked_says_so(tmp_path: Path) -> None:
    browser()
    async with (
        FakeEngine.run(["m"], loaded=["m"]) as fake,
        fleet_of_fakes(tmp_path, [fake], host="0.0.0.0", mdns=False, bad_keys=30) as herd,
    ):
        url = reached(herd.address, lan_address())
        key = await known_key(tmp_path, herd.address, "screen", "read")
        async with driven(tmp_path / "profile", f"{url}/dashboard") as tab:
            await tab.shows(ASKS)
            await tab.command("Emulation.setScriptExecutionDisabled", value=True)  # of pages, not of the test
            await tab.types(key)
            await tab.shows("This page reads its figures with a script")
            await tab.command("Emulation.setScriptExecutionDisabled", value=False)
            await tab.command("Page.reload")
            await tab.shows("node-1")
            assert (await key_verb(tmp_path, "revoke", "screen")).code == 0
            await tab.shows("you are not logged in any more")
