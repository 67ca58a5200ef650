"""What multicast brings to a host: plain datagrams, and just enough of mDNS to ask for a service type and count who
answers. Written from RFC 6762 and without the library that the programs use, so that it can disagree with them.
"""

import asyncio
import contextlib
import fcntl
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any, cast

from tests.lan.lab import Host

PORT = 5353
TTL_S = 120
GROUPS = {socket.AF_INET: "224.0.0.251", socket.AF_INET6: "ff02::fb"}
COORDINATORS, NODE_TYPE = "_fleet-manager._tcp.local.", "_fleet-node._tcp.local."
"""The service types that are fixed."""
Family = socket.AddressFamily

_SIOCGIFINDEX = 0x8933
_RESPONSE, _AUTHORITATIVE = 0x8000, 0x0400
_A, _PTR, _TXT, _SRV = 1, 12, 16, 33
_IN, _FLUSH = 1, 0x8000


class Ear(asyncio.DatagramProtocol):
    """Hears and speaks on the mDNS group of one family at one interface of one host."""

    def __init__(self, group: tuple[Any, ...]) -> None:
        self.heard: list[tuple[bytes, str]] = []
        """Each datagram with the address that it came from."""
        self._group = group
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def at(cls, host: Host, family: Family, interface: str = "lan") -> AsyncIterator["Ear"]:
        """Open until the block ends."""
        made = host.namespace.socket((family, socket.SOCK_DGRAM))
        index = _join(made, family, interface)
        group: tuple[Any, ...] = (GROUPS[family], PORT)
        if family == socket.AF_INET6:
            group = (*group, 0, index)
        loop = asyncio.get_running_loop()
        transport, ear = await loop.create_datagram_endpoint(lambda: cls(group), sock=made)
        try:
            yield ear
        finally:
            transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio calls it."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """asyncio calls it."""
        self.heard.append((data, addr[0]))

    def say(self, data: bytes) -> None:
        """To everybody in the group."""
        assert self._transport is not None
        self._transport.sendto(data, self._group)

    def who_said(self, data: bytes) -> set[str]:
        """Addresses that exactly this came from."""
        return {address for heard, address in self.heard if heard == data}

    def who_answered(self, service: str) -> set[str]:
        """Addresses from which an answer came that names the service type (`_x._tcp.local.`)."""
        name = _encoded(service)
        return {address for heard, address in self.heard if _is_answer(heard) and name in heard}


def question(service: str) -> bytes:
    """Who offers this service type? Everybody answers to the group."""
    return struct.pack("!6H", 0, 0, 1, 0, 0, 0) + _encoded(service) + struct.pack("!2H", _PTR, _IN)


def advert(service: str, label: str, address: str, port: int, text: str) -> bytes:
    """An unasked answer: an instance of the service type, at an IPv4 address, with one line of TXT."""
    instance, server = _encoded(f"{label}.{service}"), _encoded(f"{label}.local.")
    told = text.encode()
    records = [
        (_encoded(service), _PTR, _IN, instance),
        (instance, _SRV, _IN | _FLUSH, struct.pack("!3H", 0, 0, port) + server),
        (instance, _TXT, _IN | _FLUSH, bytes([len(told)]) + told),
        (server, _A, _IN | _FLUSH, socket.inet_aton(address)),
    ]
    return struct.pack("!6H", 0, _RESPONSE | _AUTHORITATIVE, 0, len(records), 0, 0) + b"".join(
        name + struct.pack("!2HIH", kind, of, TTL_S, len(data)) + data for name, kind, of, data in records
    )


def pointer(service: str, label: str) -> bytes:
    """An unasked answer that names an instance and says nothing more of it."""
    instance = _encoded(f"{label}.{service}")
    record = struct.pack("!2HIH", _PTR, _IN, TTL_S, len(instance)) + instance
    header = struct.pack("!6H", 0, _RESPONSE | _AUTHORITATIVE, 0, 1, 0, 0)
    return header + _encoded(service) + record


def _is_answer(data: bytes) -> bool:
    """Whether it is a response with at least one record in its answer section that still holds (TTL not 0)."""
    if len(data) < 12:
        return False
    _, flags, questions, answers, _, _ = struct.unpack("!6H", data[:12])
    return bool(flags & _RESPONSE) and questions == 0 and answers > 0


def _encoded(name: str) -> bytes:
    labels = [label.encode() for label in name.rstrip(".").split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _join(made: socket.socket, family: Family, interface: str) -> int:
    """Binds it to the mDNS port and makes it a member of the group; the interface's index."""
    # The index in the socket's own network, which is not that of the test.
    request = struct.pack("16si12x", interface.encode(), 0)
    index: int = struct.unpack("16si12x", fcntl.ioctl(made, _SIOCGIFINDEX, request))[1]
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    group = socket.inet_pton(family, GROUPS[family])
    if family == socket.AF_INET:
        mreqn = group + struct.pack("=4si", b"\0" * 4, index)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, mreqn)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, mreqn)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    else:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + struct.pack("=I", index))
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    made.bind(("", PORT))
    return index
