"""After each kind of failure: where next, and what is held against the place."""

import pytest

from coordinator.core import retry
from shared import errors
from shared.errors import FleetError

KINDS: list[tuple[FleetError, bool, bool, float]] = [
    (errors.CallerFault("x"), False, False, 0.0),
    (errors.ModelNotFound("x"), False, False, 0.0),
    (errors.EngineFault("x", status=422), False, False, 0.0),
    (errors.EngineLacks("x"), True, False, 0.0),
    (errors.NoAccess("x"), False, False, 0.0),
    (errors.Unavailable("x"), False, False, 0.0),
    (errors.QueueFull("x"), False, False, 0.0),
    (errors.Draining("x"), True, False, 0.0),
    (errors.NodeFailure("x"), True, False, 30.0),
    (errors.GatewayUnreachable("x"), True, True, 30.0),
    (errors.EngineBusy("x"), True, False, 1.0),
    (errors.EngineBusy("x", retry_after=7), True, False, 7.0),
    (errors.StreamBroken("x"), True, False, 30.0),
    (errors.Stuck("x"), True, False, 30.0),
]


@pytest.mark.parametrize(("error", "elsewhere", "suspect", "trouble_s"), KINDS, ids=repr)
def test_every_kind(error: FleetError, elsewhere: bool, suspect: bool, trouble_s: float) -> None:
    verdict = retry.verdict(error, first_byte=False, retries=0, allowed=2)
    assert verdict == ("another node" if elsewhere else "give up")
    assert retry.blames_node(error) == suspect
    assert retry.trouble_for(error, 30.0) == trouble_s


@pytest.mark.parametrize(
    ("first_byte", "retries", "expected"),
    [(False, 0, "another node"), (False, 1, "another node"), (False, 2, "give up"), (True, 0, "give up")],
)
def test_limits_of_trying_again(first_byte: bool, retries: int, expected: str) -> None:
    error = errors.NodeFailure("x")
    assert retry.verdict(error, first_byte=first_byte, retries=retries, allowed=2) == expected


def test_an_engine_that_was_not_asked_uses_up_no_retry() -> None:
    lacks = errors.EngineLacks("x")
    assert retry.verdict(lacks, first_byte=False, retries=2, allowed=2) == "another node"
    assert not retry.is_attempt(lacks)
    assert retry.is_attempt(errors.NodeFailure("x"))
