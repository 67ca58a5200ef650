"""Where an engine's server comes from: it runs already, or the agent starts it."""

import asyncio
from typing import Protocol


class Listening(Protocol):
    """A server that can be asked."""

    @property
    def address(self) -> str:
        """http://HOST:PORT"""
        ...

    @property
    def pid(self) -> int:
        """Of its first process."""
        ...


class Supervised(Protocol):
    """What a source needs of a supervisor."""

    reason: str
    changed: asyncio.Event

    @property
    def ready(self) -> Listening | None:
        """None while it cannot be asked."""
        ...

    def start(self) -> None:
        """Starts the process and keeps it running."""
        ...

    async def stop(self) -> None:
        """Ends it."""
        ...


class Source(Protocol):
    """What an engine needs of it."""

    @property
    def url(self) -> str | None:
        """None while there is none; `reason` says why."""
        ...

    @property
    def reason(self) -> str:
        """Empty where there is nothing to say."""
        ...

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the agent's own process, while it can be asked."""
        ...

    async def start(self) -> None:
        """Brings the server up where that is ours to do."""
        ...

    async def stop(self) -> None:
        """Ends what `start` began, and nothing else."""
        ...


class Adopted:
    """A server that somebody else starts and stops."""

    pids: tuple[int, ...] = ()

    def __init__(self, url: str) -> None:
        self.url: str | None = url
        self.reason = ""

    async def start(self) -> None:
        """It runs already, or will."""

    async def stop(self) -> None:
        """It was not ours to start."""


class Started:
    """A process of the agent's own."""

    def __init__(self, supervisor: Supervised) -> None:
        self._supervisor = supervisor

    @property
    def url(self) -> str | None:
        """Where it listens, once it is ready."""
        ready = self._supervisor.ready
        return ready.address if ready else None

    @property
    def pids(self) -> tuple[int, ...]:
        """Its one process; the tree hangs below."""
        ready = self._supervisor.ready
        return (ready.pid,) if ready else ()

    @property
    def reason(self) -> str:
        """The supervisor's."""
        return self._supervisor.reason

    async def start(self) -> None:
        """Returns once it is ready or has failed once."""
        self._supervisor.start()
        await self._supervisor.changed.wait()

    async def stop(self) -> None:
        """Ends it."""
        await self._supervisor.stop()


class Missing:
    """No server can be had here; the reason says what to do."""

    url: str | None = None
    pids: tuple[int, ...] = ()

    def __init__(self, reason: str) -> None:
        self.reason = reason

    async def start(self) -> None:
        """There is nothing to start."""

    async def stop(self) -> None:
        """There is nothing to end."""
