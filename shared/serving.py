"""How either program listens for HTTP, and ends a task of its own."""

import asyncio
import errno
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from shared.http1.server import Server
from shared.sockets import watchful_socket


@asynccontextmanager
async def serving(server: Server, host: str, port: int, patience_s: float) -> AsyncIterator[tuple[str, int]]:
    """Serves until the block ends; gives the address. Raises OSError where it cannot be had.

    An empty `host` stands for every address of this machine, IPv4 and IPv6; port 0 for one that is free on all.
    `patience_s`: what runs at the end of the block has this many seconds.
    """
    listeners = _listeners(await _addresses(host, port))
    address = listeners[0].getsockname()[:2]
    try:
        await server.listen(listeners)
        yield address
    finally:
        await server.stop(patience_s)
        for listener in listeners:
            listener.close()


Address = tuple[int, int, int, tuple[Any, ...]]
"""Family, kind, protocol, and what to bind to."""


async def _addresses(host: str, port: int) -> list[Address]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except UnicodeError as error:
        raise OSError(errno.EINVAL, f"{host!r} is no name of a host") from error
    return list(dict.fromkeys((family, kind, protocol, bound) for family, kind, protocol, _, bound in found))


def _listeners(addresses: list[Address]) -> list[socket.socket]:
    """All on one port. Raises OSError where none can be had, or not all for another reason than a missing IPv6."""
    made: list[socket.socket] = []
    try:
        for address in sorted(addresses):  # IPv4 first
            try:
                made.append(_listener(_on_port(address, made)))
            except OSError as error:
                if not made or error.errno not in _NO_SUCH_FAMILY:
                    raise
    except OSError:
        for listener in made:
            listener.close()
        raise
    return made


_NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
"""What a kernel without IPv6 says."""


def _on_port(address: Address, made: list[socket.socket]) -> Address:
    """The port that the first one got stands for all."""
    if not made or address[3][1] != 0:
        return address
    family, kind, protocol, (host, _, *rest) = address
    return family, kind, protocol, (host, made[0].getsockname()[1], *rest)


def _listener(address: Address) -> socket.socket:
    """Watchful, as are the connections it accepts (where the platform hands the options down, as Linux does):
    a caller whose cable was pulled must not keep an engine busy.
    """
    made = watchful_socket(address)
    try:
        if sys.platform != "win32":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address[0] == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address[3])
    except OSError:
        made.close()
        raise
    return made


async def cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Cancels them and waits until they have ended; those that have ended already are left to who made them.

    Raises what a task raised instead of ending. Whoever is cancelled while it waits here is cancelled.
    """
    ending = [task for task in tasks if task.cancel()]
    if ending:
        await asyncio.wait(ending)
    for task in ending:
        if not task.cancelled():
            task.result()
