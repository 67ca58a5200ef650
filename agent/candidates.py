"""Which coordinator an agent should be with, of those that are heard. Pure.

It stays with the one it has for as long as that answers, and for a while after. Without one it takes the one on its
own machine, else the one with the lowest id: so all agents of one network come to the same, whatever they hear first.
"""

import ipaddress
from collections.abc import Iterable, Sequence

from msgspec import Struct

from shared.adverts import Found
from shared.destinations.rules import HEARD
from shared.interfaces import Address, reach_order
from shared.sockets import url_of

SWITCH_AFTER_S = 15.0
"""A coordinator that has not answered for so long is left for another one."""
MOST_ADDRESSES = 16
"""Of one coordinator, that are tried."""


class Candidate(Struct, frozen=True):
    """A coordinator and where it may be reached, likeliest first. `coordinator_id` empty: whoever answers there."""

    coordinator_id: str
    urls: tuple[str, ...]


def by_coordinator(found: Iterable[Found], mine: Iterable[Address]) -> list[Candidate]:
    """By id. One coordinator may be heard under several names: after a restart, or on several ports."""
    mine = list(mine)
    urls: dict[str, list[str]] = {}
    for each in sorted(found, key=lambda each: each.name):
        if coordinator_id := each.fields.get("id", ""):
            ordered = reach_order(filter(_may_be, each.addresses), mine)
            urls.setdefault(coordinator_id, []).extend(url_of(address, each.port) for address in ordered)
    return [
        Candidate(key, tuple(dict.fromkeys(addresses))[:MOST_ADDRESSES])
        for key, addresses in sorted(urls.items())
    ]


def _may_be(address: str) -> bool:
    """Anybody on the network can say an address."""
    return not HEARD.why_not(ipaddress.ip_address(address))


def in_order(
    heard: Sequence[Candidate], local_url: str, current: Candidate | None, silent_s: float, bound: str = ""
) -> list[Candidate]:
    """Whom to try. `current`: the one it is with, and where that was; `silent_s`: since its last answer.

    `bound`: the only one that it may be with, wherever that is; empty: any.
    """
    if bound:
        known = [each for each in (*heard, *([current] if current else [])) if each.coordinator_id == bound]
        urls = [url for each in known for url in each.urls]
        return [Candidate(bound, tuple(dict.fromkeys([*urls, local_url])))]
    if current is None:
        return [Candidate("", (local_url,)), *heard]
    now = [each for each in heard if each.coordinator_id == current.coordinator_id]
    urls = [url for each in (*now, current) for url in each.urls]
    same = Candidate(current.coordinator_id, tuple(dict.fromkeys([*urls, local_url])))
    if silent_s < SWITCH_AFTER_S:
        return [same]
    others = [each for each in heard if each.coordinator_id != current.coordinator_id]
    return [same, Candidate("", (local_url,)), *others]
