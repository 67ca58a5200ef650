"""At which of this machine's own addresses its engines answer, beside loopback: past the fleet.

An address counts where what answers there is beyond doubt that engine: herd's own gateway, a coordinator or any other
program may have the same port at another address.
"""

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import msgspec
from msgspec import Struct

from agent.engines.asking import Ask
from agent.engines.engine import EngineError
from shared.interfaces import Address, own_addresses
from shared.sockets import is_loopback
from shared.wire import OPEN_AT_MOST
from shared.wire import Engine as Report

ASK_S = 2.0
"""For one answer. Whoever is silent for longer may be busy: what was known of that address stays."""
VERSION_PATH, LIST_PATH = "/api/version", "/v1/models"
"""What is asked: of an Ollama, and of all others, which list their models there."""

log = logging.getLogger("herd-node.engines")


class Placed(Protocol):
    """Of an engine: where the agent asks it."""

    @property
    def url(self) -> str | None:
        """None while there is none."""
        ...


class Answers(Struct, frozen=True):
    """At addresses of this machine, to one question."""

    said: Mapping[str, bytes]
    """By address."""
    silent: frozenset[str] = frozenset()
    """Where somebody listens and says nothing."""


def candidates(mine: Iterable[Address]) -> list[str]:
    """Where others may come in: IPv4 first, those of the first interfaces; without link-local ones, bounded."""
    there = sorted(mine, key=lambda each: (each.value.version, each.index, each.ip))
    found = dict.fromkeys(each.ip for each in there if not each.value.is_link_local)
    return list(found)[:OPEN_AT_MOST]


def at(url: str, ip: str) -> str:
    """The same URL at another address."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"[{ip}]{port}" if ":" in ip else f"{ip}{port}"))


def question(kind: str) -> str:
    """The path that an engine of this kind answers cheaply, and as nobody else does."""
    return VERSION_PATH if kind == "ollama" else LIST_PATH


def alike(kind: str, home: bytes, there: bytes) -> bool:
    """Whether both answers to `question` are one engine's. A coordinator tells its own version beside an Ollama's."""
    ours = _mark(kind, home)
    return bool(ours) and ours == _mark(kind, there)


def _mark(kind: str, body: bytes) -> str:
    """Of an answer: what stays the same from one to the next; empty: it is none."""
    try:
        told = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    if kind == "ollama":
        return repr(sorted(told.items())) if told.get("version") else ""
    listed = told.get("data") or told.get("models")
    if not isinstance(listed, list):
        return ""
    return repr(sorted(map(_model, listed))) if listed else ""


def _model(entry: object) -> str:
    """Without the times and numbers that some make anew for each answer."""
    return repr((entry.get("id"), entry.get("owned_by")) if isinstance(entry, dict) else entry)


def open_at(kind: str, home: bytes | None, answers: Answers, before: Collection[str]) -> list[str]:
    """Addresses at which it answers. `home`: what it says where the agent asks it; None: nothing, just now; `before`:
    what was known.
    """
    if home is None:
        return [ip for ip in before if ip in answers.said or ip in answers.silent]
    proved = [ip for ip, said in answers.said.items() if alike(kind, home, said)]
    return proved + [ip for ip in before if ip in answers.silent]


class Exposure:
    """Of all engines of a node. `run` looks, `told` says what was seen; neither waits for the other."""

    def __init__(
        self,
        engines: Mapping[str, Placed],
        session: aiohttp.ClientSession,
        every_s: float,
        changed: Callable[[], None],
        own: Callable[[], Iterable[Address]] = own_addresses,
    ) -> None:
        """`every_s`: between two looks; 0: none. `changed`: called when there is news. `own`: reads the system."""
        self._engines = engines
        self._session = session
        self._every_s = every_s
        self._changed = changed
        self._own = own
        self._up: dict[str, str] = {}
        """Kinds of the engines that are up, by name."""
        self._open: dict[str, list[str]] = {}
        self._news = asyncio.Event()

    def told(self, report: Report) -> Report:
        """As the beat should have it. One that has come up is looked at soon."""
        name = report.name
        if not report.up:
            self._up.pop(name, None)
            self._open.pop(name, None)
            return report
        if name not in self._up:
            self._up[name] = report.kind
            self._news.set()
        found = self._open.get(name)
        return msgspec.structs.replace(report, open_at=found) if found else report

    async def run(self) -> None:
        """Until it is cancelled. Raises nothing else."""
        while self._every_s > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._news.wait()
            self._news.clear()
            try:
                await self._look()
            except Exception:  # whatever it is, calls and beats go on
                log.debug("no look at which addresses engines answer at", exc_info=True)

    async def _look(self) -> None:
        mine = list(await asyncio.to_thread(self._own)) if self._up else []
        up = list(self._up.items())
        found = await asyncio.gather(*(self._of(name, kind, mine) for name, kind in up))
        before = dict(self._open)
        for (name, _), addresses in zip(up, found, strict=True):
            if name in self._up:  # else it has ended meanwhile
                self._open[name] = addresses
        changed = [name for name, _ in up if set(self._open.get(name, ())) != set(before.get(name, ()))]
        for name in changed:
            if there := self._open.get(name):
                log.warning("%s faces the network at %s: herd-node doctor", name, ", ".join(there))
        if changed:
            self._changed()

    async def _of(self, name: str, kind: str, mine: list[Address]) -> list[str]:
        url = self._engines[name].url
        if url is None:
            return []
        sure: list[str] = []
        if not is_loopback(url):
            known = await _looked_up(urlsplit(url).hostname or "")
            own = [each.ip for each in mine if each.ip in known]
            if not own and not any(ipaddress.ip_address(ip).is_loopback for ip in known):
                return []  # another machine's
            sure = own if len(known) == 1 else []  # there the agent itself reaches it
        others = [ip for ip in candidates(mine) if ip not in sure]
        found = await self._asked(name, kind, url, others)
        return list(dict.fromkeys([*sure, *found]))[:OPEN_AT_MOST]

    async def _asked(self, name: str, kind: str, url: str, addresses: list[str]) -> list[str]:
        path = question(kind)
        asked = await asyncio.gather(*(self._answer(at(url, ip), path) for ip in addresses))
        told = dict(zip(addresses, asked, strict=True))
        answers = Answers(
            {ip: said for ip, said in told.items() if isinstance(said, bytes)},
            frozenset(ip for ip, said in told.items() if said is True),
        )
        home = await self._answer(url, path) if answers.said else b""
        return open_at(kind, None if home is True else home or b"", answers, self._open.get(name, []))

    async def _answer(self, url: str, path: str) -> bytes | bool:
        """Its body; True: it is silent; False: nobody is there, or somebody who does not answer this."""
        try:
            async with asyncio.timeout(ASK_S):
                stranger = Ask(self._session, url, {})  # without a key
                status, body = await stranger.status(path)
        except TimeoutError:
            return True
        except EngineError:
            return False
        return body if status == 200 else False


async def _looked_up(host: str) -> set[str]:
    """Addresses of a host; none: nobody knows it."""
    try:
        async with asyncio.timeout(ASK_S):
            found = await asyncio.get_running_loop().getaddrinfo(host, None)
    except (OSError, UnicodeError, TimeoutError):
        return set()
    return {str(address[0]).partition("%")[0] for *_, address in found}
