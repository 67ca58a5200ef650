"""The half of the table for Ollama's fields, for an engine that speaks OpenAI only: llama.cpp.

Source read: ollama fb30760 (api/types.go, docs/modelfile.mdx), August 2026. A field that is not listed passes under its
own name: llama.cpp knows many beyond OpenAI's.
"""

from typing import Any

from coordinator.dialects.translation import for_llamacpp as to
from coordinator.dialects.translation.checks import number
from coordinator.dialects.translation.rules import (
    Answered,
    Inert,
    Joined,
    Mapped,
    Ours,
    Passed,
    Refused,
    Rule,
    Satisfied,
    Source,
    Spread,
    Table,
    translated,
)

_OURS: dict[str, Rule] = {
    "model": Ours("sent as the engine spells it"),
    "stream": Ours("sent, and an answer of that kind is expected"),
    "fallback_models": Ours("names other models that may serve"),
    "fallback": Ours("allows another model of the same kind, or forbids it"),
    "allow_restricted": Ours("allows engines that cost money or serve batches only, or forbids them"),
    "metadata": Ours("its tags are kept for the trace"),
    "user": Ours("kept as a tag for the trace"),
    "keep_alive": Inert("the engine's model stays loaded"),
}
_STEERING: dict[str, Rule] = {
    name: Satisfied((), "would change the form of the engine's answer")
    for name in ("n", "n_cmpl", "stream_options", "return_progress")
}
_LOADING = Inert("fixed when the engine loaded the model")
_GENERATION: dict[str, Rule] = {
    "think": Spread(("chat_template_kwargs", "reasoning_effort"), to.thinking),
    "truncate": Satisfied(
        (False,), "this engine refuses a prompt that is too long, it does not shorten one; leave it out"
    ),
    "shift": Satisfied(
        (False,), "this engine ends its answer where the context is full, it does not shift; leave it out"
    ),
    "_debug_render_only": Refused("this engine does not show the prompt it makes"),
    "top_logprobs": Joined("logprobs", to.top_logprobs),
}

OPTIONS = Table(
    {
        "num_predict": Mapped("max_tokens", to.limit),
        "num_keep": Mapped("n_keep", number("options.num_keep")),
        "repeat_last_n": Mapped("repeat_last_n", to.looking_back),
        "stop": Mapped("stop"),
        **{
            name: Mapped(name, number(f"options.{name}"))
            for name in (
                *("seed", "temperature", "top_k", "top_p", "min_p", "typical_p"),
                *("repeat_penalty", "presence_penalty", "frequency_penalty"),
                *("mirostat", "mirostat_tau", "mirostat_eta"),
            )
        },
        "num_ctx": Answered("what is loaded must do", to.context),
        **dict.fromkeys(
            (
                *("num_batch", "num_gpu", "main_gpu", "num_thread", "use_mmap", "use_mlock", "numa"),
                *("low_vram", "f16_kv", "logits_all", "vocab_only", "embedding_only", "draft_num_predict"),
            ),
            _LOADING,
        ),
        "tfs_z": Satisfied((1,), "tail-free sampling is known to no engine any more"),
        "penalize_newline": Satisfied((True,), "this engine treats a line end as any other token"),
        **dict.fromkeys(("model", "prompt", "messages", "stream"), Satisfied((), "is no option")),
        **_STEERING,
    },
    Passed(),
    "options.",
)
EMBED_OPTIONS = Table(
    {"num_ctx": Answered("what is loaded must do", to.context)},
    Inert("an embedding is not generated, and the model is loaded"),
    "options.",
)
MESSAGE = Table(
    {
        "role": Mapped("role"),
        "content": Mapped("content", to.content),
        "images": Joined("content"),
        "thinking": Mapped("reasoning_content", to.filled),
        "tool_calls": Mapped("tool_calls", to.tool_calls),
        "tool_name": Joined("tool_call_id"),
        "tool_call_id": Mapped("tool_call_id", to.filled),
    },
    Passed(),
    "messages.",
)


def _options(value: Any, source: Source) -> dict[str, Any]:
    return translated(OPTIONS, value, source)


def _embed_options(value: Any, source: Source) -> dict[str, Any]:
    return translated(EMBED_OPTIONS, value, source)


def _messages(value: Any, _source: Source) -> list[dict[str, Any]]:
    return [translated(MESSAGE, message, Source(message)) for message in to.with_ids(value)]


def _prompt(_value: Any, source: Source) -> list[dict[str, Any]]:
    return _messages(to.chat_of_prompt(source.body), source)


CHAT = Table(
    {
        **_OURS,
        **_GENERATION,
        **_STEERING,
        "messages": Mapped("messages", _messages),
        "tools": Mapped("tools", to.filled),
        "format": Mapped("response_format", to.response_format),
        "options": Spread((), _options),
        "logprobs": Spread(("logprobs", "top_logprobs"), to.chat_logprobs),
    },
    Passed(),
)
_IN_GENERATE: dict[str, Rule] = {
    **_OURS,
    **_GENERATION,
    **_STEERING,
    "messages": Satisfied((), "belongs to /api/chat"),
    "options": Spread((), _options),
    "raw": Ours("decides which of the engine's addresses is asked"),
    "suffix": Refused("this engine cannot insert"),
    "template": Refused(
        "a prompt template cannot be given to this engine; set raw and format the prompt yourself"
    ),
    "context": Refused("a context of tokens cannot be given to this engine; use /api/chat with messages"),
    **{name: Refused("this engine makes no images") for name in ("width", "height", "steps")},
}
GENERATE = Table(
    {
        **_IN_GENERATE,
        "prompt": Mapped("messages", _prompt),
        "system": Joined("prompt"),
        "images": Joined("prompt"),
        "format": Mapped("response_format", to.response_format),
        "logprobs": Spread(("logprobs", "top_logprobs"), to.chat_logprobs),
    },
    Passed(),
)
GENERATE_RAW = Table(
    {
        **_IN_GENERATE,
        "prompt": Mapped("prompt"),
        "system": Refused("a raw prompt has no place for it"),
        "images": Refused("a raw prompt has no place for them"),
        "think": Inert("a raw prompt says itself whether to think"),
        "format": Mapped("json_schema", to.json_schema),
        "logprobs": Mapped("logprobs", to.raw_logprobs),
    },
    Passed(),
)
_IN_EMBED: dict[str, Rule] = {
    **_OURS,
    "options": Spread((), _embed_options),
    "stream": Ours("embeddings do not stream"),
    "encoding_format": Satisfied(("float",), "Ollama's vectors are lists of numbers"),
}
EMBED = Table(
    {
        **_IN_EMBED,
        "input": Mapped("input", to.texts),
        "truncate": Mapped("truncate"),
        "dimensions": Answered(
            "vectors are cut to that length and normalised, as Ollama does", to.dimensions
        ),
    },
    Passed(),
)
EMBEDDINGS = Table({**_IN_EMBED, "prompt": Mapped("input")}, Passed())
