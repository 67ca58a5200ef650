"""Ollama's values in OpenAI's words, with the additions of llama.cpp's server.

Ran: xllamacpp 2026.10.11549. `top_logprobs` of a chat is 20 where it is left out, and 0 gives none; a completion reads
`logprobs` as their number; `response_format` is read for chats only.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec

from coordinator.dialects.translation.checks import is_whole, number
from coordinator.dialects.translation.rules import Source
from shared.errors import CallerFault, EngineLacks

THINK_LEVELS = ("low", "medium", "high", "max")
MOST_LOGPROBS = 20
"""Alternatives a token, by both APIs."""

_IMAGE_TYPES = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


def limit(value: Any, source: Source) -> Any:
    """num_predict: Ollama's runners limit by a number above 0 only; llama.cpp would say nothing for a 0."""
    return value if number("options.num_predict")(value, source) > 0 else -1


def context(value: Any, source: Source) -> None:
    """num_ctx: what is loaded must do. Raises CallerFault where it is too short."""
    loaded = source.context_length
    number("options.num_ctx")(value, source)
    if loaded is not None and value > loaded:
        raise EngineLacks(
            f"options.num_ctx: {value} tokens were asked for, this engine has {loaded} loaded for each call"
        )


def looking_back(value: Any, source: Source) -> Any:
    """repeat_last_n: -1 means the whole context, a number that llama.cpp wants to be told."""
    if number("options.repeat_last_n")(value, source) != -1:
        return value
    if source.context_length is None:
        raise EngineLacks("options.repeat_last_n: this engine does not tell how long its context is")
    return source.context_length


def thinking(value: Any, _source: Source) -> dict[str, Any]:
    """think: models are told by their template, some know levels."""
    if isinstance(value, bool):
        return {"chat_template_kwargs": {"enable_thinking": value}}
    if value in THINK_LEVELS:
        kwargs = {"enable_thinking": True, "reasoning_effort": value}
        return {"reasoning_effort": value, "chat_template_kwargs": kwargs}
    raise CallerFault(f"think: expected true, false or one of {', '.join(THINK_LEVELS)}")


def chat_logprobs(value: Any, source: Source) -> dict[str, Any]:
    """logprobs and top_logprobs of a chat; llama.cpp must be asked for one alternative at least."""
    return {"logprobs": True, "top_logprobs": _wanted_logprobs(source)} if value else {}


def raw_logprobs(value: Any, source: Source) -> int | None:
    """The same of a completion: a number."""
    return _wanted_logprobs(source) if value else None


def top_logprobs(value: Any, _source: Source) -> Any:
    """Alternatives a token; its range counts without `logprobs` too. Raises CallerFault where Ollama would."""
    if not is_whole(value) or not 0 <= value <= MOST_LOGPROBS:
        raise CallerFault(f"top_logprobs must be between 0 and {MOST_LOGPROBS}")
    return value


def _wanted_logprobs(source: Source) -> int:
    wanted = source.body.get("top_logprobs")
    return 1 if wanted is None else max(1, top_logprobs(wanted, source))


def response_format(value: Any, _source: Source) -> dict[str, Any] | None:
    """format: "json" or a schema."""
    if value == "":
        return None
    if value == "json":
        return {"type": "json_object"}
    if isinstance(value, dict):
        return {"type": "json_schema", "json_schema": {"name": "format", "schema": value}}
    raise CallerFault('format: expected "json" or a JSON schema')


def json_schema(value: Any, source: Source) -> Any:
    """format of a raw prompt: an empty schema allows any JSON."""
    wanted = response_format(value, source)
    return None if wanted is None else wanted.get("json_schema", {}).get("schema", {})


def texts(value: Any, _source: Source) -> Any:
    """embed's input: a text or several. Raises CallerFault where Ollama would."""
    if isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value)):
        return value
    raise CallerFault("input: expected a string or a list of strings")


def dimensions(value: Any, _source: Source) -> None:
    """Raises CallerFault where it is no length of a vector."""
    if not is_whole(value) or value < 0:
        raise CallerFault("dimensions: expected a whole number, not below 0")


def chat_of_prompt(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """generate's prompt, system and images as messages of Ollama's."""
    user = {"role": "user", "content": body.get("prompt") or "", "images": body.get("images") or []}
    system = body.get("system")
    return [{"role": "system", "content": system}, user] if system else [user]


def with_ids(messages: Any) -> list[dict[str, Any]]:
    """Every tool call with an id, every result with that of its call: OpenAI wants them, Ollama may lack them."""
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise CallerFault("messages: expected a list of objects")
    result: list[dict[str, Any]] = []
    open_ids: list[tuple[str, str]] = []
    for turn, message in enumerate(messages):
        made = message if message.get("content") is not None else message | {"content": ""}
        if calls := message.get("tool_calls"):
            made = made | {"tool_calls": _with_ids(calls, turn)}
            open_ids = [(call["function"]["name"], call["id"]) for call in made["tool_calls"]]
        if message.get("role") == "tool":
            made = made | {"tool_call_id": _answered(message, open_ids)}
        result.append(made)
    return result


def content(value: Any, source: Source) -> Any:
    """A message's text, with its images as parts."""
    if images := source.body.get("images"):
        if not isinstance(images, list):
            raise CallerFault("images: expected a list of base64 texts")
        return [{"type": "text", "text": value}, *map(_image, images)]
    return value


def filled(value: Any, _source: Source) -> Any:
    """Empty says nothing."""
    return value or None


def tool_calls(value: Any, _source: Source) -> Any:
    """A message's calls: arguments as text."""
    return [
        {
            "id": call["id"],
            "type": "function",
            "function": {
                "name": call["function"]["name"],
                "arguments": msgspec.json.encode(call["function"].get("arguments") or {}).decode(),
            },
        }
        for call in _with_ids(value or [], turn=0)  # those that `with_ids` gave are kept
    ] or None


def _with_ids(calls: Any, turn: int) -> list[dict[str, Any]]:
    if not isinstance(calls, list):
        raise CallerFault("tool_calls: expected a list")
    made = []
    for index, call in enumerate(calls):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise CallerFault("tool_calls: expected objects with function.name and function.arguments")
        if not isinstance(function.get("arguments") or {}, dict):
            raise CallerFault("tool_calls: function.arguments: expected an object")
        made.append({"id": call.get("id") or f"call_{turn}_{index}", "function": function})
    return made


def _answered(message: dict[str, Any], open_ids: list[tuple[str, str]]) -> str:
    """The id of the call that this result belongs to: by its id, tool name, else the first without a result."""
    given = message.get("tool_call_id")
    if isinstance(given, str) and given:
        return given
    for index, (name, call_id) in enumerate(open_ids):
        if message.get("tool_name") in (None, "", name):
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
