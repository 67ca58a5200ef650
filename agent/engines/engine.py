"""What every engine can do, for the agent. One file per engine beside this one."""

import signal
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

import msgspec
from msgspec import Struct

from agent.engines.turn import Moved
from agent.supervision.launch import Rung
from shared.wire import Engine as Report

LARGEST_COUNT = 2**53
"""Bytes, tokens or slots. A number outside 0 to this is none: unknown."""

MOST_SLOTS = 65_536

Answer = TypeVar("Answer")


class EngineError(Exception):
    """The engine does not answer, or answers nonsense; the text says which."""


class ErrorAnswer(EngineError):
    """The engine answered with an error under a status that says success."""

    def __init__(self, status: int, body: bytes) -> None:
        """Both are what they should have been; the body is JSON."""
        super().__init__(f"an error told as a success, {status} in truth")
        self.status = status
        self.body = body


def decoded(answer: bytes, kind: type[Answer], what: str) -> Answer:
    """An engine's JSON as `kind`. Raises EngineError, which names `what` but nothing of its words, for all else."""
    try:
        return msgspec.json.decode(answer, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EngineError(f"{what} answered nonsense: {error}") from error


def count_or_none(value: object) -> int | None:
    """A count that can be meant; None for a negative or absurd one, and for what is no number (as True is none)."""
    return value if type(value) is int and 0 <= value <= LARGEST_COUNT else None


def slots_within(told: int) -> int:
    """Calls at once, inside the bounds of the wire."""
    return max(1, min(told, MOST_SLOTS))


class Carriage(Protocol):
    """How one call goes to an engine that cannot take it as it is."""

    body: bytes
    """What is sent instead."""
    content_type: str | None
    """Of the answer, which is then sent when it is complete; None: the engine's own, piece by piece."""

    def feed(self, chunk: bytes) -> bytes:
        """What of the answer can be passed on. Raises EngineError."""
        ...

    def finish(self) -> bytes:
        """The rest, at the end of the engine's answer; nothing when it is asked again.

        Raises EngineError where the end came too early.
        """
        ...


COMPLETIONS = "POST /v1/completions"
OPENAI_PATHS = frozenset(
    {
        "POST /v1/chat/completions",
        COMPLETIONS,
        "POST /v1/embeddings",
        "GET /v1/models",
    }
)

GENERATIONS = frozenset({"/v1/chat/completions", "/v1/completions"})


class Contract(Struct, frozen=True, kw_only=True):
    """What is true of a kind of engine, whatever machine it is on and whatever model it serves."""

    kind: str
    """As the report names it."""
    paths: frozenset[str] = OPENAI_PATHS
    """What the gateway may ask of it, as `METHOD /path`."""
    dialects: frozenset[str] = frozenset({"openai"})
    abilities: frozenset[str] = frozenset({"chat"})
    """Of a model of which the engine itself says nothing; some of `shared.wire.ABILITIES`."""
    one_at_a_time: bool = False
    """Calls are given to it one after the other."""
    silent_while_busy: bool = False
    """It answers nothing while a call is with it: silence then is no sign of death, and it is asked only when idle."""
    answer_timeout_s: float | None = None
    """In which a call must be over, for an engine that may wait for ever; None: as long as it takes."""
    stalled_s: float = 600.0
    """How long calls may be with it while nothing tells that they move, before it is taken for wedged."""
    serves_any_name: bool = False
    """Whatever model a call names, it answers with the one it has: names are compared before a call gets there."""
    polite_signal: signal.Signals = signal.SIGTERM
    """With which its process is asked to end."""
    leftovers: tuple[str, ...] = ()
    """Globs of what a killed one leaves behind, as in `Launch`."""
    rungs: tuple[Rung, ...] = (Rung.AS_IT_WAS,)
    """Steps of the ladder that it knows: how it can be told to take less memory."""
    restricted: str = ""
    """Why it gets no call that does not allow it: `cost`, `batch`; empty: it gets any."""


class Engine(Protocol):
    """An inference server on this machine."""

    name: str
    paths: frozenset[str]
    """What the gateway may ask of it, as `METHOD /path`."""

    @property
    def url(self) -> str | None:
        """Base URL on loopback; None while there is none."""
        ...

    @property
    def pids(self) -> tuple[int, ...]:
        """Processes that the agent, or one before it, started; their children go without saying."""
        ...

    async def start(self) -> None:
        """Brings it up, or finds it. An engine that cannot be had says so in its report, not here."""
        ...

    async def stop(self) -> None:
        """Ends what `start` began, and nothing else."""
        ...

    headers: Mapping[str, str]
    """Sent with each call beside the caller's, such as a key."""

    def turn(self) -> AbstractAsyncContextManager[Moved]:
        """Held while a call is with the engine; who must wait for it waits here. It is told of each piece that came.

        Raises FleetError where the call may not go there, or was there for too long.
        """
        ...

    def told(self, asked: str, /) -> bytes | None:
        """A JSON answer from memory to `METHOD /path` which the engine cannot be asked now; None: it can."""
        ...

    reshaped: frozenset[str]
    """Paths whose calls need a `carriage` or must be `fitted`; the bodies of all others are streamed."""

    def carriage(self, path: str, body: bytes, /) -> Carriage | None:
        """None: bytes pass as they are."""
        ...

    async def fitted(self, path: str, body: bytes, /) -> bytes:
        """The body of a reshaped call without what the engine would find too long, where it asks for that.

        Raises EngineError, and ErrorAnswer for a call that the engine must not get.
        """
        ...

    def true_fault(self, status: int, body: bytes, /) -> tuple[int, bytes]:
        """What an error answer's status and body should have been."""
        ...

    def relayed(self, path: str, /) -> bool:
        """A call of that path has ended, well or not. Whether what the engine has may be different now."""
        ...

    async def unload(self, model: str, /) -> None:
        """Takes the model out of memory; the engine goes on. Raises EngineError where that fails or cannot be had."""
        ...

    async def look(self) -> Report:
        """What it is and has now. Never raises: an engine that is down is a report too."""
        ...
