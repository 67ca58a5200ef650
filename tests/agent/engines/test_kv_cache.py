"""Cache per token from a model's own figures."""

from typing import Any

import pytest

from agent.engines.kv_cache import kv_bytes_per_token

LLAMA = {
    "general.architecture": "llama",
    "llama.block_count": 32,
    "llama.embedding_length": 4096,
    "llama.attention.head_count": 32,
    "llama.attention.head_count_kv": 8,
}


def test_an_8b_llama_keeps_128_kib_a_token() -> None:
    assert kv_bytes_per_token(LLAMA) == 128 * 1024


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"llama.attention.key_length": 64, "llama.attention.value_length": 64}, 64 * 1024),
        ({"llama.attention.head_count_kv": None}, 512 * 1024),
        ({"llama.attention.head_count_kv": [8] * 16 + [0] * 16}, 64 * 1024),
        ({"llama.attention.head_count_kv": [8] * 5}, 0),
        ({"llama.attention.head_count_kv": "many"}, 512 * 1024),
        ({"llama.block_count": None}, 0),
        ({"llama.block_count": -1}, 0),
        ({"llama.block_count": 2**50}, 0),
        ({"llama.attention.head_count": 0}, 0),
        ({"general.architecture": "other"}, 0),
        ({"general.architecture": None}, 0),
    ],
)
def test_other_figures(changes: dict[str, Any], expected: int) -> None:
    assert kv_bytes_per_token(LLAMA | changes) == expected


def test_nothing_told() -> None:
    assert kv_bytes_per_token({}) == 0
