"""Whose use it is."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.capacity.owner import (
    Process,
    Snapshot,
    graphics_pct,
    memory_pct,
    processor_pct,
    spent_ms,
)
from shared.wire import Gpu, Memory, Replica

GIB = 2**30
AGENT, OLLAMA, RUNNER = (10, 1000.0), (20, 500.0), (21, 2000.0)
NOW = 5000.0


def a_snapshot(
    total: int, busy: int, *, own: int = 0, engine: Mapping[Process, int] | None = None, at: float = NOW
) -> Snapshot:
    return Snapshot(at, total, busy, {AGENT: own}, {OLLAMA: 0} if engine is None else engine)


@pytest.mark.parametrize(
    ("busy", "own", "ollama", "carried", "expected"),
    [
        (0, 0, 0, False, 0.0),
        (5_000, 0, 0, False, 25.0),
        (5_000, 2_000, 0, False, 15.0),
        (5_000, 1_000, 4_000, True, 0.0),
        (20_000, 0, 20_000, True, 0.0),
        (20_000, 0, 15_000, True, 25.0),
        (20_000, 0, 15_000, False, 100.0),  # the owner's own chats, past the fleet
        (5_000, 0, 6_000, True, 0.0),  # counters are not read at the same moment
    ],
)
def test_the_fleets_part_is_taken_away(
    busy: int, own: int, ollama: int, carried: bool, expected: float
) -> None:
    before = a_snapshot(1_000_000, 500_000, own=70, engine={OLLAMA: 900})
    after = a_snapshot(1_020_000, 500_000 + busy, own=70 + own, engine={OLLAMA: 900 + ollama}, at=NOW + 5)
    assert processor_pct(before, after, carried=carried) == expected


@given(st.integers(0, 20_000), st.data())
def test_the_fleets_load_changes_nothing_of_what_is_the_owners(owner: int, data: st.DataObject) -> None:
    fleet = data.draw(st.integers(0, 20_000 - owner))
    before = a_snapshot(10**9, 10**8, engine={OLLAMA: 5, RUNNER: 77})
    alone = a_snapshot(10**9 + 20_000, 10**8 + owner, engine={OLLAMA: 5, RUNNER: 77})
    shared = a_snapshot(10**9 + 20_000, 10**8 + owner + fleet, engine={OLLAMA: 5, RUNNER: 77 + fleet})
    assert processor_pct(before, shared, carried=True) == processor_pct(before, alone, carried=False)


@pytest.mark.parametrize(
    ("before", "after", "spent"),
    [
        ({OLLAMA: 100}, {OLLAMA: 150}, 50),
        ({OLLAMA: 100}, {OLLAMA: 100, (30, NOW + 1): 40}, 40),  # a runner that was started meanwhile
        ({OLLAMA: 100, RUNNER: 900}, {OLLAMA: 1030}, 30),  # ended: its parent has its figure
        ({OLLAMA: 100, RUNNER: 900}, {OLLAMA: 110}, None),  # ended, and nobody has
        ({OLLAMA: 100}, {OLLAMA: 100, RUNNER: 900}, None),  # older, and not seen before
        ({OLLAMA: 100}, {(20, NOW + 2): 7}, None),  # another process of that number
        ({}, {}, 0),
    ],
)
def test_what_processes_took(
    before: dict[Process, int], after: dict[Process, int], spent: int | None
) -> None:
    assert spent_ms(before, after, NOW) == spent


def test_where_engines_cannot_be_read_their_calls_teach_nothing() -> None:
    before, after = Snapshot(NOW, 0, 0, {AGENT: 0}, None), Snapshot(NOW + 5, 20_000, 9_000, {AGENT: 0}, None)
    assert processor_pct(before, after, carried=True) is None
    assert processor_pct(before, after, carried=False) == 45.0
    assert processor_pct(after, after, carried=False) is None


def a_gpu(use: float | None, gib: float) -> Gpu:
    return Gpu(utilization_pct=use, vram_total_bytes=int(gib * GIB))


@pytest.mark.parametrize(
    ("gpus", "use"),
    [
        ([], 0.0),
        ([a_gpu(None, 24)], 0.0),
        ([a_gpu(80, 24)], 80.0),
        ([a_gpu(100, 24), *[a_gpu(0, 24)] * 7], 12.5),
        ([a_gpu(0, 1), a_gpu(100, 24)], 96.0),
        ([a_gpu(50, 0)], 50.0),
        ([a_gpu(None, 24), a_gpu(30, 8)], 30.0),
    ],
)
def test_cards_count_by_their_memory(gpus: list[Gpu], use: float) -> None:
    assert graphics_pct(gpus) == pytest.approx(use)


@pytest.mark.parametrize(
    ("available", "size", "vram", "discrete", "used"),
    [
        (40, 0, 0, False, 60.0),
        (40, 50, None, False, 10.0),  # an idle machine that is full of models
        (40, 50, 50, False, 10.0),  # Apple: VRAM is host memory
        (40, 50, 50, True, 60.0),
        (40, 50, 20, True, 30.0),
        (40, 90, None, False, 0.0),  # pages of a file that is mapped count as available too
    ],
)
def test_models_in_memory_are_not_the_owners(
    available: float, size: float, vram: float | None, discrete: bool, used: float
) -> None:
    memory = Memory(total_bytes=100 * GIB, available_bytes=int(available * GIB))
    told = None if vram is None else int(vram * GIB)
    replica = Replica(model="m", size_bytes=int(size * GIB), vram_bytes=told)
    assert memory_pct(memory, [replica], discrete=discrete) == pytest.approx(used)
    assert memory_pct(Memory(), [replica], discrete=discrete) == 0.0
