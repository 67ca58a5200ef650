"""How much memory a model takes once it is loaded: weights as measured in its files, cache and overhead by formula.

Sources: buffers that llama.cpp's log names. Meta-Llama-3.1-8B Q4_K_M at 512 tokens: CUDA0 4403.49 MiB of weights, 64.00
MiB of cache and 258.50 MiB to compute in, 281.81 MiB in the host's memory; the tests compute the same figures.
"""

import math
from collections.abc import Sequence
from itertools import accumulate

from msgspec import Struct

from agent.models.shape import Shape, Weights, cache_bytes_per_token, kept_tokens
from agent.models.tensor_types import BY_NAME

FLOAT_BYTES = 4
CONTEXT_BYTES = 457 * 2**20
"""What CUDA or ROCm takes of a GPU for a process before it does anything. Source: Ollama's discover/gpu.go."""
MARGIN_BYTES = 2 * 2**30
"""Left free of a GPU that is filled with as many layers as go in: (0.8 of VRAM minus 2 GiB), the 0.8 being the cap."""
OTHER_VECTORS = 6
"""Of a batch that are there beside the scores of attention."""


class Load(Struct, frozen=True):
    """How a model is to be loaded."""

    context: int
    """Tokens for each slot."""
    slots: int = 1
    batch: int = 512
    """Tokens computed at once (n_ubatch)."""
    keys: str = "F16"
    values: str = "F16"
    """Kinds of numbers in the cache, by their names in `tensor_types`."""
    flash_attention: bool = True
    """llama.cpp uses it where the GPU can."""


class Need(Struct, frozen=True):
    """Bytes that a model takes where."""

    layer_bytes: tuple[int, ...]
    """Of each layer: weights, and its cache for all slots."""
    output_bytes: int
    """Where the last layer is."""
    input_bytes: int
    """In the host's memory, always."""
    overhead_bytes: int
    """On each GPU."""

    @property
    def on_one_gpu(self) -> int:
        """All that can be on a GPU, on one."""
        return sum(self.layer_bytes) + self.output_bytes + self.overhead_bytes

    @property
    def in_host(self) -> int:
        """All of it in the host's memory, where no driver takes any."""
        computing = max(0, self.overhead_bytes - CONTEXT_BYTES)
        return sum(self.layer_bytes) + self.output_bytes + self.input_bytes + computing

    def corrected(self, factor: float) -> "Need":
        """By what was learned of estimates."""
        return Need(
            tuple(math.ceil(each * factor) for each in self.layer_bytes),
            math.ceil(self.output_bytes * factor),
            math.ceil(self.input_bytes * factor),
            math.ceil(self.overhead_bytes * factor),
        )


def need(shape: Shape, weights: Weights, load: Load) -> Need:
    """What loading it takes. The cache of a model that says too little of itself (see `cache_bytes`) counts nothing."""
    return Need(
        _with_cache(weights, cache_bytes(shape, load)),
        weights.output_bytes,
        weights.input_bytes,
        CONTEXT_BYTES + compute_bytes(shape, load),
    )


def cache_bytes(shape: Shape, load: Load) -> tuple[int, ...]:
    """Of each layer: bytes of a token x tokens it keeps x slots. Empty where the model does not say enough."""
    per_token = cache_bytes_per_token(shape, BY_NAME[load.keys], BY_NAME[load.values])
    kept = kept_tokens(shape, load.context, load.batch)
    return (
        tuple(size * tokens * load.slots for size, tokens in zip(per_token, kept, strict=True))
        if per_token
        else ()
    )


def compute_bytes(shape: Shape, load: Load) -> int:
    """What a batch is computed in: floats for its outputs (a number for each word) and one vector, or for the scores of
    all heads over the context where there is no flash attention, whichever is more.

    Source: the log's figures: 258.50 MiB for Llama 3 8B = 512 x (128,256 + 4,096) x 4; 560.00 MiB for it at 8,192
    tokens without flash attention = 512 x (32 x 8,192 + 6 x 4,096) x 4.
    """
    batch = min(load.batch, load.context * load.slots)
    outputs = shape.vocabulary + shape.embedding_length
    scores = shape.heads * load.context + OTHER_VECTORS * shape.embedding_length
    return batch * FLOAT_BYTES * (outputs if load.flash_attention else max(outputs, scores))


def layers_that_fit(rooms: Sequence[int], wanted: Need, limit: int | None = None) -> int:
    """How many layers, counted from the last, GPUs take whose capped rooms in bytes are these, beside the rest in the
    host's memory. Each GPU keeps MARGIN_BYTES free, or what computing takes if that is more. 0 where none fits.
    `limit`: at most so many; None: all.

    The output is counted as on a GPU too: llama.cpp's versions differ in whether it moves before or after the layers.
    """
    budgets = [max(0, room - max(MARGIN_BYTES, wanted.overhead_bytes)) for room in rooms]
    every = len(wanted.layer_bytes)
    most = every if limit is None else min(limit, every)
    for layers in range(most if any(budgets) else 0, 0, -1):
        units = (*wanted.layer_bytes[-layers:], wanted.output_bytes)
        if all(taken <= budget for taken, budget in zip(shared_out(units, budgets), budgets, strict=True)):
            return layers
    return 0


def shared_out(units: Sequence[int], shares: Sequence[int]) -> tuple[int, ...]:
    """Bytes for each GPU where consecutive units (layers, then the output) are split in proportion of `shares`.

    Source: llama.cpp puts unit i of n on the first GPU whose running share exceeds i / n.
    """
    total = sum(shares)
    if not total:
        return (sum(units), *(0 for _ in shares[1:]))
    ends = [end / total for end in accumulate(shares)]
    taken, gpu = [0] * len(shares), 0
    for index, size in enumerate(units):
        while gpu < len(ends) - 1 and ends[gpu] <= index / len(units):
            gpu += 1
        taken[gpu] += size
    return tuple(taken)


def _with_cache(weights: Weights, cache: tuple[int, ...]) -> tuple[int, ...]:
    """Layer by layer; where files name their layers otherwise, in equal parts."""
    layers = weights.layer_bytes
    if not cache:
        return layers
    if len(layers) != len(cache):
        layers = (-(-sum(layers) // len(cache)),) * len(cache)
    return tuple(size + kept for size, kept in zip(layers, cache, strict=True))
