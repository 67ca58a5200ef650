"""Which models of other engines could go, and what speaks for them."""

import pytest

from agent.loading.loaded import MOST_USES, Uses, freeable
from shared.wire import Engine, Replica
from tests.agent.models.test_placement import GIB, card

NOW = 1_800_000_000.0
SOON, FOR_EVER = "2027-01-15T08:05:00Z", "2318-01-15T08:05:00Z"


def ollama(*replicas: Replica, kind: str = "ollama", up: bool = True) -> Engine:
    return Engine(name=kind, kind=kind, up=up, replicas=list(replicas))


def replica(model: str = "m", expires_at: str = SOON, busy: int = 0, gib: int = 8, vram: int = 6) -> Replica:
    return Replica(
        model=model,
        size_bytes=gib * GIB,
        vram_bytes=vram * GIB,
        expires_at=expires_at,
        slots_busy=busy,
        slots_total=4,
    )


def test_what_it_takes_and_what_it_costs() -> None:
    cards = [card(0, 24, 12), card(1, 24, 18)]
    (found,) = freeable([ollama(replica())], "embedded", cards, Uses(), NOW)
    assert (found.name, found.gpu_bytes) == ("ollama/m", {"GPU-0": 4 * GIB, "GPU-1": 2 * GIB})
    assert found.host_bytes == 2 * GIB
    assert found.load_s == pytest.approx(8.6, abs=0.1)
    assert (found.pinned, found.busy, found.last_used) == (False, False, NOW)
    (alone,) = freeable([ollama(replica())], "embedded", [], Uses(), NOW)
    assert (alone.gpu_bytes, alone.host_bytes) == ({}, 8 * GIB)


@pytest.mark.parametrize(
    ("expires_at", "pinned"), [(SOON, False), (FOR_EVER, True), ("", False), ("x", False)]
)
def test_who_is_kept_for_ever_is_pinned(expires_at: str, pinned: bool) -> None:
    (found,) = freeable([ollama(replica(expires_at=expires_at))], "e", [], Uses(), NOW)
    assert found.pinned is pinned


def test_only_engines_that_can_be_told_to_unload_and_are_there() -> None:
    there = [ollama(replica(), up=False), ollama(replica(), kind="llama.cpp"), ollama(replica(busy=1))]
    (found,) = freeable(there, "e", [], Uses(), NOW)
    assert found.busy
    assert freeable(there, "ollama", [], Uses(), NOW) == []


def test_work_is_seen_by_busy_slots_and_by_a_term_that_was_put_off() -> None:
    uses = Uses()
    assert uses.last("ollama", "m", 9.0) == 9.0
    uses.observe([ollama(replica())], 10.0)
    uses.observe([ollama(replica())], 20.0)
    assert uses.last("ollama", "m", 99.0) == 10.0
    uses.observe([ollama(replica(busy=1))], 30.0)
    assert uses.last("ollama", "m", 99.0) == 30.0
    uses.observe([ollama(replica(expires_at=FOR_EVER))], 40.0)
    assert uses.last("ollama", "m", 99.0) == 40.0
    uses.observe([], 50.0)
    assert uses.last("ollama", "m", 99.0) == 99.0


def test_it_is_bounded() -> None:
    uses = Uses()
    uses.observe([ollama(*(replica(str(number)) for number in range(MOST_USES + 5)))], 1.0)
    assert uses.last("ollama", str(MOST_USES + 1), 7.0) == 7.0
