"""Shapes from config.json, of published models; and whole directories."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.models.hf_config import decoded_config, quantisation, shape_of
from agent.models.hf_files import read_hf_model
from agent.models.refusal import ModelRefused
from agent.models.shape import Shape, cache_bytes_per_token, kept_tokens
from agent.models.tensor_types import BY_NAME

LLAMA_3_1_8B = {
    "model_type": "llama",
    "hidden_size": 4_096,
    "max_position_embeddings": 131_072,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "torch_dtype": "bfloat16",
    "vocab_size": 128_256,
}
HALF = BY_NAME["F16"]


def per_token(config: dict[str, Any]) -> int:
    return sum(cache_bytes_per_token(shape_of(config), HALF, HALF))


def test_llama_3_1_8b() -> None:
    shape = shape_of(LLAMA_3_1_8B)
    assert (shape.architecture, shape.layers, shape.kv_heads, shape.key_length) == (
        "llama",
        32,
        (8,) * 32,
        128,
    )
    assert (shape.max_context, shape.vocabulary, shape.window) == (131_072, 128_256, 0)
    assert per_token(LLAMA_3_1_8B) == 128 * 1024


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        # Qwen3-0.6B: its heads are wider than hidden_size / heads
        ({"hidden_size": 1024, "num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 8,
          "head_dim": 128}, 112 * 1024),
        # GPT-2: old names, each head keeps its own
        ({"n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024}, 36 * 1024),
        # one that sees: the language model's figures are inside
        ({"model_type": "llava", "text_config": LLAMA_3_1_8B}, 128 * 1024),
        # every fourth layer attends
        (LLAMA_3_1_8B | {"layer_types": (["linear_attention"] * 3 + ["full_attention"]) * 8}, 32 * 1024),
        (LLAMA_3_1_8B | {"full_attention_interval": 4}, 32 * 1024),
        # DeepSeek-V3: 128 heads of 192 for keys and 128 for values, where nobody compresses them
        ({"hidden_size": 7168, "num_attention_heads": 128, "num_hidden_layers": 61, "num_key_value_heads": 128,
          "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128}, 61 * 128 * 320 * 2),
        (LLAMA_3_1_8B | {"layer_types": ["full_attention"]}, 128 * 1024),
        (LLAMA_3_1_8B | {"num_hidden_layers": "32"}, 0),
        (LLAMA_3_1_8B | {"num_attention_heads": True, "num_key_value_heads": None}, 0),
        ({"text_config": 5, "model_type": 5}, 0),
    ],
)  # fmt: skip
def test_cache_a_token(config: dict[str, Any], expected: int) -> None:
    assert per_token(config) == expected


def test_nothing_told() -> None:
    assert shape_of({}) == Shape()


def test_layers_with_a_window() -> None:
    kinds = ["sliding_attention", "full_attention"] * 16
    config = LLAMA_3_1_8B | {"sliding_window": 128, "layer_types": kinds}
    assert kept_tokens(shape_of(config), 8_192, 0) == (128, 8_192) * 16
    assert shape_of(config | {"use_sliding_window": False}).window == 0


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (LLAMA_3_1_8B, "BF16"),
        ({"dtype": "float16", "torch_dtype": "float32"}, "F16"),
        ({"text_config": {"dtype": "bfloat16"}}, "BF16"),
        ({"dtype": "float8"}, "FLOAT8"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}, "dtype": "float16"}, "gptq 4"),
        ({"quantization_config": {"quant_method": "fp8"}}, "fp8"),
        ({"quantization_config": "gptq"}, ""),
        ({}, ""),
    ],
)
def test_quantisation(config: dict[str, Any], expected: str) -> None:
    assert quantisation(config) == expected


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"\xff", b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"]
)
def test_nonsense_is_refused(content: bytes) -> None:
    with pytest.raises(ModelRefused, match=r"config\.json makes no sense"):
        decoded_config(content)


def tensors(path: Path, sizes: dict[str, int], missing: int = 0) -> None:
    """A file of half floats, of which `missing` bytes did not arrive."""
    place, told = 0, {}
    for name, size in sizes.items():
        told[name] = {"dtype": "F16", "shape": [size // 2], "data_offsets": [place, place + size]}
        place += size
    head = json.dumps(told).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + bytes(place - missing))


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match=r"config\.json is no file"):
        read_hf_model(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(LLAMA_3_1_8B))
    with pytest.raises(ModelRefused, match=r"has neither model\.safetensors nor"):
        read_hf_model(tmp_path)
    one, two = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    index = {"weight_map": {"model.layers.0.a": one, "lm_head.weight": two}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    tensors(
        tmp_path / one, {"model.layers.0.a": 200, "model.layers.1.a": 100, "model.embed_tokens.weight": 20}
    )
    with pytest.raises(ModelRefused, match=r"^model-00002-of-00002\.safetensors: it is not there"):
        read_hf_model(tmp_path)
    tensors(tmp_path / two, {"lm_head.weight": 20}, missing=1)
    with pytest.raises(ModelRefused, match="did not arrive whole"):
        read_hf_model(tmp_path)
    tensors(tmp_path / two, {"lm_head.weight": 20})
    model = read_hf_model(tmp_path)
    assert model.paths == (tmp_path / one, tmp_path / two)
    assert model.weights.layer_bytes == (200, 100)
    assert (model.weights.output_bytes, model.weights.total_bytes) == (40, 340)
    assert model.weights.quantisation == "BF16"
    tensors(tmp_path / "model.safetensors", {"h.0.a": 2})
    assert read_hf_model(tmp_path).weights.layer_bytes == (2,)


def test_a_config_without_end_is_not_read_whole(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b" " * (4 * 2**20 + 1))
    with pytest.raises(ModelRefused, match="larger than 4 MiB"):
        read_hf_model(tmp_path)
