"""Addresses, and TCP connections that notice a cable that was pulled. Options that a platform lacks are left out."""

import asyncio
import ipaddress
import os
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

KEEPALIVE_IDLE_S = 1
KEEPALIVE_EVERY_S = 1
KEEPALIVE_TRIES = 3
USER_TIMEOUT_MS = 4_000

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
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS:
        if (option := getattr(socket, name, None)) is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made


def is_loopback(url: str) -> bool:
    """Whether the URL (or host:port) names this machine's loopback, by number or as localhost."""
    host = urlsplit(url if "://" in url else f"http://{url}").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def peer_host(transport: asyncio.BaseTransport | None) -> str:
    """Whom a connection is with; a link-local IPv6 address with its zone, without which nobody is reached there."""
    peer = transport.get_extra_info("peername") if transport else None
    if not peer:
        return "127.0.0.1"
    zone = f"%{peer[3]}" if len(peer) == 4 and peer[3] and "%" not in peer[0] else ""
    return f"{peer[0]}{zone}"


def only_address(host: str) -> str | None:
    """The one address that listening on `host` means; None: any of this machine's, or a name that stands for some."""
    try:
        return host if not ipaddress.ip_address(host).is_unspecified else None
    except ValueError:
        return None


def url_of(host: str, port: int) -> str:
    """Base URL; an IPv6 address gets its brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def why_not(error: BaseException) -> str:
    """Why nobody was reached: in the system's words (`Connection refused`) where it gave a number, else the error's."""
    cause = getattr(error, "os_error", error)
    if isinstance(cause, OSError) and cause.errno and not isinstance(cause, ssl.SSLError | socket.gaierror):
        return os.strerror(cause.errno)
    return str(error) or "timed out"
