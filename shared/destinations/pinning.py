"""A name is looked up once, every address it stands for is checked, and one of these is connected to.

Who asks twice can be told two things: a harmless address for the check, another for the connection.
"""

import asyncio
import ipaddress
import socket

from aiohttp.abc import ResolveResult

from shared.destinations.ranges import number
from shared.destinations.rules import Rule, is_loopback_name
from shared.resolver import Resolver


class Refused(OSError):
    """The name stands for an address that is not gone to."""


class Pinned(Resolver):
    """For a client session: as Resolver, with every address checked. Numbers are not looked up: check them before."""

    def __init__(self, rule: Rule) -> None:
        """Must be made inside a running loop."""
        super().__init__()
        self._rule = rule

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Addresses of `host`. Raises OSError where there is none, and Refused."""
        found = await super().resolve(host, port, family)
        _check(host, [each["host"] for each in found], self._rule)
        return found


async def addresses(host: str, port: int, rule: Rule) -> tuple[str, ...]:
    """What a name stands for, in the system's order; a number stands for itself. Raises OSError, and Refused."""
    if number(host.partition("%")[0]) is not None:
        return (host,)
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    told = list(dict.fromkeys(str(each[4][0]) for each in found))
    _check(host, told, rule)
    return tuple(told)


def _check(host: str, told: list[str], rule: Rule) -> None:
    """One bad address is enough: a name that mixes them is a trick."""
    for each in told:
        address = ipaddress.ip_address(each)
        if is_loopback_name(host.lower().rstrip(".")) and address.is_loopback:
            continue  # whoever may name it was looked at before
        if why := rule.why_not(address):
            raise Refused(f"{host} stands for {why}")
