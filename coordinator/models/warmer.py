"""Looks, again and again, which models should be loaded, and has them loaded."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable

from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.core.room import Rooms
from coordinator.core.warming import Load, RunnersUp, Situation, WarmRules, pins_missing, preloads
from coordinator.models.loader import Loader
from coordinator.models.pins import Pins
from shared.errors import Unavailable
from shared.names import ModelName

TICK_S = 0.5
PRELOAD_FIRST_S = 20.0
"""After the start, when the nodes are there."""
PRELOAD_EVERY_S = 600.0

Used = Callable[[float], Awaitable[list[tuple[ModelName, int]]]]
"""Calls by the name asked for, since a time in seconds of Unix time."""

log = logging.getLogger("herd.loads")


class Warmer:
    """One task for runners-up, pins and preloads: one sees what another has ordered."""

    def __init__(
        self,
        desk: Desk,
        limits: Limits,
        rules: WarmRules,
        loader: Loader,
        pins: Pins,
        pin_every_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._desk = desk
        self._limits = limits
        self._rules = rules
        self._runners_up = RunnersUp(rules)
        self._loader = loader
        self._pins = pins
        self.used: Used | None = None
        """Without it, nothing is loaded for having been used."""
        self._pin_every_s = pin_every_s
        self._clock = clock
        self._next_pins = -math.inf
        self._next_preload = clock() + PRELOAD_FIRST_S
        self._first = True

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as loads:
            while True:
                await self.look(loads)
                await asyncio.sleep(TICK_S)

    async def look(self, loads: asyncio.TaskGroup) -> None:
        """Once: what should be loaded now is being loaded, by tasks of that group."""
        for order in await self._weighed():
            loads.create_task(self._load(order), name=f"load {order.model}")
            await asyncio.sleep(0)  # it is under way before the next is weighed

    async def _weighed(self) -> list[Load]:
        try:
            return await self._orders()
        except Exception:
            log.exception("a fault of ours")
            return []

    async def _load(self, order: Load) -> None:
        try:
            await self._loader.load(order)
        except Exception:
            log.exception("a fault of ours", extra={"model": order.model, "node_id": order.node_id})

    async def _orders(self) -> list[Load]:
        """Those of one kind: the next kind is weighed once these are under way."""
        now = self._clock()
        if now >= self._next_pins or self._pins.changed:
            self._next_pins, self._pins.changed = now + self._pin_every_s, False
            orders = [*self._pins.take_orders(), *self._missing_pins()]
            if orders:
                return list({order.key: order for order in reversed(orders)}.values())
        if self.used is not None and now >= self._next_preload:
            self._next_preload = now + PRELOAD_EVERY_S
            if orders := await self._preloads(self.used):
                return orders
        return self._runners_up.orders(self._seen(), self._desk.holding.counts(), now)

    def _missing_pins(self) -> list[Load]:
        return pins_missing(self._seen(), self._pins.per_node(), self._pins.anywhere)

    async def _preloads(self, used: Used) -> list[Load]:
        """At the start what the last day used, later what the last hour did: what nobody asks for may go."""
        window_s = 86_400 if self._first else 3_600
        try:
            found = await used(time.time() - window_s)
        except Unavailable as error:
            log.warning("what is to be loaded cannot be read: %s", error.summary)
            return []
        self._first = False
        return preloads(self._seen(), found, self._rules)

    def _seen(self) -> Situation:
        found = Rooms(self._desk.fleet, self._limits, self._clock(), self._loader.loading())
        return Situation(self._desk.fleet, found, self._loader.barred())
