"""One engine takes the place of another of its name: beside it where memory allows, else after it. No call is lost.

Beside: the new one loads while the old one serves; then calls go to the new one, and the old one ends with its last
call. After: new calls wait (the coordinator is told, so that they go elsewhere where they can), the old one ends with
its last call, the new one loads; where that fails the old one is started again.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable

from msgspec import Struct
from msgspec.structs import replace

from agent.engines.engine import Engine
from agent.supervision.events import INSTEAD, Event, Events
from agent.supervision.kinds import Kind
from agent.supervision.launch import Rung
from agent.supervision.places import other
from agent.swapping.blueprint import Blueprint
from agent.swapping.room import needed, resident
from agent.swapping.roster import Roster
from shared.names import normalise
from shared.serving import cancelled
from shared.swaps import FAILED, NEWEST, SWAPPED
from shared.wire import Engine as Report

CUT_GRACE_S = 2.0
"""For telling callers that they are cut."""
STEPS_S, LOOK_S = 120.0, 0.25
"""For one that is ready until it tells of itself, or that goes down the ladder; and between looks."""
SWAPPING = "it is being swapped"

Say = Callable[[str, str], None]
"""Told a word for the state, and what is done, for a person."""

log = logging.getLogger("herd-node.swaps")


class Outcome(Struct, frozen=True):
    """`state`: SWAPPED, NEWEST or FAILED."""

    state: str
    told: str


class _Running(Struct, frozen=True):
    """What an engine was made from."""

    blueprint: Blueprint
    version: str
    place: str


class Change:
    """Of all engines that the agent starts; one change at a time."""

    def __init__(
        self,
        roster: Roster,
        has_room: Callable[[int], Awaitable[bool]],
        cut: Callable[[Iterable[asyncio.Task[object]]], None],
        announce: Callable[[], Awaitable[None]],
        events: Events,
        drain_s: float,
        *,
        beside: bool = True,
    ) -> None:
        """`has_room` is asked for bytes. `cut` ends calls that outstay `drain_s`. `announce` tells the coordinator how
        the node stands and returns when it knows. `beside`: whether two may run at once.
        """
        self._roster = roster
        self._has_room = has_room
        self._cut = cut
        self._announce = announce
        self._events = events
        self.drain_s = drain_s
        self._beside = beside
        self._running: dict[str, _Running] = {}
        self._starting: set[asyncio.Task[None]] = set()

    async def began(self, made: Iterable[tuple[Blueprint, str]]) -> None:
        """From these engines of the roster were made, each in its place."""
        for blueprint, place in made:
            self._running[blueprint.name] = _Running(blueprint, await blueprint.version(), place)

    def blueprint(self, name: str) -> Blueprint | None:
        """From which the engine was made; None: the agent did not start it."""
        known = self._running.get(name)
        return known.blueprint if known else None

    def told(self, report: Report) -> Report:
        """As the beat should have it: down while it is closed, and with the version of a file that tells none."""
        if why := self._roster.closed(report.name):
            return replace(report, up=False, reason=why)
        known = self._running.get(report.name)
        if known is None or not known.version:
            return report
        served = normalise(known.blueprint.served)
        models = [
            replace(each, digest=known.version)
            if not each.digest and normalise(each.name) == served
            else each
            for each in report.models
        ]
        return replace(report, models=models)

    async def to(self, wanted: Blueprint, say: Say) -> Outcome:
        """The engine of that name is as `wanted`, of the newest version, or stays as it was: never raises."""
        old, version = self._running[wanted.name], await wanted.version()
        if wanted.settings == old.blueprint.settings and version and version == old.version:
            return Outcome(NEWEST, "it is already the newest")
        if why := await wanted.refusal():
            return self.noted(wanted.name, Outcome(FAILED, f"the old one goes on: {why}"))
        outcome = await self._changed(old, _Running(wanted, version, other(old.place)), say)
        return self.noted(wanted.name, outcome)

    async def _changed(self, old: _Running, new: _Running, say: Say) -> Outcome:
        engine = self._roster[old.blueprint.name]
        if await self._both_fit(engine, old.blueprint, new.blueprint):
            say("starting", "the new one loads beside the old")
            outcome = await self._beside_it(engine, new, say)
            if outcome is not None:
                return outcome
        say("draining", "no room for two: new calls wait, and the old one ends with its last call")
        return await self._after_it(engine, old, new, say)

    async def _both_fit(self, engine: Engine, old: Blueprint, new: Blueprint) -> bool:
        if not self._beside or (new.fixed_port and new.fixed_port == old.fixed_port):
            return False
        return await self._has_room(needed(await new.size(), await asyncio.to_thread(resident, engine.pids)))

    async def _beside_it(self, engine: Engine, new: _Running, say: Say) -> Outcome | None:
        """None: there was no room after all."""
        coming, before = new.blueprint.make(new.place), self._events.number
        self._roster.beside(coming)
        if why := await self._not_up(coming, steps_down=False):
            await self._end(coming)
            if any(each.kind is Kind.MEMORY for each in self._events.since(before, engine.name)):
                return None
            return Outcome(FAILED, f"the old one goes on: {why}")
        self._put(coming, new)
        await self._announce()
        say("draining", f"the new one serves; {len(self._roster.calls(engine))} calls are still with the old")
        in_time = await self._emptied(engine)
        await self._end(engine)
        return Outcome(SWAPPED, "the new one was started beside the old" + ("" if in_time else _CUT))

    async def _after_it(self, engine: Engine, old: _Running, new: _Running, say: Say) -> Outcome:
        name = new.blueprint.name
        self._roster.close(name, SWAPPING)
        try:
            await self._announce()
            in_time = await self._emptied(engine)
            await engine.stop()
            say("loading", "the old one has ended, the new one loads")
            coming = new.blueprint.make(new.place)
            self._roster.beside(coming)
            if not (why := await self._not_up(coming)):
                self._put(coming, new)
                self._roster.gone(engine)
                return Outcome(SWAPPED, "the new one was started after the old" + ("" if in_time else _CUT))
            await self._end(coming)
            say("loading", f"the new one failed, the old one is started again: {why}")
            again = old.blueprint.make(old.place)
            self._put(again, old)
            self._roster.gone(engine)
            back = await self._not_up(again)
            return Outcome(FAILED, f"the old one was started again{f' ({back})' if back else ''}: {why}")
        finally:
            self._roster.open(name)
            await self._announce()

    def _put(self, engine: Engine, running: _Running) -> None:
        self._roster.put(engine)
        self._running[running.blueprint.name] = running

    async def _emptied(self, engine: Engine) -> bool:
        """Whether its calls ended by themselves."""
        if await self._roster.idle(engine, self.drain_s):
            return True
        self._cut(self._roster.calls(engine))
        await self._roster.idle(engine, CUT_GRACE_S)
        return False

    async def _end(self, engine: Engine) -> None:
        await engine.stop()
        self._roster.gone(engine)

    async def _not_up(self, engine: Engine, *, steps_down: bool = True) -> str:
        """Starts it; why it cannot be asked, empty where it can. `steps_down`: whether a humbler form will do."""
        before = self._events.number
        starting = asyncio.create_task(engine.start(), name=f"start-{engine.name}")
        self._starting.add(starting)
        starting.add_done_callback(self._started)
        while (
            not starting.done() and engine.url is None
        ):  # once it is ready, it may still read its file for a digest
            await asyncio.wait({starting}, timeout=LOOK_S)
        if starting.done() and (error := starting.exception()):
            return f"cannot be started: {error}"
        report = await engine.look()
        deadline = time.monotonic() + STEPS_S
        while not report.up and time.monotonic() < deadline:
            known = self._events.since(before, engine.name)
            if engine.url is None and not (steps_down and known and INSTEAD in known[-1].then):
                break
            await asyncio.sleep(LOOK_S)
            report = await engine.look()
        return "" if report.up else report.reason or "it is not ready"

    def _started(self, starting: asyncio.Task[None]) -> None:
        self._starting.discard(starting)
        if not starting.cancelled() and (error := starting.exception()):
            log.error("%s: %s", starting.get_name(), error)

    async def end(self) -> None:
        """What still starts is left: who has the engines ends them."""
        await cancelled(*self._starting)

    def noted(self, name: str, outcome: Outcome) -> Outcome:
        """What became of an engine, as an event; the same."""
        good = outcome.state == SWAPPED
        log.log(logging.INFO if good else logging.ERROR, "%s %s: %s", name, outcome.state, outcome.told)
        kind = Kind.SWAPPED if good else Kind.NOT_SWAPPED
        self._events.add(
            Event(at=time.time(), engine=name, kind=kind, rung=Rung.AS_IT_WAS, then=outcome.told)
        )
        return outcome


_CUT = "; its last calls outstayed the drain and were cut"
