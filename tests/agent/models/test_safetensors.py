"""Headers of safetensors files, and the index of several."""

import json
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.models.refusal import ModelRefused
from agent.models.safetensors import Header, Tensor, index_files, read_header


def content(tensors: dict[str, Any]) -> bytes:
    head = json.dumps(tensors).encode()
    return len(head).to_bytes(8, "little") + head


def told(dtype: str = "F32", shape: tuple[int, ...] = (2,), begin: int = 0, end: int = 8) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def read(data: bytes, size: int | None = None) -> Header:
    return read_header(BytesIO(data), len(data) if size is None else size)


def test_what_it_says_is_read() -> None:
    data = content({"__metadata__": {"format": "pt"}, "b": told("BF16", (3, 2), 8, 20), "a": told()})
    assert read(data) == Header((Tensor("b", "BF16", 12), Tensor("a", "F32", 8)), len(data) + 20)
    assert read(content({})).needed_bytes == 10


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no safetensors file"),
        (b"GGUF\3\0\0\0", "no safetensors file"),
        ((2**63).to_bytes(8, "little") + bytes(99), "no safetensors file"),
        ((50).to_bytes(8, "little") + b"{}", "ends inside its header"),
        ((2).to_bytes(8, "little") + b"[]", "makes no sense"),
        ((2).to_bytes(8, "little") + b"\xff\xff", "makes no sense"),
        (content({"a": {"dtype": "F32"}}), "makes no sense"),
        (content({"a": told(shape=(-1,))}), "makes no sense"),
        (content({"a": told("Q3")}), "the tensor a is of the unknown kind Q3"),
        (content({"a": told(shape=(3,))}), "another size than its shape"),
        (content({"a": told(begin=8, end=0)}), "another size than its shape"),
        (content({"a": told(begin=8, end=16)}), "one behind the other"),
        (content({"a": told(), "b": told()}), "one behind the other"),
    ],
)
def test_what_cannot_be_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ModelRefused, match=words):
        read(data)


def test_a_header_that_nests_without_end_is_refused() -> None:
    deep = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(ModelRefused, match="makes no sense"):
        read(len(deep).to_bytes(8, "little") + deep)


def test_the_index_names_files_beside_it() -> None:
    names = ["model-00002-of-00002.safetensors", "model-00001-of-00002.safetensors"]
    data = json.dumps(
        {"metadata": {"total_size": 1}, "weight_map": {"a": names[0], "b": names[1], "c": names[0]}}
    )
    assert index_files(data.encode()) == tuple(sorted(names))


@pytest.mark.parametrize(
    "names", [[], ["../../secret.safetensors"], ["/etc/passwd"], ["a.bin"], ["c:\\a.safetensors"], [7], None]
)
def test_an_index_that_names_others_is_refused(names: Any) -> None:
    files = None if names is None else dict(enumerate(names))
    with pytest.raises(ModelRefused, match="the index"):
        index_files(json.dumps({"weight_map": files}).encode())


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.recursive(st.integers() | st.text(), st.lists, max_leaves=5)))
def test_any_header_is_read_or_refused(tensors: dict[str, Any]) -> None:
    data = content({"a": told()} | tensors)
    try:
        header = read(data)
    except ModelRefused:
        return
    assert set(tensors) <= {"__metadata__"}
    assert header.needed_bytes == len(data) + 8
