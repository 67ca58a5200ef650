"""How long a held call may wait, and what it is told when that is over."""

import math

from coordinator.core.limits import Limits
from coordinator.core.loads import Loading, Loads
from coordinator.core.open_call import OpenCall
from shared.errors import Unavailable


def until(waiting: OpenCall, loads: Loads, limits: Limits, now: float) -> float:
    """FLEET_HOLD_TIMEOUT from its start; while one of its models loads, as long as that is predicted to take; after a
    load that it waited for, FLEET_HOLD_TIMEOUT from there. With loads, FLEET_HOLD_LOADING_LIMIT in all.
    """
    since = now if waiting.waits_since is None else waiting.waits_since
    usual = result = since + limits.hold_s
    for model in waiting.call.models:
        if loading := loads.loading(model):
            result = max(result, since + loading.predicted_s)
        ended = loads.ended_at(model)
        if ended is not None and ended > since:
            result = max(result, ended + limits.hold_s)
    return max(usual, min(result, since + limits.hold_loading_s))


def slowest_load(waiting: OpenCall, loads: Loads) -> Loading | None:
    """The load that the call waits for; None: none is under way."""
    return next(filter(None, map(loads.loading, waiting.call.models)), None)


def waited(
    waiting: OpenCall, loading: Loading | None, why: str, expected_s: float | None, now: float, retry_after: int
) -> Unavailable:
    """Its time is over. `why`: the refusals of the nodes; empty: they have no room. `expected_s`: what is left."""
    since = now if waiting.waits_since is None else waiting.waits_since
    name, seconds = repr(waiting.call.asked_name), f"{now - since:.0f} s"
    if loading is not None:
        left = loading.left_s(now)
        eta = f"about {math.ceil(left)} s more" if left else "which takes longer than expected"
        text = f"waited {seconds} for {name}, which is being loaded on {loading.node_id}; {eta}"
        return Unavailable(text, retry_after=max(1, math.ceil(left)) if left else retry_after)
    eta = f"; about {math.ceil(expected_s)} s more" if expected_s is not None and not why else ""
    text = f"no node could take {name} within {seconds}: {why or 'every place for it is taken'}{eta}"
    return Unavailable(text, retry_after=retry_after)
