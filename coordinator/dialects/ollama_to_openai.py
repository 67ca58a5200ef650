"""An Ollama call for an engine that speaks OpenAI only (llama.cpp): the request's side.

What is not named here passes under its own name: llama.cpp reads many of Ollama's options as they are.
"""

import base64
import binascii
from typing import Any

import msgspec

from shared.errors import CallerFault

RENAMED_OPTIONS = {"num_predict": "max_tokens", "num_keep": "n_keep"}
LOAD_OPTIONS = frozenset(
    {
        "num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "numa",
        "use_mmap", "use_mlock", "low_vram", "f16_kv", "vocab_only",
    }
)  # fmt: skip
"""Fixed when the engine loaded the model; they change speed and room, not the answer."""
HANDLED = frozenset({"model", "stream", "options", "format", "think", "keep_alive", "fallback_models"})
REFUSED_IN_GENERATE = {
    "template": "a prompt template cannot be given to this engine; set raw and format the prompt yourself",
    "context": "a context of tokens cannot be given to this engine; use /api/chat with messages",
    "suffix": "this engine cannot insert",
}

_IMAGE_TYPES = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


def chat(body: dict[str, Any], model: str) -> dict[str, Any]:
    """/api/chat -> /v1/chat/completions"""
    request = {"messages": _messages(body.get("messages") or [])} | _common(
        body, model, reserved={"messages"}
    )
    if wanted := _response_format(body.get("format")):
        request["response_format"] = wanted
    _keep_rest(request, body, {"messages"})
    return request


def generate(body: dict[str, Any], model: str) -> tuple[str, dict[str, Any]]:
    """/api/generate -> the path and body; raises CallerFault for what the engine cannot be told."""
    for name, why in REFUSED_IN_GENERATE.items():
        if body.get(name):
            raise CallerFault(f"{name}: {why}")
    request = _common(body, model, reserved={"prompt", "messages"})
    _keep_rest(request, body, {"prompt", "system", "images", "raw", *REFUSED_IN_GENERATE})
    if body.get("raw"):
        return "/v1/completions", request | _raw_prompt(body)
    if wanted := _response_format(body.get("format")):
        request["response_format"] = wanted
    messages = [{"role": "user", "content": body.get("prompt") or "", "images": body.get("images") or []}]
    if body.get("system"):
        messages.insert(0, {"role": "system", "content": body["system"]})
    return "/v1/chat/completions", request | {"messages": _messages(messages)}


def _raw_prompt(body: dict[str, Any]) -> dict[str, Any]:
    for name in ("system", "images"):
        if body.get(name):
            raise CallerFault(f"{name}: a raw prompt has no place for it")
    prompt: dict[str, Any] = {"prompt": body.get("prompt") or ""}
    if wanted := _response_format(body.get("format")):
        # llama.cpp reads response_format for chats only; an empty schema allows any JSON.
        prompt["json_schema"] = wanted.get("json_schema", {}).get("schema", {})
    return prompt


def embed(body: dict[str, Any], model: str, field: str) -> dict[str, Any]:
    """/api/embed (field `input`) or /api/embeddings (field `prompt`) -> /v1/embeddings"""
    if body.get("dimensions"):
        raise CallerFault("dimensions: this engine gives its vectors in their own length only")
    request: dict[str, Any] = {"model": model, "input": body.get(field) or "", "encoding_format": "float"}
    for name, value in body.items():
        if name not in HANDLED and name != field:
            request.setdefault(name, value)
    return request


def _common(body: dict[str, Any], model: str, *, reserved: set[str]) -> dict[str, Any]:
    """`reserved`: what no option may set, beside what is set here."""
    stream = body.get("stream") is not False
    request: dict[str, Any] = {"model": model, "stream": stream}
    if stream:
        request["stream_options"] = {"include_usage": True}
    for name, value in (body.get("options") or {}).items():
        if name not in LOAD_OPTIONS | reserved | {"stream_options"}:
            request.setdefault(RENAMED_OPTIONS.get(name, name), value)
    if isinstance(limit := request.get("max_tokens"), int) and limit < 0:
        request["max_tokens"] = -1  # Ollama has two words for "without end"
    return request | _thinking(body.get("think"))


def _thinking(think: Any) -> dict[str, Any]:
    if think is None:
        return {}
    if isinstance(think, bool):
        return {"chat_template_kwargs": {"enable_thinking": think}}
    if isinstance(think, str):
        return {"reasoning_effort": think}
    raise CallerFault("think: expected true, false or a level")


def _keep_rest(request: dict[str, Any], body: dict[str, Any], done: set[str]) -> None:
    for name, value in body.items():
        if name not in HANDLED and name not in done:
            request.setdefault(name, value)


def _response_format(wanted: Any) -> dict[str, Any] | None:
    if not wanted:
        return None
    if wanted == "json":
        return {"type": "json_object"}
    if isinstance(wanted, dict):
        return {"type": "json_schema", "json_schema": {"name": "format", "schema": wanted}}
    raise CallerFault('format: expected "json" or a JSON schema')


def _messages(messages: Any) -> list[dict[str, Any]]:
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise CallerFault("messages: expected a list of objects")
    result: list[dict[str, Any]] = []
    open_ids: list[tuple[str, str]] = []
    for message in messages:
        made = {name: value for name, value in message.items() if name not in _RESHAPED}
        content, images = message.get("content") or "", message.get("images") or []
        made["content"] = [{"type": "text", "text": content}, *map(_image, images)] if images else content
        if message.get("thinking"):
            made["reasoning_content"] = message["thinking"]
        if calls := message.get("tool_calls"):
            made["tool_calls"] = _tool_calls(calls, len(result))
            open_ids = [(call["function"]["name"], call["id"]) for call in made["tool_calls"]]
        if message.get("role") == "tool":
            made["tool_call_id"] = _answered(message, open_ids)
        result.append(made)
    return result


_RESHAPED = frozenset({"content", "images", "thinking", "tool_calls", "tool_name"})


def _tool_calls(calls: Any, turn: int) -> list[dict[str, Any]]:
    """OpenAI wants an id a call, which Ollama has not, and the arguments as text."""
    made = []
    if not isinstance(calls, list):
        raise CallerFault("tool_calls: expected a list")
    for number, call in enumerate(calls):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise CallerFault("tool_calls: expected objects with function.name and function.arguments")
        arguments = msgspec.json.encode(function.get("arguments") or {}).decode()
        made.append(
            {
                "id": call.get("id") or f"call_{turn}_{number}",
                "type": "function",
                "function": {"name": function["name"], "arguments": arguments},
            }
        )
    return made


def _answered(message: dict[str, Any], open_ids: list[tuple[str, str]]) -> str:
    """The id of the call that this result belongs to: by tool name, else the first without a result."""
    given = message.get("tool_call_id")
    if isinstance(given, str):
        return given
    for index, (name, call_id) in enumerate(open_ids):
        if message.get("tool_name") in (None, name):
            del open_ids[index]
            return call_id
    return "call_unknown"


def _image(encoded: Any) -> dict[str, Any]:
    try:
        head = base64.b64decode(encoded[:16], validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise CallerFault("images: expected base64 text") from error
    kind = next((kind for magic, kind in _IMAGE_TYPES if head.startswith(magic)), "image/png")
    return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{encoded}"}}
