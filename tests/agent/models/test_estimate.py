"""Estimates against figures that llama.cpp's logs have for published models."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.models.estimate import (
    CONTEXT_BYTES,
    MARGIN_BYTES,
    Load,
    Need,
    cache_bytes,
    compute_bytes,
    layers_that_fit,
    need,
    shared_out,
)
from agent.models.gguf_shape import shape_of, weights_of
from agent.models.shape import Shape, Weights
from tests.agent.models.llama import LLAMA_3_1_8B, header_bytes, llama_3_1_8b_tensors, read

MIB, GIB = 2**20, 2**30
HEADER = read(header_bytes(LLAMA_3_1_8B, llama_3_1_8b_tensors()))
SHAPE, WEIGHTS = shape_of(HEADER.metadata), weights_of([HEADER])


@pytest.mark.parametrize(
    ("load", "mib"),
    [
        (Load(512), 64.0),
        (Load(2_048), 256.0),
        (Load(8_192), 1_024.0),
        (Load(8_192, slots=4), 4_096.0),
        (Load(8_192, keys="Q8_0", values="Q8_0"), 544.0),
        (Load(8_192, keys="Q4_0", values="Q4_0"), 288.0),
        (Load(131_072), 16_384.0),
    ],
)
def test_cache_of_llama_3_1_8b(load: Load, mib: float) -> None:
    assert sum(cache_bytes(SHAPE, load)) / MIB == mib


@pytest.mark.parametrize(
    ("load", "mib"),
    [
        (Load(512), 258.5),
        (Load(131_072), 258.5),
        (Load(2_048, flash_attention=False), 258.5),
        (Load(8_192, flash_attention=False), 560.0),
        (Load(64, batch=512), 258.5 / 8),
    ],
)
def test_what_llama_3_1_8b_is_computed_in(load: Load, mib: float) -> None:
    assert compute_bytes(SHAPE, load) / MIB == mib


def test_all_that_llama_3_1_8b_needs_at_512_tokens() -> None:
    wanted = need(SHAPE, WEIGHTS, Load(512))
    assert round(wanted.input_bytes / MIB, 2) == 281.81
    assert wanted.overhead_bytes == CONTEXT_BYTES + 258.5 * MIB
    assert round((wanted.on_one_gpu - wanted.overhead_bytes) / MIB, 2) == 4403.49 + 64.00


def test_layers_with_other_names_count_in_equal_parts() -> None:
    weights = Weights((100, 100, 101), 0, 7, {}, "")
    shape = Shape(layers=2, heads=1, kv_heads=(1, 1), key_length=1, value_length=1)
    assert need(shape, weights, Load(10)).layer_bytes == (191, 191)
    assert need(Shape(layers=2), weights, Load(10)).layer_bytes == (100, 100, 101)


def test_what_was_learned_scales_all() -> None:
    assert Need((10, 11), 3, 0, 1).corrected(1.25) == Need((13, 14), 4, 0, 2)


WANTED = Need((GIB,) * 32, GIB // 2, GIB // 4, GIB // 2)


@pytest.mark.parametrize(
    ("rooms", "layers"),
    [
        # 0.8 of 24 GiB less 2 GiB is 17.2 GiB, of which the output takes half of one
        ([int(0.8 * 24 * GIB)], 16),
        ([int(0.8 * 48 * GIB)], 32),
        ([int(0.8 * 4 * GIB)], 0),
        ([int(0.8 * 24 * GIB)] * 2, 32),
        # 7.6 GiB each, and a layer cannot be divided
        ([int(0.8 * 12 * GIB)] * 2, 13),
        ([MARGIN_BYTES], 0),
        ([], 0),
    ],
)
def test_layers_that_fit(rooms: list[int], layers: int) -> None:
    assert layers_that_fit(rooms, WANTED) == layers


def test_a_batch_that_takes_more_than_the_margin_is_left_room() -> None:
    wide = Need((GIB,) * 32, 0, 0, 6 * GIB)
    assert layers_that_fit([10 * GIB], wide) == 4


@pytest.mark.parametrize(
    ("units", "shares", "taken"),
    [
        ([1] * 4, [1, 1], (2, 2)),
        ([1] * 5, [1, 1], (3, 2)),
        ([1] * 4, [3, 1], (3, 1)),
        ([1] * 4, [1, 0, 1], (2, 0, 2)),
        ([1, 2, 3], [1], (6,)),
        ([1, 2], [0, 0], (3, 0)),
        ([], [1, 2], (0, 0)),
    ],
)
def test_shares(units: list[int], shares: list[int], taken: tuple[int, ...]) -> None:
    assert shared_out(units, shares) == taken


@given(st.lists(st.integers(0, 10**9), max_size=80), st.lists(st.integers(0, 10**11), min_size=1, max_size=8))
def test_nothing_is_lost_in_sharing(units: list[int], shares: list[int]) -> None:
    taken = shared_out(units, shares)
    assert sum(taken) == sum(units)
    assert len(taken) == len(shares)


@given(
    st.lists(st.integers(1, GIB), min_size=1, max_size=60),
    st.lists(st.integers(0, 60 * GIB), min_size=1, max_size=4),
)
def test_layers_never_pass_the_budget(sizes: list[int], rooms: list[int]) -> None:
    wanted = Need(tuple(sizes), GIB // 8, 0, GIB // 2)
    layers = layers_that_fit(rooms, wanted)
    if layers:
        budgets = [max(0, each - MARGIN_BYTES) for each in rooms]
        taken = shared_out([*sizes[-layers:], wanted.output_bytes], budgets)
        assert all(a <= b for a, b in zip(taken, budgets, strict=True))
