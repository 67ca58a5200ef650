"""Room to wait: limits by calls and tokens, in all and by model, and who makes way when they are reached."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from coordinator.core.call import Priority, Refused
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from tests.coordinator.core.turn_book import in_line
from tests.fakes.builders import a_beat, a_call, a_desk, told, with_loaded

Arrives = Callable[..., list[str]]


def full_desk(limits: Limits) -> tuple[Desk, Arrives]:
    """Both models are busy, so that whoever comes has to wait."""
    desk = a_desk(a_beat("n1", with_loaded("a", "b")), limits=limits)
    for model in ("a", "b"):
        desk.arrived(a_call(f"running-{model}", model, client="somebody"), 1.0)

    def arrives(
        name: str, client: str, model: str = "a", tokens: int = 0, priority: Priority = "interactive"
    ) -> list[str]:
        call = a_call(name, model, client=client, estimated_tokens=tokens, priority=priority)
        return told(desk.arrived(call, 1.0))

    return desk, arrives


def test_who_fills_the_room_makes_way_for_others() -> None:
    desk, arrives = full_desk(Limits(held_calls=3))
    for name in ("f1", "f2", "f3"):
        assert arrives(name, "flood") == [f"{name} held"]
    assert arrives("f4", "flood") == ["f4 refused 503"]
    assert arrives("x1", "x") == ["f3 refused 503", "x1 held"]
    assert arrives("y1", "y") == ["f2 refused 503", "y1 held"]
    assert arrives("z1", "z") == ["z1 refused 503"], "nobody has more waiting than z would have"
    assert len(desk.holding) == 3
    assert desk.failures == 4


def test_a_client_with_one_more_waiting_need_not_make_way_for_an_equal() -> None:
    _, arrives = full_desk(Limits(held_calls=1))
    arrives("x1", "x")
    assert arrives("y1", "y") == ["y1 refused 503"]


def test_the_lowest_class_and_the_newest_call_goes_first() -> None:
    _, arrives = full_desk(Limits(held_calls=4))
    for name, priority in (
        ("f1", "batch"),
        ("f2", "background"),
        ("f3", "background"),
        ("f4", "interactive"),
    ):
        arrives(name, "flood", priority=priority)
    assert arrives("x1", "x") == ["f3 refused 503", "x1 held"]
    assert arrives("f5", "flood", priority="interactive") == ["f2 refused 503", "f5 held"]
    assert arrives("f6", "flood", priority="batch") == ["f6 refused 503"]


def test_a_model_has_a_limit_of_its_own() -> None:
    desk, arrives = full_desk(Limits(held_calls_per_model=1))
    assert arrives("a1", "x", "a") == ["a1 held"]
    assert arrives("b1", "x", "b") == ["b1 held"]
    (refused,) = desk.arrived(a_call("a2", "a", client="x"), 1.0)
    assert isinstance(refused, Refused)
    assert str(refused.error) == "1 calls for 'a' are waiting already"
    assert refused.error.retry_after == 5


def test_tokens_of_the_prompts_for_a_model_are_limited() -> None:
    desk, arrives = full_desk(Limits(held_tokens=100))
    for name in ("f1", "f2", "f3"):
        assert arrives(name, "flood", tokens=30) == [f"{name} held"]
    assert arrives("b1", "flood", "b", tokens=100) == ["b1 held"], "of another model"
    assert arrives("x1", "x", tokens=35) == ["f3 refused 503", "x1 held"]
    assert arrives("x2", "x", tokens=30) == ["x2 refused 503"]
    (refused,) = desk.arrived(a_call("y1", "a", client="y", estimated_tokens=101), 1.0)
    assert isinstance(refused, Refused)
    assert str(refused.error) == "the prompt of about 101 tokens is more than may wait for 'a' at once"


def test_several_small_calls_make_way_for_one_of_another_client() -> None:
    _, arrives = full_desk(Limits(held_tokens=100))
    for number in range(10):
        arrives(f"f{number}", "flood", tokens=10)
    assert arrives("x1", "x", tokens=25) == [*(f"f{n} refused 503" for n in (9, 8, 7)), "x1 held"]


def test_the_refused_are_told_when_to_come_back_by_the_rate_of_their_model() -> None:
    desk, arrives = full_desk(Limits(held_calls_per_model=2))
    arrives("a1", "x")
    for number in range(15):
        desk.finished(a_call("running-b").id, 1.0)
        desk.arrived(a_call("running-b", "b", client=f"c{number}"), 1.0)
    arrives("a2", "x")
    (refused,) = desk.arrived(a_call("a3", "a", client="x"), 2.0)
    assert isinstance(refused, Refused)
    assert refused.error.retry_after == 5, "calls of another model say nothing of this one"


ARRIVALS = st.lists(
    st.tuples(
        st.sampled_from("fffxyz"), st.sampled_from("ab"), st.sampled_from([0, 1, 10, 60]), st.integers(0, 2)
    ),
    max_size=40,
)
CLASSES: tuple[Priority, ...] = ("interactive", "batch", "background")


@given(ARRIVALS)
def test_limits_hold_and_nobody_loses_a_place_to_who_has_more(
    arrivals: list[tuple[str, str, int, int]],
) -> None:
    limits = Limits(held_calls=6, held_calls_per_model=4, held_tokens=100)
    desk, arrives = full_desk(limits)
    for number, (client, model, tokens, priority) in enumerate(arrivals):
        before = {each.call.id: each.call for each in in_line(desk.holding)}
        words = arrives(f"c{number}", client, model, tokens, CLASSES[priority])
        held = [each.call for each in in_line(desk.holding)]
        assert len(held) <= limits.held_calls
        for name in ("a:latest", "b:latest"):
            assert sum(call.model == name for call in held) <= limits.held_calls_per_model
            assert sum(call.estimated_tokens for call in held if call.model == name) <= limits.held_tokens
        displaced = [word.split()[0] for word in words if "refused" in word and word.split()[0] in before]
        if displaced:
            assert words[-1] == f"c{number} held"
        else:
            assert len(held) - len(before) == words[-1].endswith("held")
