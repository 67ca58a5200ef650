"""The coordinator that mDNS shows, for a verb that was told none."""

import time
from collections.abc import Callable
from typing import Any

from zeroconf import ServiceBrowser, ServiceStateChange, Zeroconf

from coordinator.verbs.saying import say
from shared.adverts import COORDINATORS, fields_of
from shared.interfaces import own_addresses, reach_order
from shared.sockets import url_of

LISTEN_S = 1.5
"""A person waits for it: only where nobody named a coordinator, and none is on this machine."""
LOOK_EVERY_S = 0.05
RESOLVE_MS = 1_000


def shown(answers: Callable[[str], str]) -> str:
    """Base URL of the one with the lowest id that `answers`; empty: none. Says which it is on standard error."""
    try:
        found = _listened()
    except OSError:
        return ""  # no network
    for _, urls in sorted(found.items()):
        for url in urls:
            if there := answers(url):
                others = f" ({len(found)} are there: --url picks one)" if len(found) > 1 else ""
                say(f"herd: asking the coordinator at {there}, found over mDNS{others}", err=True)
                return there
    return ""


def _listened() -> dict[str, list[str]]:
    """URLs by the coordinator's id, likeliest first. It ends early once somebody was heard."""
    names: set[str] = set()

    def heard(**event: Any) -> None:
        if event["state_change"] is not ServiceStateChange.Removed:
            names.add(event["name"])

    with Zeroconf() as zeroconf:
        browser = ServiceBrowser(zeroconf, COORDINATORS, handlers=[heard])
        until = time.monotonic() + LISTEN_S
        while not names and time.monotonic() < until:
            time.sleep(LOOK_EVERY_S)
        infos = [zeroconf.get_service_info(COORDINATORS, name, RESOLVE_MS) for name in sorted(names)]
        browser.cancel()
    mine = own_addresses()
    found: dict[str, list[str]] = {}
    for info in filter(None, infos):
        name = fields_of(info.properties).get("id", "")
        if name and info.port:
            ordered = reach_order(info.parsed_scoped_addresses(), mine)
            found.setdefault(name, []).extend(url_of(address, info.port) for address in ordered)
    return found
