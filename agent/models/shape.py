"""How a model is built, as far as memory depends on it; whichever kind of file it comes in."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from agent.models.tensor_types import TensorType, row_bytes

LAYERS_MOST = 1_024
WIDTH_MOST = 2**24
"""Numbers in a vector, heads, or words of a vocabulary: a figure beyond is nonsense, and none is better."""
CONTEXT_MOST = 2**40


class Shape(Struct, frozen=True):
    """0: not told."""

    architecture: str = ""
    max_context: int = 0
    """Tokens it was trained for."""
    layers: int = 0
    embedding_length: int = 0
    heads: int = 0
    kv_heads: tuple[int, ...] = ()
    """Heads whose keys and values are kept, for each layer; 0 for a layer that keeps none. Empty: not told."""
    key_length: int = 0
    value_length: int = 0
    window: int = 0
    """Tokens that a layer with a sliding window looks back."""
    slides: tuple[bool, ...] = ()
    """Which layers have that window; empty: not told, or none."""
    vocabulary: int = 0


class Weights(Struct, frozen=True):
    """Bytes of the tensors, measured from the files' headers."""

    layer_bytes: tuple[int, ...]
    input_bytes: int
    """What turns words into vectors; llama.cpp keeps it in the host's memory."""
    output_bytes: int
    """All that is of no layer and no input."""
    by_type: Mapping[str, int]
    """Bytes by quantisation, largest first."""
    quantisation: str
    """Of the model as a whole; empty: not told."""

    @property
    def total_bytes(self) -> int:
        """In the files; where words come out through the same tensor as they went in, an engine may keep it twice."""
        return sum(self.by_type.values())


class Part(NamedTuple):
    """A tensor, as far as memory is concerned; `layer` None: it is of none."""

    kind: str
    layer: int | None
    size_bytes: int


def summed(parts: Iterable[Part]) -> tuple[dict[str, int], tuple[int, ...]]:
    """Bytes by kind, largest first, and of each layer that has any."""
    kinds: dict[str, int] = {}
    layers: dict[int, int] = {}
    for part in parts:
        kinds[part.kind] = kinds.get(part.kind, 0) + part.size_bytes
        if part.layer is not None:
            layers[part.layer] = layers.get(part.layer, 0) + part.size_bytes
    by_type = dict(sorted(kinds.items(), key=lambda each: -each[1]))
    return by_type, tuple(size for _, size in sorted(layers.items()))


def counted(told: object, most: int) -> int:
    """A whole number from 1 to `most`; 0 for all else (as True is none)."""
    return told if type(told) is int and 0 < told <= most else 0


def per_layer(told: object, layers: int) -> tuple[int, ...]:
    """One number for every layer, from one for all or one for each; empty where it is neither."""
    if isinstance(told, list | tuple):
        valid = len(told) == layers and all(
            type(each) in (int, bool) and 0 <= each <= WIDTH_MOST for each in told
        )
        return tuple(int(each) for each in told) if valid else ()
    one = counted(told, WIDTH_MOST)
    return (one,) * layers if one else ()


def cache_bytes_per_token(shape: Shape, keys: TensorType, values: TensorType) -> tuple[int, ...]:
    """Of each layer: heads that are kept x (key length x bytes of its type + the same for values).

    Source: what llama.cpp allocates (a row of keys and a row of values for each cell and layer), which is the
    usual 2 x layers x KV heads x head size x bytes. Empty where the model does not say enough.
    """
    if not shape.key_length or not shape.value_length:
        return ()
    return tuple(
        row_bytes(keys, heads * shape.key_length) + row_bytes(values, heads * shape.value_length)
        for heads in shape.kv_heads
    )


def kept_tokens(shape: Shape, context: int, batch: int) -> tuple[int, ...]:
    """Cells of each layer's cache for one call of `context` tokens: a layer with a window keeps that and a batch.

    Source: llama.cpp's cache of such layers is n_swa + n_ubatch cells, when it does not keep all (`swa_full` is off).
    """
    short = min(context, shape.window + batch) if shape.window else context
    slides: Sequence[bool] = shape.slides or (False,) * shape.layers
    return tuple(short if slide else context for slide in slides)
