"""The table is the library's own; what it does not serve is refused by its name."""

import ctypes
import importlib.util
import re
from pathlib import Path

import pytest

from agent.models.refusal import ModelRefused
from agent.models.tensor_types import (
    BY_NAME,
    FILE_TYPES,
    FOR_COMPUTING,
    REMOVED,
    SERVED,
    row_bytes,
    tensor_type,
)

KINDS = 43
"""GGML_TYPE_COUNT"""


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    """llama.cpp as the extra `embedded` brings it."""
    found = importlib.util.find_spec("xllamacpp")
    if found is None or not found.submodule_search_locations:
        pytest.skip("xllamacpp is not installed")
    (path,) = Path(found.submodule_search_locations[0]).glob("xllamacpp*.so")
    loaded = ctypes.CDLL(str(path))
    for name in ("ggml_type_name", "llama_ftype_name"):
        getattr(loaded, name).restype = ctypes.c_char_p
    loaded.ggml_blck_size.restype = ctypes.c_int64
    loaded.ggml_type_size.restype = ctypes.c_size_t
    return loaded


def test_sizes_are_those_of_the_library(library: ctypes.CDLL) -> None:
    for number, kind in SERVED.items():
        told = library.ggml_type_name(number).decode().upper()
        assert (told, library.ggml_blck_size(number), library.ggml_type_size(number)) == kind


def test_nothing_of_the_library_is_left_out(library: ctypes.CDLL) -> None:
    assert sorted(SERVED | REMOVED | FOR_COMPUTING) == list(range(KINDS))
    for number in REMOVED:
        assert library.ggml_type_size(number) == 0


def test_names_of_files_are_those_of_the_library(library: ctypes.CDLL) -> None:
    for number, name in FILE_TYPES.items():
        told = library.llama_ftype_name(number).decode()
        long = {"S": "Small", "M": "Medium", "L": "Large"}
        stem, _, size = name.rpartition("_")
        spelt = (
            re.split(r" - \d| mix", told.replace(" MoE", "_MOE"))[0].removeprefix("all ").split(" ternary")[0]
        )
        assert spelt in (name, f"{stem} - {long.get(size)}", "Q2_K - Medium", "IQ3_S"), told


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (
            139,
            "quantisation IQ4_K of blk.0.x is not one that this llama.cpp serves: it is ik_llama.cpp's own",
        ),
        (32, "quantisation Q4_0_4_8 of blk.0.x is not one that this llama.cpp serves: it was removed"),
        (15, "quantisation Q8_K of blk.0.x is not one that this llama.cpp serves: it is for computing"),
        (4_000_000_000, "quantisation number 4000000000 of blk.0.x is not one"),
    ],
)
def test_another_is_refused_by_its_name(number: int, words: str) -> None:
    with pytest.raises(ModelRefused, match=f"^{re.escape(words)}"):
        tensor_type(number, "blk.0.x")


def test_a_row_is_whole_blocks() -> None:
    assert row_bytes(BY_NAME["Q8_0"], 1_024) == 1_088
    assert row_bytes(BY_NAME["Q4_0"], 33) == 36
    assert row_bytes(BY_NAME["F16"], 0) == 0
