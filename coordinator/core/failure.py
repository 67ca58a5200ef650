"""What a failed attempt means for its call: the error that ends it, or what another node must know."""

from coordinator.core import context, retry
from coordinator.core.budget import RetryBudget
from coordinator.core.call import Place, Target
from coordinator.core.fleet import Fleet
from coordinator.core.limits import Limits
from coordinator.core.open_call import OpenCall
from shared.errors import CrashesEngines, EngineBusy, FleetError, Stuck

CRASHES_ALLOWED = 2
"""Engines that may break under one call: the third one is spared."""


def what_stands(
    failed: OpenCall, error: FleetError, limits: Limits, budget: RetryBudget, now: float
) -> FleetError | None:
    """The error that the caller gets; None: another node may be tried. Notes a crash."""
    if failed.place is not None and retry.may_be_a_crash(error):
        failed.crashed = (*failed.crashed, failed.place)
    again = retry.verdict(error, first_byte=failed.first_byte, retries=failed.retries, allowed=limits.retries)
    if again == "give up":
        return error
    if len(failed.crashed) >= CRASHES_ALLOWED:
        places = " and ".join(f"{place.engine} on {place.node_id}" for place in failed.crashed)
        return CrashesEngines(f"{places} broke while they worked on this call: it is not tried on a third")
    if retry.is_attempt(error) and not budget.allows(now):
        return error
    return None


def blame(
    place: Place, placed_at: float, error: FleetError, fleet: Fleet, limits: Limits, now: float
) -> None:
    """What the failure of an attempt, placed at `placed_at`, says of its place and node."""
    node = fleet.nodes[place.node_id]
    if isinstance(error, EngineBusy) and fleet.loads.at(place):
        return  # its queue is full while the model loads, for the others that are there
    if retry.is_attempt(error):
        fleet.load_ended(place, now, ok=False)
    if trouble_s := retry.trouble_for(error, limits.trouble_s):
        node.trouble(place, now + trouble_s)
        node.contexts.forget((place.engine, place.model))
    if retry.blames_node(error):
        node.suspect(error.summary, now)
    if retry.counts_for_circuit(error):
        fleet.circuits.failed(place, placed_at, now)
        if (until := fleet.circuits.until(place)) > now:
            node.trouble(place, until)


def silent(target: Target) -> FleetError:
    """Its engine was asked whether it is alive, and gave no answer."""
    return Stuck(f"{target.engine} on {target.node_id} gives no sign of life")


def may_move(running: OpenCall, error: FleetError, limits: Limits, budget: RetryBudget, now: float) -> bool:
    """Whether an attempt that is ended from outside would be followed by another."""
    again = retry.verdict(
        error, first_byte=running.first_byte, retries=running.retries, allowed=limits.retries
    )
    return again == "another node" and budget.allows(now)


def goes_on(failed: OpenCall, error: FleetError) -> None:
    """It may be tried elsewhere: not on the node that failed, or not at the place that only lacks something."""
    assert failed.place is not None  # noqa: S101 - it ran there
    failed.error, failed.retries = error, failed.retries + retry.is_attempt(error)
    before = failed.call
    failed.becomes(context.counted(before, error))
    if failed.call is not before:
        pass  # only more context was wanting: the same node may have it
    elif retry.only_this_place(error):
        failed.passed_over |= {failed.place}
    else:
        failed.excluded |= {failed.place.node_id}
    failed.place = None
