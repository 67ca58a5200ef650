"""A network laboratory: hosts on switches, with cables that can be pulled. Nothing of it touches this machine's own
network, and nothing of it is left when the block ends, however it ends.

A host is a network namespace with a loopback and a host name of its own; a switch is a bridge, in a namespace of its
own too, that passes all multicast to all ports, as one for 20 euros does.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.fakes.waiting import eventually
from tests.lan.namespaces import Namespace

SETTLE_S = 15.0
IPV4, IPV6 = 4, 6


@dataclass(frozen=True)
class Switch:
    """Number n serves 10.77.n.0/24 and, where it speaks IPv6 only, fd77:0:0:n::/64; its own number there is 254."""

    namespace: Namespace
    number: int
    version: int
    ports: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def address(self, number: int) -> str:
        """That of the host or router with this number."""
        return (
            f"10.77.{self.number}.{number}" if self.version == IPV4 else f"fd77:0:0:{self.number}::{number}"
        )

    @property
    def prefix(self) -> int:
        """Bits of the network part."""
        return 24 if self.version == IPV4 else 64

    async def drop_multicast(self) -> None:
        """From now on no multicast leaves by the ports that are plugged in, as in many guest networks."""
        for link in await self.namespace.shown("link"):
            if link.get("master") == "bridge":
                name = link["ifname"]
                await self.namespace.run("bridge", "link", "set", "dev", name, "mcast_flood", "off")


@dataclass(frozen=True)
class Cable:
    """From an interface of a host to a port of a switch."""

    switch: Switch
    port: str


class Host:
    """A machine of the lab. `session` calls from there, wherever the test itself runs."""

    def __init__(self, namespace: Namespace, number: int, home: Path) -> None:
        self.namespace = namespace
        self.name = namespace.name
        self.number = number
        self.home = home
        """The directory of its user."""
        self.session = aiohttp.ClientSession(connector=self.connector())
        self.cables: dict[str, Cable] = {}
        """By interface."""
        self.addresses: dict[str, str] = {}
        """Of each interface, the one that it was given."""

    def connector(self) -> aiohttp.TCPConnector:
        """Connects from this host, anew for each call: a kept connection could belong to an address that is gone."""
        return aiohttp.TCPConnector(limit=0, force_close=True, socket_factory=self.namespace.socket)

    @property
    def address(self) -> str:
        """Its address on the first switch that it was plugged into."""
        return next(iter(self.addresses.values()))

    async def plug(self, switch: Switch, interface: str = "lan") -> None:
        """A new interface, with a cable to the switch and an address, once it may be used."""
        port = f"port{next(switch.ports)}"
        await switch.namespace.ip(
            f"link add name {port} type veth peer name {interface} netns {self.namespace.pid}",
            f"link set {port} master bridge up",
        )
        self.cables[interface] = Cable(switch, port)
        await self.namespace.ip(f"link set {interface} up")
        await self._take(interface, self.number)
        await self.settled()

    async def change_address(self, number: int, interface: str = "lan") -> None:
        """As from a DHCP server that forgot: the old address is gone, then the new one is there."""
        switch = self.cables[interface].switch
        await self.namespace.ip(f"addr del {self.addresses[interface]}/{switch.prefix} dev {interface}")
        await self._take(interface, number)

    async def _take(self, interface: str, number: int) -> None:
        switch = self.cables[interface].switch
        self.addresses[interface] = switch.address(number)
        commands = [f"addr add {self.addresses[interface]}/{switch.prefix} dev {interface}"]
        if interface == next(iter(self.cables)):
            commands.append(f"route replace default via {switch.address(254)} dev {interface}")
        await self.namespace.ip(*commands)

    async def cable_out(self, interface: str = "lan") -> None:
        """Both ends lose their carrier; the host keeps its address, as hosts do for a while."""
        await self._port(interface, "down")

    async def cable_in(self, interface: str = "lan") -> None:
        """The same cable, the same port."""
        await self._port(interface, "up")

    async def _port(self, interface: str, state: str) -> None:
        cable = self.cables[interface]
        await cable.switch.namespace.ip(f"link set {cable.port} {state}")

    async def settled(self) -> None:
        """Waits until IPv6 has made sure that its addresses are nobody else's."""

        async def sure() -> bool:
            shown = {link["ifname"]: link["addr_info"] for link in await self.namespace.shown("addr")}
            return all(
                any(address["scope"] == "link" for address in shown[interface])
                and not any(address.get("tentative") for address in shown[interface])
                for interface in self.cables
            )

        await eventually(sure, SETTLE_S, 0.1)


class Lab:
    """Makes switches and hosts; make it with `async with Lab.open(...)`."""

    def __init__(self, directory: Path, stack: contextlib.AsyncExitStack) -> None:
        self.namespaces: list[Namespace] = []
        self._directory = directory
        self._stack = stack
        self._hosts = itertools.count(1)
        self._switches = itertools.count(1)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, directory: Path) -> AsyncIterator["Lab"]:
        """An empty one; the homes of its hosts are in `directory`."""
        async with contextlib.AsyncExitStack() as stack:
            yield cls(directory, stack)

    async def switch(self, version: int = IPV4) -> Switch:
        """A switch with nothing plugged in. Version 4: IPv4 and link-local IPv6; version 6: no IPv4 at all."""
        number = next(self._switches)
        made = Switch(await self._namespace(f"switch{number}"), number, version)
        await made.namespace.ip(
            "link add name bridge type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
            f"addr add {made.address(254)}/{made.prefix} dev bridge",
            "link set bridge up",
        )
        return made

    async def host(self, name: str, *switches: Switch) -> Host:
        """A host, plugged into these switches as lan, lan2, lan3, ...; its number is that of its making, from 1."""
        number = next(self._hosts)
        home = self._directory / name
        home.mkdir()
        made = Host(await self._namespace(name), number, home)
        self._stack.push_async_callback(made.session.close)
        for count, switch in enumerate(switches, start=1):
            await made.plug(switch, "lan" if count == 1 else f"lan{count}")
        return made

    async def hosts(self, *names: str, on: Switch) -> list[Host]:
        """Hosts on one switch, made at once."""
        return list(await asyncio.gather(*(self.host(name, on) for name in names)))

    async def _namespace(self, name: str) -> Namespace:
        ground = self.namespaces[0].pid if self.namespaces else None
        made = await self._stack.enter_async_context(Namespace.held(name, ground))
        self.namespaces.append(made)
        return made
