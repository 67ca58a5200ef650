"""Two coordinators in one network: the nodes agree on one. Fake engines."""

import asyncio
import contextlib
from functools import partial
from pathlib import Path

import pytest

from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd
from tests.lan.home import FOUND_S, HEALED_S, NODES, home, nodes_engines
from tests.lan.lab import Host, Lab
from tests.lan.measuring import Within, now
from tests.lan.programs import agent, answered, coordinator, logged, online

pytestmark = pytest.mark.alone

STAYS_S = 6.0
"""Longer than a beat takes, so that a node that changes its mind is seen."""


async def share(*herds: Herd) -> list[set[str]]:
    """The nodes that are online at each."""
    return [await online(herd) for herd in herds]


async def all_at_one(*herds: Herd) -> bool:
    """Whether all nodes are online at one and none at the other."""
    return sorted(await share(*herds), key=len) == [set(), NODES]


def mentions(host: Host, *others: Host) -> bool:
    """Whether the agent's log there names these hosts' addresses."""
    text = " ".join(str(record["msg"]) for record in logged(host, "herd-node"))
    return all(other.address in text for other in others)


async def test_nodes_that_find_two_at_once_agree_on_one(tmp_path: Path, within: Within) -> None:
    """Both are there first. What was found is in the nodes' logs."""
    async with Lab.open(tmp_path) as lab, contextlib.AsyncExitStack() as stack:
        alpha, beta, gamma, delta = await lab.hosts("alpha", "beta", "gamma", "delta", on=await lab.switch())
        await nodes_engines(stack, beta, gamma)
        herds = [await stack.enter_async_context(coordinator(host)) for host in (alpha, delta)]
        for host in (beta, gamma):
            await stack.enter_async_context(agent(host))
        await within("both nodes at the same one", FOUND_S, lambda: all_at_one(*herds))
        at_first = await share(*herds)
        await asyncio.sleep(STAYS_S)
        assert await share(*herds) == at_first
        chosen = herds[at_first.index(NODES)]
        assert (await answered(chosen)).node in NODES
        for host in (beta, gamma):
            await eventually(partial(mentions, host, alpha, delta))


@pytest.mark.timeout(180)
async def test_a_node_stays_with_the_one_it_has_while_that_one_answers(
    tmp_path: Path, within: Within
) -> None:
    """A second one appears: nobody moves. The first dies: everybody does. It comes back: nobody does."""
    async with home(tmp_path, within) as there, coordinator(there.hosts["delta"]) as second:
        for name in NODES:
            await within(
                f"{name} has seen the second",
                FOUND_S,
                partial(mentions, there.hosts[name], there.hosts["delta"]),
            )
        await asyncio.sleep(STAYS_S)
        assert await share(there.herd, second) == [NODES, set()]
        killed = now()
        await there.herd.kill()

        async def moved() -> bool:
            return await online(second) == NODES

        await within("both nodes moved to the second", HEALED_S, moved, since=killed)
        async with coordinator(there.hosts["alpha"]) as back:
            await asyncio.sleep(STAYS_S)
            assert await share(back, second) == [set(), NODES]
            assert (await answered(second)).node in NODES
