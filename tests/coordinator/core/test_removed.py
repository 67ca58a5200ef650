"""A node that a person says will not come back."""

import pytest

from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from shared.errors import Conflict
from shared.names import CallId, ModelName, NodeId
from tests.fakes.builders import MODEL, a_beat, a_call, a_desk, join, told, with_loaded

N1 = NodeId("n1")
GONE_AT = Limits().lease_s + 1.0


def gone() -> Desk:
    """n1 was heard once, long ago; n2 is here."""
    desk = a_desk(a_beat("n1", with_loaded()))
    join(desk, a_beat("n2", with_loaded()), GONE_AT)
    return desk


def test_it_is_forgotten_with_its_order() -> None:
    desk = gone()
    desk.cordoned(N1, GONE_AT, on=True)
    desk.removed(N1, GONE_AT)
    assert set(desk.fleet.nodes) == {"n2"}
    assert desk.fleet.cordons[N1] is None
    assert told(desk.arrived(a_call("c1"), GONE_AT)) == ["c1 on n2"]


def test_what_it_alone_had_is_there_no_more() -> None:
    desk = a_desk(a_beat("n1", with_loaded()))
    desk.removed(N1, GONE_AT)
    assert not desk.fleet.has(ModelName(MODEL))


def test_one_that_is_heard_stays() -> None:
    desk = a_desk(a_beat("n1", with_loaded()))
    with pytest.raises(Conflict, match="n1 is not gone"):
        desk.removed(N1, 1.0)
    assert set(desk.fleet.nodes) == {"n1"}


def test_one_that_runs_a_call_stays_until_that_ended() -> None:
    desk = a_desk(a_beat("n1", with_loaded()))
    desk.arrived(a_call("c1"), 1.0)
    with pytest.raises(Conflict):
        desk.removed(N1, GONE_AT)
    desk.cancelled(CallId("c1"), GONE_AT)
    desk.removed(N1, GONE_AT)
    assert not desk.fleet.nodes


def test_it_may_come_back() -> None:
    desk = gone()
    desk.removed(N1, GONE_AT)
    join(desk, a_beat("n1", with_loaded(), epoch=2), GONE_AT)
    assert set(desk.fleet.nodes) == {"n1", "n2"}


def test_an_order_for_one_that_was_never_heard_goes() -> None:
    desk = a_desk()
    desk.cordoned(N1, 1.0, on=True)
    desk.removed(N1, 1.0)
    assert desk.fleet.cordons[N1] is None
