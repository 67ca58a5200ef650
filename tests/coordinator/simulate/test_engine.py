"""An engine behaves as Ollama does: loads, evictions, slots and cached prompts."""

import math

from coordinator.simulate.engine import Engine, Request
from coordinator.simulate.fleets import GB, ModelSpec

MODELS = {
    name: ModelSpec(name=name, size_gb=size, context=1_000, cache_kb_per_token=0)
    for name, size in {"a": 4.0, "b": 4.0, "c": 4.0, "big": 9.0}.items()
}


class Bench:
    """An engine with 10 GB, and what it began."""

    def __init__(self, slots: int = 1, keep_alive_s: float = 300.0) -> None:
        self.begun: list[tuple[str, int]] = []
        self.engine = Engine(
            MODELS,
            int(10 * GB),
            slots,
            keep_alive_s,
            lambda size: size / GB,
            lambda request, known: self.begun.append((request.call_id, known)),
        )

    def ask(self, call_id: str, model: str, now: float, **more: object) -> None:
        told: dict[str, object] = {"prompt": 10, "answer": 10, "blocks": (), "context": 0} | more
        self.engine.ask(Request(call_id, model, **told), now)  # type: ignore[arg-type]

    def load(self) -> float:
        """The load under way ends; when."""
        at = self.engine.loading_until
        self.engine.loaded(at)
        return at


def test_a_cold_model_is_loaded_once_for_all_who_wait() -> None:
    bench = Bench(slots=2)
    bench.ask("1", "a", 0.0)
    bench.ask("2", "a", 1.0)
    assert (bench.begun, bench.engine.loading_until) == ([], 4.0)
    bench.load()
    assert [call for call, _ in bench.begun] == ["1", "2"]
    assert bench.engine.loads == 1


def test_slots_are_taken_in_the_order_of_arrival() -> None:
    bench = Bench()
    bench.engine.preload("a")
    for call in "123":
        bench.ask(call, "a", 0.0)
    assert [call for call, _ in bench.begun] == ["1"]
    bench.engine.ended("2", "a", 1.0)  # it gave up while it waited
    bench.engine.ended("1", "a", 2.0)
    assert [call for call, _ in bench.begun] == ["1", "3"]


def test_the_idle_model_used_longest_ago_makes_way() -> None:
    bench = Bench()
    bench.engine.preload("a")
    bench.engine.preload("b")
    bench.ask("1", "a", 1.0)
    bench.engine.ended("1", "a", 2.0)
    bench.ask("2", "c", 3.0)
    assert bench.load() == 7.0
    assert sorted(bench.engine.residents) == ["a", "c"]
    assert bench.engine.evictions == 1


def test_a_busy_model_is_not_put_out_but_takes_no_more() -> None:
    bench = Bench(slots=2)
    bench.engine.preload("a")
    bench.ask("1", "a", 0.0)
    bench.ask("2", "big", 1.0)
    bench.ask("3", "a", 2.0)
    assert [call for call, _ in bench.begun] == ["1"]
    assert bench.engine.loading_until == math.inf
    bench.engine.ended("1", "a", 5.0)
    assert bench.load() == 14.0
    assert [call for call, _ in bench.begun] == ["1", "2"]
    bench.engine.ended("2", "big", 20.0)
    assert bench.load() == 24.0
    assert [call for call, _ in bench.begun] == ["1", "2", "3"]


def test_a_model_that_need_not_go_after_all_takes_calls_again() -> None:
    bench = Bench(slots=2)
    bench.engine.preload("a")
    bench.ask("1", "a", 0.0)
    bench.ask("2", "big", 1.0)
    bench.engine.ended("2", "big", 2.0)  # it gave up
    bench.ask("3", "a", 3.0)
    assert [call for call, _ in bench.begun] == ["1", "3"]


def test_more_context_is_a_load_of_its_own() -> None:
    bench = Bench()
    bench.engine.preload("a")
    bench.ask("1", "a", 0.0, context=4_000)
    assert bench.load() == 4.0
    assert bench.engine.residents["a"].context == 4_000
    bench.engine.ended("1", "a", 5.0)
    bench.ask("2", "a", 6.0, context=2_000)
    assert [call for call, _ in bench.begun] == ["1", "2"]


def test_what_nobody_uses_leaves_memory() -> None:
    bench = Bench(keep_alive_s=10.0)
    bench.engine.preload("a")
    bench.ask("1", "a", 0.0)
    bench.engine.expire(50.0)
    assert list(bench.engine.residents) == ["a"]
    bench.engine.ended("1", "a", 60.0)
    bench.engine.expire(69.0)
    assert list(bench.engine.residents) == ["a"]
    bench.engine.expire(70.0)
    assert not bench.engine.residents


def test_a_slot_knows_the_prompt_that_it_read_last() -> None:
    bench = Bench(slots=2)
    bench.engine.preload("a")
    for number, blocks in enumerate([(1, 2), (7,), (1, 2, 3), (7, 8), (1, 9), (2, 3)]):
        bench.ask(str(number), "a", float(number), blocks=blocks)
        bench.engine.ended(str(number), "a", number + 0.5)
    assert [known for _, known in bench.begun] == [0, 0, 1_024, 512, 512, 0]
