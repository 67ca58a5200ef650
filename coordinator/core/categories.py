"""What kind of work a model is for, by its name: only models of one kind may stand in for each other.

A name's own entry, then that of its name without the tag, then its family, then a word in it; else it is general.
"""

from typing import Literal

from shared.names import ModelName

Category = Literal[
    "general",
    "reasoning",
    "coding",
    "creative",
    "fast-chat",
    "vision",
    "vision-embedding",
    "embedding",
    "image",
]

NEVER: frozenset[Category] = frozenset({"embedding", "vision-embedding", "image"})
"""Kinds whose answers cannot be exchanged: vectors of two models have nothing in common."""

_NAMES: dict[str, Category] = {
    "gpt-oss": "general",
    "gpt-oss:20b": "general",
    "gpt-oss:120b": "reasoning",
    "llama3.2": "fast-chat",
    "llama3.2:1b": "fast-chat",
    "llama3.2:3b": "fast-chat",
    "qwen3:0.6b": "fast-chat",
    "qwen3:1.7b": "fast-chat",
    "qwen2.5:0.5b": "fast-chat",
    "qwen2.5:1.5b": "fast-chat",
    "gemma3:1b": "fast-chat",
    "gemma2:2b": "fast-chat",
    "phi4-mini": "fast-chat",
    "phi3": "fast-chat",
}
_FAMILIES: tuple[tuple[str, Category], ...] = (
    ("llama3.2-vision", "vision"),
    ("qwen2.5vl", "vision"),
    ("qwen3-vl", "vision"),
    ("minicpm-v", "vision"),
    ("bakllava", "vision"),
    ("llava", "vision"),
    ("moondream", "vision"),
    ("deepseek-r1", "reasoning"),
    ("magistral", "reasoning"),
    ("phi4-reasoning", "reasoning"),
    ("phi4-mini-reasoning", "reasoning"),
    ("qwq", "reasoning"),
    ("openthinker", "reasoning"),
    ("qwen3-coder", "coding"),
    ("deepseek-coder", "coding"),
    ("codestral", "coding"),
    ("devstral", "coding"),
    ("starcoder", "coding"),
    ("smollm", "fast-chat"),
    ("tinyllama", "fast-chat"),
    ("phi4-mini", "fast-chat"),
    ("nous-hermes", "creative"),
    ("mythomax", "creative"),
    ("clip", "vision-embedding"),
    ("siglip", "vision-embedding"),
    ("dinov2", "vision-embedding"),
    ("bge-", "embedding"),
    ("all-minilm", "embedding"),
    ("paraphrase-", "embedding"),
    ("x/", "image"),
)
_WORDS: tuple[tuple[str, Category], ...] = (
    ("embed", "embedding"),
    ("rerank", "embedding"),
    ("vision", "vision"),
    ("-vl", "vision"),
    ("coder", "coding"),
    ("code", "coding"),
    ("reason", "reasoning"),
    ("thinking", "reasoning"),
    ("creative", "creative"),
    ("story", "creative"),
    ("writer", "creative"),
    ("roleplay", "creative"),
)


def category_of(model: ModelName) -> Category:
    """Never fails: what nobody knows is general."""
    name = model.lower().removesuffix(":latest")
    bare = name.rpartition("/")[2] if not name.startswith("x/") else name
    untagged = bare.partition(":")[0]
    for known in (bare, untagged):
        if known in _NAMES:
            return _NAMES[known]
    for start, kind in _FAMILIES:
        if untagged.startswith(start):
            return kind
    return next((kind for word, kind in _WORDS if word in bare), "general")
