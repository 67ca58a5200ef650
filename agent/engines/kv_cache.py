"""How much memory a token of context takes, from what a model's file says of itself.

Each layer keeps a key and a value per head of its own: block_count x (key_length + value_length) x head_count_kv, two
bytes each (f16, llama.cpp's default). Layers with a sliding window or without attention keep less: this is at most.
"""

from collections.abc import Mapping
from typing import Any

from agent.engines.engine import count_or_none

BYTES_A_NUMBER = 2
MOST = 2**30
"""A figure beyond is nonsense, and none is better."""


def kv_bytes_per_token(model_info: Mapping[str, Any]) -> int:
    """From the GGUF names, as Ollama's /api/show tells them; 0 where they do not say enough."""
    arch = model_info.get("general.architecture")

    def told(name: str) -> int:
        return count_or_none(model_info.get(f"{arch}.{name}")) or 0

    layers, heads = told("block_count"), told("attention.head_count")
    width = told("embedding_length") // heads if heads else 0
    lengths = (told("attention.key_length") or width) + (told("attention.value_length") or width)
    result = (
        _kv_heads(model_info.get(f"{arch}.attention.head_count_kv"), layers, heads) * lengths * BYTES_A_NUMBER
    )
    return result if result <= MOST else 0


def _kv_heads(told: object, layers: int, heads: int) -> int:
    """Over all layers: one number for each, or a list of one for each layer. Without it each head has its own."""
    if isinstance(told, list):
        counts = [count_or_none(each) for each in told]
        return sum(each or 0 for each in counts) if len(counts) == layers else 0
    return layers * (count_or_none(told) or heads)
