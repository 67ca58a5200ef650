"""Paces are learned beside other calls, from whole answers, and against what a node claims."""

import pytest

from coordinator.core.paces import PRIOR_CROWDING, SETUP_TOKENS, Paces, Run, claimed_s
from shared.names import NodeId, normalise
from tests.fakes.builders import GIB

NODE, SMALL, LARGE = NodeId("n1"), normalise("small"), normalise("large")
GBPS = 100.0


def a_run(
    write_s: float,
    read_s: float = 0.001,
    *,
    prompt: int = 400,
    tokens: int = 100,
    beside: float = 0.0,
    crowding: float = PRIOR_CROWDING,
    whole: bool = False,
    loaded: bool = True,
    cached: bool = False,
) -> Run:
    """A call on a node of these true seconds a token."""
    slower = 1 + crowding * beside
    reading = (prompt + SETUP_TOKENS) * read_s * slower
    return Run(
        prompt_tokens=prompt,
        answer_tokens=tokens,
        first_byte_s=None if whole else reading,
        seconds=reading + tokens * write_s * slower,
        reading_beside=beside,
        writing_beside=beside,
        loaded=loaded,
        cached=cached,
    )


def learned(*runs: Run) -> Paces:
    paces = Paces()
    learn(paces, *runs)
    return paces


def learn(paces: Paces, *runs: Run) -> None:
    for run in runs:
        paces.learn(NODE, SMALL, GIB, GBPS, run)


def write_s(paces: Paces) -> float:
    return paces.write_s(NODE, SMALL, GIB, GBPS)


def test_at_first_a_node_is_as_fast_as_it_claims() -> None:
    assert write_s(Paces()) == claimed_s(GIB, GBPS)
    assert Paces().write_s(NODE, SMALL, GIB, 2 * GBPS) == claimed_s(GIB, GBPS) / 2
    assert Paces().write_s(NODE, SMALL, 0, 0.0) > 0, "nothing is known"


@pytest.mark.parametrize("whole", [False, True])
def test_both_paces_are_learned_within_ten_calls(whole: bool) -> None:
    paces = learned(*[a_run(0.05, 0.001, whole=whole)] * 10)
    assert write_s(paces) == pytest.approx(0.05, rel=0.2)
    if not whole:
        assert paces.read_s(NODE, SMALL, GIB, GBPS) == pytest.approx(0.001, rel=0.2)


def test_a_pace_that_halves_is_found_out_within_twenty_calls() -> None:
    paces = learned(*[a_run(0.02)] * 100, *[a_run(0.04)] * 20)
    assert write_s(paces) == pytest.approx(0.04, rel=0.15)


def test_calls_beside_it_do_not_make_a_node_look_slow() -> None:
    paces = learned(*[a_run(0.02, beside=3.0)] * 15)
    assert write_s(paces) == pytest.approx(0.02, rel=0.05)


def test_how_much_calls_slow_each_other_is_learned_where_some_ran_alone() -> None:
    alone, crowded = a_run(0.02), a_run(0.02, beside=2.0, crowding=1.0)
    paces = learned(*[alone] * 12, *[crowded, alone] * 30)
    assert paces.crowding(NODE) == pytest.approx(1.0, rel=0.25)


def test_a_slowdown_that_came_while_calls_ran_in_pairs_is_not_taken_for_crowding_for_ever() -> None:
    """The engine became slower just as they did; nobody sends it a second call now."""
    alone, pairs = a_run(0.02, crowding=0.0), a_run(0.05, crowding=0.0, beside=1.0)
    slow_alone = a_run(0.05, crowding=0.0)
    paces = learned(*[alone] * 20, *[pairs] * 20)
    assert paces.crowding(NODE) > 1.0
    learn(paces, *[slow_alone] * 10)
    assert write_s(paces) == pytest.approx(0.05, rel=0.15)
    learn(paces, *[slow_alone] * 20)
    assert paces.crowding(NODE) == PRIOR_CROWDING
    learn(paces, *[pairs] * 15)
    assert paces.crowding(NODE) < 0.1


def test_crowding_of_which_nothing_is_heard_any_more_fades() -> None:
    paces = learned(*[a_run(0.02, crowding=2.0, beside=each % 2) for each in range(40)])
    assert paces.crowding(NODE) > 1.5
    learn(paces, *[a_run(0.02)] * 15)
    assert paces.crowding(NODE) > 1.5
    learn(paces, *[a_run(0.02)] * 15)
    assert paces.crowding(NODE) == PRIOR_CROWDING


@pytest.mark.parametrize("crowding", [0.0, 0.2, 1.0, 2.0])
def test_where_no_call_ever_runs_alone_what_is_told_of_crowded_ones_is_right(crowding: float) -> None:
    """Pace and crowding cannot be told apart there; they may not drift away together either."""
    paces = learned(*[a_run(0.02, crowding=crowding, beside=2 + each % 3) for each in range(300)])
    told = write_s(paces) * (1 + 3 * paces.crowding(NODE))
    assert told == pytest.approx(0.02 * (1 + 3 * crowding), rel=0.15)
    assert paces.crowding(NODE) == PRIOR_CROWDING


def test_what_one_model_showed_corrects_the_claim_for_the_others() -> None:
    true_s = 3 * claimed_s(GIB, GBPS)
    paces = learned(*[a_run(true_s)] * 15)
    other = paces.write_s(NODE, LARGE, 10 * GIB, GBPS)
    assert other == pytest.approx(3 * claimed_s(10 * GIB, GBPS), rel=0.1)
    assert paces.write_s(NodeId("n2"), LARGE, GIB, GBPS) == claimed_s(GIB, GBPS), (
        "of another node nothing is known"
    )


@pytest.mark.parametrize("run", [a_run(0.02, 1.0, loaded=False), a_run(0.02, 0.00001, cached=True)])
def test_a_load_and_a_cached_prompt_say_nothing_of_reading(run: Run) -> None:
    assert learned(run).read_s(NODE, SMALL, GIB, GBPS) == Paces().read_s(NODE, SMALL, GIB, GBPS)


def test_a_node_that_is_gone_is_forgotten() -> None:
    paces = learned(*[a_run(1.0)] * 15)
    paces.forget(NODE)
    assert write_s(paces) == claimed_s(GIB, GBPS)
