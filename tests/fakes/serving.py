"""How a call is received, counted, faulted and answered, in either dialect."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import msgspec
from aiohttp import web

from tests.fakes.core import Engine
from tests.fakes.faults import BUSY, MID_STREAM, Fault, close_connection, for_ever, reset_connection
from tests.fakes.words import Answer

INFERENCE = frozenset(
    {"/api/chat", "/api/generate", "/api/embed", "/api/embeddings"}
    | {"/v1/chat/completions", "/v1/completions", "/v1/embeddings"}
)
DIED = 139
"""Exit code of a fake that a call has killed."""
_LOADING = {"/api/chat": "messages", "/api/generate": "prompt"}
_OPENAI_TYPES = {400: "invalid_request_error", 404: "not_found_error", 429: "rate_limit_error"}
_encode = msgspec.json.encode
T = TypeVar("T")


class Refused(Exception):
    """An error answer in the dialect of the call."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Step(NamedTuple):
    """One chunk of a stream and the pause before it."""

    data: bytes
    delay_s: float = 0.0


class Call:
    """One request while it is answered."""

    def __init__(self, engine: Engine, request: web.Request, body: bytes) -> None:
        self.engine = engine
        self.request = request
        self.body = body
        self.openai = request.path.startswith("/v1/")
        self.inference = request.path in INFERENCE and not _is_load(request.path, body)
        self.fault = engine.take_fault(request.path, inference=self.inference)
        self.failed = False

    def parse(self, kind: type[T]) -> T:
        """The body as `kind`; unknown fields are accepted."""
        if not self.body.strip():
            raise Refused(400, "missing request body")
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Refused(400, str(error)) from error

    def model(self, name: str) -> str:
        """The listed model that the caller named."""
        if not name:
            raise Refused(400, "model is required")
        found = self.engine.find(name)
        if found is None:
            raise Refused(404, f'model "{name}" not found, try pulling it first')
        return found

    def require(self, name: str, *, tools: bool = False, thinking: bool = False) -> None:
        """Refuses what the `capabilities` switch rules out, with Ollama's words."""
        able = self.engine.switches.capabilities
        if "completion" not in able:
            raise Refused(
                400, f'"{name}" does not support {"chat" if "chat" in self.request.path else "generate"}'
            )
        for capability, needed in (("tools", tools), ("thinking", thinking)):
            if needed and capability not in able:
                raise Refused(400, f'"{name}" does not support {capability}')

    def error(self, status: int, text: str) -> dict[str, Any]:
        """The error body in the dialect of the call."""
        if not self.openai:
            return {"error": text}
        kind = _OPENAI_TYPES.get(status, "api_error")
        return {"error": {"message": text, "type": kind, "param": None, "code": None}}


Handler = Callable[[Call], Awaitable[web.StreamResponse]]


def served(engine: Engine, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Wraps a handler so that its calls are recorded, faulted and counted."""

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        engine.record(request, body)
        if (fatal := engine.switches.die_on) and fatal.encode() in body:
            os._exit(DIED)
        call = Call(engine, request, body)
        if call.openai and not engine.switches.openai:
            return web.Response(status=404, text="404 page not found")
        if not call.inference:
            return await _answered(call, handler)
        return await _counted(call, handler)

    return handle


async def _counted(call: Call, handler: Handler) -> web.StreamResponse:
    counters = call.engine.counters
    counters.started += 1
    try:
        response = await _answered(call, handler)
    except (asyncio.CancelledError, ConnectionResetError):
        # A connection that the fake itself broke also ends here, but that is no client going away.
        if call.failed:
            counters.failed += 1
        else:
            counters.cancelled += 1
        raise
    except Exception:
        counters.failed += 1
        raise
    if call.failed or response.status >= 400:
        counters.failed += 1
    else:
        counters.completed += 1
    return response


async def _answered(call: Call, handler: Handler) -> web.StreamResponse:
    try:
        if call.fault is not None and call.fault.early:
            await _strike(call, call.fault)
        return await handler(call)
    except Refused as refused:
        return json_response(call.error(refused.status, refused.text), refused.status)


async def _strike(call: Call, fault: Fault) -> None:
    if fault.kind == "busy":
        raise Refused(503, BUSY)
    if fault.kind == "status":
        raise Refused(fault.value, f"fake failure with status {fault.value}")
    if fault.kind == "reset":
        call.failed = True
        await reset_connection(call.request)
    if not call.inference:
        await for_ever()
    # A wedged call keeps its slot, so further calls queue up behind it.
    async with call.engine.slots.hold():
        await for_ever()


def json_response(value: Any, status: int = 200) -> web.Response:
    """A plain JSON answer, outside the reach of the faults."""
    return web.Response(
        status=status, body=_encode(value), headers={"Content-Type": "application/json; charset=utf-8"}
    )


async def send_json(call: Call, value: Any) -> web.StreamResponse:
    """Answers with one JSON object, or with the part of it that the fault lets through."""
    fault = call.fault
    if fault is None:
        return json_response(value)
    if fault.kind == "error_after":
        raise Refused(500, MID_STREAM)
    data = _encode(value)
    response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
    response.content_length = len(data)
    await response.prepare(call.request)
    await response.write(data[: len(data) // 2])
    if fault.kind == "hang_after":
        await for_ever()
    call.failed = True
    if fault.kind == "reset_after":
        return await reset_connection(call.request)
    return await close_connection(call.request)


async def send_stream(call: Call, steps: list[Step]) -> web.StreamResponse:
    """Answers with the chunks, up to the fault; headers go out with the first chunk as in Ollama.

    A chunk that comes late makes the next no later: the engine is as fast as its switches say on a busy machine, too.
    """
    kind = "text/event-stream" if call.openai else "application/x-ndjson"
    response = web.StreamResponse(headers={"Content-Type": kind})
    due = time.monotonic()
    for number, step in enumerate(steps):
        if call.fault is not None and number == call.fault.value:
            return await _cut(call, call.fault, response, step)
        due += step.delay_s * _slower(call)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        await _write(call, response, step.data)
    return response


def _slower(call: Call) -> float:
    """Times that a pause takes longer now than one of a call alone."""
    switches = call.engine.switches
    return 0.0 if switches.hurry else 1 + switches.crowding * max(0, call.engine.slots.active - 1)


async def _cut(call: Call, fault: Fault, response: web.StreamResponse, step: Step) -> web.StreamResponse:
    if fault.mid_line and fault.kind != "error_after":
        await _write(call, response, step.data[: len(step.data) // 2])
    if fault.kind == "error_after":
        await _write(call, response, framed(call, call.error(500, MID_STREAM)))
    if not response.prepared:
        await response.prepare(call.request)
    if fault.kind == "hang_after":
        await for_ever()
    call.failed = True
    if fault.kind == "reset_after":
        await reset_connection(call.request)
    return response


async def _write(call: Call, response: web.StreamResponse, data: bytes) -> None:
    if not response.prepared:
        await response.prepare(call.request)
    await response.write(data)


def framed(call: Call, value: Any) -> bytes:
    """One chunk of a stream in the dialect of the call."""
    data = _encode(value)
    return b"data: " + data + b"\n\n" if call.openai else data + b"\n"


def fitted(call: Call, model: str, said: Answer, *, may_cut: bool) -> Answer:
    """The answer to what is left of the prompt. Raises Refused, in the words of Ollama's runner, for one too long."""
    left = call.engine.fitted(model, said.prompt_tokens, may_cut=may_cut)
    if left is None:
        has, context = said.prompt_tokens, call.engine.context(model)
        detail = {
            "code": 400,
            "message": f"request ({has} tokens) exceeds the available context size ({context} tokens)",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": has,
            "n_ctx": context,
        }
        raise Refused(400, _encode({"error": detail}).decode())
    return replace(said, prompt_tokens=left)


class _Peek(msgspec.Struct):
    prompt: Any = None
    messages: Any = None


def _is_load(path: str, body: bytes) -> bool:
    """True for Ollama's calls without a prompt, which only load or unload a model."""
    field = _LOADING.get(path)
    if field is None:
        return False
    try:
        return not getattr(msgspec.json.decode(body, type=_Peek), field)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
