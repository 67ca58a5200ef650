"""OpenAI's values in Ollama's words.

Source read: ollama fb30760 (openai/openai.go, middleware/openai.go), August 2026. Where Ollama's own /v1 heeds a field,
it is said here as there, so that an answer is the same by either way.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from coordinator.dialects.translation.checks import is_whole, whole
from coordinator.dialects.translation.rules import Source
from shared.errors import CallerFault, EngineLacks

DEFAULTS = {"temperature": 1.0, "top_p": 1.0}
"""OpenAI's, which Ollama's own /v1 sets where they are left out; a model's own are others."""
EFFORTS: dict[str, bool | str] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "max": "max",
}
IMAGE_TYPES = ("", "image/jpeg", "image/jpg", "image/png", "image/webp")
ROLES = {name: name for name in ("system", "user", "assistant", "tool")} | {"developer": "system"}


def whole_object(name: str) -> Any:
    """Checks a field that must be an object."""

    def check(value: Any, _source: Source) -> Any:
        if not isinstance(value, Mapping):
            raise CallerFault(f"{name}: expected an object")
        return value

    return check


def listed(value: Any, _source: Source) -> Any:
    """stop: one text or several."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return value or None
    raise CallerFault("stop: expected a string or a list of strings")


def effort(value: Any, _source: Source) -> bool | str:
    """reasoning_effort: Ollama's nearest level."""
    if isinstance(value, str) and value in EFFORTS:
        return EFFORTS[value]
    raise CallerFault(f"reasoning_effort: expected one of {', '.join(EFFORTS)}")


def response_format(value: Any, _source: Source) -> Any:
    """ "json", or the schema. A schema is kept to whether `strict` or not."""
    kind = value.get("type") if isinstance(value, Mapping) else None
    if kind == "text":
        return None
    if kind == "json_object":
        return "json"
    named = value.get("json_schema") if kind == "json_schema" else None
    if isinstance(named, Mapping) and isinstance(named.get("schema"), Mapping):
        return named["schema"]
    raise CallerFault("response_format: expected type text, json_object, or json_schema with its schema")


def own_format(value: Any, source: Source) -> Any:
    """format, Ollama's own. Two schemas would be joined to one that nobody asked for."""
    if source.body.get("response_format") is not None:
        raise CallerFault("format: response_format says it already")
    return value


def functions(value: Any, source: Source) -> Any:
    """tools, unless tool_choice forbids them."""
    if not isinstance(value, list):
        raise CallerFault("tools: expected a list")
    for tool in value:
        function = tool.get("function") if isinstance(tool, Mapping) else None
        if not isinstance(function, Mapping) or tool.get("type") != "function":
            raise EngineLacks("tools: this engine knows tools of type function only")
        if function.get("strict"):
            raise EngineLacks("tools: strict: this engine does not force arguments into the schema")
    return None if source.body.get("tool_choice") == "none" else value or None


def whole_logprobs(value: Any, _source: Source) -> Any:
    """logprobs of a chat: yes or no."""
    return True if value else None


def number_of_tops(value: Any, source: Source) -> Any:
    """top_logprobs of a chat."""
    if not source.body.get("logprobs"):
        raise CallerFault("top_logprobs: goes with logprobs only")
    return whole("top_logprobs")(value, source)


def number_of_logprobs(value: Any, _source: Source) -> dict[str, Any]:
    """logprobs of a completion: how many alternatives; 0 is the token that was said alone."""
    if not is_whole(value):
        raise CallerFault("logprobs: expected a number")
    return {"logprobs": True, "top_logprobs": value}


def stream_options(value: Any, _source: Source) -> None:
    """Raises CallerFault for what cannot be heeded."""
    if not isinstance(value, Mapping):
        raise CallerFault("stream_options: expected an object")
    for name, wanted in value.items():
        if wanted and name != "include_usage":
            raise EngineLacks(f"stream_options.{name}: streams of this engine have no such thing")


def one_prompt(value: Any, _source: Source) -> str:
    """prompt of a completion: one text."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        raise EngineLacks("prompt: this engine takes one text a call; no list of them, and no tokens")
    if not value:
        raise CallerFault("prompt: an empty prompt asks for nothing")
    return value


def texts(value: Any, _source: Source) -> Any:
    """input of embeddings: a text or several."""
    several = value if isinstance(value, list) else [value]
    if several and all(isinstance(each, str) for each in several) and all(several):
        return value
    raise EngineLacks("input: this engine takes a text or a list of texts; no tokens, and none that is empty")


def encoding(value: Any, _source: Source) -> None:
    """Raises CallerFault for an unknown form of vectors."""
    if value not in ("float", "base64"):
        raise CallerFault('encoding_format: expected "float" or "base64"')


def with_tool_names(messages: Any) -> list[dict[str, Any]]:
    """Every tool's result with the name of the tool: Ollama's templates want it, OpenAI gives the call's id."""
    if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
        raise CallerFault("messages: expected a list of objects, not empty")
    names: dict[str, str] = {}
    made = []
    for message in messages:
        names |= _called(message.get("tool_calls") or [])
        named = names.get(str(message.get("tool_call_id")))
        is_result = message.get("role") == "tool" and named and not message.get("name")
        made.append(message | {"name": named} if is_result else message)
    return made


def _called(calls: Any) -> dict[str, str]:
    return {call["id"]: call["function"]["name"] for call in _checked(calls)}


def _checked(calls: Any) -> list[dict[str, Any]]:
    if isinstance(calls, list) and all(_is_call(call) for call in calls):
        return calls
    raise CallerFault("tool_calls: expected objects with id, type function, function.name and arguments")


def _is_call(call: Any) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    return (
        isinstance(function, dict)
        and call.get("type", "function") == "function"
        and isinstance(call.get("id"), str)
        and isinstance(function.get("name"), str)
    )


def role(value: Any, _source: Source) -> str:
    """Who speaks."""
    if isinstance(value, str) and value in ROLES:
        return ROLES[value]
    raise CallerFault(f"messages.role: expected one of {', '.join(ROLES)}")


def name(value: Any, source: Source) -> str | None:
    """A tool's name; Ollama knows no names of speakers."""
    if source.body.get("role") == "tool":
        return str(value)
    if value:
        raise EngineLacks("messages.name: this engine knows no names of speakers")
    return None


def tool_calls(value: Any, _source: Source) -> list[dict[str, Any]] | None:
    """Arguments as an object."""
    return [_tool_call(call) for call in _checked(value)] or None


def _tool_call(call: dict[str, Any]) -> dict[str, Any]:
    try:
        arguments = msgspec.json.decode(call["function"].get("arguments") or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, TypeError, RecursionError) as error:
        raise CallerFault("tool_calls: arguments are not a JSON object as text") from error
    return {"id": call["id"], "function": {"name": call["function"]["name"], "arguments": arguments}}


def one_content(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Parts, each with its `text` or `image`, as one text and its images."""
    words = [part["text"] for part in parts if "text" in part]
    images = [part["image"] for part in parts if "image" in part]
    return {"content": "\n".join(words)} | ({"images": images} if images else {})


def kind_of_part(value: Any, source: Source) -> None:
    """type of a part: names the field that the part has."""
    if not isinstance(value, str) or value not in source.body:
        raise CallerFault("messages.content: expected parts with the field that their type names")


def text(value: Any, _source: Source) -> str:
    """A part's words."""
    if not isinstance(value, str):
        raise CallerFault("messages.content.text: expected a string")
    return value


def image(value: Any, _source: Source) -> str:
    """A data URI's base64. Raises CallerFault for any other address."""
    if isinstance(value, Mapping) and value.get("detail") not in (None, "auto"):
        raise EngineLacks("image_url.detail: this engine looks at every image in its own way")
    url = value.get("url") if isinstance(value, Mapping) else value
    if not isinstance(url, str) or not url.startswith("data:"):
        raise EngineLacks("image_url: this engine fetches no images; send a data: URI")
    kind, separator, data = url[5:].partition(";base64,")
    if not separator or kind not in IMAGE_TYPES:
        raise CallerFault("image_url: expected data:image/jpeg, png or webp, in base64")
    return data
