"""What a model can do decides who gets a call: chat, completion, embedding, images, tools."""

import pytest
from msgspec.structs import replace

from coordinator.core.call import Refused
from tests.fakes.builders import a_beat, a_call, a_desk, a_model, a_replica, an_engine, told

CHATS, COMPLETES, EMBEDS, SEES = {"chat"}, {"completion"}, {"embedding"}, {"chat", "vision", "tools"}


@pytest.mark.parametrize(
    ("able", "needed", "served"),
    [
        (CHATS, {"chat"}, True),
        (CHATS, {"completion"}, True),
        (COMPLETES, {"completion"}, True),
        (COMPLETES, {"chat"}, False),
        (COMPLETES, {"embedding"}, False),
        (EMBEDS, {"embedding"}, True),
        (EMBEDS, {"chat"}, False),
        (EMBEDS, {"completion"}, False),
        (CHATS, {"embedding"}, False),
        (CHATS, {"chat", "vision"}, False),
        (CHATS, {"chat", "tools"}, False),
        (SEES, {"chat", "vision", "tools"}, True),
        (set(), {"chat", "vision", "tools"}, True),
    ],
)
def test_a_call_goes_where_it_can_be_served(able: set[str], needed: set[str], served: bool) -> None:
    desk = a_desk(a_beat("n1", an_engine(a_model(abilities=able), replicas=[a_replica()])))
    (decision,) = desk.arrived(a_call(abilities=needed), 0.0)
    assert isinstance(decision, Refused) is not served
    if isinstance(decision, Refused):
        assert decision.error.status == 400
        missing = ", ".join(sorted(needed - able))
        assert f"on n1 it does not support {missing}" in str(decision.error)


@pytest.mark.parametrize("able", [CHATS, set[str]()])
def test_an_engine_that_only_chats_completes_nothing(able: set[str]) -> None:
    engine = replace(an_engine(a_model(abilities=able), replicas=[a_replica()]), completes=False)
    desk = a_desk(a_beat("n1", engine))
    (decision,) = desk.arrived(a_call(abilities=["completion"]), 0.0)
    assert isinstance(decision, Refused)
    assert "on n1 it does not support completion" in str(decision.error)
    assert told(desk.arrived(a_call("c2", abilities=["chat"]), 0.0)) == ["c2 on n1"]


def test_of_two_engines_the_one_that_can() -> None:
    desk = a_desk(
        a_beat("n1", an_engine(a_model(abilities=COMPLETES), replicas=[a_replica()])),
        a_beat("n2", an_engine(a_model(abilities=CHATS), replicas=[a_replica()])),
    )
    assert told(desk.arrived(a_call(abilities=["chat"]), 0.0)) == ["c1 on n2"]
    assert told(desk.arrived(a_call("c2", abilities=["completion"]), 0.0)) == ["c2 on n1"]
