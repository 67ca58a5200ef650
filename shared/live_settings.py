"""A program's settings while it runs: read again at SIGHUP, taken where that is possible, told in the log."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Generic

from shared.notices import notify
from shared.reloading import reloaded
from shared.settings import Resolved, Settings, SettingsError

log = logging.getLogger("herd.settings")


class LiveSettings(Generic[Settings]):
    """`running`: what the program works by now."""

    def __init__(
        self,
        running: Settings,
        read: Callable[[], Resolved[Settings]],
        live: Collection[str],
        apply: Callable[[Settings], Awaitable[None]],
    ) -> None:
        """`read` looks at all sources anew; `apply` gets settings of which only `live` ones differ. Both may raise
        SettingsError, `apply` before it has changed anything.
        """
        self.running = running
        self._read = read
        self._live = live
        self._apply = apply

    async def reload(self) -> None:
        """Raises nothing: what is wrong is told, and everything stays as it was."""
        notify("RELOADING")
        try:
            found = await asyncio.to_thread(self._read)
            outcome = reloaded(self.running, found, self._live)
            await self._apply(outcome.running)
        except SettingsError as error:
            log.error("not reloaded, everything stays as it was: %s", error)  # noqa: TRY400 - a person reads this
        else:
            self.running = outcome.running
            for line in (*found.warnings, *outcome.told()):
                log.info("%s", line)
        finally:
            notify("READY")
