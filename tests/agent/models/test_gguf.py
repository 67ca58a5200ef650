"""Headers of GGUF files: real ones are read, hostile ones are refused and cost nothing."""

import contextlib
import random
import struct
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.models.gguf import LAYOUTS, Skipped
from agent.models.header_reader import HEADER_MOST, ITEMS_MOST
from agent.models.refusal import ModelRefused, missing_bytes
from scripts.train import gguf
from tests.agent.models.llama import (
    LLAMA_3_1_8B,
    Named,
    counts,
    header_bytes,
    listed,
    llama_3_1_8b_tensors,
    read,
)

ENTRIES = [
    gguf.text("general.architecture", "llama"),
    gguf.text("tokenizer.chat_template", "x" * 5_000),
    gguf.items("tokenizer.ggml.tokens", gguf.STRING, (gguf.string(str(each)) for each in range(5_000))),
    gguf.items("tokenizer.ggml.scores", gguf.FLOAT32, (struct.pack("<f", 0.5) for _ in range(5_000))),
    gguf.number("llama.eps", gguf.FLOAT32, "f", 0.5),
    gguf.number("llama.flag", gguf.BOOL, "?", True),
    listed("llama.attention.head_count_kv", [8, 0, 8]),
]
TENSORS = [Named("a", (64, 2), "Q8_0"), Named("blk.0.b", (5,), "F32")]
SMALL = header_bytes(ENTRIES, TENSORS)


def begun(version: int = 3, tensors: int = 0, entries: int = 0) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, entries)


def test_what_it_says_is_read_and_what_is_long_is_counted() -> None:
    header = read(SMALL, len(SMALL) + 160 + 20)
    assert header.metadata == {
        "general.architecture": "llama",
        "tokenizer.chat_template": Skipped(5_000),
        "tokenizer.ggml.tokens": Skipped(5_000),
        "tokenizer.ggml.scores": Skipped(5_000),
        "llama.eps": 0.5,
        "llama.flag": True,
        "llama.attention.head_count_kv": [8, 0, 8],
    }
    assert [(each.name, each.kind.name, each.offset, each.size_bytes) for each in header.tensors] == [
        ("a", "Q8_0", 0, 136),
        ("blk.0.b", "F32", 160, 20),
    ]
    assert header.data_at == len(SMALL)
    assert header.needed_bytes == len(SMALL) + 180


def test_every_kind_of_number() -> None:
    entries = [gguf.number(f"k{kind}", kind, layout, 1) for kind, layout in LAYOUTS.items()]
    assert read(header_bytes(entries, [])).metadata == {f"k{kind}": 1 for kind in LAYOUTS}


def test_a_file_that_did_not_arrive_whole_is_known_by_its_header() -> None:
    content = header_bytes(LLAMA_3_1_8B, llama_3_1_8b_tensors())
    header = read(content, 3 * 2**30)
    assert missing_bytes(header.needed_bytes, header.needed_bytes) == ""
    assert missing_bytes(header.needed_bytes - 1, header.needed_bytes).endswith("it did not arrive whole")
    assert "the file has 3,221,225,472 bytes, its tensors need 4,9" in missing_bytes(
        3 * 2**30, header.needed_bytes
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no GGUF file"),
        (b"GGU", "no GGUF file"),
        (b"PK\x03\x04" + bytes(100), "no GGUF file"),
        (b"GGUF", "ends inside its header"),
        (begun(1), "of version 1"),
        (begun(4), "of version 4"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
        (begun(tensors=2**63), "9,223,372,036,854,775,808 tensors, which cannot be"),
        (begun(entries=2**64 - 1), "entries, which cannot be"),
        (
            begun(entries=1) + struct.pack("<Q", 2**60) + bytes(99),
            "a name of 1,152,921,504,606,846,976 bytes",
        ),
        (begun(entries=1) + gguf.string("k") + struct.pack("<IQ", 8, 2**60), "ends inside its header"),
        (begun(entries=1) + gguf.string("k") + struct.pack("<IIQ", 9, 8, 2**60), "texts, which cannot be"),
        (begun(entries=1) + gguf.string("k") + struct.pack("<IIQ", 9, 4, 2**60), "ends inside its header"),
        (begun(entries=1) + gguf.string("k") + struct.pack("<IIQ", 9, 9, 1) + bytes(9), "unknown kind 9"),
        (begun(entries=1) + gguf.string("k") + struct.pack("<I", 77) + bytes(9), "unknown kind 77"),
        (header_bytes([*counts(a=1), *counts(a=1)], []), "tells 'a' twice"),
        (header_bytes(counts(general__alignment=0), []), "no power of two"),
        (header_bytes(counts(general__alignment=48), []), "no power of two"),
        (header_bytes([gguf.text("general.alignment", "32")], []), "no power of two"),
        (header_bytes([], [TENSORS[0], TENSORS[0]]), "the tensor a twice"),
        (header_bytes([], TENSORS, alignment=8), "blk.0.b is not where it must be"),
        (header_bytes([], [Named("n" * 64, (1,), "F32")]), "a name of 64 bytes"),
        (header_bytes([], [Named("n", (1,) * 5, "F32")]), "5 dimensions"),
        (header_bytes([], [Named("n", (33,), "Q8_0")]), "no whole blocks of Q8_0"),
        (header_bytes([], [Named("n", (0,), "F32")]), "a size that cannot be"),
        (header_bytes([], [Named("n", (2**63, 2**63, 2**63, 2**63), "F32")]), "a size that cannot be"),
        (SMALL[:-40], "ends inside its header"),
    ],
)
def test_what_cannot_be_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ModelRefused, match=words):
        read(content)


def test_an_alignment_of_its_own() -> None:
    content = header_bytes(counts(general__alignment=64), TENSORS, alignment=64)
    assert read(content).data_at % 64 == 0


def test_a_header_without_end_is_refused_early() -> None:
    empty_texts = struct.pack("<IIQ", 9, 8, ITEMS_MOST + 1)
    with pytest.raises(ModelRefused, match="more than 4,000,000 items"):
        read(begun(entries=1) + gguf.string("k") + empty_texts, 2**40)
    long = struct.pack("<IQ", 8, HEADER_MOST)
    with pytest.raises(ModelRefused, match="larger than 64 MiB"):
        read(begun(entries=1) + gguf.string("k") + long, 2**40)


def test_a_refusal_is_cheap() -> None:
    """Two thousand headers with one to eight bytes spoilt: each read or refused, at once, in little memory."""
    chance = random.Random(6)
    content = bytearray(header_bytes([*ENTRIES[:1], *ENTRIES[4:], *counts(general__alignment=32)], TENSORS))
    tracemalloc.start()
    began, refused = time.monotonic(), 0
    for _ in range(2_000):
        spoilt = bytearray(content)
        for _ in range(chance.randint(1, 8)):
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        try:
            read(bytes(spoilt[: chance.randint(len(spoilt) // 2, len(spoilt))]), 2**42)
        except ModelRefused:
            refused += 1
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused > 1_500
    assert most < 4 * 2**20
    assert time.monotonic() - began < 20


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 5), st.integers(0, 5))
def test_any_bytes_are_read_or_refused(rest: bytes, tensors: int, entries: int) -> None:
    with contextlib.suppress(ModelRefused):
        read(begun(3, tensors, entries) + rest, 2**40)
