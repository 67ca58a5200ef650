"""What strangers can make a running coordinator do with addresses, connections and bodies: nothing."""

import asyncio
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from coordinator.config import Settings
from coordinator.startup import destinations
from shared.destinations.rules import is_loopback_name
from shared.settings import SettingsError
from tests.fakes.control import FakeEngine
from tests.fleet.harness import fleet_of_fakes, herd
from tests.shared.destinations.tricks import HOSTS, URLS

HEAD = {"node_id": "trick", "epoch": 1, "seq": 1, "gateway_port": 9, "gateway_secret": "x" * 16}
AT_HOME = frozenset(host for host in HOSTS if is_loopback_name(host.lower().rstrip(".")))
"""Fine from this machine, as which a test comes."""


async def test_no_trick_in_a_beat_becomes_a_nodes_address(tmp_path: Path) -> None:
    tried = [host for host in HOSTS if host not in AT_HOME]
    assert len(tried) >= 60
    async with herd(tmp_path, open=True) as fleet:  # where anybody may send a beat
        for host in tried:
            async with fleet.session.post(
                fleet.address + "/heartbeat", json=HEAD | {"gateway_host": host}
            ) as response:
                assert response.status == 400, ascii(host)
        assert await fleet.nodes() == {}


@pytest.mark.parametrize("url", URLS, ids=ascii)
def test_no_trick_is_a_registry(url: str) -> None:
    with pytest.raises(SettingsError, match="FLEET_REGISTRY_URL"):
        destinations(Settings(registry_url=url))


@pytest.mark.parametrize("url", ["http://169.254.169.254", "http://[::ffff:10.0.0.1]", "http://0.0.0.0:5000"])
def test_nor_is_an_address_that_no_machine_has(url: str) -> None:
    with pytest.raises(SettingsError, match="FLEET_REGISTRY_URL"):
        destinations(Settings(registry_url=url))


def test_a_network_that_is_none_is_told_by_its_setting() -> None:
    with pytest.raises(SettingsError, match="FLEET_ALLOWED_NETWORKS"):
        destinations(Settings(allowed_networks=("10.0.0.0/99",)))


async def test_a_deep_body_and_an_image_by_address_reach_no_engine(tmp_path: Path) -> None:
    deep = b'{"model": "m", "messages": ' + b"[" * 150 + b"]" * 150 + b"}"
    picture = {"type": "image_url", "image_url": {"url": "http://169.254.169.254/latest"}}
    said = {"model": "m", "messages": [{"role": "user", "content": [picture]}]}
    async with FakeEngine.run(["m"], loaded=["m"]) as fake, fleet_of_fakes(tmp_path, [fake]) as fleet:
        for path in ("/v1/chat/completions", "/api/chat"):
            async with fleet.session.post(
                fleet.address + path, data=deep, headers={"Content-Type": "application/json"}
            ) as response:
                assert response.status == 400
                assert "FLEET_JSON_DEPTH" in await response.text()
        async with fleet.session.post(fleet.address + "/v1/chat/completions", json=said) as response:
            assert response.status == 400
            assert "FLEET_IMAGE_URLS" in await response.text()
        assert [each for each in (await fake.state()).calls if "chat" in each.path] == []


async def test_image_addresses_pass_where_the_owner_says_so(tmp_path: Path) -> None:
    said = {
        "model": "m",
        "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "http://x"}]}],
    }
    async with (
        FakeEngine.run(["m"], loaded=["m"]) as fake,
        fleet_of_fakes(tmp_path, [fake], image_urls="pass") as fleet,
        fleet.session.post(fleet.address + "/v1/chat/completions", json=said) as response,
    ):
        assert "FLEET_IMAGE_URLS" not in await response.text()


async def test_headers_have_their_time(tmp_path: Path) -> None:
    async with herd(tmp_path, header_time=0.5) as fleet:
        parts = urlsplit(fleet.address)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        started = time.monotonic()
        writer.write(b"GET /health HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        async with asyncio.timeout(10):
            answer = await reader.read(100)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - started >= 0.5
        writer.close()
