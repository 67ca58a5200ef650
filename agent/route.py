"""Where the coordinator is: at an address that was given, or wherever mDNS finds it."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from agent.candidates import Candidate, by_coordinator, in_order
from shared.destinations.rules import HEARD, Rule
from shared.mdns import Mdns
from shared.serving import cancelled

PROBE_STAGGER_S = 0.25
"""Between the addresses of one coordinator: the next is tried while the one before has not answered."""
ALL_HEARD_S = 1.0
"""Between the first coordinator that is heard and the choice of one, and between the first other one and the warning of
them all: others answer too, each in its own time.
"""
TELL_EVERY_S = 60.0
"""Anybody on the network can make up new coordinators as often as they like."""
MOST_COORDINATORS = 16
"""That are tried at once."""
SEARCH_EVERY_S = 10.0
SEARCH_AT_MOST_EVERY_S = 60.0
"""While nothing is found everybody is asked anew, ever more rarely: a thousand agents may be searching."""

log = logging.getLogger("herd-node.route")


class Route(Protocol):
    """Asked before each beat, told after it."""

    async def where(self) -> str | None:
        """The coordinator's base URL; None: not known now."""
        ...

    def known(self) -> str | None:
        """Likewise, without looking around."""
        ...

    def answered(self, coordinator_id: str) -> bool:
        """The coordinator took a beat; False: it is not the one that was meant."""
        ...

    def silent(self) -> None:
        """It did not."""
        ...


class Fixed:
    """The address that was given. `chosen` is told who answers there."""

    def __init__(self, url: str, chosen: Callable[[str], None]) -> None:
        self._url = url
        self._chosen = chosen

    async def where(self) -> str | None:
        """Always there."""
        return self._url

    def known(self) -> str | None:
        """Always known."""
        return self._url

    def answered(self, coordinator_id: str) -> bool:
        """Whoever answers there is meant."""
        self._chosen(coordinator_id)
        return True

    def silent(self) -> None:
        """There is nowhere else to look."""


IdAt = Callable[[str], Awaitable[str]]
"""Asks who the coordinator at a URL is; empty: nobody that this node has anything to say to."""


class Discovered:
    """Wherever it is heard of; its id is checked before it is told anything."""

    def __init__(
        self,
        mdns: Mdns,
        id_at: IdAt,
        local_url: str,
        chosen: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        bound: Callable[[], str] = lambda: "",
        picky: Callable[[], bool] = lambda: False,
        rule: Rule = HEARD,
    ) -> None:
        """`local_url`: a coordinator of this machine, which may not advertise; `chosen` is told each one's id.

        `bound`: the one that was joined, beside which all others are passed over; empty: none was. `picky`: whether
        nobody is chosen among several. `rule`: to which of the addresses that are heard one may go.
        """
        self._mdns = mdns
        self._rule = rule
        self._id_at = id_at
        self._bound = bound
        self._picky = picky
        self._local_url = local_url
        self._chosen = chosen
        self._clock = clock
        self._current: Candidate | None = None
        self._sound = False
        """Whether the current address is worth a beat without another look."""
        self._answered_at = 0.0
        self._first_heard_at: float | None = None
        self._search_every_s = SEARCH_EVERY_S
        self._next_search = clock() + SEARCH_EVERY_S
        self._told = ""
        self._told_at = -math.inf
        self._others_heard_at: float | None = None

    async def where(self) -> str | None:
        """The current address while it answers; else what a look around finds."""
        heard = by_coordinator(self._mdns.found.values(), self._mdns.here, self._rule)
        if (url := self.known()) and self._current is not None:
            self._tell_others(self._current, heard)
            return url
        if self._current is None and heard:
            heard = await self._all_heard()
        silent_s = self._clock() - self._answered_at
        several = self._current is None and len(heard) > 1 and self._picky()
        order = in_order([] if several else heard, self._local_url, self._current, silent_s, self._bound())
        if reached := await first_in_order(self._id_at, order[:MOST_COORDINATORS]):
            self._take(reached)
            self._tell_others(reached, heard)
            return reached.urls[0]
        if several:
            self._tell_choice(heard)
        self._search()
        return None

    def known(self) -> str | None:
        """The current address while it answers."""
        return self._current.urls[0] if self._sound and self._current is not None else None

    async def _all_heard(self) -> list[Candidate]:
        """A choice among those that are there, and not among those that were quickest to say so."""
        if self._first_heard_at is None:
            self._first_heard_at = self._clock()
        left = self._first_heard_at + ALL_HEARD_S - self._clock()
        if left > 0:
            await asyncio.sleep(left)
        return by_coordinator(self._mdns.found.values(), self._mdns.here, self._rule)

    def answered(self, coordinator_id: str) -> bool:
        """False where the address has gone to another coordinator meanwhile."""
        if self._current is not None and coordinator_id != self._current.coordinator_id:
            self._sound = False
            return False
        self._answered_at = self._clock()
        self._search_every_s = SEARCH_EVERY_S
        return True

    def silent(self) -> None:
        """The next beat looks around first."""
        self._sound = False

    def _take(self, reached: Candidate) -> None:
        before, self._current, self._sound = self._current, reached, True
        if before is None or before.coordinator_id != reached.coordinator_id:
            self._answered_at = self._clock()
            self._chosen(reached.coordinator_id)
        if before != reached:
            log.info("coordinator %s is at %s", reached.coordinator_id, reached.urls[0])

    def _tell_others(self, mine: Candidate, heard: Sequence[Candidate]) -> None:
        others = [each for each in heard if each.coordinator_id != mine.coordinator_id and each.urls]
        if not others or self._bound():
            self._others_heard_at = None
            return
        now = self._clock()
        if self._others_heard_at is None:
            self._others_heard_at = now
        text = _named(others)
        tell_at = max(self._others_heard_at + ALL_HEARD_S, self._told_at + TELL_EVERY_S)
        if text != self._told and now >= tell_at:
            self._told, self._told_at = text, now
            log.warning(
                "several coordinators are heard: this node is with %s at %s, not with %s; --router-url chooses",
                mine.coordinator_id,
                mine.urls[0],
                text,
            )

    def _tell_choice(self, heard: Sequence[Candidate]) -> None:
        text = _named(heard)
        if text != self._told and self._clock() >= self._told_at + TELL_EVERY_S:
            self._told, self._told_at = text, self._clock()
            log.warning(
                "several coordinators are heard, and this node has joined none: %s; say which by the --token that"
                " `herd token create` prints there, or by --router-url",
                text,
            )

    def _search(self) -> None:
        if self._clock() >= self._next_search:
            self._mdns.search()
            self._next_search = self._clock() + self._search_every_s
            self._search_every_s = min(2 * self._search_every_s, SEARCH_AT_MOST_EVERY_S)


def _named(coordinators: Sequence[Candidate]) -> str:
    there = [each for each in coordinators if each.urls][:MOST_COORDINATORS]
    return ", ".join(f"{each.coordinator_id} at {each.urls[0]}" for each in there)


async def first_in_order(id_at: IdAt, order: Sequence[Candidate]) -> Candidate | None:
    """The first of them that is there. All are asked at once: many that are gone must not hide one that is not."""
    tries = [asyncio.create_task(first_answer(id_at, candidate)) for candidate in order]
    try:
        for task in tries:
            if reached := await task:
                return reached
    finally:
        await cancelled(*tries)
    return None


async def first_answer(id_at: IdAt, candidate: Candidate) -> Candidate | None:
    """The coordinator with the one address where it answered first; None: nowhere."""

    async def tried(number: int, url: str) -> Candidate | None:
        await asyncio.sleep(number * PROBE_STAGGER_S)
        coordinator_id = await id_at(url)
        if not coordinator_id or candidate.coordinator_id not in ("", coordinator_id):
            return None
        return Candidate(coordinator_id, (url,))

    tries = [asyncio.create_task(tried(number, url)) for number, url in enumerate(candidate.urls)]
    try:
        for ended in asyncio.as_completed(tries):
            if reached := await ended:
                return reached
    finally:
        await cancelled(*tries)
    return None
