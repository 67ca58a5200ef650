"""Machines join a closed fleet: by themselves on the coordinator's own, by a token, by an approval; and stay."""

from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import ask
from tests.fleet.harness import READY_S, herd, node
from tests.fleet.joining import (
    asks,
    certificate_file,
    membership,
    order,
    pending,
    shown,
    stranger,
    token,
)
from tests.fleet.verbs import verb


async def test_two_commands_on_one_machine_are_enough(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"]) as fake,
        herd(tmp_path) as coordinator,
        node(tmp_path, coordinator.address, "n1", ollama=fake.address),
    ):
        await coordinator.ready("n1")
        reply = await ask(coordinator, "ollama", stream=True)
        assert reply.status == 200
        gateway = (await coordinator.nodes())["n1"]["gateway_url"]
        assert urlsplit(gateway).scheme == "https"
        async with coordinator.session.get(gateway.replace("https", "http") + "/health") as plain:
            assert plain.status == 400
        with pytest.raises(aiohttp.ClientConnectionError):  # no certificate of ours
            await coordinator.session.get(f"{gateway}/health", ssl=False)
        for private in (certificate_file(tmp_path, "n1"), tmp_path / "herd" / "local-join"):
            assert private.stat().st_mode & 0o777 == 0o600
        assert certificate_file(tmp_path, "n1").parent.stat().st_mode & 0o777 == 0o700


async def test_a_token_lets_one_machine_in(tmp_path: Path) -> None:
    async with FakeEngine.run(["m"]) as fake, herd(tmp_path) as coordinator:
        made = await token(coordinator)
        async with stranger(tmp_path, coordinator, "n1", fake.address, token=made):
            await coordinator.ready("n1")
            assert (await coordinator.get("/fleet/tokens"))["tokens"] == []
            async with stranger(tmp_path, coordinator, "n2", fake.address, token=made):
                await asks(coordinator, "n2")
                assert "n2" not in await coordinator.nodes()


async def test_a_reusable_one_lets_in_as_many_as_come(tmp_path: Path) -> None:
    async with FakeEngine.run(["m"]) as fake, herd(tmp_path) as coordinator:
        made = await token(coordinator, reusable=True, ttl_s=600)
        async with (
            stranger(tmp_path, coordinator, "n1", fake.address, token=made),
            stranger(tmp_path, coordinator, "n2", fake.address, token=made),
        ):
            await coordinator.ready("n1", "n2")
            assert (await coordinator.get("/fleet/tokens"))["tokens"][0]["used"] == 2


async def test_without_a_token_a_person_compares_digits(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"]) as fake,
        herd(tmp_path) as coordinator,
        stranger(tmp_path, coordinator, "n1", fake.address) as agent,
    ):
        digits = await asks(coordinator, "n1")
        await eventually(lambda: shown(agent), READY_S)
        assert shown(agent) == [digits]
        assert "n1" not in await coordinator.nodes()
        told = await verb("coordinator", "nodes", "--url", coordinator.address)
        assert f"pending({digits})" in told.out
        found = (await coordinator.get("/dashboard/api/health"))["recommendations"]
        (finding,) = [each for each in found if each["check_id"] == "node_pending"]
        assert finding["command"] == "herd approve n1"
        wrong = "000000" if digits != "000000" else "111111"
        refused = await verb("coordinator", "approve", "n1", "--code", wrong, "--url", coordinator.address)
        assert refused.code == 3
        approved = await verb("coordinator", "approve", "n1", "--url", coordinator.address)
        assert approved.code == 0
        assert digits in approved.out
        await coordinator.ready("n1")
        assert shown(agent) == [digits]
        assert await pending(coordinator) == {}


async def test_who_is_denied_stays_out(tmp_path: Path) -> None:
    async with herd(tmp_path) as coordinator, stranger(tmp_path, coordinator, "n1", engine="ollama") as agent:
        await asks(coordinator, "n1")
        denied = await verb("coordinator", "deny", "n1", "--url", coordinator.address)
        assert denied.code == 0
        await eventually(lambda: "a person refused it" in agent.log.read_text(), READY_S)
        assert await coordinator.nodes() == {}


async def test_both_are_started_anew_and_know_each_other(tmp_path: Path) -> None:
    async with FakeEngine.run(["m"]) as fake:
        async with (
            herd(tmp_path) as coordinator,
            stranger(tmp_path, coordinator, "n1", fake.address, token=await token(coordinator)),
        ):
            port = urlsplit(coordinator.address).port
            await coordinator.ready("n1")
            before = membership(tmp_path, "n1")
        async with (
            herd(tmp_path, port=port or 0) as coordinator,
            stranger(tmp_path, coordinator, "n1", fake.address) as agent,
        ):
            await coordinator.ready("n1")
            assert membership(tmp_path, "n1") == before
            assert shown(agent) == []


async def test_an_open_coordinator_lets_whoever_comes_in(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"]) as fake,
        herd(tmp_path, open=True) as coordinator,
        stranger(tmp_path, coordinator, "n1", fake.address),
        stranger(tmp_path, coordinator, "n2", fake.address, open=True),
    ):
        await coordinator.ready("n1", "n2")
        nodes = await coordinator.nodes()
        assert nodes["n1"]["gateway_url"].startswith("https://")
        assert nodes["n2"]["gateway_url"].startswith("http://")


async def test_an_agent_in_open_mode_asks_a_closed_coordinator_like_any(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"]) as fake,
        herd(tmp_path) as coordinator,
        stranger(tmp_path, coordinator, "n1", fake.address, open=True),
    ):
        await asks(coordinator, "n1")
        status, _ = await order(coordinator, "POST", "/fleet/nodes/n1/approve")
        assert status == 200
        await coordinator.ready("n1")
        assert (await coordinator.nodes())["n1"]["gateway_url"].startswith("https://")
