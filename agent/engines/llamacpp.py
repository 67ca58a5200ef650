"""The embedded engine: llama.cpp from the wheel xllamacpp, in a child process that the agent starts.

What its server answers (ran: xllamacpp 2026.10.11549): GET /props {total_slots, default_generation_settings.n_ctx (per
slot), model_path, chat_template}; GET /slots [{is_processing}]; GET /v1/models {data: [{id, meta{n_params, n_ctx_train,
size}}]}. It serves any model name that it is asked for, so names are compared before a call gets here.
"""

import asyncio
import importlib.util
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import MappingProxyType

import aiohttp
from msgspec import Struct

from agent.backoff import QUARANTINE_S
from agent.engines import llamacpp_calls, llamacpp_inputs
from agent.engines.embedded_model import ModelFile, architecture, digest
from agent.engines.engine import (
    GENERATIONS,
    OPENAI_PATHS,
    Answer,
    Carriage,
    EngineError,
    count_or_none,
    decoded,
    slots_within,
)
from agent.engines.llamacpp_forms import LlamaCppForms
from agent.engines.llamacpp_shapes import Meta, Models, Props, Slot, rounded
from agent.engines.turn import Moved, counted
from agent.models.refusal import ModelRefused
from agent.models.version import files_of, size_of, version_of
from agent.supervision.admission import Admission
from agent.supervision.events import Event, Events
from agent.supervision.kinds import Kind
from agent.supervision.launch import Rung
from agent.supervision.progress import Progress
from agent.supervisor import Supervisor
from shared.names import is_model_name
from shared.serving import cancelled
from shared.sockets import why_not
from shared.wire import Engine, Model, Replica

WORKER = Path(__file__).parent.parent / "workers" / "llamacpp.py"
MISSING = "xllamacpp is not installed (in a clone of herd: pip install '.[embedded]'; some platforms have no wheels)"

Judged = Callable[[LlamaCppForms], Awaitable[tuple[LlamaCppForms, Admission]]]

log = logging.getLogger("herd-node.llamacpp")


class _Tokens(Struct):
    tokens: list[int]


class LlamaCpp:
    """One child with one model."""

    name = "embedded"
    paths = OPENAI_PATHS
    headers: Mapping[str, str] = MappingProxyType({})
    reshaped = GENERATIONS | {llamacpp_inputs.PATH}

    def __init__(
        self,
        session: aiohttp.ClientSession,
        data_dir: Path,
        model: ModelFile,
        *,
        slots: int,
        context_length: int,
        threads: int,
        start_timeout_s: float,
        look_timeout_s: float,
        outlive_s: float = 0.0,
        events: Events | None = None,
        retry_s: float = QUARANTINE_S,
        judged: Judged | None = None,
        place: str = "",
    ) -> None:
        """`context_length` in tokens, for each slot. `outlive_s`: seconds that the child goes on without an agent.
        `events`: the node's, where it is told what happened to it. `retry_s`: between looks at a file that was refused.
        `judged`: makes its forms those of this machine, with who is asked before each start. `place`: as of a
        `Supervisor`.
        """
        self._session = session
        self._model = model
        self._forms = LlamaCppForms(model, slots, context_length, threads, start_timeout_s, outlive_s)
        self._data_dir = data_dir
        self._judged = judged
        self._place = place
        self._look_timeout_s = look_timeout_s
        self._events = Events() if events is None else events
        self._retry_s = retry_s
        self._trying: asyncio.Task[None] | None = None
        self.progress = Progress()
        """Told by who carries calls to it."""
        self._supervisor: Supervisor | None = None
        self._problem = "starting"
        self._digest = ""
        self._family = ""
        self._slots_told = b""

    @property
    def url(self) -> str | None:
        """Where the child listens, once it is ready."""
        ready = self._supervisor and self._supervisor.ready
        return ready.address if ready else None

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the child, which another agent may have started."""
        ready = self._supervisor and self._supervisor.ready
        return (ready.pid,) if ready else ()

    async def start(self) -> None:
        """Starts the child, and waits until it is ready or has failed once; the model's digest may take longer."""
        if importlib.util.find_spec("xllamacpp") is None:
            self._problem = MISSING
            log.warning("%s", MISSING)
            return
        if not await self._tried():
            self._trying = asyncio.create_task(self._try_again(), name=f"{self.name}-model")

    async def _try_again(self) -> None:
        """Until the file is one that can be served: it may still be arriving, or be replaced."""
        tried = False
        while not tried:
            await asyncio.sleep(self._retry_s)
            tried = await self._tried()

    async def _tried(self) -> bool:
        try:
            if not is_model_name(self._model.name):
                raise ModelRefused(f"{self._model.name!r}: no model can have such a name")
            self._family = await architecture(self._model.path)
            if self._model.sha256:
                self._digest = await digest(self._model)
            if self._supervisor is None:
                await self._start_child()
            self._digest = self._digest or await digest(self._model)
        except ModelRefused as error:
            self._refused(str(error))
            return False
        return True

    def _refused(self, why: str) -> None:
        self._problem = why
        log.warning("%s", why)
        rung, now = Rung.AS_IT_WAS, time.time()
        told = Event(
            at=now,
            engine=self.name,
            kind=Kind.MODEL,
            rung=rung,
            then=f"next try in {self._retry_s:g} s",
            lines=(why,),
        )
        self._events.add(told)

    async def _start_child(self) -> None:
        files = files_of(str(self._model.path))
        size, version = size_of(files), await asyncio.to_thread(version_of, files)
        self._forms, admission = await self._judged(self._forms) if self._judged else (self._forms, None)
        self._supervisor = Supervisor(
            self.name,
            lambda rung: self._forms.launch(WORKER, rung, size, version),
            self._data_dir,
            self._session,
            model=self._forms.name,
            rungs=self._forms.rungs,
            progress=self.progress,
            admission=admission,
            events=self._events,
            place=self._place,
        )
        self._supervisor.start()
        await self._supervisor.changed.wait()

    async def stop(self) -> None:
        """Ends the child."""
        if self._trying is not None:
            await cancelled(self._trying)
        if self._supervisor is not None:
            await self._supervisor.stop()

    def turn(self) -> AbstractAsyncContextManager[Moved]:
        """As many calls as come; its supervisor knows of them."""
        return counted(self.progress)

    def told(self, _asked: str) -> bytes | None:
        """It answers for itself."""
        return None

    def carriage(self, path: str, body: bytes) -> Carriage | None:
        """So that a call can be cancelled."""
        return llamacpp_calls.carriage(path, body)

    async def fitted(self, path: str, body: bytes) -> bytes:
        """Inputs of embeddings, where `truncate` asks for it."""
        if path != llamacpp_inputs.PATH:
            return body
        rung = self._supervisor.rung if self._supervisor else Rung.AS_IT_WAS
        return await llamacpp_inputs.fitted(body, self._forms.largest_input(rung), self._tokens)

    def true_fault(self, status: int, body: bytes) -> tuple[int, bytes]:
        """500 is said of some calls that are wrong themselves."""
        return llamacpp_calls.true_fault(status, body)

    def relayed(self, _path: str) -> bool:
        """No call changes what it has."""
        return False

    async def unload(self, _model: str) -> None:
        """Raises EngineError: it is there for its one model."""
        raise EngineError("its one model stays in memory for as long as it runs")

    async def look(self) -> Engine:
        """The one model and its slots."""
        ready = self._supervisor and self._supervisor.ready
        if not ready:
            return self._down(self._supervisor.reason if self._supervisor else self._problem)
        try:
            async with asyncio.timeout(self._look_timeout_s):
                props = await self._get("/props", Props)
                slots = await self._slots()
                models = await self._get("/v1/models", Models)
        except (aiohttp.ClientError, TimeoutError, OSError, EngineError) as error:
            return self._down(f"{ready.address}: {why_not(error)}")
        meta = models.data[0].meta or Meta() if models.data else Meta()
        return Engine(
            name=self.name,
            kind="llama.cpp",
            version=ready.engine_version,
            dialects=frozenset({"openai"}),
            slots_per_model=slots_within(props.total_slots),
            models=[self._served(meta, props)],
            replicas=[self._replica(props, slots, meta)],
        )

    def _served(self, meta: Meta, props: Props) -> Model:
        abilities = {"chat", "embedding"}  # the worker starts its server with both
        if props.chat_template_caps.supports_tools:
            abilities.add("tools")
        return Model(
            name=self._model.name,
            digest=self._digest,
            size_bytes=count_or_none(meta.size) or 0,
            quantization=meta.ftype,
            parameter_size=rounded(count_or_none(meta.n_params) or 0),
            family=self._family,
            format="gguf",
            max_context=count_or_none(meta.n_ctx_train) or None,
            abilities=frozenset(abilities),
        )

    def _replica(self, props: Props, slots: list[Slot], meta: Meta) -> Replica:
        return Replica(
            model=self._model.name,
            size_bytes=count_or_none(meta.size) or 0,
            context_length=count_or_none(props.default_generation_settings.n_ctx) or None,
            slots_total=slots_within(props.total_slots),
            slots_busy=sum(slot.is_processing for slot in slots),
        )

    def _down(self, reason: str) -> Engine:
        return Engine(name=self.name, kind="llama.cpp", up=False, reason=reason)

    async def _slots(self) -> list[Slot]:
        """They tell how far each call has come, also of one whose answer is not streamed."""
        body = await self._read("/slots")
        if body != self._slots_told:
            self._slots_told = body
            self.progress.moved(time.monotonic())
        return decoded(body, list[Slot], "/slots")

    async def _get(self, path: str, kind: type[Answer]) -> Answer:
        return decoded(await self._read(path), kind, path)

    async def _read(self, path: str) -> bytes:
        async with self._session.get(f"{self.url}{path}", allow_redirects=False) as response:
            response.raise_for_status()
            return await response.read()

    async def _tokens(self, text: str, special: bool) -> list[int]:
        wanted = {"content": text, "add_special": special, "parse_special": True}
        try:
            async with self._session.post(
                f"{self.url}/tokenize", json=wanted, allow_redirects=False
            ) as response:
                response.raise_for_status()
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EngineError(f"/tokenize: {type(error).__name__}") from error
        return decoded(answer, _Tokens, "/tokenize").tokens
