"""The laboratory itself: what is promised of it, without any of our programs."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.harness import REPOSITORY
from tests.lan.lab import Host, Lab
from tests.lan.mdns import Ear, Family

pytestmark = pytest.mark.alone

PROBE = b"is anybody there?"
SILENCE_S = 1.0
"""What has not been heard by then is not heard: a datagram takes less than a millisecond here."""
LOST = (OSError, TimeoutError)


@contextlib.asynccontextmanager
async def three_hosts(directory: Path) -> AsyncIterator[list[Host]]:
    """alpha, beta and gamma on one switch."""
    async with Lab.open(directory) as lab:
        yield await lab.hosts("alpha", "beta", "gamma", on=await lab.switch())


async def says_its_name(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
    """Answers one line, with a name."""
    await reader.readline()
    writer.write(f"{name}\n".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(host: Host) -> AsyncIterator[None]:
    """A service on port 7 of all addresses of the host, that tells whose it is."""
    listener = host.namespace.socket((socket.AF_INET, socket.SOCK_STREAM))
    listener.bind(("0.0.0.0", 7))
    async with await asyncio.start_server(lambda r, w: says_its_name(r, w, host.name), sock=listener):
        yield


async def who_is_at(host: Host, address: str, timeout_s: float = 1.0) -> str:
    """Whose service answers at the address, as seen from `host`. Raises OSError or TimeoutError."""
    made = host.namespace.socket((socket.AF_INET, socket.SOCK_STREAM))
    made.setblocking(False)
    with made:
        async with asyncio.timeout(timeout_s):
            loop = asyncio.get_running_loop()
            await loop.sock_connect(made, (address, 7))
            await loop.sock_sendall(made, b"?\n")
            return (await loop.sock_recv(made, 100)).decode().strip()


async def is_at(host: Host, address: str, name: str) -> bool:
    """Whether it is; a host that could not be reached a moment ago may be thought away for one more moment."""
    try:
        return await who_is_at(host, address) == name
    except LOST:
        return False


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
async def test_multicast_reaches_every_host_and_a_pulled_cable_stops_it(
    tmp_path: Path, family: Family
) -> None:
    """Said by alpha: heard by beta and gamma, from alpha's own address; with beta's cable out by gamma alone."""
    async with (
        three_hosts(tmp_path) as (alpha, beta, gamma),
        Ear.at(alpha, family) as a,
        Ear.at(beta, family) as b,
        Ear.at(gamma, family) as c,
    ):
        a.say(PROBE)
        await eventually(lambda: b.who_said(PROBE) and c.who_said(PROBE))
        assert b.who_said(PROBE) == c.who_said(PROBE)
        (source,) = b.who_said(PROBE)
        assert source == alpha.address if family == socket.AF_INET else source.startswith("fe80::")
        await beta.cable_out()
        a.say(b"and now?")
        await eventually(lambda: c.who_said(b"and now?"))
        await asyncio.sleep(SILENCE_S)
        assert not b.who_said(b"and now?")
        await beta.cable_in()
        await eventually(lambda: hears(b, a, b"again"), every_s=0.2)


def hears(ear: Ear, speaker: Ear, data: bytes) -> bool:
    """Whether it was heard; says it once more."""
    speaker.say(data)
    return bool(ear.who_said(data))


async def test_a_switch_can_drop_multicast_and_nothing_else(tmp_path: Path) -> None:
    """As a guest network."""
    async with Lab.open(tmp_path) as lab:
        lan = await lab.switch()
        alpha, beta = await lab.hosts("alpha", "beta", on=lan)
        async with Ear.at(alpha, socket.AF_INET) as a, Ear.at(beta, socket.AF_INET) as b, serving(alpha):
            a.say(PROBE)
            await eventually(lambda: b.who_said(PROBE))
            await lan.drop_multicast()
            a.say(b"and now?")
            b.say(b"and now?")
            await asyncio.sleep(SILENCE_S)
            assert alpha.address not in b.who_said(b"and now?")
            assert beta.address not in a.who_said(b"and now?")
            assert await who_is_at(beta, alpha.address) == "alpha"


async def test_hosts_meet_by_address_only_while_the_cable_is_in(tmp_path: Path) -> None:
    """The others go on meeting meanwhile."""
    async with three_hosts(tmp_path) as (alpha, beta, gamma), serving(alpha), serving(beta):
        assert await who_is_at(beta, alpha.address) == "alpha"
        assert await who_is_at(alpha, beta.address) == "beta"
        assert await who_is_at(beta, "127.0.0.1") == "beta"
        await beta.cable_out()
        with pytest.raises(LOST):
            await who_is_at(alpha, beta.address)
        with pytest.raises(LOST):
            await who_is_at(beta, alpha.address)
        assert await who_is_at(gamma, alpha.address) == "alpha"
        (link,) = [link for link in await beta.namespace.shown("link") if link["ifname"] == "lan"]
        assert "NO-CARRIER" in link["flags"]
        await beta.cable_in()
        await eventually(lambda: is_at(beta, alpha.address, "alpha"))


async def test_an_address_changes_and_an_interface_appears(tmp_path: Path) -> None:
    """The old address is nobody's, the new one works; so does a second switch, once it is plugged in."""
    async with Lab.open(tmp_path) as lab:
        lan, other = await lab.switch(), await lab.switch()
        alpha, gamma = await lab.hosts("alpha", "gamma", on=lan)
        beta = await lab.host("beta", other)
        async with serving(alpha), serving(beta):
            old = alpha.address
            assert await who_is_at(gamma, old) == "alpha"
            await alpha.change_address(77)
            assert alpha.address == "10.77.1.77"
            assert await who_is_at(gamma, alpha.address) == "alpha"
            with pytest.raises(LOST):
                await who_is_at(gamma, old)
            with pytest.raises(LOST):
                await who_is_at(alpha, beta.address)
            await alpha.plug(other, "vpn")
            assert await who_is_at(alpha, beta.address) == "beta"
            assert await who_is_at(beta, alpha.addresses["vpn"]) == "alpha"


async def test_a_switch_for_ipv6_has_no_ipv4_at_all(tmp_path: Path) -> None:
    """Only loopback has an IPv4 address."""
    async with Lab.open(tmp_path) as lab:
        alpha = await lab.host("alpha", await lab.switch(6))
        (lan,) = [link for link in await alpha.namespace.shown("addr") if link["ifname"] == "lan"]
        families = {(address["family"], address["scope"]) for address in lan["addr_info"]}
        assert families == {("inet6", "global"), ("inet6", "link")}
        assert alpha.address == "fd77:0:0:1::1"


async def test_programs_and_sessions_are_inside(tmp_path: Path) -> None:
    """A program has the host's name and network; the same port is free on each loopback; the session is there too."""
    async with three_hosts(tmp_path) as (alpha, beta, gamma):
        assert (await alpha.namespace.run("uname", "-n")).strip() == "alpha"
        async with (
            FakeEngine.run(["a"], port=11434, inside=alpha.namespace.enter, connector=alpha.connector()),
            FakeEngine.run(["b"], port=11434, inside=beta.namespace.enter, connector=beta.connector()),
        ):
            for host, model in ((alpha, "a"), (beta, "b")):
                async with host.session.get("http://127.0.0.1:11434/api/tags") as response:
                    assert [each["name"] for each in (await response.json())["models"]] == [model]
            with pytest.raises(aiohttp.ClientConnectionError):
                await gamma.session.get("http://127.0.0.1:11434/api/tags")


def holders(identities: set[Path]) -> set[int]:
    """Processes that live in one of these namespaces."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/ns/net"):
        with contextlib.suppress(OSError):  # it may end while we look
            if link.readlink() in identities:
                found.add(int(link.parts[2]))
    return found


def ours_here() -> set[str]:
    """Interfaces of a lab that this machine itself has."""
    return {"bridge", "port1", "lan"} & {name for _, name in socket.if_nameindex()}


class ItFailedError(Exception):
    """What a test may raise."""


async def failing(directory: Path, seen: set[Path]) -> None:
    """A test that fails in a lab; `seen` gets the namespaces."""
    async with Lab.open(directory) as lab:
        await lab.host("alpha", await lab.switch())
        seen |= {namespace.identity for namespace in lab.namespaces}
        assert len(holders(seen)) == 2
        assert not ours_here()
        raise ItFailedError


async def test_nothing_is_left_after_a_test_that_failed(tmp_path: Path) -> None:
    """And while it ran, this machine's own network had no part in it."""
    seen: set[Path] = set()
    with pytest.raises(ItFailedError):
        await failing(tmp_path, seen)
    assert len(seen) == 2
    assert not holders(seen)
    assert not ours_here()


LAB_AND_A_PROGRAM = """
import asyncio, signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background has it ignored
from tests.fakes.control import FakeEngine
from tests.lan.lab import Lab

async def main():
    async with Lab.open(Path(sys.argv[1])) as lab:
        alpha = await lab.host("alpha", await lab.switch())
        async with FakeEngine.run(inside=alpha.namespace.enter, connector=alpha.connector()):
            print(*(each.identity for each in lab.namespaces), flush=True)
            await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
async def test_nothing_is_left_after_a_test_that_was_ended(tmp_path: Path, number: signal.Signals) -> None:
    """By ctrl-C, which the whole group gets, or by force: not even its programs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LAB_AND_A_PROGRAM, str(tmp_path)),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        told = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        seen = {Path(identity) for identity in re.findall(r"net:\[\d+\]", told)}
        assert len(seen) == 2
        assert len(holders(seen)) == 3
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        await asyncio.wait_for(process.communicate(), 10)
        await eventually(lambda: not holders(seen))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize(("required", "outcome"), [("0", "1 skipped"), ("1", "1 error")])
async def test_where_no_namespace_can_be_made_a_test_is_skipped_or_where_they_are_required_fails(
    tmp_path: Path, required: str, outcome: str
) -> None:
    """Without the programs that make them."""
    one = "tests/lan/test_lab.py::test_a_switch_for_ipv6_has_no_ipv4_at_all"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", one),
        cwd=REPOSITORY,
        env=os.environ | {"PATH": str(tmp_path), "HERD_LAN_REQUIRED": required},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode()
    assert outcome in said, said
    assert "no program ip" in said
    assert bool(process.returncode) == (required == "1")
