"""Whether two engines fit at once, by plain values."""

import pytest

from agent.swapping.room import has_room, needed
from shared.wire import Gpu, Memory

GIB = 2**30


def host(free: float, total: float = 10.0) -> Memory:
    return Memory(total_bytes=int(total * GIB), available_bytes=int(free * GIB))


def card(free: float, total: float = 8.0) -> Gpu:
    return Gpu(vram_total_bytes=int(total * GIB), vram_free_bytes=int(free * GIB))


@pytest.mark.parametrize(
    ("wanted", "memory", "gpus", "fits"),
    [
        (2.0, host(3.1), [], True),
        (2.0, host(2.9), [], False),
        (2.0, Memory(), [], True),
        (2.0, host(9.0), [card(2.9)], True),
        (2.0, host(9.0), [card(2.7)], False),
        (4.0, host(9.0), [card(2.9), card(2.9)], True),
        (2.0, host(9.0), [Gpu(vram_total_bytes=0, vram_free_bytes=0)], True),
    ],
)
def test_a_tenth_of_each_memory_stays_free(
    wanted: float, memory: Memory, gpus: list[Gpu], fits: bool
) -> None:
    assert has_room(int(wanted * GIB), memory, gpus) is fits


def test_what_runs_tells_what_the_next_one_takes_where_it_is_more_than_its_files() -> None:
    assert needed(1000, 0) == 1100
    assert needed(1000, 3000) == 3300
