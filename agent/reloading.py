"""engines.toml read again while the agent runs: at SIGHUP, or when a verb asks by the control file."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from agent.control import Control
from agent.engines.wanted import WantedError
from agent.swapping.change import Outcome
from agent.swapping.orders import Orders, Wish
from shared.atomic import replaced
from shared.swaps import FAILED

FILE = "reload.json"
"""What came of the last one, in the node's directory, for verbs."""

log = logging.getLogger("herd-node")


class Reloaded(Struct, frozen=True, kw_only=True):
    """The file's content."""

    asked: float
    """When, in seconds since the epoch: which order it answers."""
    refused: str = ""
    """Why the file cannot be used; empty: it was."""
    engines: dict[str, Outcome] = {}


class Reloading:
    """`run` carries out what `look` and `hung_up` ask for."""

    def __init__(
        self,
        wish: Callable[[], Wish],
        others: Mapping[str, str],
        orders: Orders,
        directory: Path,
        asked: float | None,
    ) -> None:
        """`wish`: what the file says now; it blocks for the disk and raises WantedError. `others`: the words of engines
        that are not started here. `asked`: the order of before the start, which the start has fulfilled.
        """
        self._wish = wish
        self._others = others
        self._orders = orders
        self._directory = directory
        self._asked = asked
        self._wanted = asyncio.Event()

    async def look(self, control: Control) -> None:
        """What is asked now; returns at once."""
        if control.reload is not None and control.reload != self._asked:
            self._asked = control.reload
            self._wanted.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self._reload(self._asked or time.time())
            except Exception:  # whatever was overlooked must not end it
                log.exception("a fault of ours")

    def hung_up(self) -> None:
        """SIGHUP came."""
        log.info("SIGHUP: engines.toml is read again")
        self._wanted.set()

    async def _reload(self, asked: float) -> None:
        try:
            wish = await asyncio.to_thread(self._wish)
        except WantedError as error:
            log.error("nothing is changed: %s", error)  # noqa: TRY400 - a person reads this, not a traceback
            done = Reloaded(asked=asked, refused=str(error))
        else:
            done = Reloaded(asked=asked, engines=await self._orders.reload(wish, self._others))
        for name, outcome in done.engines.items():
            level = logging.WARNING if outcome.state == FAILED else logging.INFO
            log.log(level, "engine %s: %s, %s", name, outcome.state, outcome.told)
        try:
            await asyncio.to_thread(replaced, self._directory / FILE, msgspec.json.encode(done))
        except OSError as error:
            log.warning("verbs cannot see what came of it: %s", error)


def read(directory: Path) -> Reloaded | None:
    """What came of the last one; None: nothing that can be read."""
    try:
        return msgspec.json.decode((directory / FILE).read_bytes(), type=Reloaded)
    except (OSError, ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
