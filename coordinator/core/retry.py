"""After a failure: another node, or give up."""

from typing import Literal

from shared.errors import (
    Draining,
    EngineBusy,
    EngineCrashed,
    EngineLacks,
    FleetError,
    GatewayBroke,
    GatewayUnreachable,
    ModelGone,
    StreamBroken,
)

Verdict = Literal["another node", "give up"]


def verdict(error: FleetError, *, first_byte: bool, retries: int, allowed: int) -> Verdict:
    """Another node only while the caller has seen no byte, and never for what fails everywhere."""
    if first_byte or not error.elsewhere or (is_attempt(error) and retries >= allowed):
        return "give up"
    return "another node"


def is_attempt(error: FleetError) -> bool:
    """Whether the engine was asked at all: only then has a retry been used up. A full engine was: sending a call round
    from one full engine to the next is what a budget is there to end.
    """
    return not isinstance(error, EngineLacks | Draining)


def only_this_place(error: FleetError) -> bool:
    """Whether another model or engine of the same node may still serve the call."""
    return isinstance(error, EngineLacks | ModelGone)


def may_be_a_crash(error: FleetError) -> bool:
    """Whether the engine may have died of the call: its connection, or the gateway's, broke with the call in its hands,
    or it says so. An answer, even 500, a full queue, silence and a connection that never came about are none.
    """
    return isinstance(error, EngineCrashed | StreamBroken | GatewayBroke)


def blames_node(error: FleetError) -> bool:
    """Whether the node as a whole is suspect, not only the model's place on it."""
    return isinstance(error, GatewayUnreachable)


def counts_for_circuit(error: FleetError) -> bool:
    """Whether it is a failure of the place: not a full queue, nor a model that somebody removed."""
    return error.elsewhere and not isinstance(error, EngineBusy | EngineLacks | Draining | ModelGone)


def trouble_for(error: FleetError, usual_s: float) -> float:
    """Seconds for which the place ranks last. A full engine is not a broken one; a draining node says so itself; one
    that was not asked has done nothing wrong.
    """
    if isinstance(error, Draining | EngineLacks):
        return 0.0
    if isinstance(error, EngineBusy):
        return float(error.retry_after or 1)
    return usual_s if error.elsewhere else 0.0
