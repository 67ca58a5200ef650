"""A writer of GGUF version 3, llama.cpp's file of a model, by the standard library alone."""

import math
import struct
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# Numbers of the kinds of metadata and of tensors.
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
TENSOR_F32, TENSOR_F16, TENSOR_Q8_0 = 0, 1, 8
FILE_TYPE_F16, FILE_TYPE_Q8_0 = 1, 7
"""general.file_type: of most of the weights."""
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
"""tokenizer.ggml.token_type"""
ALIGNMENT = 32
BLOCK = 32
"""Weights that share a scale in Q8_0."""


class Tensor(NamedTuple):
    """One tensor: GGUF name, lengths (fastest first), tensor type and little-endian data."""

    name: str
    lengths: tuple[int, ...]
    kind: int
    data: bytes


def string(text: str) -> bytes:
    """As the format spells one."""
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def number(key: str, kind: int, layout: str, value: float | bool) -> bytes:
    """An entry of the metadata; `layout` is that of struct."""
    return string(key) + struct.pack("<I" + layout, kind, value)


def text(key: str, value: str) -> bytes:
    """An entry of the metadata."""
    return string(key) + struct.pack("<I", STRING) + string(value)


def items(key: str, kind: int, values: Iterable[bytes]) -> bytes:
    """An entry that is an array of values, packed one by one."""
    packed = list(values)
    return string(key) + struct.pack("<IIQ", ARRAY, kind, len(packed)) + b"".join(packed)


def f32(name: str, values: Sequence[float]) -> Tensor:
    """A vector of floats."""
    return Tensor(name, (len(values),), TENSOR_F32, struct.pack(f"<{len(values)}f", *values))


def q8_0(name: str, rows: Sequence[Sequence[float]]) -> Tensor:
    """A matrix in blocks of 32 weights: a half float as scale, and 32 whole numbers of -127 to 127.

    Raises ValueError where rows are no multiple of a block.
    """
    if any(len(row) % BLOCK for row in rows):
        raise ValueError(f"{name}: a row of Q8_0 is a multiple of {BLOCK} weights")
    blocks = (_block(row[at : at + BLOCK]) for row in rows for at in range(0, len(row), BLOCK))
    return Tensor(name, (len(rows[0]), len(rows)), TENSOR_Q8_0, b"".join(blocks))


def _block(weights: Sequence[float]) -> bytes:
    scale = max(map(abs, weights)) / 127
    inverse = 1 / scale if scale else 0.0
    levels = array("b", [max(-127, min(127, math.floor(weight * inverse + 0.5))) for weight in weights])
    return struct.pack("<e", scale) + levels.tobytes()


def file_bytes(metadata: Sequence[bytes], tensors: Sequence[Tensor]) -> bytes:
    """The whole file."""
    head = [b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)), *metadata]
    offset = 0
    for tensor in tensors:
        lengths = struct.pack(f"<I{len(tensor.lengths)}Q", len(tensor.lengths), *tensor.lengths)
        head.append(string(tensor.name) + lengths + struct.pack("<IQ", tensor.kind, offset))
        offset += len(tensor.data) + len(_padding(len(tensor.data)))
    header = b"".join(head)
    return header + _padding(len(header)) + b"".join(t.data + _padding(len(t.data)) for t in tensors)


def _padding(length: int) -> bytes:
    return bytes(-length % ALIGNMENT)
