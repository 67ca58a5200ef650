"""Who is computed next: a machine that counts stands in for a model."""

import pytest

from agent.workers.torch_engines.calls import Call
from agent.workers.torch_engines.turns import WAITING_LIMIT, Full, Turns
from tests.agent.workers.torch_engines.counting import Counting, call


def made(slots: int = 4, chunk: int = 4) -> tuple[Turns, Counting]:
    machine = Counting()
    return Turns(machine, lambda logits, _calls: logits, slots, chunk), machine


def text(one: Call) -> str:
    parts = []
    while (part := one.pieces.get_nowait()) is not None:
        parts.append(part)
    return "".join(parts)


def run(turns: Turns, most: int = 100) -> int:
    """Turns until all is done."""
    for number in range(most):
        if not (turns.waiting or turns.running):
            return number
        turns.turn()
    raise AssertionError("it does not end")


def test_a_prompt_is_read_in_chunks_and_then_goes_on_token_by_token() -> None:
    turns, machine = made()
    one = call([5, 6, 7, 8, 9, 10], most=3)
    turns.add(one)
    run(turns)
    assert machine.log == ["read 4", "read 2", "join", "step 1", "step 1", "keep []"]
    assert (text(one), one.why, one.usage) == ("11 12 13 ", "length", (6, 3))
    assert (turns.prompt_tokens, turns.completion_tokens) == (6, 3)


def test_one_joins_while_another_runs_and_leaves_when_it_is_done() -> None:
    turns, machine = made()
    long, short = call([1], most=9), call([100] * 10, most=2)
    turns.add(long)
    turns.turn()
    turns.add(short)
    run(turns)
    assert (text(long).split(), text(short).split()) == ([str(n) for n in range(2, 11)], ["101", "102"])
    # A chunk of the new one between two tokens of the old.
    assert machine.log[2:] == [
        *("step 1", "read 4", "step 1", "read 4", "step 1", "read 2", "join", "step 2", "keep [0]"),
        *("step 1", "step 1", "step 1", "step 1", "keep []"),
    ]


def test_there_are_never_more_than_slots() -> None:
    turns, machine = made(slots=2)
    calls = [call([10 * number], most=4) for number in range(1, 8)]
    for each in calls:
        turns.add(each)
    run(turns)
    assert max(int(line.split()[1]) for line in machine.log if line.startswith("step")) == 2
    assert [text(each).split()[0] for each in calls] == [str(10 * number + 1) for number in range(1, 8)]


def test_an_answer_of_one_token_never_joins() -> None:
    turns, machine = made()
    turns.add(call([1], most=1))
    run(turns)
    assert machine.log == ["read 1", "drop"]


def test_it_ends_at_a_token_that_ends_and_at_a_stop() -> None:
    turns, _ = made()
    ended, stopped = call([1], 50, ends=frozenset({5})), call([10], 50, stops=("13",))
    turns.add(ended)
    turns.add(stopped)
    run(turns)
    assert (text(ended), ended.why, ended.count) == ("2 3 4 ", "stop", 4)
    assert (text(stopped), stopped.why, stopped.count) == ("11 12 ", "stop", 3)


@pytest.mark.parametrize("when", [0, 1, 2, 4])
def test_whose_caller_has_left_makes_room_at_once(when: int) -> None:
    turns, machine = made(slots=1)
    left, waits = call([1] * 8, most=50), call([70], most=2)
    turns.add(left)
    turns.add(waits)
    for _ in range(when):
        turns.turn()
    left.cancelled = True
    assert run(turns) <= 3
    assert text(waits) == "71 72 "
    assert machine.rows == []


def test_too_many_are_refused() -> None:
    turns, _ = made()
    for _ in range(WAITING_LIMIT):
        turns.add(call([1]))
    with pytest.raises(Full):
        turns.add(call([1]))
