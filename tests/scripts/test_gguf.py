"""The writer of model files."""

import random
import struct

import pytest

from scripts.train import gguf


def read_back(tensor: gguf.Tensor) -> list[float]:
    """The weights of a Q8_0 tensor."""
    values: list[float] = []
    for at in range(0, len(tensor.data), 34):
        (scale,) = struct.unpack_from("<e", tensor.data, at)
        values += [scale * level for level in struct.unpack_from("<32b", tensor.data, at + 2)]
    return values


def test_weights_come_back_within_half_a_step() -> None:
    source = random.Random(0)
    rows = [[source.gauss(0, 0.05) for _ in range(64)] for _ in range(3)]
    tensor = gguf.q8_0("m", rows)
    assert tensor.lengths == (64, 3)
    assert len(tensor.data) == 6 * 34
    for row, back in zip(rows, (read_back(tensor)[at : at + 64] for at in (0, 64, 128)), strict=True):
        step = max(map(abs, row)) / 127
        assert all(abs(a - b) <= 0.52 * step + 1e-4 * abs(a) for a, b in zip(row, back, strict=True))


def test_a_block_of_nothing_stays_nothing() -> None:
    assert read_back(gguf.q8_0("m", [[0.0] * 32])) == [0.0] * 32


def test_rows_must_be_whole_blocks() -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        gguf.q8_0("m", [[0.0] * 33])


def test_a_file_holds_its_counts_and_its_data_at_aligned_places() -> None:
    entries = [gguf.text("general.architecture", "llama"), gguf.number("n", gguf.UINT32, "I", 7)]
    tensors = [gguf.f32("a", [1.0, 2.0]), gguf.q8_0("b", [[1.0] * 32])]
    content = gguf.file_bytes(entries, tensors)
    assert struct.unpack_from("<4sIQQ", content) == (b"GGUF", 3, 2, 2)
    assert len(content) % gguf.ALIGNMENT == 0
    assert content[-64:-30] == tensors[1].data
    assert content[-96:-88] == struct.pack("<2f", 1.0, 2.0)
