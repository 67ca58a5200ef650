"""Who is asked before an engine is started: whether its model may be loaded, and where."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from agent.supervision.kinds import Kind
from agent.supervision.launch import Launch, Rung


class NotAdmitted(Exception):
    """It is not started; the text says why."""

    def __init__(self, kind: Kind, reason: str, rung: Rung | None = None) -> None:
        """`rung`: a humbler one on which it would be; None: there is none."""
        super().__init__(reason)
        self.kind = kind
        self.rung = rung


class Admission(Protocol):
    """One engine's."""

    async def admitted(self, launch: Launch, rung: Rung, waiting: Callable[[str], None]) -> Launch:
        """The launch with all that puts the model where it was placed. Raises NotAdmitted.

        May wait; `waiting` is told for what.
        """
        ...

    def started(self, pid: int) -> None:
        """The process that was admitted, or one that was adopted, runs."""
        ...

    async def loaded(self) -> None:
        """Its model is in memory."""
        ...

    async def ended(self) -> None:
        """None of its processes lives any more, or there was none."""
        ...

    async def returned(self) -> bool:
        """Whether what it had is free again."""
        ...

    def poisoned(self) -> None:
        """The GPUs that it was on are suspect."""
        ...


class Unasked:
    """For an engine that may always start. `memory_returned` is asked after an end; None: it is at once."""

    def __init__(self, memory_returned: Callable[[], Awaitable[bool]] | None = None) -> None:
        self._memory_returned = memory_returned

    async def admitted(self, launch: Launch, _rung: Rung, _waiting: Callable[[str], None]) -> Launch:
        """As it is."""
        return launch

    def started(self, _pid: int) -> None:
        """Nobody counts."""

    async def loaded(self) -> None:
        """Nobody measures."""

    async def ended(self) -> None:
        """Nobody counts."""

    async def returned(self) -> bool:
        """As is said."""
        return self._memory_returned is None or await self._memory_returned()

    def poisoned(self) -> None:
        """Nobody places."""
