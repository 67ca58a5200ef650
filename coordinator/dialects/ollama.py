"""Ollama's API: /api/chat, generate, embed, embeddings, and what it tells about models."""

import time
from functools import partial
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Raw, Struct

from coordinator.access.models import askable, may_ask
from coordinator.catalog import Catalog
from coordinator.core.call import Call, Operation, Placement
from coordinator.core.protection import describe
from coordinator.dialects import allowances, ollama_ends, ollama_models
from coordinator.dialects.bodies import Bodies
from coordinator.dialects.body import (
    ABSENT,
    decode_any,
    model_name,
    replaced,
    tokens_of,
)
from coordinator.dialects.calls import CommonHead, call_of, head_of
from coordinator.dialects.context_fields import said_in
from coordinator.dialects.conversation import opening_of
from coordinator.dialects.dialect import Calls, Decoder
from coordinator.dialects.keep_alive import unloads
from coordinator.dialects.ollama_errands import OllamaErrands
from coordinator.dialects.relay import Relay, passed_headers
from coordinator.dialects.translation import ollama_request
from coordinator.dialects.translation.ollama_answer import (
    EmbeddingDecoder,
    GenerationDecoder,
    loaded,
    no_embeddings,
)
from coordinator.forward import EngineRequest
from coordinator.requests import JSON, CallerRequest, caller_of
from shared import __version__
from shared.errors import EngineLacks, FleetError, ModelNotFound
from shared.frames import Frames, lines

CONTRACT_VERSION = "0.30.0"
"""The Ollama release whose API this file follows; told by /api/version while no node runs an Ollama."""


class _Message(Struct):
    role: Raw = ABSENT
    content: Raw = ABSENT
    images: list[Raw] | None = None


class _Options(Struct):
    num_ctx: int | None = None


class _Head(CommonHead):
    """The fields that are this API's own."""

    name: str | None = None
    messages: list[_Message] | None = None
    prompt: str | None = None
    system: str | None = None
    suffix: str | None = None
    input: Raw = ABSENT
    images: list[Raw] | None = None
    raw: Raw = ABSENT
    options: _Options | None = None


_TRANSLATED = {
    "/api/chat": ollama_request.chat,
    "/api/generate": ollama_request.generate,
    "/api/embed": ollama_request.embed,
    "/api/embeddings": ollama_request.embeddings,
}


class OllamaExchange:
    """Passes through to an Ollama, translates for an engine that speaks OpenAI only."""

    def __init__(
        self, call: Call, path: str, body: bytes, head: _Head, headers: dict[str, str], frame_limit: int
    ) -> None:
        self.call = call
        self.stream = call.stream
        self._path = path
        self._body = body
        self._head = head
        self._headers = headers
        self._frame_limit = frame_limit
        self._asked: dict[str, Any] = {}
        """The body's fields, where it had to be translated."""
        self._started_ns = time.monotonic_ns()

    def encode(self, placement: Placement) -> EngineRequest:
        """The caller's own bytes where the engine is an Ollama."""
        if "ollama" in placement.dialects:
            return self._request(self._path, self._own_body(placement), describe(placement.protection))
        if self._asks_nothing():
            if self.call.operation != "embed" and unloads(self._head.keep_alive):
                raise EngineLacks("keep_alive: this engine keeps its model loaded; it cannot be unloaded")
            return EngineRequest("/v1/models", b"", self._headers, whole=not self.stream, method="GET")
        self._asked = decode_any(self._body)
        path, request = _TRANSLATED[self._path](self._asked, placement.engine_model, placement.context_length)
        return self._request(path, msgspec.json.encode(request))

    def decoder(self, placement: Placement) -> Decoder | None:
        """None for an Ollama."""
        if "ollama" in placement.dialects:
            return None
        name = placement.engine_model if placement.fallback else self.call.asked_name
        chat, single = self.call.operation == "chat", self._path == "/api/embeddings"
        if self.call.operation == "embed":
            if self._asks_nothing():
                return no_embeddings(name, single=single)
            return EmbeddingDecoder(
                name,
                single=single,
                started_ns=self._started_ns,
                dimensions=self._asked.get("dimensions") or 0,
            )
        if self._asks_nothing():
            return loaded(name, chat=chat)
        return GenerationDecoder(
            name,
            chat=chat,
            frame_limit=self._frame_limit,
            started_ns=self._started_ns,
            top_logprobs=self._asked.get("top_logprobs") or 0,
        )

    def _request(self, path: str, body: bytes, context: str = "") -> EngineRequest:
        return EngineRequest(path, body, self._headers, whole=not self.stream, context=context)

    def _own_body(self, placement: Placement) -> bytes:
        if not (placement.fallback or self._head.has_ours or placement.protection.changes):
            return self._body
        name = placement.engine_model if placement.fallback else self.call.asked_name
        values = said_in(self._body, placement.protection)
        return replaced(self._body, values | {"model": name}, allowances.FIELDS)

    def _asks_nothing(self) -> bool:
        """A chat without messages, a generate without a prompt, an embed without input: Ollama loads the model."""
        if self.call.operation == "chat":
            return not self._head.messages
        if self.call.operation == "generate":
            return not self._head.prompt and not self._head.images
        if self._path == "/api/embeddings":
            return not self._head.prompt
        return bytes(self._head.input) in (b"", b"null", b'""', b"[]")


class Ollama:
    """The dialect and its routes."""

    name = "ollama"
    prefix = "/api/"
    stream_type = "application/x-ndjson"

    def __init__(
        self, relay: Relay, catalog: Catalog, errands: OllamaErrands, bodies: Bodies, frame_limit: int
    ) -> None:
        self._relay = relay
        self._catalog = catalog
        self._errands = errands
        self._bodies = bodies
        self._frame_limit = frame_limit

    def routes(self) -> list[web.RouteDef]:
        """Its addresses."""
        return [
            web.get("/", self.root),
            web.get("/api/tags", self.tags),
            web.get("/api/ps", self.running),
            web.get("/api/version", self.version),
        ]

    def calls(self) -> Calls:
        """What is carried to engines."""
        return {
            ("POST", "/api/chat"): partial(self._call, operation="chat"),
            ("POST", "/api/generate"): partial(self._call, operation="generate"),
            ("POST", "/api/embed"): partial(self._call, operation="embed"),
            ("POST", "/api/embeddings"): partial(self._call, operation="embed"),
            ("POST", "/api/show"): self.show,
            ("POST", "/api/pull"): self._errands.pull,
            ("DELETE", "/api/delete"): self._errands.delete,
        }

    # How it speaks

    def error_body(self, error: FleetError) -> bytes:
        """`{"error": "text"}`"""
        return ollama_ends.error_body(error)

    def stream_error(self, error: FleetError) -> bytes:
        """A line; no `done` follows."""
        return ollama_ends.error_line(error)

    def frames(self, limit: int) -> Frames:
        """Newline-delimited JSON."""
        return lines(limit)

    def ended_well(self, last_frame: bytes) -> bool:
        """Ollama's last line says so."""
        return ollama_ends.generation_ended(last_frame)

    # What it offers

    async def root(self, _request: web.Request) -> web.Response:
        """GET or HEAD /: what clients ask to see whether an Ollama is there."""
        return web.Response(text="Ollama is running")

    async def tags(self, request: web.Request) -> web.Response:
        """GET /api/tags"""
        return _json(ollama_models.tags(askable(caller_of(request).principal, self._catalog.entries())))

    async def running(self, request: web.Request) -> web.Response:
        """GET /api/ps"""
        return _json(ollama_models.running(askable(caller_of(request).principal, self._catalog.entries())))

    async def version(self, _request: web.Request) -> web.Response:
        """GET /api/version: that of the first Ollama in the fleet."""
        version = self._catalog.engine_version("ollama") or CONTRACT_VERSION
        return _json({"version": version, "herd_version": __version__})

    async def show(self, request: CallerRequest) -> None:
        """POST /api/show: from an Ollama that has the model, else from what the fleet knows of it."""
        body = await self._bodies.read(request)
        head = head_of(request, body, _Head)
        asked, model = model_name(head.model or head.name)
        entry = self._catalog.entries().get(model)
        if entry is None or not may_ask(request.principal, model):
            raise ModelNotFound(f'model "{asked}" not found')
        if "ollama" in entry.kinds:
            await self._errands.show(request, body, model)
        else:
            request.respond(200, [JSON], msgspec.json.encode(ollama_models.show(entry)))

    async def _call(self, request: CallerRequest, operation: Operation) -> None:
        body = await self._bodies.read(request)
        call, head = self.read_call(request, body, operation)
        exchange = OllamaExchange(call, request.path, body, head, passed_headers(request), self._frame_limit)
        await self._relay.serve(request, self, exchange)

    def read_call(self, request: CallerRequest, body: bytes, operation: Operation) -> tuple[Call, _Head]:
        """What placing needs to know. Raises CallerFault."""
        head = head_of(request, body, _Head)
        texts, images = _texts(head), _images(head)
        call = call_of(
            request,
            self._relay.callers,
            self.name,
            operation,
            head=head,
            stream=head.stream is not False and operation != "embed",
            abilities=_abilities(operation, head, images),
            num_ctx=head.options.num_ctx if head.options else None,
            estimated_tokens=tokens_of(texts, images),
            texts=texts,
            prompt_bytes=len(body),
            opening=opening_of(operation, head.messages, head.tools, head.prompt, head.system),
        )
        return call, head


def _abilities(operation: Operation, head: _Head, images: int) -> frozenset[str]:
    needed = {"embedding" if operation == "embed" else "completion" if _is_raw(operation, head) else "chat"}
    if head.tools:
        needed.add("tools")
    if head.suffix:
        needed.add("insert")
    if images:
        needed.add("vision")
    return frozenset(needed)


def _is_raw(operation: Operation, head: _Head) -> bool:
    """A generate whose prompt goes to the model as it is; another is a chat of one message."""
    return operation == "generate" and bytes(head.raw) == b"true"


def _images(head: _Head) -> int:
    return len(head.images or ()) + sum([len(each.images) for each in head.messages or () if each.images])


def _texts(head: _Head) -> list[Raw]:
    plain = [Raw(text.encode()) for text in (head.prompt, head.system) if text]
    return [*(message.content for message in head.messages or ()), head.input, *plain]


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
