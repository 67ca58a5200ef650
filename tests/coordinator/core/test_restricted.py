"""An engine that costs money, or serves batches only, gets no call that does not allow it."""

from msgspec.structs import replace

from coordinator.core.call import Refused
from tests.fakes.builders import a_beat, a_call, a_desk, told, with_loaded

CLOUD = replace(with_loaded("big"), name="cloud", kind="openai", restricted="cost")


def test_no_call_goes_there_and_its_caller_hears_why() -> None:
    desk = a_desk(a_beat("n1", CLOUD))
    (refused,) = desk.arrived(a_call("c1", "big"), 0.0)
    assert isinstance(refused, Refused)
    assert "cloud on n1 serves only calls that allow it (cost)" in str(refused.error)


def test_another_engine_with_the_model_serves() -> None:
    desk = a_desk(a_beat("n1", CLOUD), a_beat("n2", with_loaded("big")))
    assert told(desk.arrived(a_call("c1", "big"), 0.0)) == ["c1 on n2"]


def test_one_that_is_free_serves() -> None:
    desk = a_desk(a_beat("n1", replace(CLOUD, restricted="")))
    assert told(desk.arrived(a_call("c1", "big"), 0.0)) == ["c1 on n1"]
