"""The header of a safetensors file, and the index of a model that is in several of them.

Source: the format's README (huggingface/safetensors): eight bytes of length, that much JSON, then the data, in which
tensors lie one behind the other without holes.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, BinaryIO, NamedTuple

import msgspec
from msgspec import Meta, Struct

from agent.models.refusal import ModelRefused

HEADER_MOST = 32 * 2**20
"""Bytes. The format allows 100 MB; ten thousand tensors need one MiB."""
LENGTH_BYTES = 8
TENSORS_MOST = 262_144
FILES_MOST = 1_000
BITS = {
    **{"BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64},
    **{"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "C64": 64},
    **{"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6},
}
"""Of one number, by the name of its kind."""

Count = Annotated[int, Meta(ge=0, le=2**53)]


class Tensor(NamedTuple):
    """One of a file."""

    name: str
    kind: str
    size_bytes: int


class _Told(Struct):
    dtype: str
    shape: Annotated[list[Count], Meta(max_length=16)]
    data_offsets: tuple[Count, Count]


class _Index(Struct):
    weight_map: dict[str, str]


class Header(Struct, frozen=True):
    """Of one file."""

    tensors: tuple[Tensor, ...]
    needed_bytes: int
    """How large the file must be."""


def read_header(file: BinaryIO, size: int) -> Header:
    """Of a file of `size` bytes that is open at its beginning. Raises ModelRefused; OSError comes from the file."""
    length = int.from_bytes(file.read(LENGTH_BYTES), "little")
    if length > min(HEADER_MOST, size - LENGTH_BYTES):
        raise ModelRefused("it is no safetensors file, or ends inside its header")
    try:
        told = msgspec.json.decode(file.read(length), type=dict[str, msgspec.Raw])
        told.pop("__metadata__", None)
        listed = {name: msgspec.json.decode(raw, type=_Told) for name, raw in told.items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelRefused(f"its header makes no sense: {error}") from error
    return Header(tuple(_tensors(listed)), LENGTH_BYTES + length + _end(listed.values()))


def index_files(content: bytes) -> tuple[str, ...]:
    """Names of the files of a model, from its *.safetensors.index.json. Raises ModelRefused."""
    try:
        index = msgspec.json.decode(content, type=_Index)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelRefused(f"the index makes no sense: {error}") from error
    names = tuple(sorted(set(index.weight_map.values())))
    if not 0 < len(names) <= FILES_MOST:
        raise ModelRefused(f"the index names {len(names)} files")
    for name in names:
        if not name.endswith(".safetensors") or "/" in name or "\\" in name:
            raise ModelRefused(f"the index names {name[:80]!r}, which is no file beside it")
    return names


def _tensors(listed: Mapping[str, _Told]) -> Iterable[Tensor]:
    if len(listed) > TENSORS_MOST:
        raise ModelRefused(f"its header tells of {len(listed):,} tensors")
    for name, told in listed.items():
        begin, end = told.data_offsets
        if told.dtype not in BITS:
            raise ModelRefused(f"the tensor {name[:80]} is of the unknown kind {told.dtype[:20]}")
        if (end - begin) * 8 != math.prod(told.shape) * BITS[told.dtype]:
            raise ModelRefused(f"the tensor {name[:80]} has another size than its shape")
        yield Tensor(name, told.dtype, end - begin)


def _end(listed: Iterable[_Told]) -> int:
    """Of the data, which has no holes."""
    place = 0
    for begin, end in sorted(told.data_offsets for told in listed):
        if begin != place:
            raise ModelRefused("its tensors do not lie one behind the other")
        place = end
    return place
