"""Three machines on one network, nothing open: one joins by a token, one by an approval, both follow the coordinator
to another address, and who is removed is cut off. Fake engines, real multicast.
"""

import contextlib
from pathlib import Path

import pytest

from tests.fakes.waiting import eventually
from tests.fleet.harness import READY_S, Herd
from tests.fleet.joining import asks, shown, token
from tests.lan.home import FOUND_S, HEALED_S, NODES, nodes_engines
from tests.lan.lab import IPV4, Lab
from tests.lan.measuring import Within, now
from tests.lan.programs import agent, answered, coordinator, online, said

pytestmark = pytest.mark.alone

CUT_S = 10.0


async def test_join_by_token_and_approval_follow_and_be_removed(tmp_path: Path, within: Within) -> None:
    async with Lab.open(tmp_path) as lab, contextlib.AsyncExitStack() as stack:
        lan = await lab.switch(IPV4)
        alpha, beta, gamma = await lab.hosts("alpha", "beta", "gamma", on=lan)
        await nodes_engines(stack, beta, gamma)
        herd = await stack.enter_async_context(coordinator(alpha, address="127.0.0.1", closed=True))

        made = await token(herd)
        first = await stack.enter_async_context(agent(beta, "--token", made, closed=True))
        await within("joined by a token", READY_S, lambda: is_online(herd, "beta"))

        second = await stack.enter_async_context(agent(gamma, closed=True))
        digits = await asks(herd, "gamma")
        await eventually(lambda: shown(second), READY_S)
        assert shown(second) == [digits]
        assert await online(herd) == {"beta"}
        code, _, talk = await said(alpha, "approve", "gamma", "--code", digits)
        assert code == 0, talk
        await within("joined by an approval", FOUND_S, lambda: is_online(herd, "gamma"))
        await answered(herd)

        changed = now()
        await alpha.change_address(99)

        async def heard_since() -> bool:
            return await online(herd, heard_within_s=now() - changed - 1) == NODES

        await within("both heard at the new address", HEALED_S, heard_since, since=changed)
        await answered(herd, stream=True)

        removed = now()
        code, _, talk = await said(alpha, "remove", "beta")
        assert code == 0, talk
        await within("cut off", CUT_S, lambda: is_told(first.log), since=removed)
        assert set(await herd.nodes()) == {"gamma"}
        for _ in range(3):
            assert (await answered(herd)).node == "gamma"


async def is_online(herd: Herd, name: str) -> bool:
    """Whether the coordinator hears it."""
    return name in await online(herd)


def is_told(log: Path) -> bool:
    """Whether the agent knows that it was removed."""
    return "has removed this node" in log.read_text()
