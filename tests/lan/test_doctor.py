"""`herd doctor` and `herd-node doctor` in a network of several machines."""

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.waiting import eventually
from tests.fleet.harness import REPOSITORY
from tests.lan.home import nodes_engines
from tests.lan.lab import IPV6, Host, Lab
from tests.lan.programs import agent, coordinator, online

pytestmark = pytest.mark.alone


async def doctor(host: Host, module: str) -> dict[str, dict[str, Any]]:
    """What it finds there, by check."""
    clean = ("env", f"HOME={host.home}", f"PYTHONPATH={REPOSITORY}", "FLEET_CONFIG_FILE=/dev/null")
    line = f"{sys.executable} -m {module} doctor --wait 4 -o json || true"
    told = json.loads(await host.namespace.run(*clean, "sh", "-c", line))
    return {each["check_id"]: each for each in told["findings"]}


async def test_a_network_that_is_well_then_two_coordinators(tmp_path: Path) -> None:
    async with Lab.open(tmp_path) as lab, contextlib.AsyncExitStack() as stack:
        alpha, beta, delta = await lab.hosts("alpha", "beta", "delta", on=await lab.switch())
        await nodes_engines(stack, beta)
        herd = await stack.enter_async_context(coordinator(alpha))
        await stack.enter_async_context(agent(beta))
        await eventually(lambda: online(herd), 20)

        found, of_beta = await asyncio.gather(doctor(alpha, "coordinator"), doctor(beta, "agent"))
        assert {"coordinator_runs", "mdns_heard"} <= set(found)
        assert found["mdns_heard"]["data"]["heard"] == [beta.address]
        assert not {"second_coordinator", "node_elsewhere", "clock_skew"} & set(found)
        assert {"coordinator_found", "node_member", "engine_found", "mdns_heard"} <= set(of_beta)
        assert of_beta["coordinator_found"]["data"]["url"] == f"http://{alpha.address}:11435"
        assert not {"second_coordinator", "port_taken", "clock_skew"} & set(of_beta)

        await stack.enter_async_context(coordinator(delta))
        found, of_beta, of_delta = await asyncio.gather(
            doctor(alpha, "coordinator"), doctor(beta, "agent"), doctor(delta, "coordinator")
        )
        assert (
            found["second_coordinator"]["command"] == f"herd-node --router-url http://{delta.address}:11435"
        )
        assert "second_coordinator" in of_beta
        assert of_delta["node_elsewhere"]["node_id"] == "beta"
        assert of_delta["node_elsewhere"]["command"] == f"herd-node --router-url http://{delta.address}:11435"


async def test_a_network_that_drops_multicast(tmp_path: Path) -> None:
    async with Lab.open(tmp_path) as lab, contextlib.AsyncExitStack() as stack:
        lan = await lab.switch()
        alpha, beta = await lab.hosts("alpha", "beta", on=lan)
        await lan.drop_multicast()
        await nodes_engines(stack, beta)
        await stack.enter_async_context(coordinator(alpha))
        found = await doctor(beta, "agent")
        assert found["mdns_quiet"]["command"] == "herd-node --router-url http://HOST:11435"
        assert found["no_coordinator"]["severity"] == "critical"


async def test_a_machine_without_a_network(tmp_path: Path) -> None:
    async with Lab.open(tmp_path) as lab:
        found = await doctor(await lab.host("beta"), "agent")
        assert found["mdns_off_here"]["severity"] == "warning"


async def test_a_network_of_ipv6(tmp_path: Path) -> None:
    async with Lab.open(tmp_path) as lab, contextlib.AsyncExitStack() as stack:
        alpha, beta = await lab.hosts("alpha", "beta", on=await lab.switch(IPV6))
        await stack.enter_async_context(coordinator(alpha))
        found = await doctor(beta, "agent")
        assert "mdns_heard" in found
        assert found["coordinator_found"]["severity"] == "info"
