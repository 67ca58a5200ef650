"""The address of this coordinator as other machines would write it."""

from collections.abc import Collection
from urllib.parse import urlsplit

from shared.interfaces import Address
from shared.sockets import url_of


def reachable(listening: str, mine: Collection[Address], host_name: str) -> str:
    """The base URL `listening` as another machine, also of another network, would write it.

    Where it stands for every address: the first of `mine`, IPv4 before IPv6, then the host's name, which other
    networks seldom know. An IPv6 wildcard stands for no IPv4 address.
    """
    parts = urlsplit(listening)
    if parts.hostname not in ("0.0.0.0", "::") or not parts.port:
        return listening
    proper = [each for each in mine if not each.value.is_link_local]
    usable = [each for each in proper if each.value.version == 6 or parts.hostname == "0.0.0.0"]
    first = min(usable, key=lambda each: (each.value.version, each.index, each.ip), default=None)
    return url_of(first.ip if first else host_name, parts.port)
