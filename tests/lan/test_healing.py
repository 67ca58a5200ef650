"""What comes back by itself after somebody pulled a cable, moved a machine or killed a program. Fake engines."""

import asyncio
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fakes.waiting import eventually
from tests.fleet.asking import WAYS, Dialect, Reply
from tests.fleet.harness import Herd
from tests.lan.home import FOUND_S, HEALED_S, NODES, Home, both_answer, home
from tests.lan.lab import Host
from tests.lan.measuring import Within, now
from tests.lan.programs import (
    ANSWER_S,
    answered,
    coordinator,
    online,
    seen_from,
    status_of,
    url,
)

pytestmark = pytest.mark.alone

OFFLINE_S = 40.0
BEAT_S = 5.0
GOES_ON_S = 2 * BEAT_S
"""Beats that follow the first one at a new place."""
NEVER_S = 60.0
"""Longer than any answer is waited for."""


async def timed(there: Home, dialect: Dialect, *, stream: bool) -> tuple[Reply, float]:
    """A good answer, and the seconds until its last byte."""
    began = now()
    return await answered(there.herd, dialect, stream=stream), now() - began


async def test_the_coordinators_address_changes(tmp_path: Path, within: Within) -> None:
    """As after a new lease from a DHCP server; everything was started only once."""
    async with home(tmp_path, within) as there:
        alpha = there.hosts["alpha"]
        changed = now()
        await alpha.change_address(99)
        moved = seen_from(there.hosts["delta"], there.herd, url(alpha))

        async def heard_since() -> bool:
            return await online(moved, heard_within_s=now() - changed - 1) == NODES

        await within("both nodes heard at the new address", HEALED_S, heard_since, since=changed)
        for dialect, stream in WAYS:
            await answered(moved, dialect, stream=stream)
        changed = now()
        await there.hosts["beta"].change_address(98)
        beta = there.hosts["beta"]
        await within(
            "a node reached at its new one", HEALED_S, lambda: is_reached(moved, beta), since=changed
        )
        await eventually(lambda: both_answer(moved))
        await asyncio.sleep(GOES_ON_S)
        assert await online(moved, heard_within_s=BEAT_S + 1) == NODES


async def is_reached(herd: Herd, host: Host) -> bool:
    """Whether the coordinator has reached the node's gateway at the address that the host has now."""
    told = (await herd.nodes())[host.name]
    return bool(told["state"] == "ready" and urlsplit(told["gateway_url"]).hostname == host.address)


@pytest.mark.timeout(180)
async def test_a_cable_out_and_in(tmp_path: Path, within: Within) -> None:
    """beta's. Calls that it had and calls that come are answered by gamma; later it takes part again."""
    async with home(tmp_path, within) as there:
        await eventually(lambda: both_answer(there.herd))
        under_way = await calls_that_wait_for_both(there)
        pulled = now()
        await there.hosts["beta"].cable_out()
        later = [asyncio.create_task(timed(there, dialect, stream=stream)) for dialect, stream in WAYS]
        for what, calls in (("a call that beta had", under_way), ("a call sent as the cable went", later)):
            answers = await asyncio.gather(*calls)
            assert {reply.node for reply, _ in answers} == {"gamma"}
            within.took(f"{what}, the slowest of {len(calls)}", ANSWER_S, max(took for _, took in answers))
        await all_from_gamma(there, within, "a call while the cable is out")
        await within("beta offline", OFFLINE_S, lambda: is_status(there, "beta", "offline"), since=pulled)
        await all_from_gamma(there, within, "a call while beta is offline")
        await there.engines["beta"].switch(first_token_delay_s=None)
        back = now()
        await there.hosts["beta"].cable_in()
        await within("beta online", HEALED_S, lambda: is_status(there, "beta", "online"), since=back)
        await within("beta answers again", HEALED_S, lambda: both_answer(there.herd), since=back)


async def calls_that_wait_for_both(there: Home) -> list[asyncio.Task[tuple[Reply, float]]]:
    """Calls of each kind, half of them begun on beta, which will never answer; gamma answers in two seconds."""
    await there.engines["beta"].switch(first_token_delay_s=NEVER_S)
    await there.engines["gamma"].switch(first_token_delay_s=2)
    before = await started(there)
    calls = []
    for number, (dialect, stream) in enumerate(WAYS, start=1):
        calls.append(asyncio.create_task(timed(there, dialect, stream=stream)))
        await eventually(partial(has_started, there, before + number))
    await there.engines["gamma"].switch(first_token_delay_s=None)
    return calls


async def started(there: Home) -> int:
    """Calls that the engines have seen."""
    return sum([(await engine.state()).started for engine in there.engines.values()])


async def has_started(there: Home, count: int) -> bool:
    """Whether the engines have seen so many calls."""
    return await started(there) >= count


async def all_from_gamma(there: Home, within: Within, what: str) -> None:
    """One after another, in every way."""
    answers = [await timed(there, dialect, stream=stream) for dialect, stream in WAYS]
    assert {reply.node for reply, _ in answers} == {"gamma"}
    within.took(f"{what}, the slowest of {len(answers)}", ANSWER_S, max(took for _, took in answers))


async def is_status(there: Home, node_id: str, status: str) -> bool:
    """Whether the coordinator says so."""
    return await status_of(there.herd, node_id) == status


async def test_the_coordinator_is_killed_and_starts_again(tmp_path: Path, within: Within) -> None:
    """Same host, same port, nothing remembered of the nodes."""
    async with home(tmp_path, within) as there:
        await there.herd.kill()
        began = now()
        async with coordinator(there.hosts["alpha"]) as again:
            herd = seen_from(there.hosts["delta"], again)
            await within("both nodes back since its start", FOUND_S, lambda: all_online(herd), since=began)
            await eventually(lambda: both_answer(herd))


async def test_the_coordinator_moves_to_another_host(tmp_path: Path, within: Within) -> None:
    """Killed without a word on alpha, started on gamma, where a node runs too."""
    async with home(tmp_path, within) as there:
        await there.herd.kill()
        began = now()
        async with coordinator(there.hosts["gamma"]) as moved:
            herd = seen_from(there.hosts["delta"], moved)
            await within("both nodes followed", HEALED_S, lambda: all_online(herd), since=began)
            await eventually(lambda: both_answer(herd))


async def all_online(herd: Herd) -> bool:
    """Whether both nodes are."""
    return await online(herd) == NODES
