"""A model's shape from the names of GGUF's metadata, as a file or Ollama's /api/show tells them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from agent.models.gguf import Header, Skipped, Tensor
from agent.models.shape import (
    CONTEXT_MOST,
    LAYERS_MOST,
    WIDTH_MOST,
    Part,
    Shape,
    Weights,
    cache_bytes_per_token,
    counted,
    per_layer,
    summed,
)
from agent.models.tensor_types import BY_NAME, FILE_TYPES

LAYER = re.compile(r"^blk\.(\d{1,5})\.")
INPUT, OUTPUT = "token_embd.", "output.weight"
BYTES_MOST = 2**30
"""Of cache for a token: a figure beyond is nonsense."""


def shape_of(metadata: Mapping[str, Any]) -> Shape:
    """What is not told, or cannot be meant, is 0. Layers whose window is told without saying which have it are full:
    llama.cpp knows that of each architecture by heart, and the estimate is then at most.
    """
    told = metadata.get("general.architecture")
    arch = told if isinstance(told, str) else ""

    def of(name: str) -> Any:
        return metadata.get(f"{arch}.{name}")

    layers = counted(of("block_count"), LAYERS_MOST)
    heads = max(per_layer(of("attention.head_count"), layers), default=0)
    embedding = counted(of("embedding_length"), WIDTH_MOST)
    width = embedding // heads if heads else 0
    return Shape(
        architecture=arch,
        max_context=counted(of("context_length"), CONTEXT_MOST),
        layers=layers,
        embedding_length=embedding,
        heads=heads,
        kv_heads=_kv_heads(of("attention.head_count_kv"), of("full_attention_interval"), layers, heads),
        key_length=counted(of("attention.key_length"), WIDTH_MOST) or width,
        value_length=counted(of("attention.value_length"), WIDTH_MOST) or width,
        window=counted(of("attention.sliding_window"), CONTEXT_MOST),
        slides=_slides(of("attention.sliding_window_pattern"), layers),
        vocabulary=_vocabulary(of("vocab_size"), metadata.get("tokenizer.ggml.tokens")),
    )


def kv_bytes_per_token(metadata: Mapping[str, Any]) -> int:
    """Of all layers in half floats, llama.cpp's default; 0 where the metadata do not say enough. At most: layers with
    a sliding window keep less.
    """
    half = BY_NAME["F16"]
    told = sum(cache_bytes_per_token(shape_of(metadata), half, half))
    return told if told <= BYTES_MOST else 0


def weights_of(headers: Iterable[Header]) -> Weights:
    """Of a model in one file or several; the first one's metadata name its quantisation."""
    files = list(headers)
    tensors = [tensor for header in files for tensor in header.tensors]
    by_type, layers = summed(Part(each.kind.name, _layer(each.name), each.size_bytes) for each in tensors)
    into = sum(each.size_bytes for each in tensors if each.name.startswith(INPUT))
    rest = sum(by_type.values()) - into - sum(layers)
    return Weights(
        layer_bytes=layers,
        input_bytes=into,
        output_bytes=rest if _has_output(tensors) else rest + into,
        by_type=by_type,
        quantisation=_quantisation(files[0].metadata if files else {}, by_type),
    )


def _layer(name: str) -> int | None:
    found = LAYER.match(name)
    return int(found[1]) if found else None


def _kv_heads(told: object, interval: object, layers: int, heads: int) -> tuple[int, ...]:
    """Without a word each head has its own. Of models in which each n-th layer attends only those keep anything."""
    every = (
        per_layer(told, layers) if isinstance(told, list) else per_layer(told, layers) or (heads,) * layers
    )
    step = counted(interval, LAYERS_MOST) or 1
    return tuple(kept if (index + 1) % step == 0 else 0 for index, kept in enumerate(every)) if heads else ()


def _slides(told: object, layers: int) -> tuple[bool, ...]:
    """Only a word for each layer is believed: what one number means differs between architectures."""
    return tuple(bool(each) for each in per_layer(told, layers)) if isinstance(told, list) else ()


def _vocabulary(told: object, words: object) -> int:
    """Texts of a file are never kept, so its words are counted; /api/show tells them or null."""
    if isinstance(words, Skipped):
        return counted(words.length, WIDTH_MOST)
    return counted(told, WIDTH_MOST) or (counted(len(words), WIDTH_MOST) if isinstance(words, list) else 0)


def _has_output(tensors: Iterable[Tensor]) -> bool:
    return any(tensor.name == OUTPUT for tensor in tensors)


def _quantisation(metadata: Mapping[str, Any], by_type: Mapping[str, int]) -> str:
    """As the file calls itself, else by the type of most of its bytes."""
    number = metadata.get("general.file_type")
    told = FILE_TYPES.get(number) if type(number) is int else None
    return told or max(by_type, key=lambda name: by_type[name], default="")
