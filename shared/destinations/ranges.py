"""What kind of address a number is. Pure, and strict: what nobody has a use for is `reserved`."""

import ipaddress
import re
from typing import Literal

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

Kind = Literal[
    "private",  # RFC 1918, and unique local IPv6
    "shared",  # a provider's or a VPN's, 100.64.0.0/10
    "public",
    "loopback",
    "link-local",
    "metadata",  # where clouds tell a machine its secrets
    "multicast",
    "broadcast",
    "unspecified",
    "embedded",  # an IPv4 address in the clothes of an IPv6 one
    "reserved",
]

NEVER: frozenset[Kind] = frozenset({"metadata", "multicast", "broadcast", "unspecified", "embedded"})
"""No setting opens these."""

_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # most clouds
        "169.254.169.253",  # their resolver
        "169.254.170.2",  # containers' roles
        "169.254.170.23",
        "169.254.0.23",
        "169.254.10.10",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::253",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:42::42",
        "fe80::a9fe:a9fe",
    )
)


def _networks(*texts: str) -> tuple[IpNetwork, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


_TABLE: tuple[tuple[Kind, tuple[IpNetwork, ...]], ...] = (
    ("unspecified", _networks("0.0.0.0/8", "::/128")),
    ("broadcast", _networks("255.255.255.255/32")),
    ("loopback", _networks("127.0.0.0/8", "::1/128")),
    ("link-local", _networks("169.254.0.0/16", "fe80::/10")),
    ("multicast", _networks("224.0.0.0/4", "ff00::/8")),
    ("private", _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8")),
    ("shared", _networks("100.64.0.0/10")),
    # mapped, compatible, translated, NAT64, Teredo, 6to4
    (
        "embedded",
        _networks(
            "::ffff:0:0/96",
            "::/96",
            "::ffff:0:0:0/96",
            "64:ff9b::/96",
            "64:ff9b:1::/48",
            "2001::/32",
            "2002::/16",
        ),
    ),
    (
        "reserved",
        _networks(
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "240.0.0.0/4",
            "2001:2::/48",
            "2001:10::/28",
            "2001:20::/28",
            "2001:db8::/32",
            "3fff::/20",
        ),
    ),
    ("public", _networks("0.0.0.0/0", "2000::/3")),
)
"""The first row that holds the address."""

_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""The upper half of an interface id that ends in an IPv4 address."""

_QUAD = re.compile(r"(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}", re.ASCII)


def number(text: str) -> IpAddress | None:
    """An address as it is written by the rules, with no zone; None for a name, and for every short or odd form."""
    if ":" not in text and not _QUAD.fullmatch(text):
        return None
    try:
        return ipaddress.ip_address(text) if "%" not in text else None
    except ValueError:
        return None


def kind_of(address: IpAddress) -> Kind:
    """What it is for; a zone of it says nothing here."""
    if isinstance(address, ipaddress.IPv6Address):
        address = ipaddress.IPv6Address(int(address))
    if address in _METADATA:
        return "metadata"
    if address.version == 6 and int(address) >> 32 & 0xFFFF_FFFF in _ISATAP:
        return "embedded"
    return next(
        (
            kind
            for kind, networks in _TABLE
            if any(address.version == n.version and address in n for n in networks)
        ),
        "reserved",
    )


def plain(text: str) -> str:
    """A peer's address as a socket gives it: an IPv4 one that an IPv6 socket shows stands for itself."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped) if mapped else text
