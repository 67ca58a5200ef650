"""Asks over mDNS on each interface who is there, and listens: does it get out, does anything come in?"""

import selectors
import socket
import struct
import time
from collections.abc import Iterable

from shared.adverts import COORDINATORS, NODES
from shared.doctor.seen import InterfaceSeen
from shared.interfaces import Address

GROUP, GROUP6, PORT = "224.0.0.251", "ff02::fb", 5353
SERVICES = "_services._dns-sd._udp.local."
"""RFC 6763: whoever offers anything answers."""
PACKET_BYTES = 9_000
_IP_MULTICAST_ALL = 49
"""Linux: 0 keeps what came in by other interfaces from a socket."""


def question(names: Iterable[str]) -> bytes:
    """An mDNS question for the PTR records of these names."""
    asked = [b"".join(_label(part) for part in name.rstrip(".").split(".")) + b"\0" for name in names]
    head = struct.pack("!6H", 0, 0, len(asked), 0, 0, 0)
    return head + b"".join(name + struct.pack("!2H", 12, 1) for name in asked)


def _label(part: str) -> bytes:
    return bytes([len(part)]) + part.encode()


def asked_everywhere(here: Iterable[Address], wait_s: float) -> tuple[InterfaceSeen, ...]:
    """One question on each interface of these addresses; blocks for `wait_s`. Raises nothing."""
    first: dict[str, Address] = {}
    for each in sorted(here, key=lambda each: (each.index, each.value.version, each.ip)):
        first.setdefault(each.interface, each)
    own, packet = {each.ip for each in here}, question([SERVICES, COORDINATORS, NODES])
    seen: dict[str, InterfaceSeen] = {}
    heard: dict[str, set[str]] = {name: set() for name in first}
    with selectors.DefaultSelector() as selector:
        for name, address in first.items():
            try:
                _ask(selector, address, packet)
                problem = ""
            except OSError as error:
                problem = error.strerror or str(error)
            seen[name] = InterfaceSeen(interface=name, ip=address.ip, problem=problem)
        _listen(selector, heard, wait_s)
        for key in list(selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
    return tuple(
        InterfaceSeen(
            interface=each.interface,
            ip=each.ip,
            problem=each.problem,
            own_heard=bool(heard[name] & own),
            others=tuple(sorted(heard[name] - own)),
        )
        for name, each in seen.items()
    )


def _ask(selector: selectors.BaseSelector, address: Address, packet: bytes) -> None:
    made = socket.socket(socket.AF_INET if address.value.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        for option in ("SO_REUSEADDR", "SO_REUSEPORT"):
            if hasattr(socket, option):
                made.setsockopt(socket.SOL_SOCKET, getattr(socket, option), 1)
        made.setblocking(False)
        _join(made, address)
        group = (GROUP, PORT) if address.value.version == 4 else (GROUP6, PORT, 0, address.index)
        made.sendto(packet, group)
        selector.register(made, selectors.EVENT_READ, address.interface)
    except OSError:
        made.close()
        raise


def _join(made: socket.socket, address: Address) -> None:
    if address.value.version == 6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(("", PORT))
        request = socket.inet_pton(socket.AF_INET6, GROUP6) + struct.pack("@I", address.index)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, address.index)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        return
    made.bind(("", PORT))
    if hasattr(socket, "SO_BINDTODEVICE"):  # Linux, whatever of its names Python knows
        made.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
    made.setsockopt(
        socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton(address.ip)
    )
    made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address.ip))
    made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)


def _listen(selector: selectors.BaseSelector, heard: dict[str, set[str]], wait_s: float) -> None:
    until = time.monotonic() + wait_s
    while (left := until - time.monotonic()) > 0:
        if not selector.get_map():
            return
        for key, _ in selector.select(left):
            try:
                _, source = key.fileobj.recvfrom(PACKET_BYTES)  # type: ignore[union-attr]
            except OSError:
                continue
            heard[key.data].add(str(source[0]).partition("%")[0])
