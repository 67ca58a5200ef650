"""Who finds whom, without a flag and without an address typed. Fake engines, real multicast."""

import asyncio
import contextlib
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fakes.waiting import eventually
from tests.fleet.asking import WAYS
from tests.fleet.harness import Herd
from tests.lan.home import FOUND_S, HEALED_S, NODES, Home, both_answer, home, nodes_engines
from tests.lan.lab import IPV6, Lab
from tests.lan.mdns import COORDINATORS, NODE_TYPE, Ear, question
from tests.lan.measuring import Within, now
from tests.lan.programs import PORT, agent, answered, coordinator, logged, online, seen_from

pytestmark = pytest.mark.alone

ALONE_S = 8.0
"""How long nodes look for a coordinator before there is one; mDNS asks less and less often."""
APART_S = 4.0
"""As long, where it is the network that is missing."""
DEAF_S = 3.0
"""How long nobody may answer; what is there answers within a second."""


async def all_ways_answered(there: Home) -> None:
    """In each dialect, whole and streamed, and by both nodes."""
    for dialect, stream in WAYS:
        await answered(there.herd, dialect, stream=stream)
    await eventually(lambda: both_answer(there.herd))


async def test_nodes_find_their_coordinator_and_calls_are_answered(tmp_path: Path, within: Within) -> None:
    """Three hosts; the calls come from a fourth. The nodes are to be found too, under a service type of their own."""
    async with home(tmp_path, within) as there:
        await all_ways_answered(there)
        nodes = {there.hosts[name].address for name in NODES}
        assert {
            urlsplit(node["gateway_url"]).hostname for node in (await there.herd.nodes()).values()
        } == nodes
        async with Ear.at(there.hosts["delta"], socket.AF_INET) as ear:

            def answer() -> bool:
                ear.say(question(NODE_TYPE))
                return ear.who_answered(NODE_TYPE) >= nodes

            await within("both nodes answer for themselves", FOUND_S, answer)


async def test_a_network_without_ipv4(tmp_path: Path, within: Within) -> None:
    """Nobody has an IPv4 address other than loopback's."""
    async with home(tmp_path, within, IPV6) as there:
        assert f"[fd77:0:0:1::1]:{PORT}" in there.herd.address
        await all_ways_answered(there)


async def test_nodes_that_were_first_wait_for_a_coordinator(tmp_path: Path, within: Within) -> None:
    """They run on without one, say so, and join when it listens."""
    async with Lab.open(tmp_path) as lab, contextlib.AsyncExitStack() as stack:
        alpha, beta, gamma = await lab.hosts("alpha", "beta", "gamma", on=await lab.switch())
        await nodes_engines(stack, beta, gamma)
        agents = [await stack.enter_async_context(agent(host)) for host in (beta, gamma)]
        await asyncio.sleep(ALONE_S)
        assert [program.process.returncode for program in agents] == [None, None]
        for host in (beta, gamma):
            told = [record["msg"] for record in logged(host, "herd-node")]
            assert sum("no coordinator is found" in message for message in told) == 1, told
        async with coordinator(alpha) as herd:
            await within("both joined, since it listened", FOUND_S, lambda: has(seen_from(gamma, herd), 2))
            await answered(seen_from(gamma, herd))


async def has(herd: Herd, count: int) -> bool:
    """Whether so many nodes are online."""
    return len(await online(herd)) == count


async def test_an_interface_that_appears_later(tmp_path: Path, within: Within) -> None:
    """First on a node's host, as a VPN does; then on the coordinator's, as a second cable does."""
    async with Lab.open(tmp_path) as lab, contextlib.AsyncExitStack() as stack:
        office, kitchen, cellar = await lab.switch(), await lab.switch(), await lab.switch()
        alpha, beta, gamma = await asyncio.gather(
            lab.host("alpha", office), lab.host("beta", kitchen), lab.host("gamma", cellar)
        )
        await nodes_engines(stack, beta, gamma)
        herd = await stack.enter_async_context(coordinator(alpha))
        for host in (beta, gamma):
            await stack.enter_async_context(agent(host))
        await asyncio.sleep(APART_S)
        assert await online(herd) == set()
        began = now()
        await beta.plug(office, "vpn")
        await within("beta found by its new interface", HEALED_S, lambda: has(herd, 1), since=began)
        assert (await answered(herd)).node == "beta"
        began = now()
        await alpha.plug(cellar, "lan2")
        await within("gamma found by alpha's new interface", HEALED_S, lambda: has(herd, 2), since=began)
        await eventually(lambda: both_answer(herd))


async def test_a_coordinator_on_loopback_is_not_to_be_found(tmp_path: Path, within: Within) -> None:
    """Asked on both families; one on all addresses, in the same network, is found by either."""
    async with Lab.open(tmp_path) as lab, contextlib.AsyncExitStack() as stack:
        alpha, beta, gamma = await lab.hosts("alpha", "beta", "gamma", on=await lab.switch())
        await nodes_engines(stack, beta)
        private = await stack.enter_async_context(
            coordinator(alpha, "--host", "127.0.0.1", address="127.0.0.1")
        )
        await stack.enter_async_context(agent(beta))
        ears = [
            await stack.enter_async_context(Ear.at(beta, family))
            for family in (socket.AF_INET, socket.AF_INET6)
        ]
        ends = now() + DEAF_S
        await eventually(lambda: asked(ears) is not None and now() > ends, 2 * DEAF_S, 0.5)
        assert [ear.who_answered(COORDINATORS) for ear in ears] == [set(), set()]
        async with coordinator(gamma) as public:
            await eventually(lambda: asked(ears) == 2, FOUND_S, 0.5)
            by_v4, by_v6 = (ear.who_answered(COORDINATORS) for ear in ears)
            assert by_v4 == {gamma.address}
            assert len(by_v6) == 1
            await within("the node joined the one it can reach", FOUND_S, lambda: has(public, 1))
        assert await online(private) == set()


def asked(ears: list[Ear]) -> int:
    """Asks for coordinators once more; how many of the families somebody has answered on so far."""
    for ear in ears:
        ear.say(question(COORDINATORS))
    return sum(bool(ear.who_answered(COORDINATORS)) for ear in ears)
