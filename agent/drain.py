"""The drain that a person of this machine asked for: begun, watched, ended at its deadline, taken back."""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from agent.control import Control, Drain
from agent.gateway import Gateway
from agent.presence import Presence, tell
from shared.durations import told

log = logging.getLogger("herd-node")


class OwnDrain:
    """Looks at each reading of the control file. The agent stays: it takes no new calls until it is asked to."""

    def __init__(
        self,
        gateway: Gateway,
        changed: Callable[[], None],
        directory: Path,
        presence: Presence,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`changed` is told when new calls stop or may come again; `directory` gets the file for verbs."""
        self._gateway = gateway
        self._changed = changed
        self._directory = directory
        self._presence = presence
        self._wall_clock = wall_clock
        self._asked: Drain | None = None
        self._cut_before = 0
        self._shown: Presence | None = None
        self._complained = ""

    async def look(self, control: Control) -> None:
        """What is asked now. At the deadline, what still runs is ended. What changed is left for verbs to read."""
        if control.drain != self._asked:
            self._ask(control.drain)
        if self._asked and self._asked.left_s(self._wall_clock()) <= 0 and self._gateway.running:
            log.warning("the drain's time is over: %d calls that still run are ended", self._gateway.running)
            self._gateway.cut()
        await self._show()

    async def _show(self) -> None:
        now = self._now()
        if now == self._shown:
            return
        try:
            await asyncio.to_thread(tell, self._directory, now)
        except OSError as error:
            if str(error) != self._complained:
                self._complained = str(error)
                log.warning("verbs cannot see this agent: %s", error)
        else:
            self._shown = now

    def _ask(self, drain: Drain | None) -> None:
        self._asked, self._cut_before = drain, self._gateway.cut_calls
        self._gateway.set_aside = drain is not None
        if drain is None:
            log.info("taking calls again")
        else:
            left = told(drain.left_s(self._wall_clock()))
            log.info(
                "drained: no new calls until `herd-node undrain`; %d are running, with %s to end",
                self._gateway.running,
                left,
            )
        self._changed()

    def _now(self) -> Presence:
        if self._asked is None:
            return self._presence
        return msgspec.structs.replace(
            self._presence,
            drained_since=self._asked.since,
            running=self._gateway.running,
            cut=self._gateway.cut_calls - self._cut_before,
        )
