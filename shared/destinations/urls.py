"""One strict reading of a URL, so that what is checked is what is connected to. Pure.

Other readers take 0x7f.1, 2130706433, 127.1, full-width digits, user@host and backslashes each in a way of its own;
here they are no addresses.
"""

import re

from msgspec import Struct

from shared.destinations.ranges import IpAddress, kind_of, number

_URL = re.compile(
    r"(https?)://(\[[0-9A-Fa-f:.]+(?:%[\w.-]{1,32})?\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?(/[!-~]*)?", re.ASCII
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_LIKE_A_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.ASCII)
_NAME_LIMIT = 253
_USUAL = {"http": 80, "https": 443}


class BadDestination(Exception):
    """It is not gone to; the text says why, and what to do."""


class Place(Struct, frozen=True):
    """A URL that was read."""

    scheme: str
    host: str
    """A name in lower case, or a number (IPv6 without brackets, with its zone)."""
    port: int
    path: str = ""
    address: IpAddress | None = None
    """Of a number, without its zone; None: a name."""

    @property
    def base(self) -> str:
        """scheme://host:port"""
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def read(url: str, port: int = 0) -> Place:
    """http or https; `port` where it names none, 0: the scheme's own. Raises BadDestination."""
    found = _URL.fullmatch(url)
    if found is None:
        raise BadDestination(
            f"{_shown(url)!r} is no address; expected http://HOST:PORT, with nothing before HOST"
        )
    scheme, host, given, path = found.groups()
    port = int(given) if given else port or _USUAL[scheme]
    if not 0 < port < 2**16:
        raise BadDestination(f"{port} is no port")
    if host.startswith("["):
        return _number(scheme, host[1:-1], port, path or "")
    if (address := number(host)) is not None:
        return Place(scheme, str(address), port, path or "", address)
    return Place(scheme, named(host), port, path or "")


def named(text: str) -> str:
    """A host's name in lower case, without its last dot. Raises BadDestination: also for what some read as a number."""
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > _NAME_LIMIT or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadDestination(f"{_shown(text)!r} is no name of a host")
    if _LIKE_A_NUMBER.fullmatch(labels[-1]):
        raise BadDestination(f"{_shown(text)!r} is no address: write it as four numbers, as 192.168.1.7")
    return name


def _number(scheme: str, text: str, port: int, path: str) -> Place:
    bare, mark, _ = text.partition("%")
    address = number(bare)
    if address is None or address.version != 6:
        raise BadDestination(f"[{text}] is no IPv6 address")
    if mark and kind_of(address) != "link-local":
        raise BadDestination(f"[{text}] has a zone, which only a link-local address has")
    return Place(scheme, f"{address}{text[len(bare) :]}", port, path, address)


def _shown(text: str) -> str:
    """A password may stand before the @."""
    return text.rpartition("@")[2][:100]
