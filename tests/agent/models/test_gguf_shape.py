"""A model's shape and weights from GGUF's names, against published figures."""

from typing import Any

import pytest

from agent.models.gguf_shape import kv_bytes_per_token, shape_of, weights_of
from agent.models.shape import Shape, cache_bytes_per_token, kept_tokens
from agent.models.tensor_types import BY_NAME
from tests.agent.models.llama import LLAMA_3_1_8B, Named, header_bytes, llama_3_1_8b_tensors, read

MIB = 2**20
LLAMA = {
    "general.architecture": "llama",
    "llama.block_count": 32,
    "llama.embedding_length": 4096,
    "llama.attention.head_count": 32,
    "llama.attention.head_count_kv": 8,
}
F16, Q8_0, Q4_0 = BY_NAME["F16"], BY_NAME["Q8_0"], BY_NAME["Q4_0"]


def test_an_8b_llama_keeps_128_kib_a_token() -> None:
    assert kv_bytes_per_token(LLAMA) == 128 * 1024


def test_its_cache_is_smaller_in_blocks() -> None:
    shape = shape_of(LLAMA)
    assert sum(cache_bytes_per_token(shape, Q8_0, Q8_0)) == 68 * 1024
    assert sum(cache_bytes_per_token(shape, Q4_0, Q4_0)) == 36 * 1024
    assert sum(cache_bytes_per_token(shape, Q8_0, F16)) == 98 * 1024


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"llama.attention.key_length": 64, "llama.attention.value_length": 64}, 64 * 1024),
        ({"llama.attention.head_count_kv": None}, 512 * 1024),
        ({"llama.attention.head_count_kv": [8] * 16 + [0] * 16}, 64 * 1024),
        ({"llama.attention.head_count_kv": [8] * 5}, 0),
        ({"llama.attention.head_count_kv": [8] * 31 + [-8]}, 0),
        ({"llama.attention.head_count_kv": [8] * 31 + ["8"]}, 0),
        ({"llama.attention.head_count_kv": "many"}, 512 * 1024),
        ({"llama.full_attention_interval": 4}, 32 * 1024),
        ({"llama.full_attention_interval": 0}, 128 * 1024),
        ({"llama.block_count": None}, 0),
        ({"llama.block_count": -1}, 0),
        ({"llama.block_count": True}, 0),
        ({"llama.block_count": 2**50}, 0),
        ({"llama.attention.head_count": 0}, 0),
        ({"llama.attention.head_count": [32] * 32}, 128 * 1024),
        ({"llama.embedding_length": 2**60}, 0),
        ({"llama.attention.key_length": 2**23, "llama.attention.value_length": 2**23}, 0),
        ({"general.architecture": "other"}, 0),
        ({"general.architecture": None}, 0),
        ({"general.architecture": ["llama"]}, 0),
    ],
)
def test_other_figures(changes: dict[str, Any], expected: int) -> None:
    assert kv_bytes_per_token(LLAMA | changes) == expected


def test_nothing_told() -> None:
    assert kv_bytes_per_token({}) == 0
    assert shape_of({}) == Shape()


def test_layers_with_a_window_keep_that_and_a_batch() -> None:
    """Gemma 3 4B: five layers of six look back 1,024 tokens; llama.cpp then makes 1,536 cells for them."""
    slides = [(layer + 1) % 6 != 0 for layer in range(34)]
    told = LLAMA | {
        "llama.block_count": 34,
        "llama.attention.sliding_window": 1_024,
        "llama.attention.sliding_window_pattern": slides,
    }
    assert kept_tokens(shape_of(told), 16_384, 512) == tuple(1_536 if each else 16_384 for each in slides)
    assert kept_tokens(shape_of(told), 1_000, 512) == (1_000,) * 34
    unsaid = shape_of(told | {"llama.attention.sliding_window_pattern": 6})
    assert kept_tokens(unsaid, 16_384, 512) == (16_384,) * 34


def test_shape_and_weights_of_llama_3_1_8b() -> None:
    """Buffers as llama.cpp's log of this file has them: CUDA0 4403.49 MiB, CPU 281.81 MiB."""
    content = header_bytes(LLAMA_3_1_8B, llama_3_1_8b_tensors())
    header = read(content)
    shape, weights = shape_of(header.metadata), weights_of([header])
    assert (shape.layers, shape.heads, shape.kv_heads, shape.key_length) == (32, 32, (8,) * 32, 128)
    assert (shape.max_context, shape.vocabulary, shape.architecture) == (131_072, 128_256, "llama")
    assert round(weights.input_bytes / MIB, 2) == 281.81
    assert round((sum(weights.layer_bytes) + weights.output_bytes) / MIB, 2) == 4403.49
    assert len(weights.layer_bytes) == 32
    assert weights.layer_bytes[0] > weights.layer_bytes[4]
    assert (weights.quantisation, list(weights.by_type)) == ("Q4_K_M", ["Q4_K", "Q6_K", "F32"])


def test_words_that_come_out_as_they_went_in_are_kept_twice() -> None:
    tied = read(
        header_bytes([], [Named("token_embd.weight", (32, 10), "Q8_0"), Named("blk.0.a", (8,), "F32")])
    )
    weights = weights_of([tied])
    assert (weights.input_bytes, weights.output_bytes, weights.layer_bytes) == (340, 340, (32,))
    assert (weights.total_bytes, weights.quantisation) == (372, "Q8_0")


def test_a_model_in_two_files_is_one() -> None:
    first = read(header_bytes(LLAMA_3_1_8B, llama_3_1_8b_tensors()[:150]))
    second = read(header_bytes([], llama_3_1_8b_tensors()[150:]))
    whole = read(header_bytes(LLAMA_3_1_8B, llama_3_1_8b_tensors()))
    assert weights_of([first, second]) == weights_of([whole])
