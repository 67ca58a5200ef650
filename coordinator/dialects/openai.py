"""OpenAI's API: /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models."""

from functools import partial
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Raw, Struct

from coordinator.access.models import askable, may_ask
from coordinator.catalog import Catalog, Entry
from coordinator.core.call import Call, Operation, Placement
from coordinator.core.protection import UNPROTECTED, describe
from coordinator.dialects import allowances
from coordinator.dialects.bodies import Bodies
from coordinator.dialects.body import (
    ABSENT,
    decode_any,
    given,
    replaced,
    tokens_of,
)
from coordinator.dialects.calls import CommonHead, call_of, head_of
from coordinator.dialects.context_fields import added_to, field_of, num_ctx_of
from coordinator.dialects.conversation import opening_of
from coordinator.dialects.dialect import Calls, Decoder
from coordinator.dialects.relay import Relay, passed_headers
from coordinator.dialects.translation import openai_request
from coordinator.dialects.translation.folded_fields import folded
from coordinator.dialects.translation.openai_answer import EmbeddingDecoder, GenerationDecoder
from coordinator.dialects.translation.openai_shapes import Answer
from coordinator.forward import EngineRequest
from coordinator.requests import CallerRequest, caller_of
from shared.errors import CallerFault, FleetError, ModelNotFound
from shared.frames import Frames, data_of, events
from shared.names import normalise

OWNED_BY = "library"


class _Message(Struct):
    role: Raw = ABSENT
    content: Raw = ABSENT


class _Head(CommonHead):
    """The fields that are this API's own."""

    messages: list[_Message] | None = None
    prompt: Raw = ABSENT
    suffix: Raw = ABSENT
    input: Raw = ABSENT
    reasoning_effort: Raw = ABSENT
    options: Raw = ABSENT
    prompt_cache_key: Raw = ABSENT


_ABILITY: dict[Operation, str] = {"chat": "chat", "generate": "completion", "embed": "embedding"}
_TRANSLATED = {
    "/v1/chat/completions": openai_request.chat,
    "/v1/completions": openai_request.completions,
    "/v1/embeddings": openai_request.embeddings,
}


class OpenAiExchange:
    """Passes through; translates for an Ollama that lacks this dialect, or would drop what the call says in it."""

    def __init__(
        self, call: Call, path: str, body: bytes, head: _Head, headers: dict[str, str], frame_limit: int
    ) -> None:
        self.call = call
        self.stream = call.stream
        self._path = path
        self._body = body
        self._drop = allowances.FIELDS if head.has_ours else ()
        self._for_ollama = given(head.keep_alive) or given(head.options)
        """Ollama's own /v1 drops these two, llama.cpp ignores them."""
        self._headers = headers
        self._frame_limit = frame_limit
        self._asked: dict[str, Any] = {}
        """The body's fields, where it had to be translated."""
        self._unsaid = ""
        """Why it was not translated for the sake of its context."""

    def encode(self, placement: Placement) -> EngineRequest:
        """The caller's own bytes, but for the model's name where a fallback serves, and for Ollama's fields."""
        self._unsaid = ""
        if self._translates(placement):
            try:
                return self._translated(placement)
            except CallerFault as error:
                if self._must_translate(placement):
                    raise
                # Only its context was to be said: the call as it came is better than none.
                self._unsaid = field_of(error)
        return self._request(self._path, self._own_body(placement), placement)

    def _translated(self, placement: Placement) -> EngineRequest:
        self._asked = decode_any(self._body)
        path, request = _TRANSLATED[self._path](self._asked, placement.engine_model)
        return self._request(path, msgspec.json.encode(added_to(request, placement.protection)), placement)

    def _request(self, path: str, body: bytes, placement: Placement) -> EngineRequest:
        said = describe(placement.protection)
        if self._unsaid:
            said = f"{UNPROTECTED}; {self._unsaid} cannot be said beside a context"
        return EngineRequest(path, body, self._headers, whole=not self.stream, context=said)

    def decoder(self, placement: Placement) -> Decoder | None:
        """None where the engine speaks this dialect."""
        if not self._translates(placement):
            return None
        name = placement.engine_model if placement.fallback else self.call.asked_name
        if self.call.operation == "embed":
            return EmbeddingDecoder(name, packed=self._asked.get("encoding_format") == "base64")
        return GenerationDecoder(
            name,
            chat=self.call.operation == "chat",
            include_usage=bool((self._asked.get("stream_options") or {}).get("include_usage")),
            frame_limit=self._frame_limit,
        )

    def _own_body(self, placement: Placement) -> bytes:
        if not (placement.fallback or self._drop or self._for_ollama):
            return self._body
        values: dict[str, Any] = {}
        drop: tuple[str, ...] = self._drop
        if self._for_ollama:
            values, drop = folded(self._path, decode_any(self._body), placement.context_length)
        name = placement.engine_model if placement.fallback else self.call.asked_name
        return replaced(self._body, values | {"model": name}, drop)

    def _translates(self, placement: Placement) -> bool:
        if "ollama" not in placement.dialects or self._unsaid:
            return False
        return self._must_translate(placement) or placement.protection.changes

    def _must_translate(self, placement: Placement) -> bool:
        return self._for_ollama or self.call.dialect not in placement.dialects


class OpenAi:
    """The dialect and its routes."""

    name = "openai"
    prefix = "/v1/"
    stream_type = "text/event-stream; charset=utf-8"

    def __init__(self, relay: Relay, catalog: Catalog, bodies: Bodies, frame_limit: int) -> None:
        self._relay = relay
        self._catalog = catalog
        self._bodies = bodies
        self._frame_limit = frame_limit

    def routes(self) -> list[web.RouteDef]:
        """Its addresses."""
        return [
            web.get("/v1/models", self.models),
            web.get("/v1/models/{name:.+}", self.model),
        ]

    def calls(self) -> Calls:
        """What is carried to engines."""
        return {
            ("POST", "/v1/chat/completions"): partial(self._call, operation="chat"),
            ("POST", "/v1/completions"): partial(self._call, operation="generate"),
            ("POST", "/v1/embeddings"): partial(self._call, operation="embed"),
        }

    # How it speaks

    def error_body(self, error: FleetError) -> bytes:
        """`{"error": {"message", "type", "param", "code"}}`"""
        return msgspec.json.encode({"error": _error(error)})

    def stream_error(self, error: FleetError) -> bytes:
        """An event; no [DONE] follows."""
        return b"data: " + self.error_body(error) + b"\n\n"

    def frames(self, limit: int) -> Frames:
        """Server-sent events."""
        return events(limit)

    def ended_well(self, last_frame: bytes) -> bool:
        """[DONE], or for the engines that send none, a reason to finish, the usage, or an error of their own."""
        data = data_of(last_frame)
        if data == b"[DONE]":
            return True
        try:
            last = msgspec.json.decode(data, type=Answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        finished = any(choice.finish_reason for choice in last.choices or ())
        return finished or last.usage is not None or given(last.error)

    # What it offers

    async def models(self, request: web.Request) -> web.Response:
        """GET /v1/models"""
        entries = askable(caller_of(request).principal, self._catalog.entries())
        data = [_model(entry) for entry in entries]
        return _json({"object": "list", "data": data})

    async def model(self, request: web.Request) -> web.Response:
        """GET /v1/models/{id}"""
        name = request.match_info["name"]
        entry = self._catalog.entries().get(normalise(name))
        if entry is None or not may_ask(caller_of(request).principal, name):
            raise ModelNotFound(f'model "{name}" not found')
        return _json(_model(entry))

    async def _call(self, request: CallerRequest, operation: Operation) -> None:
        body = await self._bodies.read(request)
        call, head = self.read_call(request, body, operation)
        exchange = OpenAiExchange(call, request.path, body, head, passed_headers(request), self._frame_limit)
        await self._relay.serve(request, self, exchange)

    def read_call(self, request: CallerRequest, body: bytes, operation: Operation) -> tuple[Call, _Head]:
        """What placing needs to know. Raises CallerFault."""
        head = head_of(request, body, _Head)
        images, texts = sum(_has_image(message) for message in head.messages or ()), _texts(head)
        call = call_of(
            request,
            self._relay.callers,
            self.name,
            operation,
            head=head,
            stream=bool(head.stream) and operation != "embed",
            abilities=_abilities(operation, head, images),
            num_ctx=_num_ctx(head.options),
            estimated_tokens=tokens_of(texts, images),
            texts=texts,
            prompt_bytes=len(body) - _image_bytes(head),
            effort=head.reasoning_effort,
            opening=opening_of(operation, head.messages, head.tools, head.prompt),
            prompt_cache_key=head.prompt_cache_key,
        )
        return call, head


def _error(error: FleetError) -> dict[str, object]:
    return {"message": str(error), "type": error.kind, "param": None, "code": error.code}


def _abilities(operation: Operation, head: _Head, images: int) -> frozenset[str]:
    needed = {_ABILITY[operation]}
    if head.tools:
        needed.add("tools")
    if given(head.suffix) and operation == "generate":
        needed.add("insert")
    if images:
        needed.add("vision")
    return frozenset(needed)


def _num_ctx(options: Raw) -> int | None:
    """What `options` say, if they say it; what else they hold is the engine's to judge. Raises CallerFault."""
    try:
        return num_ctx_of(options)
    except msgspec.ValidationError as error:
        raise CallerFault("options.num_ctx: expected a whole number") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _has_image(message: _Message) -> bool:
    # Inside a JSON string the closing quote would be escaped, so prose about it does not match.
    return b'"image_url"' in bytes(message.content)


def _image_bytes(head: _Head) -> int:
    return sum(len(bytes(message.content)) for message in head.messages or () if _has_image(message))


def _texts(head: _Head) -> list[Raw]:
    said = [message.content for message in head.messages or () if not _has_image(message)]
    return [*said, head.prompt, head.input]


def _model(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.name,
        "object": "model",
        "created": entry.created_s,
        "owned_by": OWNED_BY,
    }


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
