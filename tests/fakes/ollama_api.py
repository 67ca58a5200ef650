"""The Ollama dialect of the fake engine."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from tests.fakes.core import ARCHITECTURE, DETAILS, MODIFIED_AT, digest, unloads
from tests.fakes.serving import (
    Call,
    Handler,
    Refused,
    Step,
    fitted,
    framed,
    json_response,
    send_json,
    send_stream,
)
from tests.fakes.words import Answer, Ask, answer, logprob, vector

_LOAD_NS = 1_000_000


class Body(msgspec.Struct):
    """The fields that the fake heeds; any other is accepted."""

    model: str = ""
    name: str = ""
    messages: list[dict[str, Any]] = []
    prompt: str = ""
    input: str | list[str] = []
    stream: bool | None = None
    options: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    format: str | dict[str, Any] | None = None
    think: bool | str | None = None
    keep_alive: float | str | None = None
    logprobs: bool = False
    top_logprobs: int = 0
    dimensions: int | None = None
    truncate: bool | None = None


async def root(call: Call) -> web.StreamResponse:
    """GET /"""
    return web.Response(text="Ollama is running")


async def version(call: Call) -> web.StreamResponse:
    """GET /api/version"""
    return await send_json(call, {"version": call.engine.switches.version})


async def tags(call: Call) -> web.StreamResponse:
    """GET /api/tags"""
    if call.engine.switches.garbage_tags:
        return web.Response(body=b'{"models": [{"name": <garbage>', content_type="application/json")
    engine = call.engine
    return await send_json(call, {"models": [engine.listed(model) for model in engine.switches.models]})


async def ps(call: Call) -> web.StreamResponse:
    """GET /api/ps"""
    engine = call.engine
    return await send_json(call, {"models": [engine.running(model) for model in engine.switches.loaded]})


async def show(call: Call) -> web.StreamResponse:
    """POST /api/show"""
    body = call.parse(Body)
    model = call.model(body.model or body.name)
    info = {
        "general.architecture": ARCHITECTURE,
        "general.parameter_count": 4_000_000_000,
        f"{ARCHITECTURE}.context_length": call.engine.switches.max_context,
        f"{ARCHITECTURE}.embedding_length": 8,
        f"{ARCHITECTURE}.block_count": 2,
        f"{ARCHITECTURE}.attention.head_count": 2,
        f"{ARCHITECTURE}.attention.head_count_kv": 2,
    }
    value = {
        "license": "",
        "modelfile": f"FROM {model}\n",
        "parameters": 'stop                           "<|end|>"',
        "template": "{{ .Prompt }}",
        "details": DETAILS,
        "model_info": info,
        "capabilities": call.engine.switches.capabilities,
        "modified_at": MODIFIED_AT,
    }
    return await send_json(call, value)


async def chat(call: Call) -> web.StreamResponse:
    """POST /api/chat"""
    body = call.parse(Body)
    prompt = " ".join(str(message.get("content") or "") for message in body.messages)
    return await _converse(call, body, prompt, is_chat=True)


async def generate(call: Call) -> web.StreamResponse:
    """POST /api/generate"""
    body = call.parse(Body)
    return await _converse(call, body, body.prompt, is_chat=False)


async def _converse(call: Call, body: Body, prompt: str, *, is_chat: bool) -> web.StreamResponse:
    model = call.model(body.model)
    if not call.inference:
        return await _load_only(call, body, model, is_chat=is_chat)
    call.require(body.model, tools=bool(body.tools), thinking=bool(body.think))
    async with call.engine.slots.hold():
        await call.engine.reads(model)
        fresh = call.engine.load(model, _integer(body, "num_ctx"), body.keep_alive)
        said = answer(call.engine.name, call.engine.switches, _ask(body, prompt, is_chat=is_chat))
        said = fitted(call, model, said, may_cut=body.truncate is not False)
        end = _end(said, fresh=fresh) | ({} if is_chat else {"context": [1, 2, 3]})
        try:
            if body.stream is not False:
                return await send_stream(call, _steps(call, body, said, end, is_chat=is_chat))
            await asyncio.sleep(said.total_s)
            return await send_json(call, _head(body) | _whole(body, said, is_chat=is_chat) | end)
        finally:
            if unloads(body.keep_alive):
                call.engine.unload(model)


async def _load_only(call: Call, body: Body, model: str, *, is_chat: bool) -> web.StreamResponse:
    leaving = unloads(body.keep_alive)
    if leaving:
        call.engine.unload(model)
    else:
        call.engine.load(model, _integer(body, "num_ctx"), body.keep_alive)
    reason = {"done": True, "done_reason": "unload" if leaving else "load"}
    return await send_json(call, _head(body) | _content(is_chat=is_chat) | reason)


def _ask(body: Body, prompt: str, *, is_chat: bool) -> Ask:
    # After a tool's result the model talks again, or an agent loop would never end.
    answered = bool(body.messages) and body.messages[-1].get("role") == "tool"
    schema = body.format if isinstance(body.format, dict) else ({} if body.format == "json" else None)
    return Ask(
        prompt=prompt,
        limit=_integer(body, "num_predict"),
        json_schema=schema,
        tools=(body.tools or []) if is_chat and not answered else [],
        think=bool(body.think),
    )


def _integer(body: Body, option: str) -> int | None:
    value = (body.options or {}).get(option)
    return value if isinstance(value, int) else None


def _head(body: Body) -> dict[str, Any]:
    return {"model": body.model, "created_at": datetime.now(UTC).isoformat()}


def _content(text: str = "", *, is_chat: bool, **more: Any) -> dict[str, Any]:
    if is_chat:
        return {"message": {"role": "assistant", "content": text, **more}}
    return {"response": text, **more}


def _steps(call: Call, body: Body, said: Answer, end: dict[str, Any], *, is_chat: bool) -> list[Step]:
    """The streamed parts and the final object, each with the pause before it."""
    parts = [_content(is_chat=is_chat, thinking=thought) for thought in said.thinking]
    for word in said.words:
        extra = {"logprobs": [logprob(word, body.top_logprobs)]} if body.logprobs else {}
        parts.append(_content(word, is_chat=is_chat) | extra)
    if said.tool:
        parts.append(_content(is_chat=is_chat, tool_calls=_tool_calls(said)))
    lines = [_head(body) | part | {"done": False} for part in parts]
    steps = [Step(framed(call, line), said.delay(index)) for index, line in enumerate(lines)]
    return [*steps, Step(framed(call, _head(body) | _content(is_chat=is_chat) | end))]


def _whole(body: Body, said: Answer, *, is_chat: bool) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if said.thinking:
        more["thinking"] = "".join(said.thinking)
    if said.tool:
        more["tool_calls"] = _tool_calls(said)
    logprobs = [logprob(word, body.top_logprobs) for word in said.words]
    return _content(said.text, is_chat=is_chat, **more) | ({"logprobs": logprobs} if body.logprobs else {})


def _tool_calls(said: Answer) -> list[dict[str, Any]]:
    name, arguments = said.tool or ("", {})
    return [{"id": "call_fake0", "function": {"index": 0, "name": name, "arguments": arguments}}]


def _end(said: Answer, *, fresh: bool) -> dict[str, Any]:
    load = _LOAD_NS if fresh else 1000
    prompt = 1000 + int(said.first_delay_s * 1e9)
    made = 1000 * said.count + int((said.total_s - said.first_delay_s) * 1e9)
    return {
        "done": True,
        "done_reason": "length" if said.truncated else "stop",
        "total_duration": load + prompt + made,
        "load_duration": load,
        "prompt_eval_count": said.prompt_tokens,
        "prompt_eval_duration": prompt,
        "eval_count": said.count,
        "eval_duration": made,
    }


async def embed(call: Call) -> web.StreamResponse:
    """POST /api/embed"""
    body = call.parse(Body)
    model = call.model(body.model)
    texts = [body.input] if isinstance(body.input, str) else body.input
    async with call.engine.slots.hold():
        call.engine.load(model, _integer(body, "num_ctx"), body.keep_alive)
        await asyncio.sleep(call.engine.switches.first_token_delay_s)
        value = {
            "model": body.model,
            "embeddings": [vector(text, body.dimensions) for text in texts],
            "total_duration": 2 * _LOAD_NS,
            "load_duration": _LOAD_NS,
            "prompt_eval_count": sum(len(text.split()) for text in texts),
        }
        return await send_json(call, value)


async def embeddings(call: Call) -> web.StreamResponse:
    """POST /api/embeddings, the older form"""
    body = call.parse(Body)
    model = call.model(body.model)
    async with call.engine.slots.hold():
        call.engine.load(model, _integer(body, "num_ctx"), body.keep_alive)
        await asyncio.sleep(call.engine.switches.first_token_delay_s)
        return await send_json(call, {"embedding": vector(body.prompt, body.dimensions)})


async def pull(call: Call) -> web.StreamResponse:
    """POST /api/pull; the model is listed once the last line is out"""
    body = call.parse(Body)
    name = body.model or body.name
    if not name:
        raise Refused(400, "model is required")
    if body.stream is False:
        response = await send_json(call, {"status": "success"})
        call.engine.add(name)
        return response
    switches = call.engine.switches
    blob = {"digest": f"sha256:{digest(name)}", "total": switches.pull_bytes}
    lines: list[dict[str, Any]] = [{"status": "pulling manifest"}]
    for quarter in range(5):
        progress = {"completed": quarter * switches.pull_bytes // 4} if quarter else {}
        lines.append({"status": f"pulling {digest(name)[:12]}"} | blob | progress)
    if switches.pull_error is None:
        lines += [{"status": text} for text in ("verifying sha256 digest", "writing manifest", "success")]
    else:
        lines[3:] = [{"error": switches.pull_error}]
    pause = switches.token_delay_s + switches.pull_delay_s
    response = await send_stream(call, [Step(framed(call, line), pause) for line in lines])
    if not call.failed and switches.pull_error is None:
        call.engine.add(name)
        call.engine.renew(call.engine.find(name) or name)
    return response


async def delete(call: Call) -> web.StreamResponse:
    """DELETE /api/delete"""
    body = call.parse(Body)
    call.engine.remove(call.model(body.model or body.name))
    return web.Response()


async def unknown(call: Call) -> web.StreamResponse:
    """Any other path"""
    return json_response(call.error(404, "404 page not found"), 404)


ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/", root),
    ("GET", "/api/version", version),
    ("GET", "/api/tags", tags),
    ("GET", "/api/ps", ps),
    ("POST", "/api/show", show),
    ("POST", "/api/chat", chat),
    ("POST", "/api/generate", generate),
    ("POST", "/api/embed", embed),
    ("POST", "/api/embeddings", embeddings),
    ("POST", "/api/pull", pull),
    ("DELETE", "/api/delete", delete),
]
