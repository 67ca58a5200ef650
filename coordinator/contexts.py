"""Chooses contexts for models from what their calls used, off the event loop, every few minutes."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from coordinator.advice.contexts import ContextUse, chosen, shown
from coordinator.core.desk import Desk
from coordinator.trace_reports import TraceReports
from shared.errors import Unavailable
from shared.names import ModelName

FIRST_AFTER_S = 10.0
EVERY_S = 300.0
WINDOW_DAYS = 7

log = logging.getLogger("herd.contexts")


class Contexts:
    """Owns the contexts that calls without a num_ctx are given; the operator's stand, whatever is learned."""

    def __init__(
        self,
        desk: Desk,
        reports: TraceReports,
        operators: Mapping[ModelName, int],
        *,
        dynamic: bool,
        calculate: bool,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`dynamic`: whether any is given at all; `calculate`: whether they are chosen from use."""
        self._desk = desk
        self._reports = reports
        self._operators = dict(operators)
        self._dynamic = dynamic
        self._calculate = calculate
        self._wall_clock = wall_clock
        self._learned: dict[ModelName, int] = {}
        self._apply()

    async def run(self) -> None:
        """For ever. A file that cannot be read changes nothing."""
        if not (self._dynamic and self._calculate):
            return
        await asyncio.sleep(FIRST_AFTER_S)
        await self.look(first=True)
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.look(first=False)
            except Exception:  # a file of strange numbers must not end this for good
                log.exception("a fault of ours")

    async def look(self, *, first: bool) -> None:
        """Once. `first`: since the start."""
        try:
            used = await asyncio.to_thread(self.uses, WINDOW_DAYS)
        except Unavailable as error:
            log.warning("contexts stay as they are: %s", error.summary)
            return
        for use in used:
            model = ModelName(use.model)
            made = chosen(
                use,
                self.allocated(model),
                self._learned.get(model),
                operators=model in self._operators,
                first=first,
            )
            if made is not None:
                log.info("calls for %s that name no num_ctx get %d from now on", model, made)
                self._learned[model] = made
        self._apply()

    def uses(self, days: int) -> list[ContextUse]:
        """Of the calls of so many days. Reads the file: call it in a thread. Raises Unavailable."""
        return self._reports.contexts(days, self._wall_clock())

    def shown(self, used: list[ContextUse]) -> list[dict[str, object]]:
        """With what is allocated and named now."""
        named = self._desk.fleet.overrides
        return [
            shown(use, self.allocated(ModelName(use.model)), named.get(ModelName(use.model))) for use in used
        ]

    def allocated(self, model: ModelName) -> int | None:
        """The largest context with which some node has it loaded; None: it is loaded nowhere, or not told."""
        spots = [spot for _, spot in self._desk.fleet.having(model)]
        return max((spot.context_length for spot in spots if spot.context_length), default=None)

    def _apply(self) -> None:
        if self._dynamic:
            self._desk.fleet.overrides = {**self._learned, **self._operators}
