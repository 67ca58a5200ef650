"""An Ollama that runs already: found, read, never started or stopped.

Contract (source read: fb30760, August 2026): GET /api/version {version}; GET /api/tags {models: [{name, digest, size,
modified_at, details{format, family, parameter_size, quantization_level}}]}; GET /api/ps {models: [{name, size,
size_vram, context_length, expires_at}]}; POST /api/show {model} -> {capabilities, model_info{"<arch>.context_length"}};
GET /v1/models, which is 404 where its version, or another program with its API, lacks OpenAI's dialect.
"""

import asyncio
import math
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType

import aiohttp

from agent.engines import ollama_context
from agent.engines.engine import (
    OPENAI_PATHS,
    Answer,
    Carriage,
    EngineError,
    count_or_none,
    decoded,
    slots_within,
)
from agent.engines.ollama_shapes import Details, Loaded, Ps, Show, Tag, Tags, Unloaded, Version
from agent.engines.server_environment import ServerEnvironment
from agent.engines.source import Adopted, Source
from agent.engines.turn import Moved, uncounted
from agent.models.gguf_shape import kv_bytes_per_token
from shared.names import is_model_name
from shared.sockets import why_not
from shared.wire import ABILITIES, Engine, Model, Replica

NATIVE_PATHS = frozenset(
    {
        "POST /api/chat",
        "POST /api/generate",
        "POST /api/embed",
        "POST /api/embeddings",
        "POST /api/show",
        "POST /api/pull",
        "DELETE /api/delete",
    }
)
CHANGING_PATHS = frozenset({"/api/pull", "/api/delete"})
TAGS_AGE_S = 10.0
"""The list of models is told from memory for so long, unless something hints at a change: what somebody pulls by hand
is told after this and one beat."""
VERSION_AGE_S = 60.0
"""Likewise the version: an Ollama may be replaced between two beats."""


class Ollama:
    """Reads one Ollama. `environment`: where OLLAMA_NUM_PARALLEL and OLLAMA_CONTEXT_LENGTH are looked up where the
    server's own says nothing.
    """

    name = "ollama"
    paths = OPENAI_PATHS | NATIVE_PATHS
    headers: Mapping[str, str] = MappingProxyType({})
    reshaped: frozenset[str] = frozenset()

    def __init__(
        self,
        url: str,
        session: aiohttp.ClientSession,
        timeout_s: float,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
        vram_bytes: Callable[[], Awaitable[int | None]] | None = None,
        server: ServerEnvironment | None = None,
        source: Source | None = None,
    ) -> None:
        """`vram_bytes`: of all GPUs that it may use. `server`: whose environment is read. `source`: who starts it;
        None: somebody else.
        """
        self._url = url
        self._source = source or Adopted(url)
        self._vram_bytes = vram_bytes
        self._default_context: int | None = None
        self._session = session
        self._timeout_s = timeout_s
        self._environment = environment
        self._server = server or ServerEnvironment(url)
        self._slots = slots_told(environment)
        self._clock = clock
        self._dialects: dict[str, frozenset[str]] = {}
        """By version: asked once for each."""
        self._shown: dict[str, ollama_context.About] = {}
        self._version = ""
        self._models: list[Model] = []
        self._loaded: frozenset[str] = frozenset()
        self._changes = 0
        self._forget()

    @property
    def url(self) -> str | None:
        """Where it listens."""
        return self._url

    @property
    def pids(self) -> tuple[int, ...]:
        """Where the agent started it."""
        return self._source.pids

    async def start(self) -> None:
        """It runs already, or will, or is started where that is ours to do."""
        await self._source.start()

    async def stop(self) -> None:
        """Ends it only where the agent started it."""
        await self._source.stop()
        await self._server.close()

    async def unload(self, model: str) -> None:
        """Takes the model out of memory once its calls have ended. Raises EngineError."""
        await self._ask("POST", "/api/generate", Unloaded, {"model": model, "keep_alive": 0})

    def turn(self) -> AbstractAsyncContextManager[Moved]:
        """As many calls as come."""
        return uncounted()

    def told(self, _asked: str) -> bytes | None:
        """It answers for itself."""
        return None

    def carriage(self, _path: str, _body: bytes) -> Carriage | None:
        """Bytes pass as they are."""
        return None

    async def fitted(self, _path: str, body: bytes) -> bytes:
        """It shortens by itself."""
        return body

    def true_fault(self, status: int, body: bytes) -> tuple[int, bytes]:
        """Its own word."""
        return status, body

    def relayed(self, path: str) -> bool:
        """A pull or a delete may have changed what it has."""
        if path not in CHANGING_PATHS:
            return False
        self._changes += 1
        self._models_until = -math.inf
        return True

    async def look(self) -> Engine:
        """Version, models and replicas; down with a reason where any of that cannot be read.

        What is loaded is asked at each look, the rest only when it may have changed.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._report()
        except EngineError as error:
            reason = str(error)
        except TimeoutError:
            reason = f"{self._url} told too little within {self._timeout_s:g} s"
        self._forget()
        return Engine(name=self.name, kind="ollama", up=False, reason=reason)

    def _forget(self) -> None:
        """When it is back, it may be another one."""
        self._version_until = self._models_until = -math.inf

    async def _report(self) -> Engine:
        ps = await self._get("/api/ps", Ps)
        loaded = [each for each in ps.models or [] if is_model_name(each.name)]
        names = frozenset(each.name for each in loaded)
        if self._clock() >= self._models_until or names != self._loaded:
            await self._read_models()
        self._loaded = names
        if self._clock() >= self._version_until:
            self._version = (await self._get("/api/version", Version)).version
            its = await self._server.get()
            self._slots = slots_told(its or {}) or slots_told(self._environment)
            self._default_context = await self._default(its)
            self._version_until = self._clock() + VERSION_AGE_S
        return Engine(
            name=self.name,
            kind="ollama",
            version=self._version,
            dialects=await self._speaks(self._version),
            slots_per_model=self._slots or 1,
            slots_known=self._slots is not None,
            default_context=self._default_context,
            models=self._models,
            replicas=[_replica(each, self._slots or 1) for each in loaded],
        )

    async def _default(self, its: Mapping[str, str] | None) -> int | None:
        vram_bytes = await self._vram_bytes() if self._vram_bytes else None
        return ollama_context.of_server(self._environment, its, self._version, vram_bytes)

    async def _read_models(self) -> None:
        changes, now = self._changes, self._clock()
        tags = [tag for tag in (await self._get("/api/tags", Tags)).models or [] if is_model_name(tag.name)]
        self._models = [await self._model(tag) for tag in tags]
        self._shown = {key: self._shown[key] for key in map(_key, tags) if key in self._shown}
        if changes == self._changes:  # else something was pulled or deleted meanwhile
            self._models_until = now + TAGS_AGE_S

    async def _speaks(self, version: str) -> frozenset[str]:
        if version not in self._dialects:
            openai = {"openai"} if await self._has("/v1/models") else set()
            self._dialects[version] = frozenset({"ollama"} | openai)
        return self._dialects[version]

    async def _has(self, path: str) -> bool:
        try:
            async with self._session.get(self._url + path, allow_redirects=False) as response:
                return response.status != 404
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EngineError(f"{self._url}{path}: {why_not(error)}") from error

    async def _model(self, tag: Tag) -> Model:
        details = tag.details or Details()
        about = await self._about(tag)
        return Model(
            name=tag.name,
            digest=tag.digest or "",
            size_bytes=count_or_none(tag.size) or 0,
            quantization=details.quantization_level or "",
            parameter_size=details.parameter_size or "",
            family=details.family or "",
            format=details.format or "",
            modified_at=tag.modified_at or "",
            max_context=about.max_context,
            kv_bytes_per_token=about.kv_bytes_per_token,
            default_context=about.default_context,
            abilities=about.abilities,
        )

    async def _about(self, tag: Tag) -> ollama_context.About:
        """Abilities and contexts; asked once per digest, since they come with the weights."""
        key = _key(tag)
        if key not in self._shown:
            try:
                shown = await self._ask("POST", "/api/show", Show, {"model": tag.name})
            except EngineError:
                # Unknown, for this beat: one broken model is not a broken engine.
                return ollama_context.About()
            info = shown.model_info or {}
            contexts = [value for name, value in info.items() if name.endswith(".context_length")]
            words = {"chat" if word == "completion" else word for word in shown.capabilities or []}
            self._shown[key] = ollama_context.About(
                frozenset(words & ABILITIES),
                count_or_none(contexts[0]) if contexts else None,
                ollama_context.of_model(shown.parameters or ""),
                kv_bytes_per_token(info),
            )
        return self._shown[key]

    async def _get(self, path: str, kind: type[Answer]) -> Answer:
        return await self._ask("GET", path, kind)

    async def _ask(self, method: str, path: str, kind: type[Answer], body: object = None) -> Answer:
        try:
            async with self._session.request(
                method, self._url + path, json=body, allow_redirects=False
            ) as response:
                answer = await response.read()
                if response.status != 200:
                    raise EngineError(f"{path} answered {response.status}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EngineError(f"{self._url}{path}: {why_not(error)}") from error
        return decoded(answer, kind, path)


def slots_told(environment: Mapping[str, str]) -> int | None:
    """OLLAMA_NUM_PARALLEL; None: nobody says, and what Ollama does then depends on its version."""
    text = environment.get("OLLAMA_NUM_PARALLEL", "").strip()
    return slots_within(int(text)) if text.isdecimal() and int(text) else None


def _key(tag: Tag) -> str:
    return f"{tag.name}@{tag.digest}"


def _replica(loaded: Loaded, slots: int) -> Replica:
    return Replica(
        model=loaded.name,
        size_bytes=count_or_none(loaded.size) or 0,
        vram_bytes=count_or_none(loaded.size_vram),
        context_length=count_or_none(loaded.context_length) or None,
        slots_total=slots,
        expires_at=loaded.expires_at or "",
    )
