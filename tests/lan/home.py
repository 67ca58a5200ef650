"""What most tests of the laboratory begin with: a coordinator and two nodes that have found each other."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.control import FakeEngine
from tests.fleet.harness import Herd, Program
from tests.lan.lab import IPV4, Host, Lab, Switch
from tests.lan.measuring import Within
from tests.lan.programs import AT_ONCE, agent, answered, coordinator, ollama, online, seen_from

FOUND_S = 10.0
"""From the start of the last program."""
HEALED_S = 40.0
NODES = {"beta", "gamma"}


@dataclass(frozen=True)
class Home:
    """`herd` runs on alpha, a node with an Ollama on beta and on gamma; nothing runs on delta. Asked from delta."""

    lab: Lab
    lan: Switch
    hosts: dict[str, Host]
    engines: dict[str, FakeEngine]
    herd: Herd
    agents: dict[str, Program]

    async def all_online(self) -> bool:
        """Whether both nodes are."""
        return await online(self.herd) == NODES


@contextlib.asynccontextmanager
async def home(directory: Path, within: Within, version: int = IPV4) -> AsyncIterator[Home]:
    """Everybody without a flag; both nodes are online, within FOUND_S of the last start."""
    async with Lab.open(directory) as lab, contextlib.AsyncExitStack() as stack:
        lan = await lab.switch(version)
        names = ("alpha", "beta", "gamma", "delta")
        hosts = dict(zip(names, await lab.hosts(*names, on=lan), strict=True))
        engines = await nodes_engines(stack, hosts["beta"], hosts["gamma"])
        herd = await stack.enter_async_context(coordinator(hosts["alpha"]))
        agents = {name: await stack.enter_async_context(agent(hosts[name])) for name in sorted(NODES)}
        made = Home(lab, lan, hosts, engines, seen_from(hosts["delta"], herd), agents)
        await within("both nodes found", FOUND_S, made.all_online)
        yield made


async def nodes_engines(stack: contextlib.AsyncExitStack, *hosts: Host) -> dict[str, FakeEngine]:
    """An Ollama on each, started at once."""
    fakes = await asyncio.gather(*(stack.enter_async_context(ollama(host)) for host in hosts))
    return dict(zip((host.name for host in hosts), fakes, strict=True))


async def both_answer(herd: Herd) -> bool:
    """Whether calls that come at once go to either node. One after another, all may go to the one that scores best."""
    replies = await asyncio.gather(*(answered(herd) for _ in range(AT_ONCE)))
    return {reply.node for reply in replies} == NODES
