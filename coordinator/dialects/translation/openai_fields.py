"""The half of the table for OpenAI's fields, for Ollama's own API.

It is used where an engine lacks OpenAI's dialect, and for calls with `keep_alive` or `options`, which Ollama's own /v1
would drop. A field that is not listed is refused: Ollama would ignore it in silence. The fields are those of the openai
SDK that the lock names; a test compares.
"""

from typing import Any

from coordinator.dialects.translation import for_ollama as to
from coordinator.dialects.translation.checks import number, whole
from coordinator.dialects.translation.rules import (
    Answered,
    Inert,
    Mapped,
    Ours,
    Refused,
    Rule,
    Satisfied,
    Source,
    Spread,
    Table,
    translated,
)

_UNKNOWN = Satisfied((), "this engine knows no such field and would ignore it in silence")
_ELSEWHERE = Inert("bookkeeping of a hosted service")
_CACHE = Inert("the engine keeps its prompts cached by itself")
_IN_CHOICES = "this engine gives one answer a call"

_OURS: dict[str, Rule] = {
    "model": Ours("sent as the engine spells it"),
    "fallback_models": Ours("names other models that may serve"),
    "fallback": Ours("allows another model of the same kind, or forbids it"),
    "allow_restricted": Ours("allows engines that cost money or serve batches only, or forbids them"),
    "metadata": Ours("its tags are kept for the trace"),
    "user": Ours("kept as a tag for the trace"),
}
_NATIVE: dict[str, Rule] = {
    "keep_alive": Mapped("keep_alive"),
    "options": Mapped("options", to.whole_object("options")),
}
_NATIVE_GENERATION: dict[str, Rule] = {
    **_NATIVE,
    "think": Mapped("think"),
    "format": Mapped("format", to.own_format),
    "truncate": Mapped("truncate"),
    "shift": Mapped("shift"),
    "_debug_render_only": Refused("would change the form of the engine's answer"),
}
"""Ollama's own, for callers who speak OpenAI to an Ollama: as they are."""
_GENERATION: dict[str, Rule] = {
    **_OURS,
    **_NATIVE_GENERATION,
    "stream": Ours("sent, and an answer of that kind is expected"),
    "stream_options": Answered("the usage comes in an event of its own", to.stream_options),
    "max_tokens": Mapped("options.num_predict", whole("max_tokens")),
    **{
        name: Mapped(f"options.{name}", number(name))
        for name in ("temperature", "top_p", "seed", "frequency_penalty", "presence_penalty")
    },
    "stop": Mapped("options.stop", to.listed),
    "n": Satisfied((1,), _IN_CHOICES),
    "logit_bias": Refused("this engine cannot weigh single tokens"),
}


def _messages(value: Any, _source: Source) -> list[dict[str, Any]]:
    return [
        {"content": ""} | translated(MESSAGE, message, Source(message))
        for message in to.with_tool_names(value)
    ]


def _content(value: Any, _source: Source) -> dict[str, Any]:
    if isinstance(value, list):
        return to.one_content([translated(PART, part, Source(part)) for part in value])
    return {"content": to.text(value, _source)}


def _reasoning(value: Any, source: Source) -> dict[str, Any]:
    return translated(REASONING, value, source)


MESSAGE = Table(
    {
        "role": Mapped("role", to.role),
        "content": Spread(("content", "images"), _content),
        "name": Mapped("tool_name", to.name),
        "tool_call_id": Mapped("tool_call_id"),
        "tool_calls": Mapped("tool_calls", to.tool_calls),
        "reasoning": Mapped("thinking"),
        "reasoning_content": Mapped("thinking"),
        "refusal": Refused("this engine knows no refusals beside the text"),
        "audio": Refused("this engine takes no audio"),
        "annotations": Refused("this engine knows no annotations"),
        "function_call": Refused("superseded by tool_calls, which this engine takes"),
    },
    _UNKNOWN,
    "messages.",
)
PART = Table(
    {
        "type": Answered("names the part's other field", to.kind_of_part),
        "text": Mapped("text", to.text),
        "refusal": Mapped("text", to.text),
        "image_url": Mapped("image", to.image),
        "input_audio": Refused("this engine takes no audio"),
        "file": Refused("this engine takes no files"),
        "prompt_cache_breakpoint": _CACHE,
    },
    _UNKNOWN,
    "messages.content.",
)
REASONING = Table({"effort": Mapped("think", to.effort)}, _UNKNOWN, "reasoning.")
CHAT = Table(
    {
        **_GENERATION,
        "messages": Mapped("messages", _messages),
        "max_completion_tokens": Mapped("options.num_predict", whole("max_completion_tokens")),
        "response_format": Mapped("format", to.response_format),
        "reasoning_effort": Mapped("think", to.effort),
        "reasoning": Spread(("think",), _reasoning),
        "tools": Mapped("tools", to.functions),
        "tool_choice": Satisfied(("auto", "none"), "this engine cannot be made to call a tool"),
        "parallel_tool_calls": Satisfied((True,), "this engine cannot be kept from calling several tools"),
        "logprobs": Mapped("logprobs", to.whole_logprobs),
        "top_logprobs": Mapped("top_logprobs", to.number_of_tops),
        "functions": Refused("superseded by tools, which this engine takes"),
        "function_call": Refused("superseded by tool_choice"),
        "audio": Refused("this engine does not speak"),
        "modalities": Satisfied((["text"],), "this engine answers in text"),
        "moderation": Refused("this engine does not moderate"),
        "web_search_options": Refused("this engine does not search the web"),
        "verbosity": Satisfied(("medium",), "this engine cannot be told how much to say"),
        "store": Satisfied((False,), "nothing is stored"),
        "service_tier": Satisfied(("auto", "default"), "there is one tier"),
        "prediction": Inert("a hint for speed"),
        "prompt_cache_key": _CACHE,
        "prompt_cache_options": _CACHE,
        "prompt_cache_retention": _CACHE,
        "safety_identifier": _ELSEWHERE,
    },
    _UNKNOWN,
)
COMPLETIONS = Table(
    {
        **_GENERATION,
        "prompt": Mapped("prompt", to.one_prompt),
        "suffix": Mapped("suffix"),
        **{name: Mapped(name) for name in ("system", "template", "raw", "context")},
        "images": Refused("goes into the messages of a chat, as image_url"),
        "logprobs": Spread(("logprobs", "top_logprobs"), to.number_of_logprobs),
        "echo": Satisfied((False,), "this engine does not repeat the prompt"),
        "best_of": Satisfied((1,), _IN_CHOICES),
    },
    _UNKNOWN,
)
EMBEDDINGS = Table(
    {
        **_OURS,
        **_NATIVE,
        "input": Mapped("input", to.texts),
        "dimensions": Mapped("dimensions", whole("dimensions")),
        "truncate": Mapped("truncate"),
        "encoding_format": Answered("vectors are packed, where that is asked for", to.encoding),
    },
    _UNKNOWN,
)
