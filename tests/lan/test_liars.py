"""What anybody on the network may say over mDNS harms nobody. Fake engines, real multicast."""

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from agent.route import TELL_EVERY_S
from shared.serving import cancelled
from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd
from tests.lan.home import FOUND_S, NODES, both_answer, home
from tests.lan.lab import Host
from tests.lan.mdns import COORDINATORS, Ear, advert, pointer
from tests.lan.measuring import Within, now
from tests.lan.programs import agent, coordinator, logged, online, seen_from

pytestmark = pytest.mark.alone

SAID_AGAIN_S = 0.5
DEAD = "10.77.1.250"
"""An address that nobody has."""
LIES = [
    advert(COORDINATORS, f"liar{number}", address, port, f"id={number:032x}")
    for number, (address, port) in enumerate(
        [("0.0.0.0", 0), ("127.0.0.1", 1), ("255.255.255.255", 80), ("224.0.0.1", 80), (DEAD, 11435)]
    )
]
"""Coordinators that are not there, with ids before that of any that is."""


TOLD_S = TELL_EVERY_S + 15.0
"""Within it a node's log names every liar: on a slow machine the first warning may name some, the next names all."""
CHANGES = 200
MUTE = "mute"
QUIET_S = 3.0
GIVEN_UP_S = 40.0


def rubbish(seed: int, count: int) -> list[bytes]:
    """Datagrams: noise, and adverts with some bytes changed, whole or cut."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        data = bytearray(chance.choice(LIES))
        for _ in range(chance.randrange(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        cut = chance.randrange(1, len(data) + 1)
        made.append(
            chance.randbytes(cut) if number % 3 == 0 else bytes(data[: cut if number % 3 == 1 else None])
        )
    return made


@contextlib.asynccontextmanager
async def lying(host: Host) -> AsyncIterator[None]:
    """Says all of it from this host, on both families, the lies again and again, until the block ends."""
    async with contextlib.AsyncExitStack() as stack:
        families = (socket.AF_INET, socket.AF_INET6)
        ears = [await stack.enter_async_context(Ear.at(host, family)) for family in families]
        for data in rubbish(7, 300):
            for ear in ears:
                ear.say(data)
            await asyncio.sleep(0)

        async def again() -> None:
            while True:
                for ear in ears:
                    for lie in LIES:
                        ear.say(lie)
                await asyncio.sleep(SAID_AGAIN_S)

        task = asyncio.create_task(again())
        try:
            yield
        finally:
            await cancelled(task)


def errors(host: Host, program: str) -> list[str]:
    """What the program takes for a fault of its own."""
    return [record["msg"] for record in logged(host, program) if record["level"] in ("ERROR", "CRITICAL")]


def has_told_of_the_dead(host: Host) -> bool:
    """Whether the node's log warns of a coordinator that is not there."""
    return any(DEAD in record["msg"] for record in logged(host, "herd-node"))


@pytest.mark.timeout(240)
async def test_rubbish_and_false_coordinators(tmp_path: Path, within: Within) -> None:
    """A node stays where it is, comes back to a coordinator that starts again, and finds it when it starts anew."""
    async with home(tmp_path, within) as there, lying(there.hosts["delta"]):
        gamma = there.hosts["gamma"]
        for name in NODES:
            await eventually(partial(has_told_of_the_dead, there.hosts[name]), TOLD_S, 0.1)
        assert await there.all_online()
        await there.herd.kill()
        began = now()
        async with coordinator(there.hosts["alpha"]) as again:
            herd = seen_from(there.hosts["delta"], again)
            await within("both nodes back", FOUND_S, lambda: has(herd, NODES), since=began)
            await there.agents["gamma"].stop()
            await eventually(lambda: has(herd, {"beta"}))
            began = now()
            async with agent(gamma):
                await within("a new node found it", FOUND_S, lambda: has(herd, NODES), since=began)
                await eventually(lambda: both_answer(herd))
            for name, program in (("alpha", "herd"), ("beta", "herd-node"), ("gamma", "herd-node")):
                assert errors(there.hosts[name], program) == []


@pytest.mark.timeout(240)
async def test_who_changes_all_the_time_fills_no_log(tmp_path: Path, within: Within) -> None:
    """A coordinator with another id each time, and instances that are named and never answer."""
    async with (
        home(tmp_path, within) as there,
        Ear.at(there.hosts["delta"], socket.AF_INET) as ear,
    ):
        for number in range(CHANGES):
            ear.say(advert(COORDINATORS, "turncoat", DEAD, 11435, f"id={number:032x}"))
            ear.say(pointer(COORDINATORS, f"{MUTE}{number}"))
            await asyncio.sleep(0.01)
        for name in NODES:
            await eventually(partial(has_told_of_the_dead, there.hosts[name]), TOLD_S, 0.1)
        await within("nobody asks for the mute any more", GIVEN_UP_S, lambda: is_quiet(ear))
        assert await there.all_online()
        for host, program in (("alpha", "herd"), ("beta", "herd-node"), ("gamma", "herd-node")):
            lines = [record["msg"] for record in logged(there.hosts[host], program) if DEAD in record["msg"]]
            assert 1 <= len(lines) <= 2, lines
            assert errors(there.hosts[host], program) == []


async def is_quiet(ear: Ear) -> bool:
    """Whether nobody asks for the mute for a while."""
    before = len(ear.heard)
    await asyncio.sleep(QUIET_S)
    return not any(MUTE.encode() in data for data, address in ear.heard[before:])


async def has(herd: Herd, nodes: set[str]) -> bool:
    """Whether exactly these are online."""
    return await online(herd) == nodes
