"""This machine's network addresses, and in which order to try another machine's."""

import ipaddress
import socket
from collections.abc import Collection, Iterable

import psutil
from msgspec import Struct

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Address(Struct, frozen=True):
    """One address of one interface of this machine."""

    interface: str
    index: int
    ip: str
    """Without a zone."""
    prefix: int
    """Bits of the network."""

    @property
    def value(self) -> IpAddress:
        """As a number."""
        return ipaddress.ip_address(self.ip)


def own_addresses() -> frozenset[Address]:
    """Those of interfaces that are up, without loopback. Reads the system; what it cannot tell is left out."""
    try:
        interfaces, stats = psutil.net_if_addrs(), psutil.net_if_stats()
    except OSError:
        return frozenset()
    found = set()
    for name, entries in interfaces.items():
        if name in stats and not stats[name].isup:
            continue
        for entry in entries:
            if entry.family in (socket.AF_INET, socket.AF_INET6) and (
                made := _address(name, entry.address, entry.netmask)
            ):
                found.add(made)
    return frozenset(found)


def _address(interface: str, text: str, netmask: str | None) -> Address | None:
    ip = text.partition("%")[0]
    try:
        value = ipaddress.ip_address(ip)
        index = socket.if_nametoindex(interface)
    except (ValueError, OSError):
        return None  # the interface went away meanwhile
    if value.is_loopback or value.is_unspecified:
        return None
    return Address(interface, index, ip, _prefix(netmask, value.max_prefixlen))


def _prefix(netmask: str | None, bits: int) -> int:
    """255.255.255.0 -> 24; unknown masks stand for the one address."""
    try:
        return int(ipaddress.ip_address(netmask or "")).bit_count()
    except ValueError:
        return bits


def in_use(addresses: Collection[Address]) -> list[Address]:
    """Without interfaces that have nothing but link-local IPv6 (ends of containers' cables), where others have more."""
    proper = {address.interface for address in addresses if not _is_link_local_v6(address.value)}
    kept = [address for address in addresses if not proper or address.interface in proper]
    return sorted(kept, key=lambda address: (address.index, address.value.version, address.ip))


def reach_order(theirs: Iterable[str], mine: Iterable[Address]) -> list[str]:
    """Another machine's addresses, likeliest first: those of a network that both are in, then IPv4, then IPv6, then
    link-local ones. Last those that this machine has itself: inner networks of containers are alike everywhere.
    """
    mine = list(mine)
    own = {address.ip for address in mine}
    networks = [
        ipaddress.ip_network(f"{address.ip}/{address.prefix}", strict=False)
        for address in mine
        if not address.value.is_link_local
    ]

    def rank(text: str) -> tuple[int, int, str]:
        value = ipaddress.ip_address(text)
        if text in own:
            return 4, value.version, text
        if value.is_link_local:
            return 3, value.version, text
        shared = any(value.version == network.version and value in network for network in networks)
        return (0 if shared else 1), value.version, text

    return sorted(set(theirs), key=rank)


def _is_link_local_v6(value: IpAddress) -> bool:
    return value.version == 6 and value.is_link_local
