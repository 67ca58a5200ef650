"""A model of known figures and the engine that would load it, for tests."""

import struct
from pathlib import Path

import msgspec

from agent.engines import llama_server
from agent.loading.decision import Model, Room
from agent.loading.spec import LoadSpec
from agent.models.gguf_shape import shape_of, weights_of
from agent.models.placement import Card
from tests.agent.models.llama import LLAMA_3_1_8B, header_bytes, llama_3_1_8b_tensors, read
from tests.agent.models.test_placement import GIB

HEADER = read(header_bytes(LLAMA_3_1_8B, llama_3_1_8b_tensors()))
LLAMA = Model(shape_of(HEADER.metadata), weights_of([HEADER]))
"""Llama 3.1 8B as Q4_K_M; two slots of 4,096 tokens take 6.1 GiB of one GPU."""


def spec(path: str = "/m/llama.gguf", **told: object) -> LoadSpec:
    """Of llama-server."""
    options = llama_server.Options(model=path, **told)  # type: ignore[arg-type]
    return msgspec.structs.replace(llama_server.spec(options, ("llama-server",)), sees_gpus=None)


def room(*cards: Card, host: float = 64, cap: float = 0.8) -> Room:
    """`host`: GiB that are free."""
    return Room(cards, int(host * GIB), cap)


def whole_file(path: Path) -> Path:
    """All of the model but its weights, which are a hole in the file."""
    header = header_bytes(LLAMA_3_1_8B, llama_3_1_8b_tensors())
    with path.open("wb") as file:
        file.write(header)
        file.truncate(HEADER.needed_bytes)
    return path


def truncated(path: Path, model: Path) -> Path:
    """The first three quarters of a file."""
    content = model.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])
    return path


def of_unknown_quantisation(path: Path, model: Path) -> Path:
    """The same file, its first tensor said to be of a kind that was removed (Q4_2)."""
    content = bytearray(model.read_bytes())
    at = content.index(b"token_embd.weight") + len(b"token_embd.weight")
    (dimensions,) = struct.unpack_from("<I", content, at)
    struct.pack_into("<I", content, at + 4 + 8 * dimensions, 4)
    path.write_bytes(content)
    return path
