"""Names to addresses for the client sessions of either program."""

import socket

from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver

_LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


class Resolver(ThreadedResolver):
    """The system's, but `localhost` is loopback by definition (RFC 6761), in both families.

    aiohttp asks for addresses of families that the machine has addresses in, and loopback's own do not count: on a
    machine without an IPv4 address (an IPv6 network, no answer from DHCP yet) 127.0.0.1 would not be found.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Addresses of `host`. Raises OSError where there is none."""
        if host.lower().rstrip(".") != "localhost":
            return await super().resolve(host, port, family)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=kind,
                proto=0,
                flags=int(socket.AI_NUMERICHOST | socket.AI_NUMERICSERV),
            )
            for kind, address in _LOOPBACK
            if family in (kind, socket.AF_UNSPEC)
        ]
