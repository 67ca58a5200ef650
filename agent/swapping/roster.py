"""The engines of a node by name, and the calls that each of them has. One may take another's place.

A call keeps the engine that it was given: it ends on the old one, while the next call goes to the new one.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager

from agent.engines.engine import Engine
from shared.errors import GatewayUnreachable

WAIT_S = 120.0
"""For an engine that is closed: the coordinator has been told, so few calls come, and they are late ones."""


class Roster(Mapping[str, Engine]):
    """As a mapping: the engine that gets the next call of a name. Its names stay."""

    def __init__(self, engines: Iterable[Engine], wait_s: float = WAIT_S) -> None:
        """`wait_s`: of a call for an engine that is closed."""
        self._now = {each.name: each for each in engines}
        self._wait_s = wait_s
        self._calls: dict[int, set[asyncio.Task[object]]] = {}
        """By the engine's identity: two of one name may have calls."""
        self._beside: list[Engine] = []
        self._closed: dict[str, str] = {}
        self._changed = asyncio.Event()

    def __getitem__(self, name: str) -> Engine:
        return self._now[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now)

    def __len__(self) -> int:
        return len(self._now)

    @asynccontextmanager
    async def using(self, name: str) -> AsyncIterator[Engine]:
        """The engine for one call, by the task that carries it; waits while it is closed. Raises GatewayUnreachable."""
        if name in self._closed:
            await self._opened(name)
        engine, task = self._now[name], asyncio.current_task()
        assert task is not None  # noqa: S101 - calls run in tasks
        calls = self._calls.setdefault(id(engine), set())
        calls.add(task)
        try:
            yield engine
        finally:
            calls.discard(task)
            self._tell()

    def calls(self, engine: Engine) -> set[asyncio.Task[object]]:
        """That it has now."""
        return set(self._calls.get(id(engine), ()))

    async def idle(self, engine: Engine, within_s: float) -> bool:
        """Whether its calls have ended by then."""
        try:
            async with asyncio.timeout(within_s):
                while self._calls.get(id(engine)):
                    await self._change()
        except TimeoutError:
            return False
        return True

    def close(self, name: str, why: str) -> None:
        """New calls wait; those that run go on."""
        self._closed[name] = why

    def open(self, name: str) -> None:
        """Those that wait go on."""
        self._closed.pop(name, None)
        self._tell()

    def closed(self, name: str) -> str:
        """Why; empty: it takes calls."""
        return self._closed.get(name, "")

    def beside(self, engine: Engine) -> None:
        """It runs too, without new calls: one that is coming, or one that goes."""
        self._beside.append(engine)

    def gone(self, engine: Engine) -> None:
        """It has ended."""
        self._beside = [each for each in self._beside if each is not engine]
        self._calls.pop(id(engine), None)

    def put(self, engine: Engine) -> None:
        """It gets the next call of its name; the one before it runs beside."""
        self._beside = [each for each in (*self._beside, self._now[engine.name]) if each is not engine]
        self._now[engine.name] = engine

    @property
    def pids(self) -> list[int]:
        """Of all that run, also beside."""
        return [pid for each in (*self._now.values(), *self._beside) for pid in each.pids]

    async def stop(self) -> None:
        """Ends all that were started."""
        for each in (*self._now.values(), *self._beside):
            await each.stop()

    async def _opened(self, name: str) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                while name in self._closed:
                    await self._change()
        except TimeoutError as error:
            raise GatewayUnreachable(f"engine {name}: {self._closed.get(name, 'closed')}") from error

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _tell(self) -> None:
        self._changed.set()
