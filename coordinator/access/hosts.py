"""By which names this coordinator may be asked. A page whose name was made to point here (DNS rebinding) shows."""

import ipaddress
import time
from collections.abc import Callable, Iterable
from typing import Literal

from shared.destinations.ranges import plain

Standing = Literal["own", "known", "foreign"]
"""`own`: a name or address of this machine. `known`: one that may stand for it, and for another."""

HOME = ("local", "lan", "home", "home.arpa", "internal", "localdomain")
"""Endings that networks at home give to the names of their machines; nobody can have one on the internet."""
CONTAINERS = ("host.docker.internal", "host.containers.internal")
"""How a program in a container calls the machine that it runs on. Where it comes by loopback then (Docker Desktop), it
could as well say localhost.
"""
LOOK_AGAIN_S = 1.0
"""After a name that is not known: addresses come and go."""
TRUSTED_S = 60.0
"""Until the addresses are read anew."""
REMEMBERED = 1_024


class Hosts:
    """Reads this machine's addresses when it is asked for one that it does not know."""

    def __init__(
        self,
        hostname: str,
        further: Iterable[str],
        addresses: Callable[[], Iterable[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`further`: FLEET_HOSTNAMES. `addresses`: this machine's own, without zones."""
        short = hostname.lower().rstrip(".").partition(".")[0]
        self._own = {
            "",
            "localhost",
            hostname.lower().rstrip("."),
            *CONTAINERS,
            *(bare(each) for each in further),
        }
        self._own |= {short, *(f"{short}.{ending}" for ending in HOME)}
        self._read = addresses
        self._clock = clock
        self._addresses: frozenset[str] = frozenset()
        self._read_at = -TRUSTED_S
        self._judged: dict[str, Standing] = {}

    def standing(self, host: str) -> Standing:
        """Of a Host header's value; an empty one is own: a browser always names one."""
        now = self._clock()
        if now - self._read_at >= TRUSTED_S:
            self._look(now)
        found = self._judged.get(host)
        if found is None:
            found = self._judge(bare(host), now)
            if len(self._judged) >= REMEMBERED:
                self._judged.clear()
            self._judged[host] = found
        elif found == "foreign" and now - self._read_at >= LOOK_AGAIN_S:
            self._look(now)
            found = self._judge(bare(host), now)
        return found

    def has(self, address: str) -> bool:
        """Whether that is one of this machine's own."""
        bare_one = plain(address)
        named = f"[{bare_one}]" if ":" in bare_one else bare_one
        return bool(named) and self.standing(named) == "own"

    def _judge(self, name: str, now: float) -> Standing:
        try:
            value = ipaddress.ip_address(name)
        except ValueError:
            if name in self._own or name.endswith(".localhost"):
                return "own"
            return "known" if name.endswith(".local") else "foreign"
        if value.is_loopback or value.is_unspecified or name in self._own:
            return "own"
        if str(value) not in self._addresses and now - self._read_at >= LOOK_AGAIN_S:
            self._look(now)
        return "own" if str(value) in self._addresses else "foreign"

    def _look(self, now: float) -> None:
        self._addresses = frozenset(self._read())
        self._read_at = now
        self._judged.clear()


def bare(host: str) -> str:
    """`[FE80::1%eth0]:11435` -> `fe80::1`; a name in small letters, without its last dot and its port."""
    text = host.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0].partition("%")[0]
    name, colon, port = text.rpartition(":")
    if colon and ":" not in name and (port.isdigit() or not port):
        text = name
    return text.rstrip(".")
