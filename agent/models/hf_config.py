"""A model's shape from a Hugging Face `config.json`, its weights from the headers of its safetensors files."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from agent.models.refusal import ModelRefused
from agent.models.safetensors import Header
from agent.models.shape import CONTEXT_MOST, LAYERS_MOST, WIDTH_MOST, Part, Shape, Weights, counted, summed

LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d{1,5})\.")
TEXT = ("text_config", "llm_config")
"""Where models that also see or hear keep the language model's figures."""
ATTENDING, SLIDING = {"full_attention", "sliding_attention", "chunked_attention"}, "sliding_attention"
KINDS = {"float16": "F16", "bfloat16": "BF16", "float32": "F32", "half": "F16"}


def decoded_config(content: bytes) -> dict[str, Any]:
    """Of a `config.json`. Raises ModelRefused."""
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelRefused(f"config.json makes no sense: {error}") from error


def shape_of(config: Mapping[str, Any]) -> Shape:
    """What is not told, or cannot be meant, is 0. GPT-2's older names are read too."""
    text = _text(config)

    def of(most: int, *names: str) -> int:
        return next((found for name in names if (found := counted(text.get(name), most))), 0)

    layers = of(LAYERS_MOST, "num_hidden_layers", "n_layer")
    heads = of(WIDTH_MOST, "num_attention_heads", "n_head")
    embedding = of(WIDTH_MOST, "hidden_size", "n_embd")
    width = of(WIDTH_MOST, "head_dim") or (embedding // heads if heads else 0)
    latent = of(WIDTH_MOST, "qk_nope_head_dim")
    kinds = _layer_types(text.get("layer_types"), layers)
    kept = of(WIDTH_MOST, "num_key_value_heads") or heads
    return Shape(
        architecture=config["model_type"] if isinstance(config.get("model_type"), str) else "",
        max_context=of(CONTEXT_MOST, "max_position_embeddings", "n_positions"),
        layers=layers,
        embedding_length=embedding,
        heads=heads,
        kv_heads=_kv_heads(kept, kinds, text.get("full_attention_interval"), layers),
        key_length=latent + of(WIDTH_MOST, "qk_rope_head_dim") if latent else width,
        value_length=of(WIDTH_MOST, "v_head_dim") or width if latent else width,
        window=_window(text),
        slides=tuple(kind == SLIDING for kind in kinds),
        vocabulary=of(WIDTH_MOST, "vocab_size"),
    )


def weights_of(headers: Iterable[Header], config: Mapping[str, Any]) -> Weights:
    """Of a model in one file or several. Engines keep all of it where its layers are: no input is apart."""
    tensors = [tensor for header in headers for tensor in header.tensors]
    by_type, layers = summed(Part(each.kind, _layer(each.name), each.size_bytes) for each in tensors)
    return Weights(
        layer_bytes=layers,
        input_bytes=0,
        output_bytes=sum(by_type.values()) - sum(layers),
        by_type=by_type,
        quantisation=quantisation(config),
    )


def quantisation(config: Mapping[str, Any]) -> str:
    """The method, with its bits where they are told (`gptq 4`), else the kind of number; empty where neither is."""
    told = config.get("quantization_config") or _text(config).get("quantization_config")
    if isinstance(told, dict) and isinstance(told.get("quant_method"), str):
        bits = counted(told.get("bits"), 64)
        return f"{told['quant_method']} {bits}" if bits else str(told["quant_method"])
    places = (_text(config), config)
    said = (place.get(name) for place in places for name in ("dtype", "torch_dtype"))
    kind = next((each for each in said if isinstance(each, str)), "")
    return KINDS.get(kind, kind.upper())


def _layer(name: str) -> int | None:
    found = LAYER.search(name)
    return int(found[1]) if found else None


def _text(config: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = next((config[name] for name in TEXT if isinstance(config.get(name), dict)), None)
    return config if inner is None else inner


def _layer_types(told: object, layers: int) -> tuple[str, ...]:
    """What each layer does; empty where that is not told of each."""
    valid = isinstance(told, list) and len(told) == layers and all(isinstance(each, str) for each in told)
    return tuple(told) if valid and isinstance(told, list) else ()


def _kv_heads(kept: int, kinds: tuple[str, ...], interval: object, layers: int) -> tuple[int, ...]:
    """Layers of another kind than attention keep a state that does not grow."""
    if kinds:
        return tuple(kept if kind in ATTENDING else 0 for kind in kinds)
    step = counted(interval, LAYERS_MOST) or 1
    return tuple(kept if (index + 1) % step == 0 else 0 for index in range(layers)) if kept else ()


def _window(text: Mapping[str, Any]) -> int:
    """Some tell one that they do not use."""
    return 0 if text.get("use_sliding_window") is False else counted(text.get("sliding_window"), CONTEXT_MOST)
