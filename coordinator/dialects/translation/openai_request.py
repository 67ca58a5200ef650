"""An OpenAI call for Ollama's own API: the request's side."""

from typing import Any

from coordinator.dialects.translation import openai_fields as fields
from coordinator.dialects.translation.for_ollama import DEFAULTS
from coordinator.dialects.translation.rules import Source, Table, translated

Request = tuple[str, dict[str, Any]]
"""The engine's path and body."""


def chat(body: dict[str, Any], model: str) -> Request:
    """/v1/chat/completions. Raises CallerFault that names what Ollama cannot be told."""
    return "/api/chat", _generation(fields.CHAT, _with(body, "messages", []), model)


def completions(body: dict[str, Any], model: str) -> Request:
    """/v1/completions; with the model's template, as Ollama's own does it. Raises CallerFault."""
    return "/api/generate", _generation(fields.COMPLETIONS, _with(body, "prompt", ""), model)


def embeddings(body: dict[str, Any], model: str) -> Request:
    """/v1/embeddings. Raises CallerFault."""
    made = translated(fields.EMBEDDINGS, _with(body, "input", ""), Source(body))
    return "/api/embed", made | {"model": model}


def _generation(table: Table, body: dict[str, Any], model: str) -> dict[str, Any]:
    made = translated(table, body, Source(body))
    options = DEFAULTS | made.get("options", {})
    return made | {"model": model, "stream": bool(body.get("stream")), "options": options}


def _with(body: dict[str, Any], name: str, empty: Any) -> dict[str, Any]:
    """So that a missing field is refused by its rule."""
    return body | {name: body.get(name) or empty}
