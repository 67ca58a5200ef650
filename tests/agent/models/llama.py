"""Model files of known figures: headers only, since nobody reads the weights."""

import struct
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import NamedTuple

from agent.models.gguf import Header, read_header
from agent.models.tensor_types import BY_NAME, SERVED, row_bytes
from scripts.train import gguf

NUMBERS = {kind.name: number for number, kind in SERVED.items()}


class Named(NamedTuple):
    """A tensor without its data."""

    name: str
    lengths: tuple[int, ...]
    kind: str

    @property
    def size_bytes(self) -> int:
        rows = 1
        for length in self.lengths[1:]:
            rows *= length
        return row_bytes(BY_NAME[self.kind], self.lengths[0]) * rows


def counts(**told: int) -> list[bytes]:
    """Entries of whole numbers; two underscores stand for a dot."""
    return [gguf.number(key.replace("__", "."), gguf.UINT32, "I", value) for key, value in told.items()]


def listed(key: str, values: Sequence[int]) -> bytes:
    return gguf.items(key, gguf.UINT32, (struct.pack("<I", value) for value in values))


def header_bytes(entries: Sequence[bytes], tensors: Sequence[Named], alignment: int = 32) -> bytes:
    """All of the file up to its data."""
    parts = [b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries)), *entries]
    offset = 0
    for tensor in tensors:
        lengths = struct.pack(f"<I{len(tensor.lengths)}Q", len(tensor.lengths), *tensor.lengths)
        parts.append(gguf.string(tensor.name) + lengths + struct.pack("<IQ", NUMBERS[tensor.kind], offset))
        offset += tensor.size_bytes + -tensor.size_bytes % alignment
    header = b"".join(parts)
    return header + bytes(-len(header) % alignment)


def read(content: bytes, size: int | None = None) -> Header:
    """As if the file had `size` bytes."""
    return read_header(BytesIO(content), len(content) if size is None else size)


LLAMA_3_1_8B = [
    gguf.text("general.architecture", "llama"),
    *counts(
        general__file_type=15,
        llama__block_count=32,
        llama__context_length=131_072,
        llama__embedding_length=4_096,
        llama__attention__head_count=32,
        llama__attention__head_count_kv=8,
        llama__vocab_size=128_256,
    ),
]
"""What Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf says of itself, as far as memory depends on it."""


def llama_3_1_8b_tensors() -> list[Named]:
    """Those of its Q4_K_M: a half of attn_v and ffn_down, and the output, are Q6_K."""
    return [
        Named("token_embd.weight", (4_096, 128_256), "Q4_K"),
        *(tensor for layer in range(32) for tensor in _layer(layer)),
        Named("output_norm.weight", (4_096,), "F32"),
        Named("output.weight", (4_096, 128_256), "Q6_K"),
        Named("rope_freqs.weight", (64,), "F32"),
    ]


def _layer(layer: int) -> Iterable[Named]:
    better = "Q6_K" if layer < 4 or layer >= 28 or (layer - 4) % 3 == 2 else "Q4_K"
    shapes = {
        "attn_norm": ((4_096,), "F32"),
        "attn_q": ((4_096, 4_096), "Q4_K"),
        "attn_k": ((4_096, 1_024), "Q4_K"),
        "attn_v": ((4_096, 1_024), better),
        "attn_output": ((4_096, 4_096), "Q4_K"),
        "ffn_norm": ((4_096,), "F32"),
        "ffn_gate": ((4_096, 14_336), "Q4_K"),
        "ffn_up": ((4_096, 14_336), "Q4_K"),
        "ffn_down": ((14_336, 4_096), better),
    }
    return (Named(f"blk.{layer}.{name}.weight", *shape) for name, shape in shapes.items())
