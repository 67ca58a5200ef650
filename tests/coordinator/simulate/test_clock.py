"""Virtual time."""

from functools import partial

from coordinator.simulate.clock import Clock


def test_what_is_due_first_happens_first_and_equals_in_the_order_asked_for() -> None:
    clock, happened = Clock(), list[tuple[str, float]]()

    def happens(name: str) -> None:
        happened.append((name, clock.now))
        if name == "b":
            clock.at(0.5, partial(happens, "too late, so now"))

    for name, when in (("c", 3.0), ("a", 1.0), ("b", 2.0), ("b2", 2.0)):
        clock.at(when, partial(happens, name))
    clock.run(over=lambda: len(happened) == 4)
    assert happened == [("a", 1.0), ("b", 2.0), ("b2", 2.0), ("too late, so now", 2.0)]
