"""Where mDNS cannot work: both programs run on, say so once, and do what an address that was typed lets them do."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from tests.fleet.harness import Herd
from tests.lan.home import FOUND_S, nodes_engines
from tests.lan.lab import Host, Lab
from tests.lan.measuring import Within
from tests.lan.programs import agent, answered, coordinator, logged, online, url

A_WHILE_S = 12.0
"""Some rounds of everything that is repeated."""


async def has_beta(herd: Herd) -> bool:
    """Whether it is online."""
    return await online(herd) == {"beta"}


def complaints(host: Host, name: str) -> list[str]:
    """What the program's log says of mDNS from INFO up."""
    return [
        record["msg"]
        for record in logged(host, name)
        if record["level"] != "DEBUG" and "mdns" in record["msg"].lower()
    ]


async def test_a_machine_with_nothing_but_loopback(tmp_path: Path, within: Within) -> None:
    """No cable at all: told once by each program, not once a round."""
    async with Lab.open(tmp_path) as lab, contextlib.AsyncExitStack() as stack:
        beta = await lab.host("beta")
        await nodes_engines(stack, beta)
        herd = await stack.enter_async_context(coordinator(beta, address="127.0.0.1"))
        node = await stack.enter_async_context(agent(beta, "--router-url", herd.address))
        await within("the node is online", FOUND_S, lambda: has_beta(herd))
        await answered(herd)
        await asyncio.sleep(A_WHILE_S)
        assert await has_beta(herd)
        assert (herd.process.returncode, node.process.returncode) == (None, None)
        for program in ("herd", "herd-node"):
            told = complaints(beta, program)
            assert told, f"{program} says that nobody can find it"
            assert len(told) == len(set(told)) <= 2, told


@pytest.mark.parametrize("typed", [False, True])
async def test_a_network_that_drops_multicast(tmp_path: Path, within: Within, *, typed: bool) -> None:
    """As guest networks do. Nobody is found; with the address typed all is well."""
    async with Lab.open(tmp_path) as lab, contextlib.AsyncExitStack() as stack:
        lan = await lab.switch()
        alpha, beta = await lab.hosts("alpha", "beta", on=lan)
        await lan.drop_multicast()
        await nodes_engines(stack, beta)
        herd = await stack.enter_async_context(coordinator(alpha))
        node = await stack.enter_async_context(agent(beta, *(["--router-url", url(alpha)] if typed else [])))
        if typed:
            await within("the node is online", FOUND_S, lambda: has_beta(herd))
            await answered(herd)
        else:
            await asyncio.sleep(A_WHILE_S)
            assert await online(herd) == set()
            assert "--router-url" in (beta.home / "herd-node.log").read_text(), "what to do about it"
        assert (herd.process.returncode, node.process.returncode) == (None, None)
