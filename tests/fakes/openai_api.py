"""The OpenAI dialect of the fake engine."""

import asyncio
import itertools
import time
from typing import Any

import msgspec
from aiohttp import web

from tests.fakes.serving import Call, Handler, Step, fitted, framed, send_json, send_stream
from tests.fakes.words import Answer, Ask, answer, logprob, packed, vector

_CREATED = 1_767_323_045
_numbers = itertools.count(1)


class Body(msgspec.Struct):
    """The fields that the fake heeds; any other is accepted."""

    model: str = ""
    messages: list[dict[str, Any]] = []
    prompt: str | list[Any] = ""
    input: str | list[Any] = ""
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    response_format: dict[str, Any] | None = None
    logprobs: bool | int | None = None
    top_logprobs: int | None = None
    reasoning_effort: str | None = None
    encoding_format: str | None = None
    dimensions: int | None = None


async def chat(call: Call) -> web.StreamResponse:
    """POST /v1/chat/completions"""
    body = call.parse(Body)
    model = call.model(body.model)
    ask = _chat_ask(body)
    call.require(body.model, tools=bool(body.tools), thinking=ask.think)
    async with call.engine.slots.hold():
        await call.engine.reads(model)
        call.engine.load(model)
        said = answer(call.engine.name, call.engine.switches, ask)
        said = fitted(call, model, said, may_cut=True)
        if not body.stream:
            await asyncio.sleep(said.total_s)
            choice = {"message": _message(said), "finish_reason": _finish(said)}
            if body.logprobs:
                choice["logprobs"] = _logprobs(body, said.words)
            return await send_json(call, _object(body, "chat.completion", choice) | _usage(said))
        return await send_stream(call, _stream(call, body, said, _chat_choices(body, said)))


async def complete(call: Call) -> web.StreamResponse:
    """POST /v1/completions"""
    body = call.parse(Body)
    model = call.model(body.model)
    call.require(body.model)
    async with call.engine.slots.hold():
        call.engine.load(model)
        prompt = body.prompt if isinstance(body.prompt, str) else " ".join(map(str, body.prompt))
        said = answer(call.engine.name, call.engine.switches, Ask(prompt=prompt, limit=body.max_tokens))
        if not body.stream:
            await asyncio.sleep(said.total_s)
            choice = {"text": said.text, "logprobs": None, "finish_reason": _finish(said)}
            return await send_json(call, _object(body, "text_completion", choice) | _usage(said))
        choices = [({"text": word}, said.delay(index)) for index, word in enumerate(said.words)]
        last = ({"text": "", "finish_reason": _finish(said)}, 0.0)
        return await send_stream(call, _stream(call, body, said, [*choices, last]))


def _chat_ask(body: Body) -> Ask:
    answered = bool(body.messages) and body.messages[-1].get("role") == "tool"
    wants_tool = body.tool_choice != "none" and not answered
    return Ask(
        prompt=" ".join(str(message.get("content") or "") for message in body.messages),
        limit=body.max_completion_tokens if body.max_tokens is None else body.max_tokens,
        json_schema=_schema(body.response_format or {}),
        tools=(body.tools or []) if wants_tool else [],
        think=body.reasoning_effort not in {None, "none"},
    )


def _schema(response_format: dict[str, Any]) -> dict[str, Any] | None:
    match response_format.get("type"):
        case "json_object":
            return {}
        case "json_schema":
            schema = (response_format.get("json_schema") or {}).get("schema")
            return schema if isinstance(schema, dict) else {}
    return None


def _finish(said: Answer) -> str:
    if said.tool:
        return "tool_calls"
    return "length" if said.truncated else "stop"


def _message(said: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text}
    if said.thinking:
        message["reasoning"] = "".join(said.thinking)
    if said.tool:
        message["tool_calls"] = _tool_calls(said)
    return message


def _tool_calls(said: Answer) -> list[dict[str, Any]]:
    name, arguments = said.tool or ("", {})
    function = {"name": name, "arguments": msgspec.json.encode(arguments).decode()}
    return [{"id": "call_fake0", "index": 0, "type": "function", "function": function}]


def _chat_choices(body: Body, said: Answer) -> list[tuple[dict[str, Any], float]]:
    """The streamed choices, each with the pause before it; the role comes as early as the first token."""
    choices: list[dict[str, Any]] = [{"delta": {"reasoning": thought}} for thought in said.thinking]
    for word in said.words:
        extra = {"logprobs": _logprobs(body, [word])} if body.logprobs else {}
        choices.append({"delta": {"content": word}} | extra)
    if said.tool:
        choices.append({"delta": {"tool_calls": _tool_calls(said)}})
    role = ({"delta": {"role": "assistant", "content": ""}}, said.first_delay_s)
    paced = [(choice, said.delay_s if index else 0.0) for index, choice in enumerate(choices)]
    return [role, *paced, ({"delta": {}, "finish_reason": _finish(said)}, 0.0)]


def _logprobs(body: Body, words: list[str]) -> dict[str, Any]:
    return {"content": [logprob(word, body.top_logprobs or 0) for word in words], "refusal": None}


def _object(body: Body, kind: str, *choices: dict[str, Any], number: int = 0) -> dict[str, Any]:
    prefix = "cmpl" if kind == "text_completion" else "chatcmpl"
    return {
        "id": f"{prefix}-{number or next(_numbers)}",
        "object": kind,
        "created": int(time.time()),
        "model": body.model,
        "system_fingerprint": "fp_ollama",
        "choices": [{"index": 0, "finish_reason": None, "logprobs": None} | choice for choice in choices],
    }


def _usage(said: Answer) -> dict[str, Any]:
    counts = {"prompt_tokens": said.prompt_tokens, "completion_tokens": said.count}
    return {"usage": counts | {"total_tokens": said.prompt_tokens + said.count}}


def _stream(call: Call, body: Body, said: Answer, choices: list[tuple[dict[str, Any], float]]) -> list[Step]:
    kind = "chat.completion.chunk" if "delta" in choices[0][0] else "text_completion"
    number = next(_numbers)
    steps = [
        Step(framed(call, _object(body, kind, choice, number=number)), pause) for choice, pause in choices
    ]
    if (body.stream_options or {}).get("include_usage"):
        steps.append(Step(framed(call, _object(body, kind, number=number) | _usage(said))))
    return [*steps, Step(b"data: [DONE]\n\n")]


async def embeddings(call: Call) -> web.StreamResponse:
    """POST /v1/embeddings"""
    body = call.parse(Body)
    model = call.model(body.model)
    inputs = _inputs(body.input)
    async with call.engine.slots.hold():
        call.engine.load(model)
        await asyncio.sleep(call.engine.switches.first_token_delay_s)
        vectors = [vector(text, body.dimensions) for text in inputs]
        form = packed if body.encoding_format == "base64" else list
        data = [
            {"object": "embedding", "index": index, "embedding": form(values)}
            for index, values in enumerate(vectors)
        ]
        tokens = sum(len(text.split()) for text in inputs)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return await send_json(call, {"object": "list", "data": data, "model": body.model, "usage": usage})


def _inputs(value: str | list[Any]) -> list[str]:
    """Texts, or token lists as texts; a bare token list is one input."""
    if isinstance(value, str):
        return [value]
    if value and isinstance(value[0], int):
        return [" ".join(map(str, value))]
    return [item if isinstance(item, str) else " ".join(map(str, item)) for item in value]


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "library"}


async def models(call: Call) -> web.StreamResponse:
    """GET /v1/models"""
    data = [_model(name) for name in call.engine.switches.models]
    return await send_json(call, {"object": "list", "data": data})


async def one_model(call: Call) -> web.StreamResponse:
    """GET /v1/models/{id}"""
    return await send_json(call, _model(call.model(call.request.match_info["id"])))


ROUTES: list[tuple[str, str, Handler]] = [
    ("POST", "/v1/chat/completions", chat),
    ("POST", "/v1/completions", complete),
    ("POST", "/v1/embeddings", embeddings),
    ("GET", "/v1/models", models),
    ("GET", "/v1/models/{id:.+}", one_model),
]
