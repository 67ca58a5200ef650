"""How long a held call may wait, and what it is told when that is over."""

import math

from coordinator.core.holding import Holding
from coordinator.core.limits import Limits
from coordinator.core.loads import Loads
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


def reason(waiting: OpenCall, loads: Loads, why: str) -> str:
    """What it waits for, in a few words. `why`: the refusals of the nodes; empty: they have no room."""
    loading = next(filter(None, map(loads.loading, waiting.call.models)), None)
    if loading is not None:
        return f"{loading.place.model}, which is being loaded on {loading.node_id}"
    return why or f"a free place for {waiting.call.model}"


def over(
    waiting: OpenCall, holding: Holding, loads: Loads, why: str, position: int, now: float
) -> Unavailable:
    """Its time is over: what it waited for, and how much longer that will take, as far as that is known. `why`: the
    refusals of the nodes; empty: they have no room. `position`: how many would have gone before it.
    """
    call = waiting.call
    loading = next(filter(None, map(loads.loading, call.models)), None)
    since = now if waiting.waits_since is None else waiting.waits_since
    name, seconds = repr(call.asked_name), f"{now - since:.0f} s"
    retry_after = holding.retry_after(now, call.model)
    if loading is not None:
        left = math.ceil(loading.left_s(now))
        eta = f"about {left} s more" if left else "which takes longer than expected"
        text = f"waited {seconds} for {name}, which is being loaded on {loading.node_id}; {eta}"
        return Unavailable(text, retry_after=left or retry_after)
    left_s = None if why else holding.expected_s(position, call.model, now)
    eta = "" if left_s is None else f"; about {math.ceil(left_s)} s more"
    text = f"no node could take {name} within {seconds}: {why or 'every place for it is taken'}{eta}"
    return Unavailable(text, retry_after=retry_after)
