"""Where mDNS cannot work: both programs run on, say so once, and do what an address that was typed lets them do."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd
from tests.lan.home import FOUND_S, nodes_engines
from tests.lan.lab import Host, Lab
from tests.lan.measuring import Within
from tests.lan.programs import agent, answered, coordinator, logged, online, url

pytestmark = pytest.mark.alone

A_WHILE_S = 12.0
"""Some rounds of everything that is repeated."""


async def has(herd: Herd, nodes: set[str]) -> bool:
    """Whether exactly these are online."""
    return await online(herd) == nodes


def complaints(host: Host, name: str) -> list[str]:
    """What the program's log says of mDNS that a person should care about."""
    return [
        record["msg"]
        for record in logged(host, name)
        if record["level"] == "WARNING" and "mdns" in record["msg"].lower()
    ]


async def test_a_machine_with_nothing_but_loopback(tmp_path: Path, within: Within) -> None:
    """No cable at all. Each program says once, not once a round, that nobody can find it; they find each other, and
    an address that is typed works too.
    """
    async with Lab.open(tmp_path) as lab, contextlib.AsyncExitStack() as stack:
        beta = await lab.host("beta")
        await nodes_engines(stack, beta)
        herd = await stack.enter_async_context(coordinator(beta, address="127.0.0.1"))
        async with agent(beta) as node:
            await within("the node is online", FOUND_S, lambda: has(herd, {"beta"}))
            await answered(herd)
            await asyncio.sleep(A_WHILE_S)
            assert await has(herd, {"beta"})
            assert (herd.process.returncode, node.process.returncode) == (None, None)
            for program in ("herd", "herd-node"):
                told = complaints(beta, program)
                assert len(told) == 1, (program, told)
        await eventually(lambda: has(herd, set()))
        async with agent(beta, "--router-url", herd.address):
            await within("the node is online by its address", FOUND_S, lambda: has(herd, {"beta"}))
            await answered(herd)


async def test_a_network_that_drops_multicast(tmp_path: Path, within: Within) -> None:
    """As guest networks do. beta finds nobody and says so once; gamma was told the address, and all is well."""
    async with Lab.open(tmp_path) as lab, contextlib.AsyncExitStack() as stack:
        lan = await lab.switch()
        alpha, beta, gamma = await lab.hosts("alpha", "beta", "gamma", on=lan)
        await lan.drop_multicast()
        await nodes_engines(stack, beta, gamma)
        herd = await stack.enter_async_context(coordinator(alpha))
        lost = await stack.enter_async_context(agent(beta))
        await stack.enter_async_context(agent(gamma, "--router-url", url(alpha)))
        await within("gamma is online by its address", FOUND_S, lambda: has(herd, {"gamma"}))
        (await answered(herd)).must_be_from("gamma")
        await asyncio.sleep(A_WHILE_S)
        assert await online(herd) == {"gamma"}
        assert (herd.process.returncode, lost.process.returncode) == (None, None)
        told = [record["msg"] for record in logged(beta, "herd-node")]
        assert sum("no coordinator is found" in message for message in told) == 1, told
