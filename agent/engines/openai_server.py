"""An engine that speaks OpenAI's dialect over HTTP: what vLLM, transformers serve, Krasis and others have in common.

What is particular to one of them comes in: its Contract, how it is read, and what must be mended on the way.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import MappingProxyType

import aiohttp
import msgspec
from msgspec import Struct

from agent.engines.asking import Ask
from agent.engines.engine import COMPLETIONS, Carriage, Contract, EngineError, ErrorAnswer
from agent.engines.openai_lists import as_list
from agent.engines.openai_streams import model_asked, said_as_error
from agent.engines.source import Source
from agent.engines.turn import Moved, counted
from agent.supervision.progress import Progress
from shared.errors import GatewayUnreachable
from shared.names import MODEL_NAME_LIMIT, normalise
from shared.serving import cancelled
from shared.wire import Engine, Model, Replica

LIST = "GET /v1/models"
HEALTH = "/health"
"""Of an engine that is silent while busy."""

log = logging.getLogger("herd-node.engines")


class Reading(Struct, frozen=True, kw_only=True):
    """What an engine told of itself."""

    models: list[Model] = []
    replicas: list[Replica] = []
    version: str = ""
    slots: int = 1
    """Calls at once."""
    slots_known: bool = True
    mark: str = ""
    """What is another one each time that its calls have moved; empty: it does not tell."""
    price_in: float = 0.0
    """Of a million tokens."""
    price_out: float = 0.0


class Mending(Struct, frozen=True, kw_only=True):
    """What of its dialect must be put right on the way."""

    reshaped: frozenset[str] = frozenset()
    """Paths of which `carriage` is asked."""
    carriage: Callable[[str, bytes], Carriage | None] = lambda _path, _body: None
    true_fault: Callable[[int, bytes], tuple[int, bytes]] = lambda status, body: (status, body)
    lists_wrongly: bool = False
    """Its list of models is not what it serves: what was read of it is told instead."""


Unload = Callable[[aiohttp.ClientSession, str, str], Awaitable[None]]
"""Given the server's URL and the model's name. Raises EngineError."""


class OpenAIServer:
    """One server. `read` asks it; `progress` is told of its calls."""

    def __init__(
        self,
        name: str,
        contract: Contract,
        source: Source,
        read: Callable[[Ask], Awaitable[Reading]],
        session: aiohttp.ClientSession,
        look_timeout_s: float,
        *,
        mending: Mending | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        progress: Progress | None = None,
        admit: Callable[[float], None] = lambda _now: None,
        unload: Unload | None = None,
    ) -> None:
        """`admit` is asked at each call, at a monotonic time in seconds; it raises FleetError where none may go."""
        self.name = name
        self.paths = contract.paths
        self.headers = headers
        self._contract = contract
        self._source = source
        self._read = read
        self._session = session
        self._look_timeout_s = look_timeout_s
        self._mending = mending or Mending()
        self.reshaped = self._mending.reshaped
        self._progress = progress or Progress()
        self._admit = admit
        self._unload = unload
        self._turn = asyncio.Lock()
        self._settling: asyncio.Task[None] | None = None
        self._last: Engine | None = None
        self._mark = ""

    @property
    def url(self) -> str | None:
        """Where it listens."""
        return self._source.url

    @property
    def pids(self) -> tuple[int, ...]:
        """Where the agent started it."""
        return self._source.pids

    async def start(self) -> None:
        """Brings it up where that is ours to do."""
        await self._source.start()

    async def stop(self) -> None:
        """Ends what `start` began."""
        if self._settling is not None:
            await cancelled(self._settling)
        await self._source.stop()

    @asynccontextmanager
    async def _with_it(self) -> AsyncIterator[Moved]:
        self._admit(asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout(self._contract.answer_timeout_s), counted(self._progress) as moved:
                yield moved
        except TimeoutError as error:
            waited = f"{self._contract.answer_timeout_s:g} s"
            raise GatewayUnreachable(f"{self.name} gave no answer within {waited}") from error

    @asynccontextmanager
    async def _after_the_others(self) -> AsyncIterator[Moved]:
        await self._turn.acquire()
        try:
            async with self._with_it() as moved:
                yield moved
        finally:
            if self._contract.silent_while_busy and self.url is not None:
                self._settling = asyncio.create_task(self._settle(self.url), name=f"settling-{self.name}")
            else:
                self._turn.release()

    async def _settle(self, url: str) -> None:
        """Gives the turn back once the engine answers: a call whose caller has left may go on there, in silence.

        One question is enough, since it waits at the engine's door until the call is over.
        """
        try:
            async with asyncio.timeout(self._contract.stalled_s), counted(self._progress):
                await Ask(self._session, url, self.headers).status(HEALTH)
        except (EngineError, TimeoutError) as error:
            log.info("engine %s after a call: %s", self.name, str(error) or "no answer")
        finally:
            self._turn.release()

    def turn(self) -> AbstractAsyncContextManager[Moved]:
        """Alone, where it takes one call at a time. Raises GatewayUnreachable past the contract's time."""
        return self._after_the_others() if self._contract.one_at_a_time else self._with_it()

    def told(self, asked: str) -> bytes | None:
        """Its list of models while it is silent over a call: the coordinator asks for a sign of life. Also where its
        own list is wrong, once it has been read.
        """
        told = self._silent or self._mending.lists_wrongly
        if asked != LIST or not told or self._last is None:
            return None
        return as_list(model.name for model in self._last.models)

    def carriage(self, path: str, body: bytes) -> Carriage | None:
        """As the engine's file says."""
        return self._mending.carriage(path, body)

    async def fitted(self, _path: str, body: bytes) -> bytes:
        """As it is. Raises ErrorAnswer for a model that it does not have, where it would serve another one."""
        known = self._last.models if self._last else []
        asked = model_asked(body) if self._contract.serves_any_name and known else ""
        if asked and normalise(asked) not in {normalise(each.name) for each in known}:
            raise ErrorAnswer(
                *said_as_error(f"model {asked[:MODEL_NAME_LIMIT]!r} not found in {self.name}", 404)
            )
        return body

    def true_fault(self, status: int, body: bytes) -> tuple[int, bytes]:
        """As the engine's file says."""
        return self._mending.true_fault(status, body)

    def relayed(self, _path: str) -> bool:
        """No call changes what it has."""
        return False

    async def unload(self, model: str) -> None:
        """Raises EngineError, also where only the end of the process would do it."""
        if self._unload is None or self.url is None:
            raise EngineError(f"{self.name} cannot be told to unload a model")
        await self._unload(self._session, self.url, model)

    @property
    def _silent(self) -> bool:
        return self._contract.silent_while_busy and self._turn.locked()

    async def look(self) -> Engine:
        """What it told, now or, while it is silent over a call, before that."""
        if self.url is None:
            return self._down(self._source.reason or "not started")
        if self._silent and self._last is not None:
            return self._busy(self._last)
        try:
            async with asyncio.timeout(self._look_timeout_s):
                self._last = self._report(await self._reading(self.url))
        except (EngineError, TimeoutError) as error:
            if self._silent and self._last is not None:  # a call came while it was asked
                return self._busy(self._last)
            return self._down(str(error) or f"{self.url} told too little within {self._look_timeout_s:g} s")
        return self._last

    async def _reading(self, url: str) -> Reading:
        ask = Ask(self._session, url, self.headers)
        if not self._contract.silent_while_busy:
            return await self._read(ask)
        async with self._turn:  # a call beside the question would leave it without an answer
            return await self._read(ask)

    def _busy(self, last: Engine) -> Engine:
        replicas = [
            msgspec.structs.replace(each, slots_busy=min(self._progress.open, each.slots_total))
            for each in last.replicas
        ]
        return msgspec.structs.replace(last, replicas=replicas)

    def _report(self, reading: Reading) -> Engine:
        if reading.mark != self._mark:
            self._mark = reading.mark
            self._progress.moved(time.monotonic())
        return Engine(
            name=self.name,
            kind=self._contract.kind,
            version=reading.version,
            dialects=self._contract.dialects,
            slots_per_model=1 if self._contract.one_at_a_time else reading.slots,
            slots_known=self._contract.one_at_a_time or reading.slots_known,
            completes=COMPLETIONS in self.paths,
            restricted=self._contract.restricted,
            price_in=reading.price_in,
            price_out=reading.price_out,
            models=reading.models,
            replicas=reading.replicas,
        )

    def _down(self, reason: str) -> Engine:
        kind, restricted = self._contract.kind, self._contract.restricted
        return Engine(name=self.name, kind=kind, up=False, reason=reason, restricted=restricted)
