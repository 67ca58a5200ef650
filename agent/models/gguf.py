"""The header of a GGUF file: what the model says of itself, and which tensors lie where.

Source: the GGUF specification of ggml, versions 2 and 3, and what llama.cpp's own reader refuses. A header may be
hostile: every count is held against what the file could hold before anything is made of it.
"""

import math
from collections.abc import Mapping
from typing import BinaryIO, NamedTuple, TypeAlias

from msgspec import Struct

from agent.models.header_reader import HeaderReader
from agent.models.refusal import ModelRefused
from agent.models.tensor_types import TensorType, row_bytes, tensor_type

MAGIC = b"GGUF"
VERSIONS = (2, 3)
STRING, ARRAY = 8, 9
LAYOUTS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""struct's letters for GGUF's kinds of values."""
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
ENTRIES_MOST = 65_536
TENSORS_MOST = 262_144
LEAST_ENTRY_BYTES, LEAST_TENSOR_BYTES = 13, 24
KEY_MOST = 65_535
NAME_MOST = 63
"""Bytes of a tensor's name: ggml keeps them in 64 with a zero."""
DIMENSIONS_MOST = 4
KEPT_TEXT = 4_096
KEPT_ITEMS = 4_096
"""Longer texts and lists are only counted: templates and vocabularies. One figure for each layer is shorter."""
ALIGNMENT, ALIGNMENT_MOST = 32, 2**20
BYTES_MOST = 2**62


class Skipped(NamedTuple):
    """A text or list that was too long to keep."""

    length: int


Value: TypeAlias = int | float | bool | str | list[float] | Skipped


class Tensor(NamedTuple):
    """`offset` is from where the data begins; `lengths` fastest first."""

    name: str
    lengths: tuple[int, ...]
    kind: TensorType
    offset: int
    size_bytes: int


class Header(Struct, frozen=True):
    """Of one file."""

    metadata: Mapping[str, Value]
    tensors: tuple[Tensor, ...]
    data_at: int
    """Where the tensors' data begins, in bytes from the file's beginning."""

    @property
    def needed_bytes(self) -> int:
        """How large the file must be."""
        return self.data_at + max((each.offset + each.size_bytes for each in self.tensors), default=0)


def read_header(file: BinaryIO, size: int) -> Header:
    """Of a file of `size` bytes that is open at its beginning. Raises ModelRefused; OSError comes from the file.

    A file that is shorter than its tensors still has its header.
    """
    reader = HeaderReader(file, size)
    _begin(reader)
    tensors, entries = reader.number("Q"), reader.number("Q")
    _bound("tensors", tensors, TENSORS_MOST, reader.left // LEAST_TENSOR_BYTES)
    _bound("entries", entries, ENTRIES_MOST, reader.left // LEAST_ENTRY_BYTES)
    metadata = _metadata(reader, entries)
    alignment = _alignment(metadata)
    listed = _tensors(reader, tensors, alignment)
    return Header(metadata, listed, _aligned(reader.at, alignment))


def _begin(reader: HeaderReader) -> None:
    if reader.left < len(MAGIC) or reader.bytes(len(MAGIC)) != MAGIC:
        raise ModelRefused("it is no GGUF file")
    version = reader.number("I")
    if version and not version & 0xFFFF:
        raise ModelRefused("it is a GGUF file of a big-endian machine")
    if version not in VERSIONS:
        raise ModelRefused(f"it is a GGUF file of version {version}; 2 and 3 are read")


def _bound(what: str, told: int, most: int, possible: int) -> None:
    if told > min(most, possible):
        raise ModelRefused(f"its header tells of {told:,} {what}, which cannot be")


def _metadata(reader: HeaderReader, entries: int) -> dict[str, Value]:
    metadata: dict[str, Value] = {}
    for _ in range(entries):
        key = reader.text(KEY_MOST)
        if key in metadata:
            raise ModelRefused(f"its header tells {key[:80]!r} twice")
        metadata[key] = _value(reader, reader.number("I"))
    return metadata


def _value(reader: HeaderReader, kind: int) -> Value:
    if kind == STRING:
        return _text(reader)
    if kind == ARRAY:
        return _array(reader)
    return _plain(reader, kind)


def _plain(reader: HeaderReader, kind: int) -> float:
    if kind not in LAYOUTS:
        raise ModelRefused(f"its header has a value of the unknown kind {kind}")
    return reader.value(LAYOUTS[kind])


def _text(reader: HeaderReader) -> Value:
    length = reader.number("Q")
    if length > KEPT_TEXT:
        reader.skip(length)
        return Skipped(length)
    return reader.bytes(length).decode("utf-8", "replace")


def _array(reader: HeaderReader) -> Value:
    kind, count = reader.number("I"), reader.number("Q")
    if kind == STRING:
        _bound("texts", count, BYTES_MOST, reader.left // 8)
        reader.skip_texts(count)
        return Skipped(count)
    if kind not in SIZES:
        raise ModelRefused(f"its header has a list of the unknown kind {kind}")
    if count > KEPT_ITEMS:
        reader.skip(count * SIZES[kind])
        return Skipped(count)
    return reader.numbers(LAYOUTS[kind], count)


def _alignment(metadata: Mapping[str, Value]) -> int:
    told = metadata.get("general.alignment", ALIGNMENT)
    if type(told) is not int or not 0 < told <= ALIGNMENT_MOST or told & (told - 1):
        raise ModelRefused("its header tells an alignment that is no power of two")
    return told


def _tensors(reader: HeaderReader, count: int, alignment: int) -> tuple[Tensor, ...]:
    tensors: dict[str, Tensor] = {}
    place = 0
    for _ in range(count):
        tensor = _tensor(reader)
        if tensor.name in tensors:
            raise ModelRefused(f"its header tells the tensor {tensor.name} twice")
        if tensor.offset != place:
            raise ModelRefused(f"the tensor {tensor.name} is not where it must be")
        tensors[tensor.name] = tensor
        place += _aligned(tensor.size_bytes, alignment)
    return tuple(tensors.values())


def _tensor(reader: HeaderReader) -> Tensor:
    name = reader.text(NAME_MOST)
    dimensions = reader.number("I")
    if dimensions > DIMENSIONS_MOST:
        raise ModelRefused(f"the tensor {name} has {dimensions} dimensions")
    lengths = tuple(reader.number("Q") for _ in range(dimensions))
    kind = tensor_type(reader.number("I"), name)
    return Tensor(name, lengths, kind, reader.number("Q"), _size(name, lengths, kind))


def _size(name: str, lengths: tuple[int, ...], kind: TensorType) -> int:
    row = lengths[0] if lengths else 1
    if row % kind.weights:
        raise ModelRefused(f"the rows of {name} are no whole blocks of {kind.name}")
    size = row_bytes(kind, row) * math.prod(lengths[1:])
    if not 0 < size <= BYTES_MOST:
        raise ModelRefused(f"the tensor {name} has a size that cannot be")
    return size


def _aligned(place: int, alignment: int) -> int:
    return place + -place % alignment
