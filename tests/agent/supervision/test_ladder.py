"""What follows an exit, and the way back up."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.supervision.kinds import Kind
from agent.supervision.ladder import (
    POISONED_TIMES,
    QUIET_S,
    REPEATED_WITHIN_S,
    Exit,
    Step,
    above,
    below,
    climbed,
    nearest,
    next_step,
)
from agent.supervision.launch import LADDER, Rung, reached, ready_timeout_s

SOME = (Rung.AS_IT_WAS, Rung.SMALLER_CONTEXT, Rung.CPU)
ONE = (Rung.AS_IT_WAS,)
NOW = 10_000.0


def after(kind: Kind, times: int, rung: Rung = Rung.AS_IT_WAS, rungs: tuple[Rung, ...] = SOME) -> Step:
    """The last of so many exits of one kind."""
    return next_step(kind, rung, [Exit(NOW, kind, rung)] * times, rungs, NOW)


@pytest.mark.parametrize("kind", [Kind.KILLED, Kind.ENDED, Kind.PORT])
def test_what_is_not_its_fault_is_tried_again_as_it_was(kind: Kind) -> None:
    assert after(kind, 9) == Step(Rung.AS_IT_WAS)


@pytest.mark.parametrize("kind", [Kind.CONFIGURATION, Kind.MODEL])
def test_what_would_fail_again_is_quarantined_at_once(kind: Kind) -> None:
    step = after(kind, 1)
    assert step.quarantined.startswith(kind.value)
    assert step.rung is Rung.AS_IT_WAS


def test_want_of_memory_goes_down_rung_by_rung_to_quarantine() -> None:
    rung, seen = Rung.AS_IT_WAS, list[Rung]()
    while not (step := after(Kind.MEMORY, len(seen) + 1, rung, LADDER)).quarantined:
        rung = step.rung
        seen.append(rung)
    assert seen == list(LADDER[1:])
    assert after(Kind.MEMORY, 1, rungs=ONE).quarantined


def test_a_load_that_is_too_slow_is_tried_once_more_and_then_smaller() -> None:
    assert after(Kind.TOO_SLOW, 1) == Step(Rung.AS_IT_WAS)
    assert after(Kind.TOO_SLOW, 2) == Step(Rung.SMALLER_CONTEXT)


def test_a_crash_is_tried_twice_as_it_was_and_then_humbler() -> None:
    assert [after(Kind.CRASHED, times) for times in (1, 2, 3)] == [
        Step(Rung.AS_IT_WAS),
        Step(Rung.AS_IT_WAS),
        Step(Rung.SMALLER_CONTEXT),
    ]
    assert after(Kind.CRASHED, 9, rungs=ONE) == Step(Rung.AS_IT_WAS)  # backoff bounds it


def test_a_wedge_is_tried_as_a_crash_is() -> None:
    assert [after(Kind.WEDGED, times).rung for times in (1, 2, 3)] == [
        Rung.AS_IT_WAS,
        Rung.AS_IT_WAS,
        Rung.SMALLER_CONTEXT,
    ]


def test_exits_of_other_kinds_and_of_long_ago_do_not_count() -> None:
    history = [Exit(NOW - REPEATED_WITHIN_S, Kind.CRASHED)] * 5 + [Exit(NOW, Kind.KILLED)] * 5
    history.append(Exit(NOW, Kind.CRASHED))
    assert next_step(Kind.CRASHED, Rung.AS_IT_WAS, history, SOME, NOW) == Step(Rung.AS_IT_WAS)


def test_a_humbler_form_has_its_own_chances() -> None:
    history = [Exit(NOW, Kind.CRASHED)] * 3 + [Exit(NOW, Kind.CRASHED, Rung.SMALLER_CONTEXT)]
    assert next_step(Kind.CRASHED, Rung.SMALLER_CONTEXT, history, SOME, NOW) == Step(Rung.SMALLER_CONTEXT)


def test_a_gpu_is_the_same_gpu_on_every_rung() -> None:
    history = [Exit(NOW, Kind.POISONED)] * 2 + [Exit(NOW, Kind.POISONED, Rung.SMALLER_CONTEXT)]
    assert next_step(Kind.POISONED, Rung.SMALLER_CONTEXT, history, SOME, NOW).gpu_quarantined


def test_a_gpu_that_is_poisoned_again_and_again_is_quarantined() -> None:
    assert after(Kind.POISONED, POISONED_TIMES - 1) == Step(Rung.AS_IT_WAS)
    assert after(Kind.POISONED, POISONED_TIMES) == Step(Rung.CPU, gpu_quarantined=True)
    without = after(Kind.POISONED, POISONED_TIMES, rungs=ONE)
    assert without.quarantined
    assert without.gpu_quarantined
    assert after(Kind.POISONED, POISONED_TIMES, Rung.CPU) == Step(Rung.CPU)


def test_it_climbs_one_rung_after_a_quiet_day() -> None:
    assert climbed(Rung.CPU, NOW, SOME, NOW + QUIET_S - 1) is None
    assert climbed(Rung.CPU, NOW, SOME, NOW + QUIET_S) is Rung.SMALLER_CONTEXT
    assert climbed(Rung.AS_IT_WAS, NOW, SOME, NOW + QUIET_S) is None


def test_rungs_that_the_engine_lacks_are_stepped_over() -> None:
    assert below(Rung.AS_IT_WAS, SOME) is Rung.SMALLER_CONTEXT
    assert below(Rung.CPU, SOME) is None
    assert above(Rung.CPU, SOME) is Rung.SMALLER_CONTEXT
    assert above(Rung.AS_IT_WAS, SOME) is None
    assert nearest(Rung.QUANTISED_KV, SOME) is Rung.SMALLER_CONTEXT
    assert nearest(Rung.CPU, SOME) is Rung.CPU
    assert nearest(Rung.FEWER_SLOTS, ()) is Rung.AS_IT_WAS


def test_each_rung_includes_those_above_it() -> None:
    assert reached(Rung.CPU, Rung.FEWER_SLOTS)
    assert reached(Rung.FEWER_SLOTS, Rung.FEWER_SLOTS)
    assert not reached(Rung.AS_IT_WAS, Rung.FEWER_SLOTS)


def test_a_bigger_model_may_load_longer() -> None:
    assert ready_timeout_s(0) == 60.0
    assert ready_timeout_s(5 * 10**9, 10.0) == 110.0
    assert ready_timeout_s(-1) == 60.0


@given(
    st.lists(st.sampled_from([kind for kind in Kind if kind is not Kind.ADOPTED]), max_size=40),
    st.sets(st.sampled_from(LADDER)),
)
def test_whatever_happens_it_goes_down_only_and_over_rungs_that_there_are(
    kinds: list[Kind], some: set[Rung]
) -> None:
    rungs = (Rung.AS_IT_WAS, *some)
    path, history = [Rung.AS_IT_WAS], list[Exit]()
    for number, kind in enumerate(kinds):
        history.append(Exit(float(number), kind, path[-1]))
        path.append(next_step(kind, path[-1], history, rungs, float(number)).rung)
    assert set(path) <= set(rungs)
    assert all(LADDER.index(before) <= LADDER.index(after) for before, after in pairwise(path))
