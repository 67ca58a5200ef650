"""After a failure: another node, or give up."""

from typing import Literal

from shared.errors import Draining, EngineBusy, EngineLacks, FleetError, GatewayUnreachable

Verdict = Literal["another node", "give up"]


def verdict(error: FleetError, *, first_byte: bool, retries: int, allowed: int) -> Verdict:
    """Another node only while the caller has seen no byte, and never for what fails everywhere."""
    if first_byte or not error.elsewhere or (is_attempt(error) and retries >= allowed):
        return "give up"
    return "another node"


def is_attempt(error: FleetError) -> bool:
    """Whether the engine was asked at all: only then has a retry been used up."""
    return not isinstance(error, EngineLacks)


def blames_node(error: FleetError) -> bool:
    """Whether the node as a whole is suspect, not only the model's place on it."""
    return isinstance(error, GatewayUnreachable)


def trouble_for(error: FleetError, usual_s: float) -> float:
    """Seconds for which the place ranks last. A full engine is not a broken one; a draining node says so itself; one
    that was not asked has done nothing wrong.
    """
    if isinstance(error, Draining | EngineLacks):
        return 0.0
    if isinstance(error, EngineBusy):
        return float(error.retry_after or 1)
    return usual_s if error.elsewhere else 0.0
