"""What every engine can do, for the agent. One file per engine beside this one."""

from typing import Protocol

from shared.wire import Engine as Report


class EngineError(Exception):
    """The engine does not answer, or answers nonsense; the text says which."""


class Engine(Protocol):
    """An inference server on this machine."""

    name: str
    paths: frozenset[str]
    """What the gateway may ask of it, as `METHOD /path`."""

    @property
    def url(self) -> str | None:
        """Base URL on loopback; None while there is none."""
        ...

    async def start(self) -> None:
        """Brings it up, or finds it. An engine that cannot be had says so in its report, not here."""
        ...

    async def stop(self) -> None:
        """Ends what `start` began, and nothing else."""
        ...

    async def look(self) -> Report:
        """What it is and has now. Never raises: an engine that is down is a report too."""
        ...


OPENAI_PATHS = frozenset(
    {
        "POST /v1/chat/completions",
        "POST /v1/completions",
        "POST /v1/embeddings",
        "GET /v1/models",
    }
)
