"""An Ollama call for an engine that speaks OpenAI only (llama.cpp): the request's side."""

from typing import Any

from coordinator.dialects.translation import ollama_fields as fields
from coordinator.dialects.translation.rules import Source, Table, translated

Request = tuple[str, dict[str, Any]]
"""The engine's path and body."""


def chat(body: dict[str, Any], model: str, context_length: int | None = None) -> Request:
    """/api/chat. `context_length`: tokens the loaded model offers, None where unknown. Raises CallerFault."""
    made = translated(fields.CHAT, {"messages": []} | body, Source(body, context_length))
    return "/v1/chat/completions", made | _form(body, model)


def generate(body: dict[str, Any], model: str, context_length: int | None = None) -> Request:
    """/api/generate: a chat of one message, or a completion where the prompt is raw. Raises CallerFault."""
    body = body | {"prompt": body.get("prompt") or ""}
    raw = bool(body.get("raw"))
    made = translated(fields.GENERATE_RAW if raw else fields.GENERATE, body, Source(body, context_length))
    return "/v1/completions" if raw else "/v1/chat/completions", made | _form(body, model)


def embed(body: dict[str, Any], model: str, context_length: int | None = None) -> Request:
    """/api/embed: an input that is too long is shortened, by the node's gateway, unless `truncate` is false."""
    path, made = _embeddings(fields.EMBED, body, model, context_length)
    return path, {"truncate": True} | made


def embeddings(body: dict[str, Any], model: str, context_length: int | None = None) -> Request:
    """/api/embeddings, the older form. Raises CallerFault."""
    return _embeddings(fields.EMBEDDINGS, body, model, context_length)


def _embeddings(asked: Table, body: dict[str, Any], model: str, context_length: int | None) -> Request:
    made = translated(asked, body, Source(body, context_length))
    return "/v1/embeddings", made | {"model": model, "encoding_format": "float"}


def _form(body: dict[str, Any], model: str) -> dict[str, Any]:
    stream = body.get("stream") is not False
    return {"model": model, "stream": stream} | (
        {"stream_options": {"include_usage": True}} if stream else {}
    )
