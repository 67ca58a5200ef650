"""Addresses, and TCP connections that notice a cable that was pulled. Options that a platform lacks are left out."""

import asyncio
import contextlib
import ipaddress
import os
import socket
import ssl
import struct
import sys
from typing import Any
from urllib.parse import urlsplit

KEEPALIVE_IDLE_S = 1
KEEPALIVE_EVERY_S = 1
KEEPALIVE_TRIES = 3
USER_TIMEOUT_MS = 4_000

_AT_ONCE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""SO_LINGER: a reset in the place of an orderly end."""

_OPTIONS = (
    ("TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
    ("TCP_KEEPINTVL", KEEPALIVE_EVERY_S),
    ("TCP_KEEPCNT", KEEPALIVE_TRIES),
    ("TCP_USER_TIMEOUT", USER_TIMEOUT_MS),
)


def watchful_socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket for `address` (as getaddrinfo gives it) whose peer's silence ends it within about 4 s."""
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    watch(made)
    return made


def watch(connection: Any) -> None:
    """Sets those options on a socket, or on what a transport shows of one."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS:
        if (option := getattr(socket, name, None)) is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


def reset(transport: asyncio.Transport) -> None:
    """Ends a connection at once and so that the peer sees it, whatever it has read: unsent bytes are dropped."""
    if (connection := transport.get_extra_info("socket")) is not None and connection.fileno() >= 0:
        # A platform that lacks the option, or a connection that has ended: an ordinary end does.
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()


def broken(transport: asyncio.BaseTransport) -> bool:
    """Whether the peer has reset a connection that nobody reads from."""
    connection = transport.get_extra_info("socket")
    if connection is None or connection.fileno() < 0:
        return True
    return bool(connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))


def is_loopback(url: str) -> bool:
    """Whether the URL (or host:port) names this machine's loopback, by number or as localhost."""
    host = urlsplit(url if "://" in url else f"http://{url}").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def peer_host(transport: asyncio.BaseTransport | None) -> str:
    """Whom a connection is with; a link-local IPv6 address with its zone, without which nobody is reached there. Empty:
    the system does not tell, and it may be anybody.
    """
    peer = transport.get_extra_info("peername") if transport else None
    if not peer:
        return ""
    zone = f"%{peer[3]}" if len(peer) == 4 and peer[3] and "%" not in peer[0] else ""
    return f"{peer[0]}{zone}"


def only_address(host: str) -> str | None:
    """The one address that listening on `host` means; None: any of this machine's, or a name that stands for some."""
    try:
        return host if not ipaddress.ip_address(host).is_unspecified else None
    except ValueError:
        return None


def url_of(host: str, port: int, *, tls: bool = False) -> str:
    """Base URL; an IPv6 address gets its brackets."""
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def why_not(error: BaseException) -> str:
    """Why nobody was reached: in the system's words (`Connection refused`) where it gave a number, else the error's."""
    cause = getattr(error, "os_error", error)
    if isinstance(cause, OSError) and cause.errno and not isinstance(cause, ssl.SSLError | socket.gaierror):
        return os.strerror(cause.errno)
    return str(error) or "timed out"
