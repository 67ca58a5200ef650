"""The part of the table for OpenAI's calls that hold fields of Ollama's, for an engine that speaks OpenAI only.

llama.cpp would ignore `options` and `keep_alive` in silence. The rest of the body passes as it came, but for the other
names of `max_tokens`, so that they can be seen to agree with `options.num_predict`.
"""

from typing import Any

from coordinator.dialects.translation.ollama_fields import EMBED_OPTIONS, OPTIONS
from coordinator.dialects.translation.rules import (
    Inert,
    Mapped,
    Ours,
    Passed,
    Rule,
    Source,
    Spread,
    Table,
    translated,
)


def _options(value: Any, source: Source) -> dict[str, Any]:
    return translated(OPTIONS, value, source)


def _embed_options(value: Any, source: Source) -> dict[str, Any]:
    return translated(EMBED_OPTIONS, value, source)


_FOLDED: dict[str, Rule] = {
    "fallback_models": Ours("names other models that may serve"),
    "fallback": Ours("allows another model of the same kind, or forbids it"),
    "allow_restricted": Ours("allows engines that cost money or serve batches only, or forbids them"),
    "keep_alive": Inert("the engine's model stays loaded"),
}
GENERATION = Table(
    {
        **_FOLDED,
        "options": Spread((), _options),
        "max_completion_tokens": Mapped("max_tokens"),
        "n_predict": Mapped("max_tokens"),
    },
    Passed(),
)
EMBEDDINGS = Table({**_FOLDED, "options": Spread((), _embed_options)}, Passed())


def folded(
    path: str, body: dict[str, Any], context_length: int | None = None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The fields of `body` to set, and those to drop; what is in neither stays as it was spelled.

    `context_length`: tokens the loaded model offers, None where unknown. Raises CallerFault.
    """
    table = EMBEDDINGS if path == "/v1/embeddings" else GENERATION
    made = translated(table, body, Source(body, context_length))
    values = {name: value for name, value in made.items() if name not in body or body[name] != value}
    return values, tuple(name for name in table.rules if name in body and name not in made)
